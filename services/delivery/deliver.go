package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/srs"
)

// Store puts one message into the mailboxes of all its targets.
type Store interface {
	// Deliver returns nil when the message is durable and visible for every
	// target; otherwise no target has been told that it has it.
	Deliver(ctx context.Context, envelope *mail.Envelope, targets []mail.Target, body *draft.Draft) error
}

// Post puts one message into mailboxes and on its way to other servers.
type Post interface {
	// Deliver returns nil when the message is durable for every target and for every
	// recipient outside; otherwise nobody has been told that they have it, and nothing
	// is sent. targets may be empty.
	Deliver(ctx context.Context, envelope *mail.Envelope, targets []mail.Target, outbound []mail.Outbound, body *draft.Draft) error
}

// Signer answers for what leaves the office. What it gives stands in front of all
// other fields, CRLF at the end of each; nothing where there is nothing to say.
type Signer interface {
	// Sign answers for what somebody of the office or the box itself has written.
	Sign(ctx context.Context, envelope *mail.Envelope, body *draft.Draft) ([]byte, error)
	// Seal says how a message of others was when it came, before it is passed on.
	Seal(ctx context.Context, envelope *mail.Envelope, body *draft.Draft) ([]byte, error)
}

// Options are what a Mailroom needs.
type Options struct {
	Directory Directory
	Store     Store
	Post      Post          // nil: no mail leaves the box
	Leaves    func() bool   // whether mail may leave the box now; nil: always
	SRS       *srs.Rewriter // for reverse-paths of forwarded mail; nil: they stay as they are
	Spare     Spare         // nil: the box is nobody's spare server
	Screener  Screener      // nil: nobody looks at what is in mail
	Shelf     Shelf         // nil: what its sender wants to go later goes at once
	Signer    Signer        // nil: mail leaves unsigned
	Quota     Quota
	Place     Place
	Log       *slog.Logger
}

// Mailroom routes and delivers.
type Mailroom struct {
	directory Directory
	store     Store
	post      Post
	mayLeave  func() bool
	srs       *srs.Rewriter
	spare     Spare
	screener  Screener
	shelf     Shelf
	signer    Signer
	quota     Quota
	refused   refusals
	fullness  fullness
	place     Place
	log       *slog.Logger
	asked     sync.Pool // of *expansion, for the memory they hold
}

// Place is where a message is received, as Received says it. All may change.
type Place struct {
	Hostname func() string
	Zone     func() *time.Location
	// Private says whether Received leaves out from which device the office's people
	// have handed a message in; nil: it doesn't.
	Private func() bool
}

// New makes a Mailroom.
func New(o Options) *Mailroom {
	return &Mailroom{directory: o.Directory, store: o.Store, post: o.Post, mayLeave: o.Leaves, srs: o.SRS, spare: o.Spare, screener: o.Screener, shelf: o.Shelf, signer: o.Signer, quota: o.Quota, place: o.Place, log: o.Log,
		fullness: fullness{grace: o.Quota.Grace}}
}

func (m *Mailroom) leaves() bool { return m.post != nil && (m.mayLeave == nil || m.mayLeave()) }

// Deliver makes a message durable for all its recipients with one commit. The
// body's bytes are kept as they came: what the box adds stands in front of them.
func (m *Mailroom) Deliver(ctx context.Context, envelope *mail.Envelope, body *draft.Draft) error {
	x, err := m.resolve(ctx, envelope, body)
	if err != nil {
		return err
	}
	received := envelope.Judgement.Fields + m.received(envelope)
	kept, err := m.screen(x, received)
	if x.body != body {
		body = x.body
		defer body.Discard()
	}
	if !kept && err == nil {
		kept, err = m.postponed(x, received)
	}
	if kept || err != nil {
		return err
	}
	targets := x.targets(received)
	began := time.Now()
	outbound := append(x.outbound(x.signed(), received), x.arrivals()...)
	if len(outbound) == 0 {
		err = m.store.Deliver(ctx, envelope, targets, body)
	} else {
		err = m.post.Deliver(ctx, envelope, targets, outbound, body)
	}
	if err != nil {
		return m.full(envelope, body, len(targets)+len(x.outside), fmt.Errorf("deliver %s: %w", envelope.ID, err))
	}
	m.fullness.takes(targets)
	m.log.Info("message delivered", "verb", "commit", "id", envelope.ID, "mailboxes", len(targets), "outside", len(x.outside), "inside", x.from.inside(), "took", time.Since(began), x.into(), body.Describe(envelope))
	return nil
}

