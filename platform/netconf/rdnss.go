package netconf

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"
)

const (
	// ndOptHeader is the length of struct nduseroptmsg in front of the options
	// that the kernel hands up from a router advertisement.
	ndOptHeader = 16
	// optRDNSS is RFC 8106 §5.1.
	optRDNSS = 25
	// icmpRouterAdvertisement is RFC 4861 §4.2.
	icmpRouterAdvertisement = 134
	// maxRDNSS bounds what one card remembers; resolv.conf takes three anyway.
	maxRDNSS = 8
	// maxRDNSSLife bounds "for ever" (all ones): a router that is gone for a day
	// is gone.
	maxRDNSSLife = 24 * time.Hour
)

// rdnss is one announcement of IPv6 name servers.
type rdnss struct {
	index   int // of the card
	servers []netip.Addr
	life    time.Duration // 0: forget them
}

// parseND reads the body of an RTM_NEWNDUSEROPT message: options of a router
// advertisement that the kernel has checked (hop limit 255, link-local source)
// but not understood. ok is false when there is no RDNSS in it.
func parseND(b []byte) (r rdnss, ok bool) {
	if len(b) < ndOptHeader || b[8] != icmpRouterAdvertisement {
		return rdnss{}, false
	}
	size := int(binary.NativeEndian.Uint16(b[2:]))
	r.index = int(int32(binary.NativeEndian.Uint32(b[4:])))
	options := b[ndOptHeader:]
	if r.index <= 0 || size > len(options) {
		return rdnss{}, false
	}
	options = options[:size]
	for len(options) >= 8 {
		n := int(options[1]) * 8 // RFC 4861 §4.6: in units of eight bytes
		if n == 0 || n > len(options) {
			return rdnss{}, false
		}
		if options[0] == optRDNSS && n >= 24 {
			seconds := binary.BigEndian.Uint32(options[4:])
			r.life = min(time.Duration(seconds)*time.Second, maxRDNSSLife)
			r.servers = appendServers(r.servers, options[8:n])
			ok = true
		}
		options = options[n:]
	}
	return r, ok
}

func appendServers(list []netip.Addr, b []byte) []netip.Addr {
	for ; len(b) >= 16 && len(list) < maxRDNSS; b = b[16:] {
		if a := netip.AddrFrom16([16]byte(b)); usableServer(a) && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}

// nameserver is a remembered RDNSS server.
type nameserver struct {
	addr    netip.Addr
	expires time.Time
}

// remember merges an announcement into what a card knows: lifetimes are
// renewed, zero removes, the oldest make room (RFC 8106 §5.1, §6.2).
func remember(known []nameserver, r rdnss, now time.Time) []nameserver {
	for _, a := range r.servers {
		known = slices.DeleteFunc(known, func(n nameserver) bool { return n.addr == a })
		if r.life > 0 {
			known = append(known, nameserver{a, now.Add(r.life)})
		}
	}
	if len(known) > maxRDNSS {
		known = slices.Delete(known, 0, len(known)-maxRDNSS)
	}
	return known
}

// forgetExpired drops what ran out.
func forgetExpired(known []nameserver, now time.Time) []nameserver {
	return slices.DeleteFunc(known, func(n nameserver) bool { return !n.expires.After(now) })
}
