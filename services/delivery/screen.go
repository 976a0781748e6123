package delivery

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Screener looks at what is in a message before it goes anywhere.
type Screener interface {
	// Screen says what is to be done with a message. A *mail.Refusal refuses it; any
	// other error puts it off.
	Screen(ctx context.Context, envelope *mail.Envelope, p Passage, body *draft.Draft) (Screened, error)
	// Keep makes a message durable where it waits for an administrator's decision;
	// [Mailroom.Resume] is for when he lets it go.
	Keep(ctx context.Context, envelope *mail.Envelope, stay Stay, why string, body *draft.Draft) error
}

// Passage is how a message goes.
type Passage struct {
	// In are the domains of those who get it from outside.
	In []string
	// Of is the sender's domain where it is from inside; then Out says that it leaves
	// the office, Internal that somebody here gets it.
	Of            string
	Out, Internal bool
}

// Screened is what a Screener wants done. The zero value: nothing.
type Screened struct {
	Keep string       // why it waits, in words
	Body *draft.Draft // goes in place of the message; the Mailroom discards it
}

// passage is how the message goes. What the box itself has written is not looked at.
func (x *expansion) passage() (p Passage, looked bool) {
	if x.from.made {
		return p, false
	}
	if x.from.inside() {
		p.Of, p.Out, p.Internal = x.envelope.Peer.Login.Address.Domain, len(x.outside) > 0, len(x.local) > 0
		return p, true
	}
	for _, in := range x.local {
		p.In = append(p.In, strings.ToLower(in.to.Domain))
	}
	for _, out := range x.outside {
		if !out.via.IsZero() {
			p.In = append(p.In, strings.ToLower(out.via.Domain))
		}
	}
	slices.Sort(p.In)
	p.In = slices.Compact(p.In)
	return p, true
}

// screen has a message looked at that is about to be delivered; kept says that it waits
// now and goes nowhere. The message that goes on is x.body.
func (m *Mailroom) screen(x *expansion, fields string) (kept bool, err error) {
	if m.screener == nil {
		return false, nil
	}
	p, looked := x.passage()
	if !looked {
		return false, nil
	}
	s, err := m.screener.Screen(x.ctx, x.envelope, p, x.body)
	if err != nil {
		return false, fmt.Errorf("screen %s: %w", x.envelope.ID, err)
	}
	if s.Body != nil {
		x.body = s.Body
	}
	if s.Keep == "" {
		return false, nil
	}
	if err := m.screener.Keep(x.ctx, x.envelope, Stay{Fields: fields, Collected: x.collected, Round: x.round}, s.Keep, x.body); err != nil {
		return false, fmt.Errorf("keep %s: %w", x.envelope.ID, err)
	}
	m.log.Info("message waits for a decision", "verb", "commit", "id", x.envelope.ID, "why", s.Keep, x.body.Describe(x.envelope))
	return true, nil
}
