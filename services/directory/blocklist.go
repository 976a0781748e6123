package directory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// maxBlockLists is how many lists are asked about each stranger.
	maxBlockLists = 8
	// maxAllowed is how many servers can be excepted.
	maxAllowed = 1000
	// maxReporting is how many domains can have a setting of their own.
	maxReporting = 1000
)

// SetBlockLists says which lists of bad senders are asked, in place of those of before,
// and about whom not. Durable and visible on return. Errors: ErrNotSetUp,
// mail.ErrTooMany, *mail.RuleError.
func (d *Directory) SetBlockLists(ctx context.Context, b mail.BlockLists) error {
	if len(b.Lists) > maxBlockLists || len(b.Allow) > maxAllowed {
		return fmt.Errorf("directory: %d lists, %d excepted servers: %w", maxBlockLists, maxAllowed, mail.ErrTooMany)
	}
	var record blockListsRecord
	for _, l := range b.Lists {
		zone, err := domain.Canonical(l.Zone)
		if err != nil {
			return &mail.RuleError{Field: "zone", Text: fmt.Sprintf("“%s” is not the name of a list: it is a name in DNS, like zen.spamhaus.org", l.Zone), Err: err}
		}
		if slices.ContainsFunc(record.Lists, func(r blockListRecord) bool { return r.Zone == zone }) {
			return &mail.RuleError{Field: "zone", Text: fmt.Sprintf("The list %s is named twice", zone)}
		}
		record.Lists = append(record.Lists, blockListRecord{zone, l.Refuse})
	}
	for _, p := range b.Allow {
		if !p.IsValid() {
			return &mail.RuleError{Field: "allow", Text: "This is not the address of a server"}
		}
		record.Allow = append(record.Allow, p.Masked())
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindSetBlockLists, record)
}

// BlockLists are those that are asked. It waits for nothing; what it gives is shared:
// don't change it.
func (d *Directory) BlockLists() mail.BlockLists { return d.current.Load().blockLists.value() }

func (r *blockListsRecord) value() (b mail.BlockLists) {
	if r == nil {
		return b
	}
	b.Allow = r.Allow
	for _, l := range r.Lists {
		b.Lists = append(b.Lists, mail.BlockList{Zone: string(l.Zone), Refuse: l.Refuse})
	}
	return b
}

func (s *state) setBlockLists(r *blockListsRecord) ([]entry, error) {
	if s.box == nil {
		return nil, ErrNotSetUp
	}
	s.blockLists = r
	if len(r.Lists)+len(r.Allow) == 0 {
		s.blockLists = nil
	}
	return []entry{{bucketBlockLists, blockListsKey()}}, nil
}

// blockListsKey is the one key of its bucket.
func blockListsKey() []byte { return []byte("lists") }

// SetReporting says which daily reports a domain gets, or with "" all that have no
// setting of their own. Durable and visible on return. Errors: ErrNotSetUp,
// domain.ErrName, mail.ErrTooMany.
func (d *Directory) SetReporting(ctx context.Context, r mail.Reporting) error {
	record := reportingRecord{NoDMARC: !r.DMARC, NoTLS: !r.TLS}
	if r.Domain != "" {
		name, err := domain.Canonical(r.Domain)
		if err != nil {
			return fmt.Errorf("directory: domain %q: %w", r.Domain, err)
		}
		record.Domain = name
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	state := d.current.Load().state
	if len(state.reporting) >= maxReporting && state.reporting[record.Domain] == nil {
		return fmt.Errorf("directory: %d domains: %w", maxReporting, mail.ErrTooMany)
	}
	return d.commit(ctx, kindSetReporting, record)
}

// Reporting lists all settings, that for everybody else first.
func (d *Directory) Reporting() []mail.Reporting {
	v := d.current.Load()
	list := []mail.Reporting{v.reports("")}
	for name := range v.reporting {
		if name != "" {
			list = append(list, v.reports(name))
		}
	}
	slices.SortFunc(list, func(a, b mail.Reporting) int { return cmp.Compare(a.Domain, b.Domain) })
	return list
}

// Reports says which reports a domain gets. It waits for nothing.
func (d *Directory) Reports(of string) mail.Reporting {
	name, err := domain.Canonical(of)
	if err != nil {
		name = ""
	}
	v := d.current.Load()
	if v.reporting[name] == nil {
		name = ""
	}
	return v.reports(name)
}

func (s *state) reports(name domain.Name) mail.Reporting {
	r := s.reporting[name]
	if r == nil {
		r = &reportingRecord{}
	}
	return mail.Reporting{Domain: string(name), DMARC: !r.NoDMARC, TLS: !r.NoTLS}
}

// setReporting forgets what makes no difference.
func (s *state) setReporting(r *reportingRecord) ([]entry, error) {
	if s.box == nil {
		return nil, ErrNotSetUp
	}
	s.reporting[r.Domain] = r
	if !r.NoDMARC && !r.NoTLS && (r.Domain == "" || s.reporting[""] == nil) {
		delete(s.reporting, r.Domain)
	}
	return []entry{{bucketReporting, spareKey(r.Domain)}}, nil
}