// resolve finds the recipients once more: an account may have gone since RCPT,
// and then the sender must ask again rather than have its mail lost. Somebody
// reached by two addresses gets one copy, for the first.
func (m *Mailroom) resolve(ctx context.Context, envelope *mail.Envelope, body *draft.Draft) (*expansion, error) {
	x, err := m.expand(ctx, envelope, body)
	if err != nil {
		return nil, err
	}
	if err := x.maySend(); err != nil {
		return nil, err
	}
	for _, to := range envelope.To {
		err := x.recipient(to)
		refusal, ok := errors.AsType[*mail.Refusal](err)
		if ok && refusal.Status == mail.Status5_2_3TooLargeForOne {
			if len(envelope.To) > 1 {
				return nil, &mail.Refusal{Status: mail.Status4_2_3TooLargeForOne, Text: "A recipient takes smaller messages only; send it again, and the others get it", Cause: err}
			}
			return nil, err
		}
		if ok && refusal.Status.Class() == 5 && refusal.Status != mail.Status5_4_6Loop && refusal.Status != mail.Status5_2_2MailboxFull {
			return nil, fmt.Errorf("deliver %s: recipient %s was accepted and is gone: %v", envelope.ID, to, refusal)
		}
		if err != nil {
			return nil, err
		}
	}
	return x, x.copyOut()
}

// signed is by what the office answers for what leaves it. A message is worth more
// than its signature: without one it goes all the same.
func (x *expansion) signed() string {
	if x.room.signer == nil || len(x.outside) == 0 {
		return ""
	}
	sign := x.room.signer.Seal
	if x.from.inside() && !x.collected {
		sign = x.room.signer.Sign
	}
	fields, err := sign(x.ctx, x.envelope, x.body)
	if err != nil {
		x.room.log.Warn("message leaves unsigned", "id", x.envelope.ID, "err", err)
		return ""
	}
	return string(fields)
}

// outbound puts those together who get the same message. Signatures stand above all
// that they don't cover (RFC 6376 §5.6, RFC 8617 §5.1).
func (x *expansion) outbound(signed, received string) []mail.Outbound {
	type same struct{ from, via mail.Address }
	var list []mail.Outbound
	at := map[same]int{}
	for _, o := range x.outside {
		key := same{o.from, o.via}
		i, known := at[key]
		if !known {
			i = len(list)
			at[key] = i
			trace := received
			if !o.via.IsZero() {
				trace = "Delivered-To: " + o.via.String() + "\r\n" + received // see trail.go
			}
			list = append(list, mail.Outbound{From: o.from, Prefix: []byte(signed + trace)})
		}
		list[i].To = append(list[i].To, o.to)
	}
	return list
}

// prefix is what stands in front of the body in one recipient's mailbox:
// Return-Path (RFC 5321 §4.4), Delivered-To, what was found out about it (RFC 8601
// §4.1), Received.
func prefix(from string, to mail.Address, received string) []byte {
	recipient := to.String()
	b := make([]byte, 0, len("Return-Path: <>\r\nDelivered-To: \r\n")+len(from)+len(recipient)+len(received))
	b = append(append(append(b, "Return-Path: <"...), from...), ">\r\nDelivered-To: "...)
	b = append(append(b, recipient...), "\r\n"...)
	return append(b, received...)
}

// received is the Received field, the same for all recipients.
func (m *Mailroom) received(envelope *mail.Envelope) string {
	var b strings.Builder
	here := *envelope
	if here.Peer.Login.Account != 0 && m.place.Private != nil && m.place.Private() {
		// Which devices the office has, and where they stand, is nobody's business; the
		// log has it.
		here.Peer.Helo, here.Peer.Addr = m.place.Hostname(), netip.Addr{}
	}
	here.Received = envelope.Received.In(m.place.Zone())
	_ = message.WriteReceived(&b, m.place.Hostname(), &here) // a Builder doesn't fail
	return b.String()
}
