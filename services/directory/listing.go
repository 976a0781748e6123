package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Bounds that an office doesn't meet; they keep a runaway script from making
// records that every start has to read.
const (
	maxListings = 10000
	maxMembers  = 1000 // of one group: more is a mailing list, with people who subscribe
	maxForward  = 20
	maxSendAs   = 200
	maxCopies   = 10
	maxDomains  = 200
	maxNameSize = maxName
)

// SetListing makes an address, or makes it what is given here; Created is kept, or
// set where it is zero. An account's own address can't be made something else.
// Durable and visible on return.
//
// Errors: ErrNotSetUp, mail.ErrAddress, mail.ErrNotOurDomain, mail.ErrAddressTaken,
// mail.ErrName, mail.ErrTooMany; *mail.RuleError with mail.ErrCircle,
// mail.ErrNoSuchAddress or nothing in it.
func (d *Directory) SetListing(ctx context.Context, e mail.Listing) (mail.Listing, error) {
	if err := d.begin(ctx); err != nil {
		return mail.Listing{}, err
	}
	defer d.end()
	s := d.current.Load().state
	record, err := s.listingRecord(e)
	if err != nil {
		return mail.Listing{}, err
	}
	old := s.listings[record.address()]
	switch {
	case old != nil && record.Created.IsZero():
		record.Created = old.Created
	case record.Created.IsZero():
		record.Created = stamp(d.now())
	}
	if old == nil && len(s.listings) >= maxListings {
		return mail.Listing{}, fmt.Errorf("directory: %d addresses: %w", len(s.listings), mail.ErrTooMany)
	}
	if err := d.commitRules(ctx, kindSetListing, *record); err != nil {
		return mail.Listing{}, err
	}
	return *d.current.Load().listing(record, true), nil
}

// commitRules is commit for what could make mail go round in circles. The caller
// has the turn.
func (d *Directory) commitRules(ctx context.Context, k kind, record any) error {
	next, _, err := d.current.Load().apply(record)
	if err != nil {
		return err
	}
	if err := next.circle(); err != nil {
		return err
	}
	return d.commit(ctx, k, record)
}

// RemoveListing ends an address. Errors: mail.ErrNoSuchAddress, or a *mail.RuleError
// with mail.ErrInUse that says who leads there.
func (d *Directory) RemoveListing(ctx context.Context, address mail.Address) error {
	canonical, err := d.ownAddress(address)
	if err != nil {
		return fmt.Errorf("directory: %s: %w", address, mail.ErrNoSuchAddress)
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindRemoveListing, removeListingRecord{Local: canonical.Local, Domain: domain.Name(canonical.Domain)})
}

// ownAddress is the form under which an address of the office is kept.
func (d *Directory) ownAddress(a mail.Address) (mail.Address, error) {
	canonical, err := domain.Address(a)
	if err != nil {
		return mail.Address{}, err
	}
	canonical.Domain = string(d.current.Load().home(domain.Name(canonical.Domain)))
	return canonical, nil
}

// listingRecord makes the record of an address, checked.
func (s *state) listingRecord(e mail.Listing) (*listingRecord, error) {
	address, err := domain.Address(e.Address)
	name := strings.TrimSpace(e.Name)
	switch {
	case s.box == nil:
		return nil, ErrNotSetUp
	case err != nil || strings.HasPrefix(address.String(), `"`):
		return nil, fmt.Errorf("directory: %s: %w", e.Address, mail.ErrAddress)
	case utf8.RuneCountInString(name) > maxNameSize || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return nil, fmt.Errorf("directory: name of %s: %w", address, mail.ErrName)
	}
	r := &listingRecord{Local: address.Local, Domain: s.home(domain.Name(address.Domain)), Name: name, Created: stamp(e.Created)}
	if e.Created.IsZero() {
		r.Created = e.Created
	}
	if r.Members, err = s.memberRecords("members", e.Members, maxMembers); err != nil {
		return nil, err
	}
	here := func(list []memberRecord) bool {
		return !slices.ContainsFunc(list, func(m memberRecord) bool { return m.Account == 0 })
	}
	wrong := func(field, text string) error { return &mail.RuleError{Field: field, Text: text} }
	switch e.Kind {
	case mail.ListingAlias:
		r.Kind = recordAlias
		if len(r.Members) != 1 || !here(r.Members) {
			return nil, wrong("members", "An alias leads to one person of the office. For several people make a shared address, for others a group")
		}
	case mail.ListingShared:
		r.Kind = recordShared
		if len(r.Members) == 0 || !here(r.Members) {
			return nil, wrong("members", "A shared address is for people of the office. For others make a group")
		}
	case mail.ListingGroup:
		r.Kind = recordGroup
		if len(r.Members) == 0 {
			return nil, wrong("members", "A group needs somebody to whom it passes mail on")
		}
	default:
		return nil, wrong("kind", "An address is an alias, a shared address or a group")
	}
	if e.Kind != mail.ListingGroup && (e.Who != mail.WhoAnybody || len(e.Named) > 0) {
		return nil, wrong("who", "Only a group can say who may send to it")
	}
	return r, s.who(r, e)
}

