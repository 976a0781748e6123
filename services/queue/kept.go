package queue

import (
	"context"
	"fmt"
	"strings"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// HopKept is the Hop of what waits for a decision before it goes anywhere: a message as
// it came, with its recipients as they were given, all held. Their Last says why. No
// domain is so called.
const HopKept mail.Hop = "(kept)"

// Kept says that an item is one that waits for a decision: it is not sent from here, but
// handed back ([Queue.Hand]).
func (it *Item) Kept() bool { return len(it.To) > 0 && it.To[0].Hop == HopKept }

// Why is what is said of a kept item.
func (it *Item) Why() string { return it.To[0].Last.Reply.Text }

// What waits for decisions is bounded: strangers can send what a rule holds, and an
// administrator looks through no more than that. Strangers can fill neither what is set
// aside for the office's own people nor, with one domain's mail, all of what is for them.
const (
	maxKept       = 5000 // of the office's people, and as many of strangers
	maxKeptDomain = 2500 // of strangers, for one domain
)

// Keep has an item wait for a decision. Its Hop, State and Last are set here. Error:
// mail.ErrTooMany, where too many wait already of those who have sent it.
func (q *Queue) Keep(ctx context.Context, body *journal.Staged, it *Item, why string) error {
	for i := range it.To {
		r := &it.To[i]
		r.Hop, r.State = HopKept, StateHeld
		r.Last = mail.Attempt{Reply: mail.Reply{Text: shorten(why)}}
	}
	return q.await(ctx, body, it, q.mayKeep)
}

// mayKeep says whether one more may wait for a decision. Call with mu held.
func (q *Queue) mayKeep(it *Item) error {
	all, domain := 0, 0
	own, first := it.Account != 0, strings.ToLower(it.To[0].Domain)
	q.eachWait(func(w *wait) {
		if w.later || (w.account != 0) != own {
			return
		}
		all++
		if w.domain == first {
			domain++
		}
	})
	if all >= maxKept || !own && domain >= maxKeptDomain {
		return fmt.Errorf("queue: %d messages wait for a decision, %d for %s: %w", all, domain, first, mail.ErrTooMany)
	}
	return nil
}

// Hand gives a kept item back. use gets it with the message's body, and commits gone
// together with whatever becomes of the message; then the item is no more. The error is
// ErrNoItem, ErrSending (somebody else has it in hand), or use's.
func (q *Queue) Hand(ctx context.Context, id mail.ID, use func(it *Item, body mail.Content, gone *journal.Entry) error) error {
	s, _, err := q.pin(id)
	if err != nil {
		return err
	}
	if s == nil {
		return ErrNoItem
	}
	defer q.release(s)
	it, err := q.take(s)
	if err != nil {
		return err
	}
	defer q.leave(s)
	if !it.Kept() || it.To[0].State.final() { // dropped, it may be here until its sender has been told
		return ErrNoItem
	}
	body, err := q.journal.Body(it.Body)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // only read from
	c := change{id: id}
	for i := range it.To {
		r := it.To[i]
		r.State = StateDropped
		c.changes = append(c.changes, recipientChange{i, r})
	}
	return use(it, &content{nil, body}, q.entry(verbDrop, c))
}

// ListKept gives the kept items after one, in the order in which they came, and whether
// there are more.
func (q *Queue) ListKept(ctx context.Context, p Page) (items []*Item, more bool, err error) {
	return q.List(ctx, Filter{Hop: HopKept, Held: true}, p)
}
