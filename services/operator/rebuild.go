package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
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
		if err := d.wholeLog(ctx); err != nil && !t.flags.anyway {
			return err
		}
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
			fmt.Fprintf(t.Out, "%s: %d folders, %s messages, read from the log in %s\n", p.Address, folders, number(messages), max(time.Since(began).Round(time.Millisecond), time.Millisecond))
		}
		if len(d.journal.Damage()) > 0 {
			fmt.Fprintln(t.Out, "Done, as far as the log can be read: boxctl check says where it can't")
			return nil
		}
		fmt.Fprintln(t.Out, "Done. The numbers that mail programs know messages by are the same as before")
		return nil
	})
}

// errHoles keeps from throwing away what a damaged log can't give back.
var errHoles = errors.New("the log is damaged: what is lost there, the index may still have, and a rebuild would lose it too. " +
	"Run boxctl check first, and copy the data directory. If the index is worse than the log, run this again with --anyway")

// wholeLog reads all records of the log; errHoles if some are damaged.
func (d *data) wholeLog(ctx context.Context) error {
	if err := d.journal.Replay(ctx, journal.FamilyStore, 1, func(journal.Record) error { return nil }); err != nil {
		return err
	}
	if len(d.journal.Damage()) > 0 {
		return errHoles
	}
	return nil
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
