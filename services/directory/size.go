package directory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// leastSize is the smallest bound: below it not even reports get through.
const leastSize = 64 << 10

// SetSizeBound bounds the messages of an account (its address) or of all accounts of a
// domain that have no bound of their own; with 0 bytes it ends that. Durable and visible
// on return. Errors: ErrNotSetUp, mail.ErrNoAccount, mail.ErrNoDomain, *mail.RuleError.
func (d *Directory) SetSizeBound(ctx context.Context, b mail.SizeBound) error {
	if b.Bytes != 0 && (b.Bytes < leastSize || b.Bytes > mail.MaxMessage) {
		return &mail.RuleError{Field: "bytes", Text: fmt.Sprintf("The largest message is between %d kB and %d MB, or there is no bound", leastSize>>10, mail.MaxMessage>>20)}
	}
	record := sizeRecord{Bytes: b.Bytes}
	if strings.Contains(b.Who, "@") {
		address, err := mail.ParseAddress(b.Who)
		if err != nil {
			return fmt.Errorf("directory: size of %q: %w", b.Who, mail.ErrNoAccount)
		}
		found, err := d.Look(ctx, address)
		if err != nil || found.Kind != mail.ListingAccount {
			return fmt.Errorf("directory: size of %q: %w", b.Who, mail.ErrNoAccount)
		}
		record.ID = found.Account
	} else {
		name, err := domain.Canonical(b.Who)
		if err != nil {
			return fmt.Errorf("directory: size of %q: %w", b.Who, mail.ErrNoDomain)
		}
		record.Domain = name
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindSetSize, record)
}

// SizeBounds lists all bounds, by name.
func (d *Directory) SizeBounds() []mail.SizeBound {
	v := d.current.Load()
	var list []mail.SizeBound
	for _, r := range v.sizes {
		who := string(r.Domain)
		if r.ID != 0 {
			a, err := v.live(r.ID)
			if err != nil {
				continue // removed; it holds again when he is brought back
			}
			who = a.address().String()
		}
		list = append(list, mail.SizeBound{Who: who, Bytes: r.Bytes})
	}
	slices.SortFunc(list, func(a, b mail.SizeBound) int { return cmp.Compare(a.Who, b.Who) })
	return list
}

// Largest is the largest message that an account may send or get, in bytes; 0: the
// box's own bound. It waits for nothing.
func (d *Directory) Largest(id mail.AccountID) int64 {
	v := d.current.Load()
	if len(v.sizes) == 0 {
		return 0
	}
	if r := v.sizes[(&sizeRecord{ID: id}).key()]; r != nil {
		return r.Bytes
	}
	a, err := v.live(id)
	if err != nil {
		return 0
	}
	if r := v.sizes[(&sizeRecord{Domain: a.Domain}).key()]; r != nil {
		return r.Bytes
	}
	return 0
}

// key is the record's in the index.
func (r *sizeRecord) key() string {
	if r.ID != 0 {
		return "@" + string(accountKey(r.ID))
	}
	return "." + string(r.Domain)
}

func (s *state) setSize(r *sizeRecord) ([]entry, error) {
	switch {
	case s.box == nil:
		return nil, ErrNotSetUp
	case r.ID != 0:
		if _, err := s.live(r.ID); err != nil {
			return nil, err
		}
	case !s.owns(r.Domain):
		return nil, fmt.Errorf("directory: domain %s: %w", r.Domain, mail.ErrNoDomain)
	}
	s.sizes[r.key()] = r
	if r.Bytes == 0 {
		delete(s.sizes, r.key())
	}
	return []entry{{bucketSizes, []byte(r.key())}}, nil
}

// SetHideClients says whether the Received field of what the office's people hand in
// leaves out from which device it came. Durable and visible on return. Error:
// ErrNotSetUp.
func (d *Directory) SetHideClients(ctx context.Context, hide bool) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindSetTrace, traceRecord{HideClients: hide})
}

// HidesClients says whether it does. It waits for nothing.
func (d *Directory) HidesClients() bool {
	r := d.current.Load().trace
	return r != nil && r.HideClients
}

func (s *state) setTrace(r *traceRecord) ([]entry, error) {
	if s.box == nil {
		return nil, ErrNotSetUp
	}
	s.trace = r
	return []entry{{bucketTrace, traceKey()}}, nil
}

// traceKey is the one key of its bucket.
func traceKey() []byte { return []byte("trace") }
