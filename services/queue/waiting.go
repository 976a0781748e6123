package queue

import (
	"context"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Waiting is the item as people see it.
func (it *Item) Waiting() mail.Waiting {
	w := mail.Waiting{
		ID: it.ID.String(), Message: it.Message.String(), From: it.From.String(), Accepted: it.Accepted, Size: it.Size, Priority: int(it.Wishes.Priority),
		By: moment(it.Wishes.By), RequireTLS: it.Wishes.RequireTLS, To: make([]mail.WaitingRecipient, len(it.To)),
	}
	if it.Wishes.HoldUntil.After(it.Accepted) { // else it has waited already, as another item
		w.HoldUntil = moment(it.Wishes.HoldUntil)
	}
	for i := range it.To {
		r := &it.To[i]
		to := mail.WaitingRecipient{
			Address: r.Address.String(), Original: r.Original, Hop: string(r.Hop), State: r.State.String(), Tries: r.Tries,
			Attempts: make([]mail.WaitingAttempt, len(r.Past)),
		}
		if r.State == StateQueued {
			to.Next = moment(r.Next)
		}
		for j, a := range r.Past {
			to.Attempts[j] = mail.WaitingAttempt{At: a.At, Took: a.Took, Server: a.Server, TLS: a.TLS, Fate: a.Fate.String(), Reply: a.Reply.String()}
			if a.Addr.IsValid() {
				to.Attempts[j].Addr = a.Addr.String()
			}
		}
		w.To[i] = to
	}
	return w
}

// Counts are the Stats as people see them.
func (s Stats) Counts() mail.WaitingStats {
	counts := mail.WaitingStats{Messages: s.Items, Sending: s.Sending, Opens: moment(s.Opens), Hops: make([]mail.HopCounts, len(s.Hops))}
	for i, h := range s.Hops {
		counts.Hops[i] = mail.HopCounts{Hop: string(h.Hop), Via: h.Via, Waiting: h.Waiting, Sending: h.Sending, Dead: h.Dead, Probe: moment(h.Probe)}
		if h.Dead {
			counts.Hops[i].Reply = h.Last.Reply.String()
		}
	}
	return counts
}

// moment is nil for no time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// ListWaiting is List for people.
func (q *Queue) ListWaiting(ctx context.Context, f mail.WaitingFilter) ([]mail.Waiting, bool, error) {
	items, more, err := q.List(ctx, Filter{Held: f.Held, Hop: f.Hop, Address: f.Address}, Page{After: f.After, Limit: f.Limit})
	list := make([]mail.Waiting, len(items))
	for i, it := range items {
		list[i] = it.Waiting()
	}
	return list, more, err
}