// who sets who may send to a group.
func (s *state) who(r *listingRecord, e mail.Listing) (err error) {
	if (e.Who == mail.WhoNamed) != (len(e.Named) > 0) {
		return &mail.RuleError{Field: "named", Text: "Say who may send to the group, by name, or leave the names out"}
	}
	switch e.Who {
	case mail.WhoAnybody:
	case mail.WhoOffice:
		r.Who = "office"
	case mail.WhoMembers:
		r.Who = "members"
	case mail.WhoNamed:
		r.Who = "named"
		r.Named, err = s.memberRecords("named", e.Named, maxMembers)
	default:
		return &mail.RuleError{Field: "who", Text: "Anybody can send to a group, the office, its members, or those named"}
	}
	return err
}

// memberRecords reads to whom an address leads; somebody who stands there twice
// is there once.
func (s *state) memberRecords(field string, list []mail.Member, most int) ([]memberRecord, error) {
	if len(list) > most {
		return nil, &mail.RuleError{Field: field, Text: fmt.Sprintf("These are %d; at most %d are possible", len(list), most), Err: mail.ErrTooMany}
	}
	var records []memberRecord
	seen := make(map[memberRecord]bool, len(list))
	for _, m := range list {
		r, err := s.memberRecord(field, m)
		if err != nil {
			return nil, err
		}
		if !seen[r] {
			seen[r] = true
			records = append(records, r)
		}
	}
	return records, nil
}

func (s *state) memberRecord(field string, m mail.Member) (memberRecord, error) {
	if m.Account != 0 {
		if s.accounts[m.Account] == nil {
			return memberRecord{}, fmt.Errorf("directory: account %s: %w", m.Account, mail.ErrNoAccount)
		}
		return memberRecord{Account: m.Account}, nil
	}
	name, err := domain.Canonical(m.Address.Domain)
	if err != nil || m.Address.Local == "" || len(m.Address.Local) > mail.MaxLocalPart {
		return memberRecord{}, &mail.RuleError{Field: field, Text: fmt.Sprintf("%s is not a mail address", m.Address), Err: mail.ErrAddress}
	}
	home := s.home(name)
	if !s.owns(home) {
		return memberRecord{Local: m.Address.Local, Domain: name}, nil
	}
	address, err := domain.Address(m.Address)
	if err != nil {
		return memberRecord{}, &mail.RuleError{Field: field, Text: fmt.Sprintf("%s is not a mail address", m.Address), Err: mail.ErrAddress}
	}
	address.Domain = string(home)
	id, e, detail := s.find(address)
	switch {
	case e != nil && detail == "":
		return memberRecord{Local: address.Local, Domain: home}, nil
	case id != 0 && detail == "":
		return memberRecord{Account: id}, nil
	case e != nil || id != 0:
		return memberRecord{}, &mail.RuleError{Field: field, Text: fmt.Sprintf("Leave out what stands between + and @ in %s", address)}
	}
	return memberRecord{}, &mail.RuleError{Field: field, Text: fmt.Sprintf("Nobody has the address %s", address), Err: mail.ErrNoSuchAddress}
}

func (s *state) copyRecords(list []mail.Copy) ([]copyRecord, error) {
	if len(list) > maxCopies {
		return nil, &mail.RuleError{Field: "copies", Text: fmt.Sprintf("These are %d; at most %d are possible", len(list), maxCopies), Err: mail.ErrTooMany}
	}
	var records []copyRecord
	for _, c := range list {
		to, err := s.memberRecord("copies", c.To)
		if err != nil {
			return nil, err
		}
		if !c.In && !c.Out {
			return nil, &mail.RuleError{Field: "copies", Text: "A copy is of mail that comes in, of mail that goes out, or of both"}
		}
		records = append(records, copyRecord{To: to, In: c.In, Out: c.Out})
	}
	return records, nil
}
