package queue

import (
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/report"
)

// Item is one message in the queue. What a method of Queue gives is a copy that
// nobody changes.
type Item struct {
	ID       mail.ID // its own; that of the message where it is the only item of it
	Message  mail.ID // under which it was received
	From     mail.Address
	Wishes   mail.Wishes
	EightBit bool
	UTF8     bool
	// Of one that waits here ([Item.Kept], [Item.Later]) what else was known of it when
	// it came: it is junk, was collected, and has been collected before.
	Junk, Collected, Round bool

	Account  mail.AccountID // who handed it in; 0: it came from outside, or was made here
	Accepted time.Time      // when the queue took it
	Prefix   []byte         // header lines in front of the body
	Body     journal.BodyRef
	Size     int64 // of prefix and body, in bytes
	To       []Recipient

	lsn journal.LSN // of the record that brought it
}

// Recipient is one of an item's recipients.
type Recipient struct {
	mail.Recipient
	Hop   mail.Hop
	State State
	Tries int
	Next  time.Time    // of a queued one: when it is tried
	Last  mail.Attempt // zero before the first
	// Past are the attempts so far, Last included: the newest, maxPast at most.
	Past []mail.Attempt

	// asked are those of Tries that somebody asked for: they take no place in the
	// schedule, or who looks whether it works now would have it wait for longer.
	asked int
	// planned is when the schedule has it tried, while one that was asked for comes
	// first; zero: none does.
	planned time.Time

	owed    report.Action // a report about it that has not been sent
	delayed bool          // the sender has been told that it takes long, or need not be
	late    bool          // likewise, that the time asked for has passed
}

// State is where a recipient stands.
type State uint8

// The states. All but StateQueued and StateHeld are final.
const (
	StateQueued    State = iota
	StateHeld            // not tried until somebody releases it
	StateDelivered       // in a mailbox of this box
	StateRelayed         // another server has it
	StateFailed          // it never will be; the sender is told
	StateDropped         // an administrator took it out, see Drop
)

// String is the state in a word.
func (s State) String() string {
	names := []string{"queued", "held", "delivered", "relayed", "failed", "dropped"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

func (s State) final() bool { return s > StateHeld }

// done says that nothing is left to do: the item goes.
func (it *Item) done() bool {
	for i := range it.To {
		if !it.To[i].State.final() || it.To[i].owed != report.ActionNone {
			return false
		}
	}
	return true
}

// wall is a time as an item keeps it: without the reading of the monotonic clock, which
// comparisons would prefer. What is due is found by the clock on the wall, and when that
// has been set, the two disagree: the queue would find an item due and not due, again
// and again.
func wall(t time.Time) time.Time { return t.Round(0) }

// began is from when an item's time is counted.
func (it *Item) began() time.Time {
	if it.Wishes.HoldUntil.After(it.Accepted) {
		return it.Wishes.HoldUntil
	}
	return it.Accepted
}

// maxPast is how many attempts are kept of a recipient: those of the last two days by
// the usual schedule. A hundred thousand messages have them, too.
const maxPast = 24

// with gives the item with some recipients changed. Records have the last attempt
// only: those before it are gathered here.
func (it *Item) with(v verb, changes []recipientChange) *Item {
	next := *it
	next.To = slices.Clone(it.To)
	for _, c := range changes {
		if c.index >= len(next.To) {
			continue
		}
		past := next.To[c.index].Past
		if v == verbAttempt {
			past = append(slices.Clone(past[max(0, len(past)+1-maxPast):]), c.recipient.Last)
		}
		next.To[c.index] = c.recipient
		next.To[c.index].Past = past
	}
	return &next
}

// recipientChange is the new state of one recipient.
type recipientChange struct {
	index     int
	recipient Recipient
}

// wants says whether the sender wants to hear of an outcome (RFC 3461 §4.1). Of the
// null sender nobody does, but that the administrator hears of failures.
func (it *Item) wants(r *Recipient, a report.Action) bool {
	if it.From.IsZero() {
		return a == report.ActionFailed && r.Notify&mail.NotifyNever == 0
	}
	switch a {
	case report.ActionFailed:
		return r.Notify == 0 || r.Notify&mail.NotifyFailure != 0
	case report.ActionDelayed:
		return r.Notify == 0 || r.Notify&mail.NotifyDelay != 0
	case report.ActionRelayed:
		return r.Notify&mail.NotifySuccess != 0 || it.Wishes.ByTrace && r.Notify&mail.NotifyNever == 0
	case report.ActionDelivered, report.ActionExpanded:
		return r.Notify&mail.NotifySuccess != 0
	}
	return false
}

// owe notes that a report is due, where it is wanted.
func (it *Item) owe(r *Recipient, a report.Action) {
	r.owed = report.ActionNone
	if it.wants(r, a) {
		r.owed = a
	}
}

// start makes a recipient that has just come what it has to be: one that was served
// here is only reported on.
func (it *Item) start(r *Recipient) {
	switch {
	case r.State == StateQueued && r.Next.IsZero():
		r.Next = it.began()
	case r.State == StateDelivered && r.Last.Fate == mail.FateExpanded:
		it.owe(r, report.ActionExpanded)
	case r.State == StateDelivered:
		it.owe(r, report.ActionDelivered)
	}
}

// deadline is when something has to be done about an item besides trying it; the
// zero time if nothing. Its schedule counts from start; shift is how much of the time
// since it came has not passed (ledger).
func (it *Item) deadline(s *Schedule, start time.Time, shift time.Duration) time.Time {
	var first time.Time
	at := func(t time.Time) {
		if first.IsZero() || t.Before(first) {
			first = t
		}
	}
	for i := range it.To {
		r := &it.To[i]
		if r.owed != report.ActionNone {
			at(it.Accepted) // now
		}
		if r.State != StateQueued {
			continue // one that is held stays for as long as its holder likes
		}
		at(start.Add(s.GiveUp))
		if !r.delayed {
			at(start.Add(s.Delay))
		}
		if by := it.Wishes.By; !by.IsZero() && !r.late {
			at(by.Add(shift))
		}
	}
	return first
}
