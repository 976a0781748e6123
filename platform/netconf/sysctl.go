package netconf

import "path/filepath"

// Sysctl is one kernel setting below /proc/sys.
type Sysctl struct {
	Path  string // absolute
	Value string
}

// Sysctls lists the settings PID 1 writes before it loads the network cards'
// modules: a card takes its own from "default" when it appears. A path that
// does not exist (a kernel without IPv6) is not an error.
func Sysctls() []Sysctl {
	list := []Sysctl{
		// With two cards in one network, answer ARP only for the card's own
		// addresses, and ask with them.
		{"/proc/sys/net/ipv4/conf/all/arp_ignore", "1"},
		{"/proc/sys/net/ipv4/conf/all/arp_announce", "2"},
		// A packet must come from where the answer could go (loose, RFC 3704 §2.4:
		// two cards in one network are legal).
		{"/proc/sys/net/ipv4/conf/all/rp_filter", "2"},
		{"/proc/sys/net/ipv4/conf/all/accept_redirects", "0"},
		{"/proc/sys/net/ipv4/conf/all/send_redirects", "0"},
		{"/proc/sys/net/ipv4/conf/all/accept_source_route", "0"},
		{"/proc/sys/net/ipv6/conf/all/accept_redirects", "0"},
		{"/proc/sys/net/ipv6/conf/all/accept_source_route", "0"},
		// The box is a host, never a router.
		{"/proc/sys/net/ipv4/ip_forward", "0"},
		{"/proc/sys/net/ipv6/conf/all/forwarding", "0"},
	}
	return append(list, linkSysctls("default")...)
}

// linkSysctls are the settings of one card. Temporary addresses (RFC 8981) are
// for people who roam: others must find a server under the same address
// tomorrow.
func linkSysctls(name string) []Sysctl {
	dir6 := filepath.Join("/proc/sys/net/ipv6/conf", name)
	dir4 := filepath.Join("/proc/sys/net/ipv4/conf", name)
	return []Sysctl{
		{filepath.Join(dir6, "accept_ra"), "1"},
		{filepath.Join(dir6, "autoconf"), "1"},
		{filepath.Join(dir6, "use_tempaddr"), "0"},
		{filepath.Join(dir6, "accept_redirects"), "0"},
		{filepath.Join(dir4, "accept_redirects"), "0"},
		{filepath.Join(dir4, "send_redirects"), "0"},
	}
}
