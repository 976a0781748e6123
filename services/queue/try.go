package queue

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/report"
)

// contact is what a try says of the Hop.
type contact uint8

const (
	contactNone     contact = iota // nothing
	contactAnswered                // somebody is there
	contactNobody                  // nobody was reached
)

// try sends one item to one Hop and records what came of it. The job is not in its
// lane's heap meanwhile.
func (q *Queue) try(ctx context.Context, j *job) {
	q.mu.Lock()
	blocked := j.card.attending // who attends to it plans it again
	q.mu.Unlock()
	if blocked {
		q.finish(j, contactNone, mail.Attempt{})
		return
	}
	s, it, err := q.pin(j.card.id)
	if s == nil {
		if err != nil {
			q.log.Error("queue: an item can't be read", "item", j.card.id, "err", err)
		}
		q.finish(j, contactNone, mail.Attempt{})
		return
	}
	defer q.release(s)
	now := time.Now()
	var due []int
	for i := range it.To {
		r := &it.To[i]
		if r.Hop == j.hop && r.State == StateQueued && (j.forced || !r.Next.After(now)) {
			due = append(due, i)
		}
	}
	if len(due) == 0 {
		q.finish(j, contactNone, mail.Attempt{})
		return
	}
	if j.hop == HopLater {
		q.resume(ctx, j, it, due)
		return
	}
	attempts := q.send(ctx, it, j.hop, due)
	if ctx.Err() != nil {
		// We ended it ourselves: that says nothing, but where it had been taken or
		// refused by then.
		attempts = slices.DeleteFunc(attempts, func(a mail.Attempt) bool { return a.Fate != mail.FateRelayed && a.Fate != mail.FateFailed })
	} else {
		attempts = q.complete(it.ID, len(due), attempts)
	}
	c, met, last := q.outcome(it, due, now, attempts)
	if len(c.changes) > 0 && !q.commit(ctx, q.entry(verbAttempt, c)) {
		q.mu.Lock()
		defer q.mu.Unlock()
		j.lane.running--
		q.running--
		return // the job stays out: what is not recorded must not be sent again by us
	}
	q.finish(j, met, last)
}

// send hands the message to the Sender.
func (q *Queue) send(ctx context.Context, it *Item, hop mail.Hop, due []int) []mail.Attempt {
	job := &mail.Job{
		ID: it.ID, Hop: hop, From: it.From, Wishes: it.Wishes, UTF8: it.UTF8, Size: it.Size, Try: it.To[due[0]].Tries + 1,
	}
	for _, i := range due {
		job.To = append(job.To, it.To[i].Recipient)
	}
	var damage atomic.Bool // what was read of it is not what was written
	job.Open = func() (mail.Content, error) {
		c, err := q.open(it)
		if err != nil {
			damage.Store(damage.Load() || isDamage(err))
			return nil, err
		}
		return &watched{c, &damage}, nil
	}
	content, err := job.Open()
	if err == nil {
		_ = content.Close() // it can be opened: that is all we wanted to know
		attempts := q.opts.Sender.Send(ctx, job)
		if damage.Load() {
			for i := range attempts {
				if attempts[i].Fate == mail.FateDeferred {
					unreadable(&attempts[i], true)
				}
			}
		}
		return attempts
	}
	q.log.Error("queue: a message can't be read", "item", it.ID, "err", err)
	attempts := make([]mail.Attempt, len(due))
	for i := range due {
		attempts[i] = mail.Attempt{To: i, At: time.Now()}
		unreadable(&attempts[i], damage.Load())
	}
	return attempts
}

// isDamage tells a message that is lost from one that can't be read just now.
func isDamage(err error) bool {
	return errors.Is(err, journal.ErrDamaged) || errors.Is(err, journal.ErrDropped) || errors.Is(err, fs.ErrNotExist)
}

