package directory

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxAdmitted is how many networks an admission can name in all: each is a rule for every
// packet.
const maxAdmitted = 100

// SetAdmission says whom the box lets in beside its own networks, in place of what held
// before. Durable and visible on return. Errors: ErrNotSetUp, mail.ErrTooMany,
// *mail.RuleError.
func (d *Directory) SetAdmission(ctx context.Context, a mail.Admission) error {
	record := admissionRecord{Paths: a.Paths}
	n := len(a.Office)
	var err error
	if record.Office, err = admitted("office", a.Office); err != nil {
		return err
	}
	for _, door := range a.Doors {
		if !slices.Contains(mail.Services(), door.Service) {
			return &mail.RuleError{Field: "doors", Text: fmt.Sprintf("“%s” is not one of imap, pop3 and submission", door.Service)}
		}
		if slices.ContainsFunc(record.Doors, func(r doorRecord) bool { return r.Service == door.Service }) {
			return &mail.RuleError{Field: "doors", Text: fmt.Sprintf("%s is named twice", door.Service)}
		}
		networks, err := admitted("doors", door.Networks)
		if err != nil {
			return err
		}
		n += len(networks)
		if len(networks) > 0 {
			record.Doors = append(record.Doors, doorRecord{door.Service, networks})
		}
	}
	if n > maxAdmitted {
		return fmt.Errorf("directory: %d networks: %w", maxAdmitted, mail.ErrTooMany)
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindSetAdmission, record)
}

// The widest networks that can be the office's: more is no company's, and the pages are
// open to whoever is in the office. A Door can be wider.
const (
	widestOffice4 = 8
	widestOffice6 = 16
)

// admitted checks networks and gives them as they are kept.
func admitted(field string, networks []netip.Prefix) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, n := range networks {
		if !n.IsValid() || n.Addr().Is4In6() {
			return nil, &mail.RuleError{Field: field, Text: "This is not a network: write it like 192.0.2.0/24 or 2001:db8::/48"}
		}
		widest := widestOffice6
		if n.Addr().Is4() {
			widest = widestOffice4
		}
		if field == "office" && n.Bits() < widest {
			return nil, &mail.RuleError{Field: field, Text: fmt.Sprintf("%s is too much of the world to be the office’s: from there the box’s pages could be opened", n)}
		}
		if n = n.Masked(); !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list, nil
}

// Admission is whom the box lets in. It waits for nothing; what it gives is shared: don't
// change it.
func (d *Directory) Admission() mail.Admission { return d.current.Load().admission.value() }

func (r *admissionRecord) value() (a mail.Admission) {
	if r == nil {
		return a
	}
	a.Office, a.Paths = r.Office, r.Paths
	for _, door := range r.Doors {
		a.Doors = append(a.Doors, mail.Door(door))
	}
	return a
}

func (s *state) setAdmission(r *admissionRecord) ([]entry, error) {
	if s.box == nil {
		return nil, ErrNotSetUp
	}
	s.admission = r
	if len(r.Office)+len(r.Doors) == 0 && !r.Paths {
		s.admission = nil
	}
	return []entry{{bucketAdmission, admissionKey()}}, nil
}

// admissionKey is the one key of its bucket.
func admissionKey() []byte { return []byte("admission") }
