package storetest

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Accounts whose quota is tested; every other, but 2, has none.
const (
	narrow    mail.AccountID = 50 // five messages
	small     mail.AccountID = 51 // a thousand bytes
	contested mail.AccountID = 52 // so many messages as raceRoom
)

// raceRoom is how many of the deliveries that come at once fit.
const raceRoom = 100

// Quota is what the accounts of a store under test may take up: the store must
// have been told. That of account 2 is for Compare.
func Quota(id mail.AccountID) mail.Quota {
	switch id {
	case 2:
		return mail.Quota{Messages: 150, Bytes: 1 << 20}
	case narrow:
		return mail.Quota{Messages: 5}
	case small:
		return mail.Quota{Bytes: 1000}
	case contested:
		return mail.Quota{Messages: raceRoom}
	}
	return mail.Quota{}
}

// usage checks what an account takes up.
func (o *office[A]) usage(id mail.AccountID, want mail.Usage) {
	o.Helper()
	got, err := o.store.Usage(o.ctx, id)
	o.ok(err)
	if got != want {
		o.Errorf("Usage(%s) = %+v; want %+v", id, got, want)
	}
	a, err := o.store.Account(o.ctx, id)
	o.ok(err)
	used, bound, err := a.Quota(o.ctx)
	o.ok(err)
	if used != want || bound != Quota(id) {
		o.Errorf("Quota of %s = %+v of %+v; want %+v of %+v", id, used, bound, want, Quota(id))
	}
}

func testQuota[A Account](o *office[A]) {
	_, err := o.store.Usage(o.ctx, narrow)
	o.want(err, mail.ErrNoAccount)
	o.ok(o.store.CreateAccount(o.ctx, narrow))
	o.ok(o.store.CreateAccount(o.ctx, small))
	first := o.a
	o.a, err = o.store.Account(o.ctx, narrow)
	o.ok(err)
	o.usage(narrow, mail.Usage{})
	text := Message("x")
	size := int64(len(text))
	deliver := func(targets ...mail.Target) error {
		return o.store.Deliver(o.ctx, &mail.Envelope{Received: received()}, targets, NewDraft(o, o.spool, text))
	}
	to := mail.Target{Account: narrow, Prefix: []byte("X: y\r\n")}
	for range 3 {
		o.ok(deliver(to))
	}
	inbox := o.mailbox(mail.Inbox)
	_, err = o.a.Copy(o.ctx, inbox.ID, mail.SetOf[mail.UID](1, 2), o.mailbox("Sent").ID)
	o.ok(err)
	full := mail.Usage{Messages: 5, Bytes: 5 * (size + 6)}
	o.usage(narrow, full)

	// Nothing more comes in, and nobody else is told that he has it.
	err = deliver(to, mail.Target{Account: small}, mail.Target{Account: 1})
	o.want(err, mail.ErrOverQuota)
	if over := mail.OverQuota(err); len(over) != 1 || over[0].Account != narrow || over[0].Usage != full || over[0].Quota.Messages != 5 {
		o.Errorf("OverQuota(%v) = %+v", err, over)
	}
	o.usage(small, mail.Usage{})
	_, err = o.a.Append(o.ctx, inbox.ID, []draft.Append{{Draft: NewDraft(o, o.spool, text)}})
	o.want(err, mail.ErrOverQuota)
	_, err = o.a.Copy(o.ctx, inbox.ID, mail.SetOf[mail.UID](1), o.mailbox("Sent").ID)
	o.want(err, mail.ErrOverQuota)
	o.usage(narrow, full)

	// Everything else goes on.
	_, err = o.a.Move(o.ctx, inbox.ID, mail.SetOf[mail.UID](1), o.mailbox("Trash").ID)
	o.ok(err)
	_, err = o.a.SetFlags(o.ctx, inbox.ID, Every(), mail.FlagsAdd, mail.NewFlags(`\Seen`), nil)
	o.ok(err)
	o.ok(o.a.RenameMailbox(o.ctx, inbox.ID, "old"))
	o.usage(narrow, full)
	_, err = o.a.Expunge(o.ctx, o.mailbox("old").ID, mail.SetOf[mail.UID](1), false)
	o.ok(err)
	o.usage(narrow, mail.Usage{Messages: 4, Bytes: 4 * (size + 6)})
	o.ok(deliver(to))
	o.testOverByUndo(full, size)

	// Of bytes, to the last one.
	o.a, err = o.store.Account(o.ctx, small)
	o.ok(err)
	exact := Message(strings.Repeat("y", 1000-4))
	_, err = o.a.Append(o.ctx, o.mailbox(mail.Inbox).ID, []draft.Append{{Draft: NewDraft(o, o.spool, exact+"y")}})
	o.want(err, mail.ErrOverQuota)
	_, err = o.a.Append(o.ctx, o.mailbox(mail.Inbox).ID, []draft.Append{{Draft: NewDraft(o, o.spool, exact)}})
	o.ok(err)
	o.usage(small, mail.Usage{Messages: 1, Bytes: 1000})
	err = deliver(to, mail.Target{Account: small})
	if over := mail.OverQuota(err); len(over) != 2 {
		o.Errorf("OverQuota(%v) = %+v; want both", err, over)
	}
	o.a = first
}

// testOverByUndo puts messages back over the quota, and makes room again.
func (o *office[A]) testOverByUndo(full mail.Usage, size int64) {
	old := o.mailbox("old")
	_, err := o.a.Restore(o.ctx, []mail.Place{{Mailbox: old.ID, UID: 1}}, 0)
	o.ok(err)
	o.usage(narrow, mail.Usage{Messages: 6, Bytes: 6 * (size + 6)})
	_, err = o.a.Append(o.ctx, old.ID, []draft.Append{{Draft: NewDraft(o, o.spool, Message("x"))}})
	o.want(err, mail.ErrOverQuota)
	o.ok(o.a.DeleteMailbox(o.ctx, old.ID))
	o.usage(narrow, mail.Usage{Messages: 4, Bytes: 4 * (size + 6)})
	_, err = o.a.RestoreMailbox(o.ctx, old.ID)
	o.ok(err)
	o.usage(narrow, mail.Usage{Messages: 6, Bytes: 6 * (size + 6)})
	_, err = o.a.Expunge(o.ctx, o.mailbox("Sent").ID, mail.SetOf[mail.UID](1), false)
	o.ok(err)
	o.usage(narrow, full)
}

// testQuotaRace has 64 deliver at once into an account with room for so many:
// these get in and no others, and each that was refused was told so.
func testQuotaRace[A Account](o *office[A]) {
	const writers, each = 64, 3
	o.ok(o.store.CreateAccount(o.ctx, contested))
	text := NewDraft(o, o.spool, Message("race"))
	var in, out atomic.Int64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				env := &mail.Envelope{Received: received()}
				err := o.store.Deliver(o.ctx, env, []mail.Target{{Account: contested}, {Account: 1}}, text)
				switch {
				case err == nil:
					in.Add(1)
				case errors.Is(err, mail.ErrOverQuota):
					out.Add(1)
				default:
					o.Errorf("Deliver: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if in.Load() != raceRoom || out.Load() != writers*each-raceRoom {
		o.Errorf("%d got in and %d did not; want %d and %d", in.Load(), out.Load(), raceRoom, writers*each-raceRoom)
	}
	for _, id := range []mail.AccountID{contested, 1} {
		o.usage(id, mail.Usage{Messages: raceRoom, Bytes: raceRoom * text.Size()})
	}
}
