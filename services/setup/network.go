package setup

import "net/netip"

func (o *object) network(name string) Network {
	path, n, found := o.get(name)
	if !found {
		return Network{Mode: NetworkDHCP}
	}
	in := o.r.object(path, n)
	in.require("mode", `"dhcp" or "static"`)
	network := Network{Mode: choice(in, "mode", NetworkDHCP, NetworkDHCP, NetworkStatic)}
	if network.Mode == NetworkStatic {
		in.static(&network)
	} else {
		in.forbid(`This has no meaning with "dhcp": remove it, or set mode to "static"`, "address", "gateway", "dns")
	}
	in.done()
	return network
}

func (o *object) static(network *Network) {
	r := o.r
	o.require("address", "the box's own address with its network's length, such as 192.168.1.20/24")
	path, text := o.text("address")
	prefix, err := netip.ParsePrefix(text)
	switch {
	case r.err != nil:
	case err != nil:
		r.fail(path, "%s is not an address with a network's length, such as 192.168.1.20/24", shown(text))
	case !usable(prefix):
		r.fail(path, "%s is the name of a network or can't be used; the box's own address is needed, such as 192.168.1.20/24", shown(text))
	}
	network.Address = prefix
	if path, text := o.text("gateway"); o.has("gateway") {
		network.Gateway = r.addr(path, text)
		if r.err == nil && (!prefix.Contains(network.Gateway) || network.Gateway == prefix.Addr()) && !network.Gateway.IsLinkLocalUnicast() {
			r.fail(path, "%s is not in the box's own network %s", shown(text), prefix.Masked())
		}
	}
	o.list("dns", maxServers, func(path string, n node) {
		network.DNS = append(network.DNS, r.addr(path, r.text(path, n)))
	})
}

// usable reports whether a host can have the prefix's address: not the first of
// its network (which names it), nor the last of an IPv4 one (which is everybody).
func usable(p netip.Prefix) bool {
	a := p.Addr()
	if !a.IsGlobalUnicast() || a.Is4In6() || p.Bits() < 1 {
		return false
	}
	if a.Is6() || p.Bits() >= 31 { // RFC 3021: a pair of hosts uses both addresses
		return true
	}
	next := a.Next()
	return a != p.Masked().Addr() && next.IsValid() && p.Contains(next)
}
