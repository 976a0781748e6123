package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Stay is what has to be known of a message that waits on the box, besides its envelope
// and body, to deliver it later as if it had come then.
type Stay struct {
	Message   mail.ID // by which its sender and the log know it; zero while it comes
	Fields    string  // that stand in front of it: verdicts, and Received
	Collected bool    // from a provider: nobody hears of what becomes of it
	Round     bool    // it has been here before, and goes no further
	// Had are those of its recipients who have it already, from an earlier [Mailroom.Resume].
	Had []mail.Recipient
}

// Shelf keeps messages until the time that their senders have named (RFC 4865).
type Shelf interface {
	// Postpone makes a message durable where it waits until its Wishes.HoldUntil, as it
	// is and with its recipients as they were given; [Mailroom.Resume] is for then.
	Postpone(ctx context.Context, envelope *mail.Envelope, stay Stay, body *draft.Draft) error
}

// postponed says that a message waits for its sender's time now and goes nowhere yet.
// Its recipients and its contents have been looked at: what can't go is refused while
// the sender is there to hear it.
func (m *Mailroom) postponed(x *expansion, fields string) (bool, error) {
	if m.shelf == nil || !x.from.inside() || !x.envelope.Wishes.HoldUntil.After(time.Now()) {
		return false, nil
	}
	if err := m.shelf.Postpone(x.ctx, x.envelope, Stay{Fields: fields}, x.body); err != nil {
		return false, fmt.Errorf("postpone %s: %w", x.envelope.ID, err)
	}
	m.log.Info("message waits for its time", "verb", "commit", "id", x.envelope.ID, "until", x.envelope.Wishes.HoldUntil, x.body.Describe(x.envelope))
	return true, nil
}

// Resume delivers a message that has waited on the box, with what stood in front of it
// when it came. Each recipient is decided about anew; there is nobody to whom a refusal
// could be said now, so post gets what became of whom (mail.FateDelivered: goes on,
// FateDeferred: not yet, FateFailed), one attempt for each of the envelope's recipients,
// before anything is durable, and gives the Post that commits it all in one record. The
// rules on contents have been applied before. An error of post's is Resume's.
func (m *Mailroom) Resume(ctx context.Context, envelope *mail.Envelope, stay Stay, body *draft.Draft, post func([]mail.Attempt) (Post, error)) error {
	x, err := m.resumed(ctx, envelope, stay, body)
	if err != nil {
		return err
	}
	now := time.Now()
	attempts := make([]mail.Attempt, len(envelope.To))
	for i, to := range envelope.To {
		attempts[i] = mail.Attempt{Fate: mail.FateDelivered, Status: mail.Status2_0_0OK}
		// By himself first: one who is refused may have been reached in part before
		// that showed, by a forwarding say.
		alone, err := m.resumed(ctx, envelope, stay, body)
		if err == nil {
			err = alone.recipient(to)
		}
		if refusal, ok := errors.AsType[*mail.Refusal](err); ok {
			attempts[i] = refusal.Attempt()
		} else if err != nil {
			return err
		} else if err := x.recipient(to); err != nil {
			return fmt.Errorf("resume %s: recipient %s: %v", envelope.ID, to, err) // it has changed this moment
		}
		attempts[i].To, attempts[i].At = i, now
	}
	if len(x.local)+len(x.outside) > 0 {
		if err := x.copyRest(stay); err != nil {
			return err
		}
	}
	p, err := post(attempts)
	if err != nil {
		return err
	}
	targets := x.targets(stay.Fields)
	var outbound []mail.Outbound
	if len(x.local)+len(x.outside) > 0 {
		outbound = append(x.outbound(x.signed(), stay.Fields), x.arrivals()...)
	}
	if err := p.Deliver(ctx, envelope, targets, outbound, body); err != nil {
		return m.full(envelope, body, len(targets)+len(x.outside), fmt.Errorf("resume %s: %w", envelope.ID, err))
	}
	m.fullness.takes(targets)
	m.log.Info("message that waited delivered", "verb", "commit", "id", envelope.ID, "message", stay.Message, "mailboxes", len(targets), "outside", len(x.outside), "inside", x.from.inside(), x.into(), body.Describe(envelope))
	return nil
}

// resumed is the expansion of a message that has waited.
func (m *Mailroom) resumed(ctx context.Context, envelope *mail.Envelope, stay Stay, body *draft.Draft) (*expansion, error) {
	x, err := m.expand(ctx, envelope, body)
	if err != nil {
		return nil, err
	}
	x.resumed, x.collected, x.round = true, stay.Collected, stay.Round
	return x, nil
}

// copyRest makes the copies, but none to whom the message has reached with those who
// had it before: as their copy, or because it was for them, too.
func (x *expansion) copyRest(stay Stay) error {
	if len(stay.Had) == 0 {
		return x.copyOut()
	}
	before, err := x.room.resumed(x.ctx, x.envelope, stay, x.body)
	if err != nil {
		return err
	}
	for _, r := range stay.Had {
		err := before.recipient(r)
		if _, refused := errors.AsType[*mail.Refusal](err); err != nil && !refused {
			return err
		}
	}
	if err := before.copyOut(); err != nil {
		return err
	}
	for id, reached := range before.accounts {
		if _, known := x.accounts[id]; !known {
			x.accounts[id] = reached
		}
	}
	if x.sent == nil {
		x.sent = map[mail.Address]bool{}
	}
	maps.Copy(x.sent, before.sent)
	return x.copyOut()
}

// maxInto is how many mailboxes of a message are named for the trace: everybody of a large
// office.
const maxInto = 5000

// into says for the trace whose mailboxes the message was put into.
func (x *expansion) into() slog.Attr {
	folder := "INBOX"
	if x.envelope.Judgement.Junk {
		folder = "Junk"
	}
	names := make([]string, 0, min(len(x.local), maxInto))
	for _, in := range x.local[:cap(names)] {
		names = append(names, in.to.String())
	}
	return slog.Group("private", "account", names, "folder", folder)
}

// targets are the mailboxes that get the message, with what stands in front of it there.
func (x *expansion) targets(fields string) []mail.Target {
	role := mail.RoleInbox
	if x.envelope.Judgement.Junk {
		role = mail.RoleJunk
	}
	targets, from := make([]mail.Target, len(x.local)), x.envelope.From.String()
	for i, in := range x.local {
		targets[i] = mail.Target{Account: in.account, Role: role}
		if x.collected { // Return-Path stands in the message already, where the provider noted it
			targets[i].Prefix = []byte("Delivered-To: " + in.to.String() + "\r\n" + fields)
		} else {
			targets[i].Prefix = prefix(from, in.to, fields)
		}
	}
	return targets
}
