package imapd

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// deleteCommand is DELETE (RFC 9051 §6.3.5).
type deleteCommand struct{ name string }

func parseDelete(p *parser) request {
	p.SP()
	return deleteCommand{p.Mailbox()}
}

func (c deleteCommand) run(ctx context.Context, s *session) error {
	mailbox, err := s.account.Mailbox(ctx, c.name)
	if err != nil {
		return err
	}
	trail := s.server.options.Trail
	var gone mail.UIDSet
	if trail != nil {
		gone, _, _ = s.account.UIDs(ctx, mailbox.ID) // none of one that may be deleted and not be read
	}
	if err := s.account.DeleteMailbox(ctx, mailbox.ID); err != nil {
		return err
	}
	if len(gone) > 0 {
		trail.Left(&s.visit, mailbox.ID, gone, "")
	}
	if s.view != nil && s.view.mailbox == mailbox.ID {
		s.view = nil
		s.untagged("CLOSED", "The mailbox that was selected is gone")
	}
	return nil
}
