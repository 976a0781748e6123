package operator

import (
	"context"
	"fmt"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
)

// rebuild makes the index of one person, or of all, anew from the log.
func rebuild(ctx context.Context, t *task) error {
	var only mail.Address
	if len(t.args) > 0 {
		var err error
		if only, err = t.address(); err != nil {
			return err
		}
	}
	return t.atData(ctx, func(d *data) error {
		people, err := d.people(ctx)
		if err != nil {
			return err
		}
		if !only.IsZero() {
			person, err := d.find(ctx, only)
			if err != nil {
				return err
			}
			people = []mail.Account{person}
		}
		if only.IsZero() {
			if err := d.rebuildRemoved(ctx); err != nil {
				return err
			}
		}
		for _, p := range people {
			began := time.Now()
			if err := d.store.Rebuild(ctx, p.ID); err != nil {
				return fmt.Errorf("%s: %w. The log is as it was: nothing is lost", p.Address, err)
			}
			account, err := d.store.Account(ctx, p.ID)
			if err != nil {
				return err
			}
			folders, messages, err := count(ctx, account)
			if err != nil {
				return err
			}
			fmt.Fprintf(t.Out, "%s: %d folders, %s messages, read from the log in %s\n", p.Address, folders, number(messages), time.Since(began).Round(time.Millisecond))
		}
		fmt.Fprintln(t.Out, "Done. The numbers that mail programs know messages by are the same as before")
		return nil
	})
}

// rebuildRemoved does the same for those who were removed and can be put back.
func (d *data) rebuildRemoved(ctx context.Context) error {
	removed, err := d.store.RemovedAccounts(ctx)
	if err != nil {
		return err
	}
	for _, r := range removed {
		if err := d.store.Rebuild(ctx, r.ID); err != nil {
			return fmt.Errorf("removed account %s: %w. The log is as it was: nothing is lost", r.ID, err)
		}
	}
	return nil
}

func count(ctx context.Context, account *store.Account) (folders, messages int, err error) {
	boxes, err := account.Mailboxes(ctx)
	for _, b := range boxes {
		messages += int(b.Total)
	}
	return len(boxes), messages, err
}
