package relay

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver"
)

// target is one server to try.
type target struct {
	name       string // as DNS or the administrator has it
	addrs      []netip.AddrPort
	preference uint16

	provenMX    bool   // the MX record was proven with DNSSEC, or there was none, proven too
	provenName  bool   // the above, or the administrator's word: name is the one that was meant
	provenAddrs bool   // the addresses were proven with DNSSEC
	canonical   string // the name behind its aliases
	base        string // the hop's name behind its aliases
}

// exchangers asks where the mail of a hop goes (RFC 5321 §5.1): its MX hosts, best
// first, those of the same preference in any order; or the domain itself. Their
// addresses are not known yet.
func (c *Client) exchangers(ctx context.Context, hop mail.Hop) ([]*target, *problem) {
	answer, err := c.options.DNS.MX(ctx, string(hop))
	switch {
	case err == nil:
	case errors.Is(err, resolver.ErrNoData):
		// The domain is its own server, at preference 0.
		name, err := resolver.Canonical(string(hop))
		if err != nil {
			return nil, said(status5_1_2NoSuchDomain, err, "%s is not a domain", hop)
		}
		return []*target{{name: name, provenMX: answer.Authenticated, provenName: true, base: name}}, nil
	case errors.Is(err, resolver.ErrNone):
		return nil, said(status5_1_2NoSuchDomain, err, "there is no domain %s", hop)
	default:
		return nil, said(status4_4_3NoDNS, err, "DNS could not be asked for the mail servers of %s: %v", hop, err)
	}
	var list []*target
	for _, mx := range answer.Records {
		if mx.Host == "" {
			continue
		}
		list = append(list, &target{
			name: mx.Host, preference: mx.Preference, provenMX: answer.Authenticated, provenName: answer.Authenticated, base: answer.Name,
		})
	}
	if len(list) == 0 { // RFC 7505
		return nil, said(status5_1_10NullMX, nil, "the domain %s takes no mail, and says so in DNS", hop)
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	slices.SortStableFunc(list, func(a, b *target) int { return cmp.Compare(a.preference, b.preference) })
	return c.beforeUs(list, hop)
}

// beforeUs cuts a list of MX hosts where we stand in it by name: those as good as we
// and worse would send the mail back (RFC 5321 §5.1).
func (c *Client) beforeUs(list []*target, hop mail.Hop) ([]*target, *problem) {
	us := strings.ToLower(c.options.Hostname())
	for _, t := range list {
		if t.name != us {
			continue
		}
		worse := slices.IndexFunc(list, func(o *target) bool { return o.preference >= t.preference })
		if list = list[:worse]; len(list) == 0 {
			return nil, loop(hop)
		}
		break
	}
	return list[:min(len(list), maxServers)], nil
}

func loop(hop mail.Hop) *problem {
	return said(status5_4_6Loop, nil, "the mail servers of %s are this box itself, which does not know the domain: it would go round in a circle", hop)
}

// locate looks up the addresses of a server; us is set if one of them is ours. An
// MX host that is an alias breaks RFC 2181 §10.3, and is followed all the same.
func (c *Client) locate(ctx context.Context, t *target, port uint16) (us bool, p *problem) {
	answer, err := c.options.DNS.Addresses(ctx, t.name)
	switch {
	case errors.Is(err, resolver.ErrNone):
		return false, said(status5_4_4NoRoute, err, "the mail server %s has no address", t.name)
	case err != nil:
		return false, said(status4_4_3NoDNS, err, "DNS could not be asked for the address of %s: %v", t.name, err)
	}
	t.provenAddrs, t.canonical = answer.Authenticated, answer.Name
	for _, addr := range alternate(answer.Records) {
		switch {
		case c.isUs(addr):
			us = true
		case addr.IsUnspecified() || addr.IsMulticast():
		default:
			t.addrs = append(t.addrs, netip.AddrPortFrom(addr, port))
		}
	}
	t.addrs = t.addrs[:min(len(t.addrs), maxAddresses)]
	if !us && len(t.addrs) == 0 {
		return false, said(status5_4_4NoRoute, nil, "the addresses of the mail server %s are no server's", t.name)
	}
	return us, nil
}

// isUs recognises the box. Loopback at the port of mail is always it, whatever
// somebody's DNS says.
func (c *Client) isUs(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsLoopback() && c.options.Port == smtpPort || c.options.Self != nil && c.options.Self(addr)
}

// alternate takes addresses of both families in turn, IPv6 first, each family's in
// any order: where one family leads nowhere the next call tries the other.
func alternate(addrs []netip.Addr) []netip.Addr {
	var six, four, out []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); a.Is6() {
			six = append(six, a)
		} else {
			four = append(four, a)
		}
	}
	for _, family := range [][]netip.Addr{six, four} {
		rand.Shuffle(len(family), func(i, j int) { family[i], family[j] = family[j], family[i] })
	}
	for len(six)+len(four) > 0 {
		for _, family := range []*[]netip.Addr{&six, &four} {
			if len(*family) > 0 {
				out, *family = append(out, (*family)[0]), (*family)[1:]
			}
		}
	}
	return out
}

// literal reads an address literal (RFC 5321 §4.1.3).
func literal(hop mail.Hop) (netip.Addr, bool) {
	inner, ok := strings.CutPrefix(string(hop), "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if !ok || !closed {
		return netip.Addr{}, false
	}
	if len(inner) > 5 && strings.EqualFold(inner[:5], "IPv6:") {
		inner = inner[5:]
	}
	addr, err := netip.ParseAddr(inner)
	return addr, err == nil && addr.Zone() == ""
}

// fold is a hop in the one form under which its connections and policies are kept.
func fold(hop mail.Hop) mail.Hop {
	if name, err := domain.Canonical(string(hop)); err == nil {
		return mail.Hop(name)
	}
	return mail.Hop(strings.ToLower(string(hop)))
}
