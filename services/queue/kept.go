package queue

import (
	"context"
	"fmt"

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

// maxKept bounds what waits for decisions: strangers can send what a rule holds, and
// an administrator looks through no more than that.
const maxKept = 5000

// Keep has an item wait for a decision. Its Hop, State and Last are set here. Error:
// mail.ErrTooMany, where too many wait already.
func (q *Queue) Keep(ctx context.Context, body *journal.Staged, it *Item, why string) error {
	if q.keeps() >= maxKept {
		return fmt.Errorf("queue: %d messages wait for a decision: %w", maxKept, mail.ErrTooMany)
	}
	for i := range it.To {
		r := &it.To[i]
		r.Hop, r.State = HopKept, StateHeld
		r.Last = mail.Attempt{Reply: mail.Reply{Text: shorten(why)}}
	}
	return q.Enqueue(ctx, body, []*Item{it})
}

// keeps counts what waits for decisions.
func (q *Queue) keeps() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for _, s := range q.all {
		if s.kept {
			n++
		}
	}
	return n
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
	if !it.Kept() || it.done() {
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
	return q.List(ctx, Filter{Hop: HopKept}, p)
}
