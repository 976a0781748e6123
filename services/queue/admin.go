package queue

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/report"
)

// What is said to people who ask for something that can't be done.
var (
	ErrNoItem  = mail.ErrNotWaiting
	ErrSending = mail.ErrSending
	ErrNothing = mail.ErrNothingToChange
)

// Hold keeps an item from being tried until Release; it does not expire meanwhile.
func (q *Queue) Hold(ctx context.Context, id mail.ID) error {
	return q.alter(ctx, verbHold, id, func(_ *Item, r *Recipient) bool {
		was := r.State
		r.State = StateHeld
		return was == StateQueued
	})
}

// Release has an item that was held tried at once, or when the time comes for which its
// sender has left it; one that waits for that and isn't held goes at once. Its time does
// not begin anew.
func (q *Queue) Release(ctx context.Context, id mail.ID) error {
	now := wall(time.Now())
	return q.alter(ctx, verbRelease, id, func(it *Item, r *Recipient) bool {
		was := r.State
		if was == StateHeld && it.Later() && it.Wishes.HoldUntil.After(now) {
			r.State, r.Next = StateQueued, it.Wishes.HoldUntil
			return true
		}
		early := it.Later() && was == StateQueued && r.Next.After(now)
		r.State, r.Next = StateQueued, now
		return was == StateHeld || early
	})
}

// Retry has an item tried at once, also where its Hop counts as dead, and while the
// window is closed. If that is in vain, the next try is when it would have been.
func (q *Queue) Retry(ctx context.Context, id mail.ID) error {
	var hops []mail.Hop
	held := false
	err := q.alter(ctx, verbRetry, id, func(_ *Item, r *Recipient) bool {
		held = held || r.State == StateHeld
		now := wall(time.Now())
		if r.planned.IsZero() && r.Next.After(now) {
			r.planned = r.Next
		}
		r.Next = now
		hops = append(hops, r.Hop)
		return r.State == StateQueued
	})
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if s := q.all[id]; s != nil && err == nil {
		for _, j := range s.jobs {
			if j.pos >= 0 && slices.Contains(hops, j.hop) {
				j.lane.rush(j)
			}
		}
	}
	for _, hop := range hops {
		if l := q.lanes[q.key(hop)]; l != nil {
			l.probeAt = now
			q.place(l, now)
		}
	}
	poke(q.wake)
	if held && errors.Is(err, ErrNothing) {
		return mail.ErrHeldBack
	}
	return err
}

// Drop takes an item out. Nobody is told: an administrator does it to what should never
// have been there. But of a kept item its sender hears, if he is of the office: he was
// promised a decision, and nobody can have forged him.
func (q *Queue) Drop(ctx context.Context, id mail.ID) error {
	return q.alter(ctx, verbDrop, id, func(it *Item, r *Recipient) bool {
		was := r.State
		r.State, r.owed = StateDropped, report.ActionNone
		if it.Kept() && it.Account != 0 && !it.From.IsZero() {
			r.Last = mail.Attempt{
				At: wall(time.Now()), Fate: mail.FateFailed, Status: mail.Status5_7_1NotPermitted,
				Reply: mail.Reply{Text: shorten("An administrator of the office has decided that the message is not sent. It had to wait for this: " + it.Why())},
			}
			it.owe(r, report.ActionFailed)
		}
		return !was.final()
	})
}

// Redirect sends what is for one address to another, by way of hop, at once.
func (q *Queue) Redirect(ctx context.Context, id mail.ID, from, to mail.Address, hop mail.Hop) error {
	return q.alter(ctx, verbRedirect, id, func(_ *Item, r *Recipient) bool {
		if r.State.final() || r.Address != from {
			return false
		}
		if r.Original == "" {
			r.Original = "rfc822;" + from.String() // RFC 3461 §5.2.1 (d): what the sender knows it by
		}
		r.Address, r.Hop, r.Next, r.Tries, r.Last = to, hop, wall(time.Now()), 0, mail.Attempt{}
		r.asked, r.planned = 0, time.Time{}
		return true
	})
}

// alter changes what it may of an item's recipients in one record.
func (q *Queue) alter(ctx context.Context, v verb, id mail.ID, fn func(*Item, *Recipient) bool) error {
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
	if it.Kept() && v != verbDrop {
		return mail.ErrUndecided // it goes nowhere but back, see Hand
	}
	if it.Later() && v == verbRedirect {
		return mail.ErrNotYet // who gets it is worked out when its time comes
	}
	c := change{id: id}
	for i := range it.To {
		r := it.To[i]
		if fn(it, &r) {
			c.changes = append(c.changes, recipientChange{i, r})
		}
	}
	if c.changes == nil {
		return ErrNothing
	}
	return q.journal.CommitAll(ctx, q.entry(v, c))
}

// take keeps everybody else from changing an item that is pinned, until leave.
func (q *Queue) take(s *card) (*Item, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.attending || slices.ContainsFunc(s.jobs, func(j *job) bool { return j.pos < 0 }) {
		return nil, ErrSending
	}
	s.attending = true
	return s.item, nil
}

