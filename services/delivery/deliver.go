package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// Store puts one message into the mailboxes of all its targets.
type Store interface {
	// Deliver returns nil when the message is durable and visible for every
	// target; otherwise no target has been told that it has it.
	Deliver(ctx context.Context, envelope *mail.Envelope, targets []mail.Target, body *draft.Draft) error
}

// Mailroom routes and delivers.
type Mailroom struct {
	directory Directory
	store     Store
	quota     Quota
	refused   refusals
	fullness  fullness
	place     Place
	log       *slog.Logger
}

// Place is where a message is received, as Received says it. Both may change at
// the set-up.
type Place struct {
	Hostname func() string
	Zone     func() *time.Location
}

// New makes a Mailroom.
func New(directory Directory, store Store, quota Quota, place Place, log *slog.Logger) *Mailroom {
	return &Mailroom{directory: directory, store: store, quota: quota, place: place, log: log, fullness: fullness{grace: quota.Grace}}
}

// Deliver makes a message durable for all its recipients with one commit. The
// body's bytes are kept as they came: what the box adds stands in front of them.
func (m *Mailroom) Deliver(ctx context.Context, envelope *mail.Envelope, body *draft.Draft) error {
	targets, err := m.targets(ctx, envelope)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := m.store.Deliver(ctx, envelope, targets, body); err != nil {
		return m.full(envelope, body, len(targets), fmt.Errorf("deliver %s: %w", envelope.ID, err))
	}
	m.fullness.takes(targets)
	m.log.Info("message delivered", "verb", "commit", "id", envelope.ID, "mailboxes", len(targets), "took", time.Since(began))
	return nil
}

// targets resolves the recipients once more: an account may have gone since
// RCPT, and then the sender must ask again rather than have its mail lost.
// Somebody reached by two addresses gets one copy, for the first.
func (m *Mailroom) targets(ctx context.Context, envelope *mail.Envelope) ([]mail.Target, error) {
	seen := make(map[mail.AccountID]bool, len(envelope.To))
	targets := make([]mail.Target, 0, len(envelope.To))
	received := envelope.Judgement.Fields + m.received(envelope)
	for _, to := range envelope.To {
		account, err := m.route(ctx, &envelope.Peer, to.Address)
		if refusal, ok := errors.AsType[*mail.Refusal](err); ok {
			return nil, fmt.Errorf("deliver %s: recipient %s was accepted and is gone: %v", envelope.ID, to, refusal)
		}
		if err != nil {
			return nil, err
		}
		if seen[account] {
			continue
		}
		seen[account] = true
		role := mail.RoleInbox
		if envelope.Judgement.Junk {
			role = mail.RoleJunk
		}
		targets = append(targets, mail.Target{Account: account, Role: role, Prefix: prefix(envelope, to.Address, received)})
	}
	return targets, nil
}

// prefix is what stands in front of the body in one recipient's mailbox:
// Return-Path (RFC 5321 §4.4), Delivered-To, what was found out about it (RFC 8601
// §4.1), Received.
func prefix(envelope *mail.Envelope, to mail.Address, received string) []byte {
	from, recipient := envelope.From.String(), to.String()
	b := make([]byte, 0, len("Return-Path: <>\r\nDelivered-To: \r\n")+len(from)+len(recipient)+len(received))
	b = append(append(append(b, "Return-Path: <"...), from...), ">\r\nDelivered-To: "...)
	b = append(append(b, recipient...), "\r\n"...)
	return append(b, received...)
}

// received is the Received field, the same for all recipients.
func (m *Mailroom) received(envelope *mail.Envelope) string {
	var b strings.Builder
	here := *envelope
	here.Received = envelope.Received.In(m.place.Zone())
	_ = message.WriteReceived(&b, m.place.Hostname(), &here) // a Builder doesn't fail
	return b.String()
}
