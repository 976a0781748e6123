package directory

import (
	"context"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// HasSecondFactor reports whether an account's owner signs in to the pages with a second
// factor. It waits for nothing. Errors: mail.ErrNoAccount.
func (d *Directory) HasSecondFactor(id mail.AccountID) (bool, error) {
	a, err := d.current.Load().live(id)
	return err == nil && len(a.Factor) > 0, err
}

// ChangeSecondFactor makes an account's second factor what change makes of it: both are
// its text, "" for none. Changes wait for one another, so that what change takes (a code
// that is good once) is taken by one alone. Where change fails, or changes nothing,
// nothing is written. The text is sealed under the box key; it goes with the account's
// mail, and a restored account has it again. Durable and visible on return. Errors:
// mail.ErrNoAccount, and those of change.
func (d *Directory) ChangeSecondFactor(ctx context.Context, id mail.AccountID, change func(old string) (string, error)) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	a, err := d.current.Load().live(id)
	if err != nil {
		return err
	}
	old := ""
	if len(a.Factor) > 0 {
		if old, err = d.key.Open(auth.PurposeSecondFactor(id), a.Factor); err != nil {
			return fmt.Errorf("directory: second factor of account %s: %w", id, err)
		}
	}
	text, err := change(old)
	if err != nil || text == old {
		return err
	}
	r := factorRecord{ID: id}
	if text != "" {
		r.Secret = d.key.Seal(auth.PurposeSecondFactor(id), text)
	}
	return d.commit(ctx, kindSetFactor, r)
}

// maxFactor is above every sealed second factor.
const maxFactor = 4 << 10

func (s *state) setFactor(r *factorRecord) ([]entry, error) {
	if len(r.Secret) > maxFactor {
		return nil, fmt.Errorf("directory: a second factor has %d bytes", len(r.Secret))
	}
	old, err := s.live(r.ID)
	if err != nil {
		return nil, err
	}
	a := *old
	a.Factor = r.Secret
	s.accounts[r.ID] = &a
	return []entry{{bucketAccounts, accountKey(r.ID)}}, nil
}