// unreadable makes an attempt what comes of a message that can't be read. A damaged one
// gets no better by waiting: its sender hears of it at once, and may still have it.
func unreadable(a *mail.Attempt, damaged bool) {
	a.Fate, a.Status, a.Reply = mail.FateDeferred, mail.Status4_3_0SystemTrouble, mail.Reply{Text: "The message can't be read from the disk of this box just now"}
	if damaged {
		a.Fate, a.Status, a.Reply.Text = mail.FateFailed, mail.Status5_6_0BadContent, "The message is damaged on the disk of this box: please send it again"
	}
}

// watched notes when what is read is damaged.
type watched struct {
	mail.Content
	damage *atomic.Bool
}

// ReadAt reads.
func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.Content.ReadAt(p, off)
	if err != nil && isDamage(err) {
		w.damage.Store(true)
	}
	return n, err
}

// outcome is what the attempts, begun then, make of the recipients, and what they say of
// the Hop.
func (q *Queue) outcome(it *Item, due []int, began time.Time, attempts []mail.Attempt) (change, contact, mail.Attempt) {
	c := change{id: it.ID}
	met := contactNone
	var last mail.Attempt
	now := wall(time.Now())
	seen := make([]bool, len(due))
	for _, a := range attempts {
		if a.To < 0 || a.To >= len(due) || seen[a.To] {
			q.log.Error("queue: a result for nobody", "item", it.ID, "recipient", a.To)
			continue
		}
		seen[a.To] = true
		index := due[a.To]
		r := it.To[index]
		a.To = 0
		a.Reply.Text = shorten(a.Reply.Text)
		if a.At.IsZero() {
			a.At = now
		}
		r.Tries++
		r.Last, last = a, a
		switch {
		case a.Reply.Code != 0 && a.Reply.Code != 421 || a.Fate == mail.FateRelayed:
			met = contactAnswered
		case met == contactNone && a.Fate == mail.FateDeferred:
			met = contactNobody
		}
		switch a.Fate {
		case mail.FateRelayed:
			r.State = StateRelayed
			if it.owe(&r, report.ActionRelayed); a.Reports && !it.Wishes.ByTrace {
				r.owed = report.ActionNone // RFC 3461 §5.2.2: the next server says it
			}
		case mail.FateDelivered:
			r.State, r.owed = StateDelivered, report.ActionNone
		case mail.FateFailed:
			r.State = StateFailed
			it.owe(&r, report.ActionFailed)
		default:
			r.reschedule(q.opts.Schedule(r.Hop), began, now)
		}
		c.changes = append(c.changes, recipientChange{index, r})
		q.log.Info("message tried", "verb", "attempt", "id", it.Message, "item", it.ID, "to", r.Address, "hop", r.Hop, "state", r.State, "try", r.Tries,
			"server", a.Server, "tls", a.TLS, "reply", a.Reply.String(), "took", a.Took, "next", r.Next)
	}
	return c, met, last
}

// complete adds what a Sender owes: of whom it says nothing is tried again later, not
// at once and for ever.
func (q *Queue) complete(id mail.ID, recipients int, attempts []mail.Attempt) []mail.Attempt {
	for i := range recipients {
		if !slices.ContainsFunc(attempts, func(a mail.Attempt) bool { return a.To == i }) {
			q.log.Error("queue: no result for a recipient", "item", id, "recipient", i)
			attempts = append(attempts, mail.Attempt{To: i, Fate: mail.FateDeferred, Status: mail.Status4_3_0SystemTrouble, Reply: mail.Reply{Text: "This box lost track of the message while it was sent"}})
		}
	}
	return attempts
}

// commitPause is how long to wait when an outcome can't be recorded, for lack of space
// mostly.
const commitPause = 10 * time.Second

// commit makes a record durable. It gives up only when the journal can't go on, or the
// process ends: until then the outcome is remembered here, and nothing is tried again.
func (q *Queue) commit(ctx context.Context, entries ...*journal.Entry) bool {
	for {
		err := q.journal.CommitAll(context.WithoutCancel(ctx), entries...)
		if err == nil {
			return true
		}
		q.log.Error("queue: an outcome can't be recorded", "err", err)
		if errors.Is(err, mail.ErrClosed) {
			return false
		}
		select {
		case <-time.After(commitPause):
		case <-ctx.Done():
			return false
		}
	}
}

