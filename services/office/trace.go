package office

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/device"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/tally"
	"github.com/sanduk-mail/sanduk/services/trace"
	"github.com/sanduk-mail/sanduk/services/web"
)

// traceDir is where what happens to mail is kept: PID 1 makes the directories at the top of
// a data disk, and the office can make none there.
const traceDir = "private/trace"

// openTrace opens the trace and has it read along in the log from now on. Where it can't
// be, mail goes on without it.
func (o *Office) openTrace() error {
	files := o.keeping(o.files)
	if err := durable.MkdirAllSync(files, traceDir, 0o700); err != nil {
		return fmt.Errorf("office: make %s: %w", traceDir, err)
	}
	below, err := durable.NewOS(o.files.Path(traceDir))
	if err != nil {
		return fmt.Errorf("office: open %s: %w", traceDir, err)
	}
	o.close = append(o.close, below.Close)
	log, kept := o.options.Log, o.keeping(below)
	o.tally = tally.Open(kept, o.clocks, log)
	o.close = append(o.close, o.tally.Close)
	o.devices = device.Open(kept, time.Now, log)
	o.close = append(o.close, o.devices.Close)
	o.trace, err = trace.Open(trace.Options{Files: kept, Log: log, Sure: o.sure, Seen: o.countStep})
	if err != nil {
		log.Error("what happens to mail can't be noted, nor looked up", "err", err)
		return nil
	}
	o.close = append(o.close, o.trace.Close)
	o.traceEnd = o.trace.Newest()
	o.log = slog.New(o.trace.Handler(log.Handler()))
	return nil
}

// clocks are those of the office, or UTC's while it isn't known where it is.
func (o *Office) clocks() *time.Location {
	if zone := o.lastZone.Load(); zone != nil {
		return zone
	}
	return time.UTC
}

// beforeCut is how long before the trace's last step a cut may have lost others.
const beforeCut = time.Minute

// completeTrace adds what a cut has lost of the trace: messages that were acknowledged
// and are in mailboxes or on their way, but not there. Then the trace follows the store.
func (o *Office) completeTrace(ctx context.Context) {
	if o.trace == nil {
		return
	}
	if o.traceEnd.IsZero() { // it begins here
		o.trace.Follow(o.position(ctx))
		return
	}
	position, noted := o.trace.Mark()
	changes, err := o.store.ChangedAccounts(ctx, mail.Position(position))
	if errors.Is(err, mail.ErrResync) { // the log was put back to an earlier state
		changes, err = o.store.ChangedAccounts(ctx, 0)
	}
	since := o.traceEnd
	if position != 0 {
		since = noted
	}
	if now := time.Now(); since.After(now) { // by a clock that has been set back since
		since = now.Add(-trace.DefaultKeep)
	}
	since = since.Add(-beforeCut)
	for _, id := range changes.Accounts {
		if err == nil {
			err = o.completeAccount(ctx, id, since)
		}
		if errors.Is(err, mail.ErrNoAccount) {
			err = nil
		}
	}
	if err == nil {
		err = o.completeWaiting(ctx, since)
	}
	if err != nil && ctx.Err() == nil {
		o.log.Error("it could not be found out whether the trace lacks something", "err", err)
		return // the next start looks again, from the same place
	}
	o.trace.Follow(o.position(ctx))
}

// position says how far the store has come.
func (o *Office) position(ctx context.Context) func() uint64 {
	return func() uint64 {
		c, err := o.store.ChangedAccounts(ctx, 0)
		if err != nil {
			return 0
		}
		return uint64(c.Until)
	}
}

func (o *Office) completeAccount(ctx context.Context, id mail.AccountID, since time.Time) error {
	account, err := o.store.Account(ctx, id)
	if err != nil {
		return fmt.Errorf("look for what the trace lacks: %w", err)
	}
	boxes, err := account.Mailboxes(ctx)
	if err != nil {
		return fmt.Errorf("look for what the trace lacks: %w", err)
	}
	for _, box := range boxes {
		for row, err := range account.Rows(ctx, box.ID, everyUID()) {
			if err != nil {
				return fmt.Errorf("look for what the trace lacks: %w", err)
			}
			if row.Saved.Before(since) || row.ID.IsZero() {
				continue
			}
			if known, err := o.trace.Steps(ctx, row.ID); err != nil || hasArrived(known) {
				continue // a trace that can't be read is not written either
			}
			o.trace.Add(o.foundStep(ctx, id, account, box, row))
		}
	}
	return nil
}

