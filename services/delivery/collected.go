package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Collect delivers a message that was fetched from a provider, by the rules that
// apply to what comes from outside. It hands it to post, which commits in the same
// record that it was collected.
//
// There is nobody to whom a refusal could be said. So what one of the recipients
// may not have goes to the keeper instead, and sorted is false; what has no room
// for now is refused with an error of which mail.OverQuota knows whose mailbox is
// full, and stays at the provider. A mailbox that has been full for longer than the
// grace does not keep the other recipients waiting: its copy goes to the keeper.
func (m *Mailroom) Collect(ctx context.Context, c *mail.Collected, body *draft.Draft, post Post) (sorted bool, err error) {
	envelope := &c.Envelope
	x, err := m.expand(ctx, envelope, body)
	if err != nil {
		return false, err
	}
	x.collected, x.round = true, c.Round
	var taken []mail.Recipient
	sorted = true
	for _, to := range envelope.To {
		err := x.recipient(to)
		refusal, refused := errors.AsType[*mail.Refusal](err)
		full := refused && refusal.Status == mail.Status5_2_2MailboxFull
		switch {
		case err == nil:
			taken = append(taken, to)
		case refused && refusal.Status.Class() == 5 && !(full && len(envelope.To) == 1):
			m.log.Warn("collected message goes to the postmaster", "id", envelope.ID, "to", to.String(), "why", refusal.Text)
			sorted = false
		default:
			return false, err
		}
	}
	if !sorted || len(envelope.To) == 0 {
		sorted, x.keeping = false, true
		if err := x.recipient(mail.Recipient{Address: c.Keeper, Notify: mail.NotifyNever}); err != nil {
			return false, err
		}
	}
	if !sorted {
		// Where it waits for a decision, it waits for those who can get it.
		unsorted := *envelope
		unsorted.To = append(taken, mail.Recipient{Address: c.Keeper, Notify: mail.NotifyNever})
		x.envelope = &unsorted
	}
	if err := x.copyOut(); err != nil {
		return false, err
	}
	if len(x.local)+len(x.outside) == 0 {
		return false, fmt.Errorf("collected message %s goes nowhere", envelope.ID)
	}
	here := *envelope
	here.Received = envelope.ID.Time() // when it came here: Received (RFC 5321 §4.4) is this hop's
	received := envelope.Judgement.Fields + m.received(&here)
	kept, err := m.screen(x, received)
	if x.body != body {
		body = x.body
		defer body.Discard()
	}
	if refusal, ok := errors.AsType[*mail.Refusal](err); ok && refusal.Status.Class() == 5 {
		// There is nobody to refuse it to: the keeper sees what it is.
		m.log.Warn("collected message goes to the postmaster", "id", envelope.ID, "why", refusal.Text)
		if x, err = m.keeps(ctx, c, body); err != nil {
			return false, err
		}
		sorted = false
	} else if err != nil {
		return false, err
	}
	if kept {
		// It is durable where it waits. A crash before the next line brings it there once
		// more, for the administrator to see twice; nobody has it twice in a mailbox
		// without him.
		return true, post.Deliver(ctx, envelope, nil, nil, body)
	}
	targets := x.targets(received)
	if err := post.Deliver(ctx, envelope, targets, x.outbound(x.signed(), received), body); err != nil {
		return false, fmt.Errorf("deliver collected message %s: %w", envelope.ID, err)
	}
	m.fullness.takes(targets)
	return sorted, nil
}

// keeps is the expansion of a message that is for the keeper alone.
func (m *Mailroom) keeps(ctx context.Context, c *mail.Collected, body *draft.Draft) (*expansion, error) {
	x, err := m.expand(ctx, &c.Envelope, body)
	if err != nil {
		return nil, err
	}
	x.collected, x.round, x.keeping = true, c.Round, true
	return x, x.recipient(mail.Recipient{Address: c.Keeper, Notify: mail.NotifyNever})
}
