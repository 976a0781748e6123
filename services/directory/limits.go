package directory

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxLimit is far above what anybody sends in a day; more is a slip of the keyboard.
const maxLimit = 1_000_000

// SetLimits bounds what an account sends within a day; account 0 is everybody who has
// no bound of their own. Zeros are what holds otherwise. Durable and visible on
// return. Errors: mail.ErrNoAccount, ErrNotSetUp, *mail.RuleError.
func (d *Directory) SetLimits(ctx context.Context, id mail.AccountID, limits mail.Limits) error {
	for field, n := range map[string]int{"messages": limits.Messages, "recipients": limits.Recipients} {
		if n < mail.NoLimit || n > maxLimit {
			return &mail.RuleError{Field: field, Text: "A day's bound is a number from 1 to 1,000,000; 0 stands for the usual one and -1 for none"}
		}
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindSetLimits, limitsRecord{ID: id, Messages: limits.Messages, Recipients: limits.Recipients})
}

// Limits is what was set for an account, or with 0 for everybody. It waits for
// nothing.
func (d *Directory) Limits(id mail.AccountID) mail.Limits { return d.current.Load().limits[id] }

func (s *state) setLimits(r *limitsRecord) ([]entry, error) {
	if s.box == nil {
		return nil, ErrNotSetUp
	}
	if r.ID != 0 {
		if _, err := s.live(r.ID); err != nil {
			return nil, err
		}
	}
	if l := (mail.Limits{Messages: r.Messages, Recipients: r.Recipients}); l != (mail.Limits{}) {
		s.limits[r.ID] = l
	} else {
		delete(s.limits, r.ID)
	}
	return []entry{{bucketLimits, accountKey(r.ID)}}, nil
}
