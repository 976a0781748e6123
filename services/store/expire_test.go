package store_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// inOneBatch has the calls committed in this order by one batch, and gives what
// they returned.
func inOneBatch(t *testing.T, b *box, calls ...func() error) []error {
	t.Helper()
	open := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- b.journal.Commit(t.Context(), &journal.Entry{Prepare: func(journal.Slot) ([]byte, error) {
			<-open
			return nil, nil
		}})
	}()
	synctest.Wait() // the batch before is under way
	results := make([]error, len(calls))
	over := make(chan struct{})
	for i, call := range calls {
		go func() {
			results[i] = call()
			over <- struct{}{}
		}()
		synctest.Wait() // it has queued up
	}
	close(open)
	for range calls {
		<-over
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return results
}

// TestExpireBesideRestore: what expires in a batch is gone for whoever comes later
// in it, and what was put back earlier in it stays.
func TestExpireBesideRestore(t *testing.T) {
	t.Parallel()
	const all = mail.ModSeq(1 << 40)
	ctx := context.Background()
	for name, try := range map[string]func(t *testing.T, b *box, old mail.MailboxID){
		"mailbox, expired first": func(t *testing.T, b *box, old mail.MailboxID) {
			a := accountOf(t, b)
			got := inOneBatch(t, b, func() error { return b.Expire(ctx, 1, all) }, func() error {
				_, err := a.RestoreMailbox(ctx, old)
				return err
			})
			if got[0] != nil || !errors.Is(got[1], mail.ErrNoMailbox) {
				t.Errorf("Expire, RestoreMailbox = %v; want nil, %v", got, mail.ErrNoMailbox)
			}
		},
		"mailbox, restored first": func(t *testing.T, b *box, old mail.MailboxID) {
			a := accountOf(t, b)
			got := inOneBatch(t, b, func() error {
				_, err := a.RestoreMailbox(ctx, old)
				return err
			}, func() error { return b.Expire(ctx, 1, all) })
			if got[0] != nil || got[1] != nil {
				t.Errorf("RestoreMailbox, Expire = %v; want no errors", got)
			}
			wantWhole(t, b, old, 3)
		},
		"message, expired first": func(t *testing.T, b *box, old mail.MailboxID) {
			a := accountOf(t, b)
			got := inOneBatch(t, b, func() error { return b.Expire(ctx, 1, all) }, func() error {
				_, err := a.Restore(ctx, []mail.Place{{Mailbox: 1, UID: 2}, {Mailbox: old, UID: 1}}, 1)
				return err
			})
			if got[0] != nil || got[1] != nil && !errors.Is(got[1], mail.ErrGone) {
				t.Errorf("Expire, Restore = %v; want nil, and nil or %v", got, mail.ErrGone)
			}
			wantWhole(t, b, 1, 0)
		},
		"message, restored first": func(t *testing.T, b *box, old mail.MailboxID) {
			a := accountOf(t, b)
			// What comes from two mailboxes would be two records, the second perhaps
			// behind the expiry.
			restore := func(p mail.Place) func() error {
				return func() error {
					_, err := a.Restore(ctx, []mail.Place{p}, 1)
					return err
				}
			}
			got := inOneBatch(t, b, restore(mail.Place{Mailbox: 1, UID: 2}), restore(mail.Place{Mailbox: old, UID: 1}),
				func() error { return b.Expire(ctx, 1, all) })
			if errors.Join(got...) != nil {
				t.Errorf("Restore, Restore, Expire = %v; want no errors", got)
			}
			wantWhole(t, b, 1, 3)
		},
		"account, expired first": func(t *testing.T, b *box, _ mail.MailboxID) {
			if err := b.RemoveAccount(ctx, 1); err != nil {
				t.Fatal(err)
			}
			got := inOneBatch(t, b, func() error { return b.Expire(ctx, 1, all) }, func() error { return b.RestoreAccount(ctx, 1) })
			if got[0] != nil || !errors.Is(got[1], mail.ErrGone) {
				t.Errorf("Expire, RestoreAccount = %v; want nil, %v", got, mail.ErrGone)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			synctest.Test(t, func(t *testing.T) {
				clock := storetest.NewClock()
				b.opts.Now, b.jopts.Now = clock.Now, clock.Now
				b.open()
				if err := b.CreateAccount(ctx, 1); err != nil {
					t.Fatal(err)
				}
				a := accountOf(t, b)
				fillMany(t, a, 1, 3)
				m, err := a.CreateMailbox(ctx, "old", mail.RoleNone)
				if err != nil {
					t.Fatal(err)
				}
				fillMany(t, a, m.ID, 3)
				expungeUpTo(t, b.Store, 1, 2)
				if err := errors.Join(a.DeleteMailbox(ctx, m.ID), b.Checkpoint()); err != nil {
					t.Fatal(err)
				}
				try(t, b, m.ID)
				compact(t, b.journal, b.Store)
				b.close() // checks
				if err := os.Remove(b.files.Path("accounts/1/index.db")); err != nil {
					t.Fatal(err)
				}
				b.open() // from the log alone
				b.close()
			})
		})
	}
}

// wantWhole gives back what is dead, and reads every message of a mailbox; want 0
// means any number.
func wantWhole(t *testing.T, b *box, id mail.MailboxID, want int) {
	t.Helper()
	compact(t, b.journal, b.Store)
	a := accountOf(t, b)
	uids, _, err := a.UIDs(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	for uid := range uids.All() {
		sum(t, a, id, uid)
	}
	if want != 0 && uids.Len() != want {
		t.Errorf("mailbox %s has %d messages; want %d", id, uids.Len(), want)
	}
}

// TestCheckOfExpired: an index that is made from the log holds rows of a mailbox
// that has expired until they are swept, and check does not ask for their bodies.
func TestCheckOfExpired(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newBox(t)
	clock := storetest.NewClock()
	b.opts.Now, b.jopts.Now = clock.Now, clock.Now
	b.jopts.Segment = 1 << 16
	b.open()
	if err := b.CreateAccount(ctx, 1); err != nil {
		t.Fatal(err)
	}
	a := accountOf(t, b)
	m, err := a.CreateMailbox(ctx, "old", mail.RoleNone)
	if err != nil {
		t.Fatal(err)
	}
	fillMany(t, a, m.ID, 900)
	if err := a.DeleteMailbox(ctx, m.ID); err != nil {
		t.Fatal(err)
	}
	expireAll(t, b.Store, 1)
	fillMany(t, a, 1, 900)
	if done := compact(t, b.journal, b.Store); done.Freed == 0 {
		t.Fatal("compaction gave nothing back: no body is gone")
	}
	b.close()
	if err := os.Remove(b.files.Path("accounts/1/index.db")); err != nil {
		t.Fatal(err)
	}
	b.open()
	b.close() // checks
}
