package dmarc

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sanduk-mail/sanduk/services/resolver"
)

// DNS looks policies up. *resolver.Client is one.
type DNS interface {
	TXT(ctx context.Context, name string) (resolver.Answer[string], error)
	MX(ctx context.Context, name string) (resolver.Answer[resolver.MX], error)
	Addresses(ctx context.Context, name string) (resolver.Answer[netip.Addr], error)
}

// maxWalk is how many records a walk up the tree asks for (RFC 9989 §4.10).
const maxWalk = 8

// step is a place on the way up at which there is a record.
type step struct {
	domain string
	record *Record
}

// walk asks for the records of a domain and of those above it, until one says
// where the organization ends (RFC 9989 §4.10).
func walk(ctx context.Context, dns DNS, domain string) ([]step, error) {
	var steps []step
	labels := strings.Split(domain, ".")
	for asked := 0; asked < maxWalk && len(labels) > 0; asked++ {
		name := strings.Join(labels, ".")
		r, err := lookup(ctx, dns, name)
		if err != nil {
			return nil, err
		}
		if r != nil {
			steps = append(steps, step{name, r})
			if r.Boundary != 'u' {
				break
			}
		}
		// Of long names the middle is left out, so that nobody can make a walk of
		// hundred steps.
		if n := len(labels); n > maxWalk-1 && asked == 0 {
			labels = labels[n-maxWalk+1:]
		} else {
			labels = labels[1:]
		}
	}
	return steps, nil
}

// lookup finds the one record at a name; nil if there is none, or several.
func lookup(ctx context.Context, dns DNS, domain string) (*Record, error) {
	answer, err := dns.TXT(ctx, "_dmarc."+domain)
	if errors.Is(err, resolver.ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("DMARC policy of %s: %w", domain, err)
	}
	var found *Record
	for _, text := range answer.Records {
		r, err := ParseRecord(text)
		if err != nil {
			continue
		}
		if found != nil {
			return nil, nil // RFC 9989 §4.10: several are as good as none
		}
		found = r
	}
	return found, nil
}

// organization is the domain that stands for all of an organization's, by the
// records found on the way up from domain (RFC 9989 §4.10.2).
func organization(domain string, steps []step) string {
	org := domain
	for i, s := range steps {
		switch {
		case s.record.Boundary == 'n':
			return s.domain
		case s.record.Boundary == 'y' && s.domain != domain:
			return oneBelow(domain, s.domain)
		case i == len(steps)-1:
			org = s.domain
		}
	}
	return org
}

// oneBelow is the name on the way from domain to above, one label below above.
func oneBelow(domain, above string) string {
	rest := strings.TrimSuffix(domain, "."+above)
	return rest[strings.LastIndexByte(rest, '.')+1:] + "." + above
}

// OrganizationalDomain finds the domain that stands for all of the organization
// that owns this one.
func OrganizationalDomain(ctx context.Context, dns DNS, domain string) (string, error) {
	name, err := ascii(domain)
	if err != nil {
		return "", err
	}
	steps, err := walk(ctx, dns, name)
	if err != nil {
		return "", err
	}
	return organization(name, steps), nil
}

// ErrDomain says that a domain can't have a policy, because it can't be in DNS.
var ErrDomain = errors.New("not a domain that can be in DNS")

func ascii(domain string) (string, error) {
	name, err := resolver.Canonical(domain)
	if err != nil || strings.ContainsAny(name, "[]@") {
		return "", ErrDomain
	}
	return name, nil
}

// Found is the policy that holds for a domain.
type Found struct {
	Record       *Record // nil: there is none
	Domain       string  // where it stands
	Organization string  // of the domain asked for
	Policy       Policy  // what it asks for, for mail of that domain; testing not counted in
}

// Discover finds the policy for mail of a domain (RFC 9989 §4.10.1).
func Discover(ctx context.Context, dns DNS, domain string) (*Found, error) {
	name, err := ascii(domain)
	if err != nil {
		return nil, err
	}
	steps, err := walk(ctx, dns, name)
	if err != nil {
		return nil, err
	}
	f := &Found{Organization: organization(name, steps)}
	var chosen *step
	for i := range steps {
		switch s := &steps[i]; {
		case s.domain == name:
			chosen = s
		case chosen == nil && (s.domain == f.Organization || i == len(steps)-1):
			chosen = s // the organization's, or that of the public suffix above it
		}
	}
	if chosen == nil {
		return f, nil
	}
	r, below, bad := chosen.record, chosen.domain != name, false
	exists := true
	if below && (r.NonExistent != NoPolicy || r.badN) {
		if exists, err = isThere(ctx, dns, name); err != nil {
			return nil, err
		}
	}
	switch {
	case below && !exists:
		bad = r.badN
	case below:
		bad = r.badSub
	}
	r, ok := r.valid(bad)
	if !ok {
		return f, nil
	}
	f.Record, f.Domain, f.Policy = r, chosen.domain, r.Policy
	switch {
	case below && !exists && r.NonExistent != NoPolicy:
		f.Policy = r.NonExistent
	case below && r.Subdomains != NoPolicy:
		f.Policy = r.Subdomains
	}
	return f, nil
}

// isThere says whether a domain has an address or a mail server (RFC 9989 §3.2.14).
func isThere(ctx context.Context, dns DNS, domain string) (bool, error) {
	_, err := dns.MX(ctx, domain)
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, resolver.ErrNone) {
		return false, fmt.Errorf("is there a domain %s: %w", domain, err)
	}
	if _, err = dns.Addresses(ctx, domain); err == nil {
		return true, nil
	}
	if !errors.Is(err, resolver.ErrNone) {
		return false, fmt.Errorf("is there a domain %s: %w", domain, err)
	}
	return false, nil
}