// hasArrived says whether the trace knows that a message got to somebody.
func hasArrived(m trace.Message) bool {
	for _, s := range m.Steps {
		if s.Get("verb") == "commit" {
			return true
		}
	}
	return false
}

// foundStep is the step of a message that is in a mailbox.
func (o *Office) foundStep(ctx context.Context, id mail.AccountID, account *store.Account, box mail.Mailbox, row mail.Row) trace.Step {
	s := trace.Step{ID: row.ID, At: row.Saved, What: "message found in a mailbox", Pairs: []trace.Pair{{Name: "verb", Value: "commit"}, {Name: "folder", Value: string(box.Name)}}}
	if who, err := o.directory.Account(ctx, id); err == nil {
		s.Pairs = append(s.Pairs, trace.Pair{Name: "account", Value: who.Address.String()})
	}
	m, err := account.Open(ctx, box.ID, row.UID)
	if err != nil {
		return s
	}
	defer func() { _ = m.Close() }() // only read from
	if d, err := m.Digest(); err == nil {
		s.Pairs = append(s.Pairs, described(d)...)
	}
	return s
}

func described(d *message.Digest) []trace.Pair {
	pairs := []trace.Pair{{Name: "subject", Value: d.Subject()}, {Name: "message_id", Value: d.MessageID}}
	if from := d.Envelope.From; len(from) > 0 {
		pairs = append(pairs, trace.Pair{Name: "author", Value: from[0].Mailbox + "@" + from[0].Host})
	}
	return pairs
}

// completeWaiting adds what is on its way out.
func (o *Office) completeWaiting(ctx context.Context, since time.Time) error {
	f := mail.WaitingFilter{}
	for {
		list, more, err := o.queue.ListWaiting(ctx, f)
		if err != nil {
			return fmt.Errorf("look for what the trace lacks: %w", err)
		}
		for _, w := range list {
			id, err := mail.ParseID(w.Message)
			if err != nil || w.Accepted.Before(since) {
				continue
			}
			if known, err := o.trace.Steps(ctx, id); err != nil || len(known.Steps) > 0 {
				continue
			}
			s := trace.Step{ID: id, At: w.Accepted, What: "message found on its way", Pairs: []trace.Pair{{Name: "verb", Value: "commit"}, {Name: "from", Value: w.From}}}
			for _, to := range w.To {
				s.Pairs = append(s.Pairs, trace.Pair{Name: "to", Value: to.Address})
			}
			o.trace.Add(s)
		}
		if !more || len(list) == 0 {
			return nil
		}
		if f.After, err = mail.ParseID(list[len(list)-1].ID); err != nil {
			return fmt.Errorf("look for what the trace lacks: %w", err)
		}
	}
}

// tracing is the trace as the pages see it.
type tracing struct{ o *Office }

func (o *Office) tracing() web.Trace {
	if o.trace == nil {
		return nil
	}
	return tracing{o}
}

// Find gives messages, newest first.
func (t tracing) Find(ctx context.Context, q web.TraceQuery) ([]web.Traced, string, error) {
	after, err := trace.ParsePlace(q.After)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", web.ErrPlace, err)
	}
	found, next, err := t.o.trace.Find(ctx, trace.Query{Text: q.Text, From: q.From, Until: q.Until, After: after, Limit: q.Limit, Within: trace.Within(q.Within)})
	if err != nil {
		return nil, "", err
	}
	list := make([]web.Traced, len(found))
	for i, m := range found {
		list[i] = traced(m)
	}
	return list, next.String(), nil
}

// Steps gives what happened to one.
func (t tracing) Steps(ctx context.Context, id mail.ID, within web.TraceWithin) (web.Traced, error) {
	m, err := t.o.trace.StepsWithin(ctx, id, trace.Within(within))
	return traced(m), err
}

func traced(m trace.Message) web.Traced {
	t := web.Traced{ID: m.ID}
	for _, s := range m.Steps {
		step := web.TraceStep{At: s.At, What: s.What}
		for _, p := range s.Pairs {
			step.Pairs = append(step.Pairs, web.TracePair(p))
		}
		t.Steps = append(t.Steps, step)
	}
	return t
}
