package netconf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// StubAddress is where programs of this machine ask when DNS goes over TLS: platform/dnstls
// listens there, on port 53.
func StubAddress() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 53}) }

// resolvConf is the content of resolv.conf for these servers.
func resolvConf(servers []netip.Addr) string {
	var b strings.Builder
	b.WriteString("# Written by netd; it is made anew at every change of the network.\n")
	for _, s := range servers {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	// No search list: a mail server must never look for example.com.our.domain.
	b.WriteString("search .\noptions timeout:3 attempts:2\n")
	return b.String()
}

// chooseServers picks at most three, each once, in the order given; with two
// families present both get a place, so that one broken family is survivable.
func chooseServers(candidates []netip.Addr) []netip.Addr {
	var list []netip.Addr
	for _, a := range candidates {
		if a.IsValid() && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	if len(list) <= maxNameservers {
		return list
	}
	head, tail := list[:maxNameservers], list[maxNameservers:]
	if other := slices.IndexFunc(tail, func(a netip.Addr) bool { return a.Is4() != head[0].Is4() }); other >= 0 &&
		!slices.ContainsFunc(head, func(a netip.Addr) bool { return a.Is4() != head[0].Is4() }) {
		head[maxNameservers-1] = tail[other]
	}
	return head
}
