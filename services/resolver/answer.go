package resolver

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Answer is what DNS says to one question.
type Answer[R any] struct {
	Records       []R           // at most maxRecords; none with an error
	Name          string        // where they stand, behind all aliases: A-labels, lower case, no dot at the end
	TTL           time.Duration // for how long this holds from now on; also of an ErrNone
	Authenticated bool          // proven with DNSSEC, by us; also of an ErrNone
}

// maxRecords is how many records of one type are handed on. Real names have a
// dozen; a caller who works on each must not be given a thousand.
const maxRecords = 100

// MX is one mail exchanger (RFC 5321 §5.1).
type MX struct {
	Preference uint16
	Host       string // "" says that the domain takes no mail (RFC 7505)
}

// TLSA is what DNS says of a server's certificate (RFC 6698 §2.1).
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      []byte
}

// SRV is where a service is (RFC 2782).
type SRV struct {
	Priority, Weight, Port uint16
	Target                 string // "" says that there is no such service
}

// MX asks for the mail exchangers of a domain, best first.
func (c *Client) MX(ctx context.Context, domain string) (Answer[MX], error) {
	a, err := records(ctx, c, domain, dns.TypeMX, func(rr dns.RR) (MX, bool) {
		mx := rr.(*dns.MX)
		return MX{mx.Preference, plain(mx.Mx)}, true
	})
	slices.SortStableFunc(a.Records, func(x, y MX) int { return cmp.Compare(x.Preference, y.Preference) })
	return a, err
}

// A asks for the IPv4 addresses of a host.
func (c *Client) A(ctx context.Context, host string) (Answer[netip.Addr], error) {
	return records(ctx, c, host, dns.TypeA, func(rr dns.RR) (netip.Addr, bool) {
		addr, ok := netip.AddrFromSlice(rr.(*dns.A).A.To4())
		return addr, ok
	})
}

// AAAA asks for the IPv6 addresses of a host.
func (c *Client) AAAA(ctx context.Context, host string) (Answer[netip.Addr], error) {
	return records(ctx, c, host, dns.TypeAAAA, func(rr dns.RR) (netip.Addr, bool) {
		addr, ok := netip.AddrFromSlice(rr.(*dns.AAAA).AAAA)
		return addr.Unmap(), ok
	})
}

// Addresses asks for all addresses of a host, both questions at once; IPv6 first.
// If one of the two can't be answered now, the other's addresses serve; the error
// is ErrNone only when it is certain that there are neither.
func (c *Client) Addresses(ctx context.Context, host string) (Answer[netip.Addr], error) {
	type outcome struct {
		answer Answer[netip.Addr]
		err    error
	}
	six := make(chan outcome, 1)
	go func() {
		a, err := c.AAAA(ctx, host)
		six <- outcome{a, err}
	}()
	a4, err4 := c.A(ctx, host)
	o := <-six
	a := Answer[netip.Addr]{
		Records:       append(o.answer.Records, a4.Records...),
		Name:          cmp.Or(a4.Name, o.answer.Name),
		TTL:           min(a4.TTL, o.answer.TTL),
		Authenticated: a4.Authenticated && o.answer.Authenticated,
	}
	switch {
	case len(a.Records) > 0:
		return a, nil
	case err4 != nil && !errors.Is(err4, ErrNone):
		return a, err4
	case o.err != nil && !errors.Is(o.err, ErrNone):
		return a, o.err
	}
	return a, cmp.Or(err4, o.err)
}

// TXT asks for the texts of a name, the strings of each record joined (RFC 7208
// §3.3).
func (c *Client) TXT(ctx context.Context, name string) (Answer[string], error) {
	return records(ctx, c, name, dns.TypeTXT, func(rr dns.RR) (string, bool) {
		var b strings.Builder
		for _, s := range rr.(*dns.TXT).Txt {
			b.WriteString(octets(s))
		}
		return b.String(), true
	})
}

// PTR asks for the names of an address.
func (c *Client) PTR(ctx context.Context, addr netip.Addr) (Answer[string], error) {
	name, err := dns.ReverseAddr(addr.Unmap().WithZone("").String())
	if err != nil {
		return Answer[string]{}, fmt.Errorf("look up the name of %s: %w", addr, ErrName)
	}
	return records(ctx, c, name, dns.TypePTR, func(rr dns.RR) (string, bool) {
		return plain(rr.(*dns.PTR).Ptr), true
	})
}

// TLSA asks for the TLSA records of a service, such as "_25._tcp.mx.example.com".
func (c *Client) TLSA(ctx context.Context, name string) (Answer[TLSA], error) {
	return records(ctx, c, name, dns.TypeTLSA, func(rr dns.RR) (TLSA, bool) {
		r := rr.(*dns.TLSA)
		data, err := hex.DecodeString(r.Certificate)
		return TLSA{r.Usage, r.Selector, r.MatchingType, data}, err == nil
	})
}

// SRV asks where a service is, such as "_imaps._tcp.example.com", best first.
func (c *Client) SRV(ctx context.Context, name string) (Answer[SRV], error) {
	a, err := records(ctx, c, name, dns.TypeSRV, func(rr dns.RR) (SRV, bool) {
		r := rr.(*dns.SRV)
		return SRV{r.Priority, r.Weight, r.Port, plain(r.Target)}, true
	})
	slices.SortStableFunc(a.Records, func(x, y SRV) int { return cmp.Compare(x.Priority, y.Priority) })
	return a, err
}

// records asks and reads the answer.
func records[R any](ctx context.Context, c *Client, name string, kind uint16, read func(dns.RR) (R, bool)) (Answer[R], error) {
	found, err := c.lookup(ctx, name, kind)
	if err == nil {
		err = found.none
	}
	a := Answer[R]{Name: plain(found.name), TTL: time.Until(found.expires), Authenticated: found.secure}
	if err != nil {
		return a, fmt.Errorf("look up %s %s: %w", printable(name), dns.TypeToString[kind], err)
	}
	for _, rr := range found.records[:min(len(found.records), maxRecords)] {
		if r, ok := read(rr); ok {
			a.Records = append(a.Records, r)
		}
	}
	if len(a.Records) == 0 {
		return a, fmt.Errorf("look up %s %s: %w", printable(name), dns.TypeToString[kind], ErrNoData)
	}
	return a, nil
}

// printable is a name from outside as it may stand in an error.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, name[:min(len(name), maxName)])
}