// finish gives a job's place back and plans what is left of its item.
func (q *Queue) finish(j *job, met contact, last mail.Attempt) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	l := j.lane
	l.running--
	q.running--
	j.card.jobs = slices.DeleteFunc(j.card.jobs, func(other *job) bool { return other == j })
	switch met {
	case contactNobody:
		l.failures++
		l.last = last
		q.unreached[l.key] = true
		if l.dead() {
			// The first probes follow each other quickly, the later ones rest.
			l.probeAt = now.Add(min(probeFirst<<min(l.failures-breakAfter, 10), probeMost))
		}
	case contactAnswered:
		if l.failures > 0 {
			l.failures = 0
			l.force(now, "", false)
		}
		q.reached(now)
	}
	switch s := j.card; {
	case q.all[s.id] != s, s.attending: // it has gone, or is planned again soon
	case s.item != nil:
		q.plan(s, s.item, now)
	default: // it could not be looked at
		j.next = now.Add(time.Minute).UnixNano()
		s.jobs = append(s.jobs, j)
		l.add(j)
	}
	q.place(l, now)
	poke(q.wake)
}

// lineAfter is how many Hops in a row that were not reached speak for the line rather
// than for their servers.
const lineAfter = 3

// reached is that a server has answered. If several others in a row had not, and none
// had answered meanwhile, it was the line, and it is back: what waited for them goes at
// once. The caller holds mu.
func (q *Queue) reached(now time.Time) {
	if len(q.unreached) >= lineAfter {
		for key := range q.unreached {
			if l := q.lanes[key]; l != nil && l.failures > 0 {
				l.probeAt = now
				l.force(now, "", false)
				q.place(l, now)
			}
		}
	}
	clear(q.unreached)
}

// Kick has what waits for a Hop go at once; all there is when hop is "": the line is
// back. What its sender or an administrator holds back stays, and what waits for the
// window waits on.
func (q *Queue) Kick(hop mail.Hop) { q.kick(hop, false) }

// Rush is Kick because somebody wants it: it goes while the window is closed, too. What
// can't be sent then waits for the window again.
func (q *Queue) Rush(hop mail.Hop) { q.kick(hop, true) }

func (q *Queue) kick(hop mail.Hop, rush bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, l := range q.lanes {
		if l.force(now, hop, rush) {
			l.probeAt = now
			q.place(l, now)
		}
	}
	poke(q.wake)
}

// shorten cuts another server's words to maxWords, between characters.
func shorten(text string) string {
	if len(text) > maxWords {
		text = text[:maxWords]
	}
	return strings.ToValidUTF8(text, "")
}

// content is a message as it goes out: prefix and body.
type content struct {
	prefix []byte
	body   *journal.Body
}

func (q *Queue) open(it *Item) (mail.Content, error) {
	body, err := q.journal.Body(it.Body)
	if err != nil {
		return nil, err
	}
	return &content{it.Prefix, body}, nil
}

func (c *content) Close() error { return c.body.Close() }

func (c *content) ReadAt(p []byte, off int64) (n int, err error) {
	if off < int64(len(c.prefix)) {
		n = copy(p, c.prefix[off:])
		off = int64(len(c.prefix))
		if n == len(p) {
			return n, nil
		}
		p = p[n:]
	}
	m, err := c.body.ReadAt(p, off-int64(len(c.prefix)))
	return n + m, err
}

// Export gives a message of the queue, as it goes out.
func (q *Queue) Export(_ context.Context, id mail.ID, w io.Writer) error {
	s, it, err := q.pin(id)
	if err != nil {
		return err
	}
	if s == nil {
		return ErrNoItem
	}
	defer q.release(s)
	c, err := q.open(it)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // only read from
	_, err = io.Copy(w, io.NewSectionReader(c, 0, it.Size))
	return err
}
