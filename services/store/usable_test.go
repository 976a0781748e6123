package store

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// bareAccount is an account with an INBOX, of a store without disk.
func bareAccount() *account {
	s := &Store{log: slog.New(slog.DiscardHandler), failed: make(chan struct{}), wake: make(chan struct{}, 1), positions: newPositions()}
	a := newAccount(s, 1)
	a.addBox(box{id: 1, name: mail.Inbox, role: mail.RoleInbox, validity: 1, uidNext: 1})
	a.setName(mail.Inbox, 1)
	return a
}

// TestPrepareFails: an entry that can't be prepared leaves nothing behind that
// the next one would stumble over.
func TestPrepareFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		op   op
		want error
	}{
		"impossible": {remove{1, mail.SetOf[mail.UID](7)}, mail.ErrNoMessage},
		"too large":  {&add{mailbox: 1, uid: 1, email: 1, thread: 1, prefix: make([]byte, journal.MaxPayload)}, mail.ErrTooMany},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := bareAccount()
			try := func(o op) error {
				txn := &transaction{store: a.store, accounts: []*account{a}}
				txn.prepare = func(moment, journal.Slot) (change, error) {
					return change{{account: 1, modSeq: a.pend().last.modSeq + 1, ops: []op{o}}}, nil
				}
				payload, err := txn.prepareRecord(journal.Slot{LSN: 1, Time: time.Now()})
				if (payload == nil) != (err != nil) {
					t.Errorf("%d bytes and %v", len(payload), err)
				}
				return err
			}
			if err := try(test.op); !errors.Is(err, test.want) {
				t.Errorf("got %v; want %v", err, test.want)
			}
			if a.pending != nil {
				t.Errorf("something is left pending: %+v", a.pending)
			}
			if err := try(subscribe{"x", true}); err != nil {
				t.Errorf("the next: %v", err)
			}
		})
	}
}

// TestUsable: an account is not changed on a state that can't be believed, nor
// without bound in memory while its index can't be written.
func TestUsable(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		set  func(a *account)
		want error
	}{
		"well":                  {func(*account) {}, nil},
		"busy":                  {func(a *account) { a.dirty.size = 10 * maxUnwritten }, nil},
		"index fails":           {func(a *account) { a.retryAt = time.Now() }, nil},
		"index fails for long":  {func(a *account) { a.retryAt, a.dirty.size = time.Now(), maxUnwritten }, mail.ErrNoSpace},
		"memory can't be right": {func(a *account) { a.lost = true }, mail.ErrClosed},
		"removed":               {func(a *account) { a.last.removed = true }, mail.ErrNoAccount},
	} {
		a := bareAccount()
		a.store.maxUnwritten = maxUnwritten
		test.set(a)
		if got := a.usable(); !errors.Is(got, test.want) || (got == nil) != (test.want == nil) {
			t.Errorf("%s: got %v; want %v", name, got, test.want)
		}
	}
}

// TestLostAccount: when a durable change can't be applied, nothing more is
// decided on what is in memory, and the store asks to be opened anew.
func TestLostAccount(t *testing.T) {
	t.Parallel()
	a := bareAccount()
	txn := &transaction{store: a.store, accounts: []*account{a}, change: change{{account: 1, modSeq: 1, ops: []op{remove{1, mail.SetOf[mail.UID](7)}}}}}
	txn.apply(journal.Slot{LSN: 1, Time: time.Now()})
	if err := a.usable(); !errors.Is(err, mail.ErrClosed) {
		t.Errorf("got %v; want ErrClosed", err)
	}
	select {
	case <-a.store.Failed():
	default:
		t.Error("the store has not failed")
	}
}
