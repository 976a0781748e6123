package firewall

import (
	"net/netip"
	"slices"
)

// span is a run of addresses of one family, both ends in it.
type span struct{ first, last netip.Addr }

// spans are the addresses of one family in networks, in order, none of them twice: the
// kernel takes no ranges that overlap.
func spans(networks []netip.Prefix, v4 bool) []span {
	var all []span
	for _, n := range networks {
		if n.IsValid() && n.Addr().Is4() == v4 {
			n = n.Masked()
			all = append(all, span{n.Addr(), last(n)})
		}
	}
	slices.SortFunc(all, func(a, b span) int { return a.first.Compare(b.first) })
	merged := all[:0]
	for _, s := range all {
		if n := len(merged); n > 0 && s.first.Compare(merged[n-1].last) <= 0 {
			if s.last.Compare(merged[n-1].last) > 0 {
				merged[n-1].last = s.last
			}
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// last is the last address of a network.
func last(n netip.Prefix) netip.Addr {
	raw := n.Addr().AsSlice()
	for bit := n.Bits(); bit < len(raw)*8; bit++ {
		raw[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(raw) // of a length that an address has
	return a
}

// alone are addresses as networks of one.
func alone(addrs []netip.Addr) []netip.Prefix {
	var list []netip.Prefix
	for _, a := range addrs {
		a = a.Unmap().WithZone("")
		list = append(list, netip.PrefixFrom(a, a.BitLen()))
	}
	return list
}
