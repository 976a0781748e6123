package imapd

import (
	"context"
	"fmt"
)

// getACL is GETACL (RFC 4314 §3.3).
type getACL struct{ name string }

func parseGetACL(p *parser) request {
	p.SP()
	return getACL{p.Mailbox()}
}

func (c getACL) run(ctx context.Context, s *session) error {
	mailbox, err := s.administered(ctx, c.name)
	if err != nil {
		return err
	}
	grants, err := s.sharing.Grants(ctx, mailbox.ID)
	if err != nil {
		return fmt.Errorf("list the rights in mailbox %s: %w", mailbox.ID, err)
	}
	s.w.Raw("* ACL ")
	s.w.Mailbox(mailbox.Name)
	for _, g := range grants {
		s.w.SP()
		s.w.AString(g.ID)
		s.w.SP()
		s.w.AString(g.Wire())
	}
	s.w.CRLF()
	return nil
}
