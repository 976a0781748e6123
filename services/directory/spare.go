package directory

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// maxSpares is how many domains of others this box can be a spare server for.
	maxSpares = 200
	// maxSpareRecipients of one of them; a list is looked through in memory.
	maxSpareRecipients = 10_000
	// maxSpareServers is how many servers can be the office's own spare ones.
	maxSpareServers = 20
)

// SetSpare makes this box a spare server of a domain of somebody else, or makes its
// recipients those given. Durable and visible on return. Errors: ErrNotSetUp,
// domain.ErrName, mail.ErrInUse (the domain is the office's), mail.ErrTooMany,
// *mail.RuleError.
func (d *Directory) SetSpare(ctx context.Context, s mail.Spare) error {
	name, err := domain.Canonical(s.Domain)
	if err != nil {
		return fmt.Errorf("directory: domain %q: %w", s.Domain, err)
	}
	record := spareRecord{Domain: name}
	for _, local := range s.Recipients {
		a, err := mail.ParseAddress(strings.ToLower(local) + "@" + string(name))
		if err != nil {
			return &mail.RuleError{Field: "recipients", Text: fmt.Sprintf("“%s” can't stand before the @ of an address", local)}
		}
		record.Recipients = append(record.Recipients, a.Local)
	}
	if len(record.Recipients) > maxSpareRecipients {
		return fmt.Errorf("directory: %d recipients: %w", maxSpareRecipients, mail.ErrTooMany)
	}
	slices.Sort(record.Recipients)
	record.Recipients = slices.Compact(record.Recipients)
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	state := d.current.Load().state
	if len(state.spares) >= maxSpares && state.spares[name] == nil {
		return fmt.Errorf("directory: %d domains: %w", maxSpares, mail.ErrTooMany)
	}
	return d.commit(ctx, kindSetSpare, record)
}

// RemoveSpare ends that. Error: mail.ErrNoDomain.
func (d *Directory) RemoveSpare(ctx context.Context, name string) error {
	canonical, err := domain.Canonical(name)
	if err != nil {
		return fmt.Errorf("directory: domain %q: %w", name, mail.ErrNoDomain)
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindSetSpare, spareRecord{Domain: canonical, Gone: true})
}

// Spares lists the domains for which this box is a spare server, by name.
func (d *Directory) Spares(context.Context) ([]mail.Spare, error) {
	v := d.current.Load()
	list := make([]mail.Spare, 0, len(v.spares))
	for name, r := range v.spares {
		if name != "" {
			list = append(list, mail.Spare{Domain: string(name), Recipients: r.Recipients})
		}
	}
	slices.SortFunc(list, func(a, b mail.Spare) int { return cmp.Compare(a.Domain, b.Domain) })
	return list, nil
}

// SetSpareServers says which servers are the office's own spare ones: what they bring
// is judged by where they had it from. Errors: ErrNotSetUp, mail.ErrTooMany,
// *mail.RuleError.
func (d *Directory) SetSpareServers(ctx context.Context, servers []netip.Prefix) error {
	if len(servers) > maxSpareServers {
		return fmt.Errorf("directory: %d servers: %w", maxSpareServers, mail.ErrTooMany)
	}
	record := spareRecord{}
	for _, p := range servers {
		if !p.IsValid() || p.Addr().Is4() && p.Bits() < 24 || p.Addr().Is6() && p.Bits() < 64 {
			return &mail.RuleError{Field: "servers", Text: fmt.Sprintf("%s is too wide to be one's own servers: say their addresses", p)}
		}
		record.Servers = append(record.Servers, p.Masked())
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindSetSpare, record)
}

// SpareServers are the office's own spare servers. It waits for nothing; the list is
// shared: don't change it.
func (d *Directory) SpareServers() []netip.Prefix {
	if r := d.current.Load().spares[""]; r != nil {
		return r.Servers
	}
	return nil
}

// Spare says whether this box takes mail for an address of a domain that it is a spare
// server of, and whether the address is known not to be there. It waits for nothing.
func (d *Directory) Spare(to mail.Address) (spare, unknown bool) {
	v := d.current.Load()
	if len(v.spares) == 0 {
		return false, false
	}
	name, err := domain.Canonical(to.Domain)
	if err != nil || name == "" {
		return false, false
	}
	r := v.spares[name]
	if r == nil || v.owns(v.home(name)) {
		return false, false
	}
	if len(r.Recipients) == 0 {
		return true, false
	}
	local := strings.ToLower(to.Local)
	base, _, _ := strings.Cut(local, "+")
	for _, known := range []string{local, base} {
		if _, found := slices.BinarySearch(r.Recipients, known); found {
			return true, false
		}
	}
	return true, !isRole(local)
}

// setSpare keeps the office's own spare servers under the name of no domain.
func (s *state) setSpare(r *spareRecord) ([]entry, error) {
	known := s.spares[r.Domain] != nil
	switch {
	case s.box == nil:
		return nil, ErrNotSetUp
	case r.Gone && !known:
		return nil, fmt.Errorf("directory: domain %s: %w", r.Domain, mail.ErrNoDomain)
	case r.Gone, r.Domain == "" && len(r.Servers) == 0:
		delete(s.spares, r.Domain)
	case r.Domain != "" && s.owns(s.home(r.Domain)):
		return nil, &mail.RuleError{Field: "domain", Text: "This domain is the office's own", Err: mail.ErrInUse}
	default:
		s.spares[r.Domain] = r
	}
	return []entry{{bucketSpares, spareKey(r.Domain)}}, nil
}

// spareKey is a key of the index, which can't be empty.
func spareKey(name domain.Name) []byte { return append([]byte{'.'}, name...) }
