package netconf

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// Address is one address of the box at which others on the network reach it.
type Address struct {
	Interface string       // "eth0"
	Prefix    netip.Prefix // the address with its prefix length; no zone
}

// URLHost is the address as it stands in a URL: IPv6 in brackets.
func (a Address) URLHost() string {
	if ip := a.Prefix.Addr(); ip.Is6() {
		return "[" + ip.String() + "]"
	}
	return a.Prefix.Addr().String()
}

// Addresses lists the addresses of all cards that have a cable, the one to show
// first at the front: IPv4, then IPv6 (unique local before global: it outlives a
// change of provider), then IPv4 link-local. IPv6 link-local addresses are left
// out: no browser opens them. It asks the kernel anew at each call.
func Addresses() ([]Address, error) {
	all, err := interfaceAddresses()
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(a Address) bool {
		ip := a.Prefix.Addr()
		return ip.Is6() && ip.IsLinkLocalUnicast()
	})
	slices.SortStableFunc(all, func(a, b Address) int {
		return cmp.Compare(a.rank(), b.rank())
	})
	return all, nil
}

func (a Address) rank() int {
	switch ip := a.Prefix.Addr(); {
	case ip.Is4() && !ip.IsLinkLocalUnicast():
		return 0
	case ip.Is6() && ip.IsPrivate():
		return 1
	case ip.Is6():
		return 2
	default:
		return 3
	}
}

// OnLinkPrefixes lists the networks that the box's cards stand in, link-local
// ones included, each once: "the LAN" as far as the kernel knows it. Host
// prefixes (/32, /128) are left out: they say nothing about neighbours. It asks
// the kernel anew at each call.
func OnLinkPrefixes() ([]netip.Prefix, error) {
	all, err := interfaceAddresses()
	if err != nil {
		return nil, err
	}
	var list []netip.Prefix
	for _, a := range all {
		if a.Prefix.IsSingleIP() {
			continue
		}
		if p := a.Prefix.Masked(); !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list, nil
}

// interfaceAddresses lists unicast addresses of cards that are up, running and
// not loopback or point-to-point, in the kernel's order.
func interfaceAddresses() ([]Address, error) {
	ifaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list network cards: %w", err)
	}
	const want = net.FlagUp | net.FlagRunning
	var list []Address
	for _, ifi := range ifaces {
		if ifi.Flags&want != want || ifi.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 {
			continue
		}
		addrs, err := ifi.Addrs()
		if err != nil {
			continue // the card went away in between
		}
		for _, a := range addrs {
			if p, ok := prefixOf(a); ok {
				list = append(list, Address{ifi.Name, p})
			}
		}
	}
	return list, nil
}

func prefixOf(a net.Addr) (netip.Prefix, bool) {
	n, ok := a.(*net.IPNet)
	if !ok {
		return netip.Prefix{}, false
	}
	ip, ok := netip.AddrFromSlice(n.IP)
	if !ok {
		return netip.Prefix{}, false
	}
	ip = ip.Unmap()
	ones, _ := n.Mask.Size()
	p := netip.PrefixFrom(ip, ones)
	return p, p.IsValid() && !ip.IsMulticast() && !ip.IsUnspecified()
}
