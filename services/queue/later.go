package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// HopLater is the Hop of what its sender wants to go later (RFC 4865): a message as it
// came, for people here and elsewhere, queued for its time. No domain is so called.
const HopLater mail.Hop = "(later)"

// Later says that an item waits for its sender's time: then it is not sent from here,
// but handed on ([Resumer]).
func (it *Item) Later() bool { return len(it.To) > 0 && it.To[0].Hop == HopLater }

// Resumer takes a message on that has waited for its time.
type Resumer interface {
	// Resume delivers a message to those of its recipients that to names by their
	// places. In one record with whatever becomes of the message goes what settle gives
	// for the outcome, one attempt for each of to: FateDelivered where it has been taken
	// on, FateDeferred where it is to be tried again, FateFailed. With an error nothing
	// has happened: a *mail.Refusal that is not temporary ends the message, any other
	// has it tried again.
	Resume(ctx context.Context, it *Item, to []int, body mail.Content, settle func([]mail.Attempt) *journal.Entry) error
}

const (
	// maxLater bounds how many messages one account can have waiting for their time, and
	// maxLaterBytes how much they take: they are in nobody's mailbox, so no quota
	// counts them.
	maxLater      = 1000
	maxLaterBytes = 1 << 30
)

// Postpone has an item wait until its Wishes.HoldUntil, and commits with in the same
// record. Its Hop is set here. Error: mail.ErrTooMany, where the account has too much
// waiting already.
func (q *Queue) Postpone(ctx context.Context, body *journal.Staged, it *Item, with ...*journal.Entry) error {
	for i := range it.To {
		it.To[i].Hop, it.To[i].State = HopLater, StateQueued
	}
	return q.await(ctx, body, it, q.mayPostpone, with...)
}

// mayPostpone says whether one more may wait for its time. Call with mu held.
func (q *Queue) mayPostpone(it *Item) error {
	messages, size := 1, it.Size
	q.eachWait(func(w *wait) {
		if w.later && w.account == it.Account {
			messages, size = messages+1, size+w.size
		}
	})
	if messages > maxLater || size > maxLaterBytes {
		return fmt.Errorf("queue: %d messages of %d bytes of one account wait for their time: %w", messages-1, size-it.Size, mail.ErrTooMany)
	}
	return nil
}

// await takes an item in that is not on its way, if may says so. What it may is taken
// up in the moment in which that is asked, so that no number of connections gets past a
// bound together.
func (q *Queue) await(ctx context.Context, body *journal.Staged, it *Item, may func(*Item) error, with ...*journal.Entry) error {
	q.mu.Lock()
	err := may(it)
	if err == nil {
		q.coming[it] = waitOf(it)
	}
	q.mu.Unlock()
	if err != nil {
		return err
	}
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		delete(q.coming, it) // unless applyAdd has
	}()
	return q.Enqueue(ctx, body, []*Item{it}, with...)
}

// resume hands an item on whose time has come. The job is not in its lane's heap
// meanwhile.
func (q *Queue) resume(ctx context.Context, j *job, it *Item, due []int) {
	began := time.Now()
	err := q.resumeWith(context.WithoutCancel(ctx), it, due, began)
	if err != nil {
		q.log.Warn("queue: a message whose time has come can't be handed on", "item", it.ID, "err", err)
		c, _, _ := q.outcome(it, due, began, q.put(due, err))
		if !q.commit(ctx, q.entry(verbAttempt, c)) {
			q.mu.Lock()
			defer q.mu.Unlock()
			j.lane.running--
			q.running--
			return // as in try
		}
	}
	q.finish(j, contactNone, mail.Attempt{})
}

func (q *Queue) resumeWith(ctx context.Context, it *Item, due []int, began time.Time) error {
	if q.opts.Resumer == nil {
		return errors.New("nobody takes on what has waited")
	}
	body, err := q.journal.Body(it.Body)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // only read from
	return q.opts.Resumer.Resume(ctx, it, due, &content{nil, body}, func(attempts []mail.Attempt) *journal.Entry {
		c, _, _ := q.outcome(it, due, began, q.complete(it.ID, len(due), attempts))
		return q.entry(verbAttempt, c)
	})
}

// put is what an error makes of all of a message's recipients.
func (q *Queue) put(due []int, err error) []mail.Attempt {
	a := mail.Attempt{Fate: mail.FateDeferred, Status: mail.Status4_3_0SystemTrouble, Reply: mail.Reply{Text: "This box could not take the message on just now"}}
	if refusal, ok := errors.AsType[*mail.Refusal](err); ok {
		a = refusal.Attempt()
	} else if isDamage(err) {
		unreadable(&a, true)
	}
	attempts := make([]mail.Attempt, len(due))
	for i := range attempts {
		attempts[i] = a
		attempts[i].To = i
	}
	return attempts
}

// wait is what is in memory of an item that is not on its way: bounds count it.
type wait struct {
	later   bool // it waits for its time; else for a decision
	account mail.AccountID
	size    int64
	domain  string // of the first recipient, in small letters
}

// waitOf is nil for an item that is on its way.
func waitOf(it *Item) *wait {
	if !it.Kept() && !it.Later() {
		return nil
	}
	return &wait{later: it.Later(), account: it.Account, size: it.Size, domain: strings.ToLower(it.To[0].Domain)}
}

// eachWait gives all items that are not on their way, and those that are being taken
// in. Call with mu held.
func (q *Queue) eachWait(fn func(*wait)) {
	for _, w := range q.coming {
		fn(w)
	}
	for _, s := range q.all {
		if s.wait != nil {
			fn(s.wait)
		}
	}
}
