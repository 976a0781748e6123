package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Expire forgets the names and credentials of removed accounts whose mail is gone
// for good: they were kept for a restore, which nobody can ask for any more. That
// is a record like any other. What the log has of before stays in it, sealed.
// Call it now and then.
func (d *Directory) Expire(ctx context.Context) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	var r forgetRecord
	for id, a := range d.current.Load().accounts {
		if a.Removed.IsZero() || a.Gone {
			continue
		}
		gone, err := d.mailboxes.Gone(ctx, id)
		if errors.Is(err, mail.ErrNoAccount) {
			continue // its mailboxes are lost, or were never made: nobody knows
		}
		if err != nil {
			return fmt.Errorf("directory: ask for mail of %s: %w", id, err)
		}
		if gone {
			r.IDs = append(r.IDs, id)
		}
	}
	if r.IDs == nil {
		return nil
	}
	slices.Sort(r.IDs)
	return d.commit(ctx, kindForget, r)
}
