package imapd

import "context"

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
	if err := s.account.DeleteMailbox(ctx, mailbox.ID); err != nil {
		return err
	}
	if s.view != nil && s.view.mailbox == mailbox.ID {
		s.view = nil
		s.untagged("CLOSED", "The mailbox that was selected is gone")
	}
	return nil
}
