package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// transaction is one record of the store on its way through the journal.
type transaction struct {
	store    *Store
	accounts []*account // each once
	// prepare makes the sections from what is pending, one for each account that
	// changes. It runs on the commit goroutine, with the accounts locked for
	// reading, perhaps twice. It may write into the pending accounts only
	// through txn.pend.
	prepare func(at moment, slot journal.Slot) (change, error)
	// revives says that removed accounts may be changed: they are being restored,
	// or let go for good.
	revives bool

	verb    verb
	change  change
	waiting bool // counted in the accounts' pendingUsers
}

// commit makes a change durable and visible.
func (s *Store) commit(ctx context.Context, v verb, id mail.ID, bodies []*journal.Staged, t *transaction) error {
	return s.journal.Commit(ctx, s.entry(v, id, bodies, t))
}

// entry is a change on its way into the journal.
func (s *Store) entry(v verb, id mail.ID, bodies []*journal.Staged, t *transaction) *journal.Entry {
	t.store, t.verb = s, v
	return &journal.Entry{
		Family: journal.FamilyStore, Type: uint8(v), ID: id, Bodies: bodies,
		Prepare: t.prepareRecord, Apply: t.apply, Abort: t.abort,
	}
}

// pend gives the account as earlier entries of the batch will leave it.
func (a *account) pend() *pending {
	if a.pending == nil {
		if a.pending, a.spare = a.spare, nil; a.pending == nil {
			a.pending = newPending(a)
		}
		a.pending.last = a.last
	}
	return a.pending
}

// dropPending forgets what is pending.
func (a *account) dropPending() {
	if a.pending != nil && a.pending.clear() {
		a.spare = a.pending
	}
	a.pending = nil
}

func (t *transaction) momentOf(slot journal.Slot) moment {
	return moment{lsn: slot.LSN, time: slot.Time, verb: t.verb}
}

func momentOfRecord(r *journal.Record) moment {
	return moment{lsn: r.LSN, time: r.Time, verb: verb(r.Type)}
}

// prepareRecord runs on the commit goroutine.
func (t *transaction) prepareRecord(slot journal.Slot) (payload []byte, err error) {
	defer func() {
		if payload == nil {
			t.dropIdle()
		}
	}()
	locked := 0
	defer func() {
		for _, a := range t.accounts[:locked] {
			a.mu.RUnlock()
		}
	}()
	for _, a := range t.accounts {
		// Loading and checkpoints may go on beside; commits don't.
		a.mu.RLock()
		locked++
		if err := a.usable(); err != nil && !(t.revives && errors.Is(err, errRemoved)) {
			return nil, err
		}
	}
	at := t.momentOf(slot)
	c, err := t.prepare(at, slot)
	if err != nil || len(c) == 0 {
		return nil, err
	}
	payload = c.encode()
	if len(payload) > journal.MaxPayload {
		return nil, mail.ErrTooMany
	}
	for i := range c {
		a := t.account(i, c[i].account)
		a.tracker.begin(a.pend())
		if err := a.tracker.apply(&c[i], at); err != nil {
			// Nobody may build on the part that is written. What was prepared before
			// is encoded and not touched.
			err = fmt.Errorf("prepare: %w", err)
			for i := range c {
				t.account(i, c[i].account).pend().broken = err
			}
			return nil, err
		}
	}
	t.change = c
	t.waiting = true
	for _, a := range t.accounts {
		a.pendingUsers++
	}
	return payload, nil
}

// maxUnwritten is how many changes an account gathers at most while its index
// can't be written: some ten megabytes, of a process that may have few.
const maxUnwritten = 100_000

// usable says why the account can't be changed now. It is asked on the commit
// goroutine; the caller holds mu.
func (a *account) usable() error {
	switch p := a.pend(); {
	case a.lost:
		return fmt.Errorf("account %s: %w", a.id, mail.ErrClosed)
	case !a.retryAt.IsZero() && a.dirty.size >= a.store.maxUnwritten:
		return fmt.Errorf("index of account %s can't be written: %w", a.id, mail.ErrNoSpace)
	case p.broken != nil:
		return p.broken
	case p.last.removed:
		return errRemoved
	}
	return nil
}

// errRemoved says that an account is there, but was removed.
var errRemoved = fmt.Errorf("it was removed: %w", mail.ErrNoAccount)

// dropIdle forgets pending state that nobody's entry is in.
func (t *transaction) dropIdle() {
	for _, a := range t.accounts {
		if a.pendingUsers == 0 {
			a.dropPending()
		}
	}
}

// account gives the account of the nth section. Sections stand in the order of the
// accounts, of which some may have none.
func (t *transaction) account(n int, id mail.AccountID) *account {
	if n < len(t.accounts) && t.accounts[n].id == id {
		return t.accounts[n]
	}
	for _, a := range t.accounts {
		if a.id == id {
			return a
		}
	}
	return nil
}

// apply runs on the commit goroutine when the record is durable.
func (t *transaction) apply(slot journal.Slot) {
	at := t.momentOf(slot)
	// What was pending is not asked for any more: of a large copy it is as much as
	// what the account gets now.
	t.release()
	due := false
	for i := range t.change {
		a := t.account(i, t.change[i].account)
		isDue, err := a.apply(&t.change[i], at)
		due = due || isDue
		if err != nil {
			// It was possible a moment ago, when it was prepared: memory and log
			// part here, and only the log can be believed. The index is not
			// written any more; the next start reads the log.
			t.store.log.Error("store: a durable change can't be applied", "account", a.id, "lsn", slot.LSN, "error", err)
			a.lost = true
			a.spoil()
		}
	}
	for _, a := range t.accounts {
		a.announce()
	}
	t.store.positions.reach(slot.LSN, t.change)
	if due {
		t.store.poke() // in between the checkpointer looks by itself
	}
}

// abort runs on the commit goroutine when the batch failed.
func (t *transaction) abort() {
	for _, a := range t.accounts {
		a.dropPending()
	}
	t.release()
}

func (t *transaction) release() {
	if t.waiting {
		t.waiting = false
		for _, a := range t.accounts {
			a.pendingUsers--
		}
	}
	t.dropIdle()
}