func (q *Queue) leave(s *card) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unblock(s, time.Now())
}

// Filter says which items are wanted: those for which all of it holds.
type Filter struct {
	Held    bool // only items with a recipient that is held
	Hop     mail.Hop
	Address string // part of the sender's or a recipient's address, in any case
}

// Page is which part of a list is wanted.
type Page struct {
	After mail.ID // zero: from the first
	Limit int     // 0: 100
}

// List gives items in the order in which they came, and whether there are more.
func (q *Queue) List(ctx context.Context, f Filter, p Page) (items []*Item, more bool, err error) {
	if p.Limit <= 0 {
		p.Limit = 100
	}
	q.mu.Lock()
	ids := q.ids()
	q.mu.Unlock()
	for _, id := range ids {
		if slices.Compare(id[:], p.After[:]) <= 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		it, err := q.Show(ctx, id)
		if errors.Is(err, ErrNoItem) || err == nil && !f.matches(it) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		if len(items) == p.Limit {
			return items, true, nil
		}
		items = append(items, it)
	}
	return items, false, nil
}

func (f *Filter) matches(it *Item) bool {
	words := strings.ToLower(f.Address)
	named := words == "" || strings.Contains(strings.ToLower(it.From.String()), words)
	state, hop := !f.Held, f.Hop == ""
	for i := range it.To {
		r := &it.To[i]
		state = state || r.State == StateHeld
		hop = hop || r.Hop == f.Hop
		named = named || strings.Contains(strings.ToLower(r.Address.String()), words)
	}
	return named && state && hop
}

// Show gives one item.
func (q *Queue) Show(_ context.Context, id mail.ID) (*Item, error) {
	s, it, err := q.pin(id)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, ErrNoItem
	}
	q.release(s)
	return it, nil
}

// Stats is how the queue stands.
type Stats struct {
	Items   int
	Sending int       // messages that are being sent now
	Opens   time.Time // when mail may leave again; zero: now
	Hops    []HopStats
}

// HopStats is how one Hop stands.
type HopStats struct {
	Hop     mail.Hop // "": all that go by Via
	Via     string   // the smart host; "": the Hop's own servers
	Waiting int
	Sending int
	Dead    bool         // nobody answers; it is probed by one message at a time
	Probe   time.Time    // when, of a dead one
	Last    mail.Attempt // of the last time that nobody answered
}

// Stats counts, the Hops with the most first.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := Stats{Items: len(q.all), Sending: q.running}
	if now := time.Now().UnixNano(); q.opens(now) > now {
		s.Opens = time.Unix(0, q.opens(now))
	}
	for _, l := range q.lanes {
		h := HopStats{Hop: l.key.hop, Via: l.key.way.Host, Waiting: l.waiting(), Sending: l.running, Dead: l.dead(), Last: l.last}
		if h.Dead {
			h.Probe = l.probeAt
		}
		s.Hops = append(s.Hops, h)
	}
	slices.SortFunc(s.Hops, func(a, b HopStats) int {
		if a.Waiting != b.Waiting {
			return b.Waiting - a.Waiting
		}
		return cmp.Or(strings.Compare(string(a.Hop), string(b.Hop)), strings.Compare(a.Via, b.Via))
	})
	return s
}

// Waiting is how many messages wait for the Hops that are wanted.
func (q *Queue) Waiting(wanted func(mail.Hop) bool) map[mail.Hop]int {
	q.mu.Lock()
	defer q.mu.Unlock()
	count := map[mail.Hop]int{}
	for _, l := range q.lanes {
		for _, list := range [][]*job{l.jobs, l.due, l.rushed} {
			for _, j := range list {
				if wanted(j.hop) {
					count[j.hop]++
				}
			}
		}
	}
	return count
}

// RetryAll has all that waits for a Hop tried at once, or with "" everything, but what
// is held back. It is Kick for a queue that doesn't run: it writes a record for each.
// While the window is closed that has no effect before it opens.
func (q *Queue) RetryAll(ctx context.Context, hop mail.Hop) error {
	q.mu.Lock()
	ids := q.ids()
	q.mu.Unlock()
	soon := time.Now()
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return err
		}
		it, err := q.Show(ctx, id)
		if errors.Is(err, ErrNoItem) {
			continue
		}
		if err != nil {
			return err
		}
		if it.began().After(soon) || !slices.ContainsFunc(it.To, func(r Recipient) bool {
			return r.State == StateQueued && (hop == "" || r.Hop == hop) && r.Next.After(soon)
		}) {
			continue
		}
		err = q.Retry(ctx, id)
		if err != nil && !slices.ContainsFunc([]error{ErrNoItem, ErrSending, ErrNothing, mail.ErrHeldBack, mail.ErrUndecided}, func(known error) bool { return errors.Is(err, known) }) {
			return err
		}
	}
	return nil
}
