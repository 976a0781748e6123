package queue

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/report"
)

// Post delivers mail that was made on this box, as it would anybody's.
type Post interface {
	// Post makes the message durable for all its recipients in one record with the
	// entry. A *mail.Refusal that is not temporary means that it never will be.
	Post(ctx context.Context, envelope *mail.Envelope, text []byte, with *journal.Entry) error
}

// postPause is how long to wait when a report can't be posted.
const postPause = 10 * time.Minute

// attend does what time asks for about an item: it gives up on recipients, and sends
// the reports that are owed.
func (q *Queue) attend(ctx context.Context, card *card) {
	s, _, err := q.pin(card.id)
	if err != nil {
		q.log.Error("queue: an item can't be read", "item", card.id, "err", err)
	}
	var later time.Time
	if s != nil {
		defer q.release(s)
		later = q.attendTo(ctx, s)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.attends--
	q.unblock(card, time.Now())
	if !later.IsZero() && q.all[card.id] == card {
		q.setDeadline(card, later)
	}
}

// unblock ends the attending to an item, and plans it again. The caller holds mu.
func (q *Queue) unblock(s *card, now time.Time) {
	s.attending = false
	if s.item != nil && q.all[s.id] == s {
		q.plan(s, s.item, now)
	}
	poke(q.wake)
}

// attendTo gives the time at which to come again; zero: when it is planned.
func (q *Queue) attendTo(ctx context.Context, s *card) time.Time {
	now := time.Now()
	c, skipped := q.overdue(s, now)
	if len(c.changes) > 0 && !q.commit(ctx, q.entry(verbExpire, c)) {
		return now.Add(postPause)
	}
	waits, err := q.report(ctx, s)
	switch {
	case err != nil:
		q.log.Error("queue: a report could not be sent", "item", s.id, "err", err)
		return now.Add(postPause)
	case skipped || waits:
		return now.Add(time.Minute) // or when it has been sent, if that is sooner
	}
	return time.Time{}
}

// overdue is what has become of an item's recipients by now. Those that are being sent
// are left for later.
func (q *Queue) overdue(s *card, now time.Time) (c change, skipped bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lookAtClock(now)
	it := s.item // what was being sent may have ended
	c.id = it.ID
	start, shift := q.start(it), q.ledger.shift(it.lsn)
	for i := range it.To {
		r := it.To[i]
		if r.State != StateQueued {
			continue
		}
		schedule := q.opts.Schedule(r.Hop)
		by := it.Wishes.By
		late := !by.IsZero() && !r.late && !now.Before(by.Add(shift))
		slow := !r.delayed && !now.Before(start.Add(schedule.Delay))
		switch {
		case !now.Before(start.Add(schedule.GiveUp)), late && !it.Wishes.ByNotify:
			if s.sending(r.Hop) {
				skipped = true
				continue
			}
			r.State = StateFailed
			if r.Last == (mail.Attempt{}) && q.lanes[q.key(r.Hop)] != nil {
				r.Last = q.lanes[q.key(r.Hop)].last // what kept it waiting
			}
			r.Last.Status = mail.Status5_4_7Expired
			it.owe(&r, report.ActionFailed)
		case late || slow:
			if s.sending(r.Hop) {
				skipped = true
				continue
			}
			r.late, r.delayed = r.late || late, r.delayed || slow
			it.owe(&r, report.ActionDelayed)
		default:
			continue
		}
		c.changes = append(c.changes, recipientChange{i, r})
	}
	return c, skipped
}

// report sends what is owed about an item, and records that in the same moment. waits
// says that more is owed, of recipients that are being sent.
func (q *Queue) report(ctx context.Context, s *card) (waits bool, err error) {
	q.mu.Lock()
	it := s.item
	sending := make([]bool, len(it.To)) // nothing new begins while somebody attends to the item
	for i := range it.To {
		sending[i] = it.To[i].State == StateQueued && s.sending(it.To[i].Hop)
	}
	// A mailbox that is full may stay so: a report is tried as long as the message could
	// have been (RFC 5321 §4.5.4.1), or it would be kept for ever.
	patient := q.start(it).Add(2 * q.opts.Schedule(it.To[0].Hop).GiveUp)
	q.mu.Unlock()
	c := change{id: it.ID}
	owed := report.Report{Reporting: q.opts.Hostname(), Arrival: it.Accepted, EnvelopeID: it.Wishes.EnvelopeID, Release: it.Wishes.HoldUntil, By: it.Wishes.By}
	for i := range it.To {
		r := it.To[i]
		if r.owed == report.ActionNone {
			continue
		}
		if sending[i] {
			waits = true
			continue
		}
		owed.Recipients = append(owed.Recipients, q.told(it, &r))
		r.owed = report.ActionNone
		c.changes = append(c.changes, recipientChange{i, r})
	}
	if len(c.changes) == 0 {
		return waits, nil
	}
	told := q.entry(verbReport, c)
	for _, to := range []mail.Address{it.From, q.opts.Postmaster()} {
		if to.IsZero() || it.From.IsZero() && len(it.To) == 1 && it.To[0].Canonical() == to.Canonical() {
			continue // nobody bounces to the postmaster that mail to the postmaster bounced
		}
		err := q.post(ctx, it, owed, to, told)
		if refusal, ok := errors.AsType[*mail.Refusal](err); ok && (!refusal.Temporary() || patient.Before(time.Now())) {
			q.log.Warn("queue: a report was refused", "item", it.ID, "to", to, "err", err)
			continue
		}
		return waits, err
	}
	q.log.Warn("queue: there is nobody to report to", "item", it.ID)
	if !q.commit(ctx, told) {
		return waits, mail.ErrClosed
	}
	return waits, nil
}

// told is what a report says of a recipient.
func (q *Queue) told(it *Item, r *Recipient) report.Recipient {
	schedule := q.opts.Schedule(r.Hop)
	told := report.Recipient{
		Final: r.Address, Original: r.Original, Action: r.owed, Status: r.Last.Status, Server: r.Last.Server, Reply: r.Last.Reply, At: r.Last.At,
	}
	if r.owed == report.ActionDelayed {
		q.mu.Lock()
		told.Until = q.start(it).Add(schedule.GiveUp)
		q.mu.Unlock()
		if told.Status.Class() != 4 {
			told.Status = mail.Status4_4_7Delayed
		}
	}
	if r.owed == report.ActionFailed && told.Status.Class() != 5 {
		told.Status = mail.Status5_4_7Expired
	}
	if r.owed >= report.ActionDelivered && told.Status.Class() != 2 {
		told.Status = mail.Status2_0_0OK
	}
	return told
}

// maxReturned is how large a message may be to be given back whole, in bytes; of a
// larger one the sender gets the header. He has the rest himself.
const maxReturned = 1 << 20

// post writes a report and posts it.
func (q *Queue) post(ctx context.Context, it *Item, owed report.Report, to mail.Address, with *journal.Entry) error {
	m := report.Message{Report: owed, To: to, Double: to != it.From, UTF8: it.UTF8 && to == it.From, ID: mail.NewID(time.Now()), Date: time.Now()}
	m.Full = it.Wishes.Return == mail.ReturnFull && it.Size <= maxReturned
	if c, err := q.open(it); err == nil {
		defer func() { _ = c.Close() }() // only read from
		m.Original = io.NewSectionReader(c, 0, it.Size)
	}
	text, eightBit, err := m.Encode()
	if err != nil { // the message can't be read: the report can do without
		m.Original = nil
		if text, eightBit, err = m.Encode(); err != nil {
			return err
		}
	}
	env := &mail.Envelope{ID: m.ID, Received: m.Date, To: mail.To(to), EightBit: eightBit, UTF8: m.UTF8, Size: int64(len(text))}
	env.Wishes.RequireTLS = it.Wishes.RequireTLS // RFC 8689 §5
	env.Wishes.Priority = it.Wishes.Priority     // RFC 6710: what was urgent is, when it fails
	return q.opts.Post.Post(ctx, env, text, with)
}
