package imapd

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// subscribe is SUBSCRIBE and UNSUBSCRIBE (RFC 9051 §6.3.7, §6.3.8).
type subscribe struct {
	name string
	on   bool
}

func parseSubscribe(on bool) func(*parser) request {
	return func(p *parser) request {
		p.SP()
		return subscribe{p.Mailbox(), on}
	}
}

func (c subscribe) run(ctx context.Context, s *session) error {
	if c.on {
		// RFC 9051 §6.3.7 lets us ask that the mailbox exists: a mistyped name
		// would stay on the list unseen.
		mailbox, err := s.account.Mailbox(ctx, c.name)
		if err != nil {
			return err
		}
		if err := s.allow(ctx, mailbox.ID, mail.RightLookup); err != nil {
			return err
		}
	}
	return s.account.Subscribe(ctx, c.name, c.on)
}
