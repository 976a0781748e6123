package netconf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

const (
	// minLease refuses offers that would keep the box busy renewing.
	minLease = 30 * time.Second
	// maxLease bounds how long a dead server's word counts; "for ever"
	// (RFC 2131 §3.3) becomes this, and is simply renewed.
	maxLease = 30 * 24 * time.Hour
	// minMTU and maxMTU bound option 26: below 1280 IPv6 would be switched off
	// on the card (RFC 8200 §5), above 1500 is a matter of the switch, not of a
	// packet from anybody.
	minMTU = 1280
	maxMTU = 1500
	// minPrefix is the widest network a mask may say: nobody's is wider.
	minPrefix = 8
)

// Lease is what a DHCPv4 server granted, checked: every address in it is one
// that a computer can have or talk to.
type Lease struct {
	Address netip.Prefix
	Gateway netip.Addr // zero: none was given
	DNS     []netip.Addr
	NTP     []netip.Addr
	MTU     int // 0: leave it alone
	Server  netip.Addr

	Start   time.Time // when the request was sent (RFC 2131 §4.4.5), by the monotonic clock
	Renew   time.Duration
	Rebind  time.Duration
	Expires time.Duration // all three after Start, ascending
}

// valid reports whether the lease still runs at now.
func (l *Lease) valid(now time.Time) bool {
	return l != nil && now.Sub(l.Start) < l.Expires
}

// left is the time until the lease ends, rounded down to seconds.
func (l *Lease) left(now time.Time) time.Duration {
	return (l.Expires - now.Sub(l.Start)).Truncate(time.Second)
}

// newLease checks an offer or acknowledgement as a whole.
func newLease(p *dhcpv4.DHCPv4, start time.Time) (*Lease, error) {
	ip, ok := fromIP(p.YourIPAddr)
	if !ok {
		return nil, errors.New("lease: no address in it")
	}
	length, err := maskLength(p.Options.Get(dhcpv4.OptionSubnetMask))
	if err != nil {
		return nil, err
	}
	l := &Lease{Address: netip.PrefixFrom(ip, length), Start: start}
	if !usableHost(l.Address) || ip.IsLinkLocalUnicast() {
		return nil, fmt.Errorf("lease: %s can't be a computer's address", l.Address)
	}
	// RFC 2131 §4.3.1: the server identifier is required in offer and ack.
	if l.Server, ok = fromIP(p.ServerIdentifier()); !ok || !usableServer(l.Server) {
		return nil, errors.New("lease: no server identifier")
	}
	if err := l.times(p.Options); err != nil {
		return nil, err
	}
	if routers := servers(p.Router(), 1); len(routers) > 0 && routers[0] != ip {
		l.Gateway = routers[0]
	}
	l.DNS = servers(p.DNS(), maxNameservers)
	l.NTP = servers(p.NTPServers(), maxTimeServers)
	if b := p.Options.Get(dhcpv4.OptionInterfaceMTU); len(b) == 2 {
		if mtu := int(binary.BigEndian.Uint16(b)); mtu >= minMTU && mtu <= maxMTU {
			l.MTU = mtu
		}
	}
	return l, nil
}

// times reads options 51, 58 and 59. T1 and T2 that are missing or out of order
// become 50 % and 87.5 % (RFC 2131 §4.4.5).
func (l *Lease) times(o dhcpv4.Options) error {
	lease, ok := seconds(o.Get(dhcpv4.OptionIPAddressLeaseTime))
	if !ok || lease < minLease {
		return fmt.Errorf("lease: a lease of %v is too short", lease)
	}
	l.Expires = min(lease, maxLease)
	l.Renew, l.Rebind = l.Expires/2, l.Expires*7/8
	t1, ok1 := seconds(o.Get(dhcpv4.OptionRenewTimeValue))
	t2, ok2 := seconds(o.Get(dhcpv4.OptionRebindingTimeValue))
	if ok1 && ok2 && t1 >= minLease/2 && t1 < t2 && t2 < l.Expires {
		l.Renew, l.Rebind = t1, t2
	}
	return nil
}

func seconds(b []byte) (time.Duration, bool) {
	if len(b) != 4 {
		return 0, false
	}
	return time.Duration(binary.BigEndian.Uint32(b)) * time.Second, true
}

// maskLength reads option 1. A server that leaves it out gets a /24, which in an
// office is right more often than the address class RFC 2131 came from.
func maskLength(b []byte) (int, error) {
	if b == nil {
		return 24, nil
	}
	if len(b) != 4 {
		return 0, errors.New("lease: the network mask is not four bytes long")
	}
	mask := binary.BigEndian.Uint32(b)
	ones := bits.LeadingZeros32(^mask)
	if bits.OnesCount32(mask) != ones || ones < minPrefix {
		return 0, fmt.Errorf("lease: %v is not a network mask", net.IPMask(b))
	}
	return ones, nil
}

// servers keeps the first most usable addresses.
func servers(ips []net.IP, most int) []netip.Addr {
	var list []netip.Addr
	for _, ip := range ips {
		if a, ok := fromIP(ip); ok && usableServer(a) && len(list) < most {
			list = append(list, a)
		}
	}
	return list
}

func fromIP(ip net.IP) (netip.Addr, bool) {
	a, ok := netip.AddrFromSlice(ip.To4())
	return a, ok
}
