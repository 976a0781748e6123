package imapd

import (
	"context"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// listRights is LISTRIGHTS (RFC 4314 §3.4).
type listRights struct{ name, identifier string }

func parseListRights(p *parser) request {
	p.SP()
	name := p.Mailbox()
	p.SP()
	return listRights{name, p.AString()}
}

func (c listRights) run(ctx context.Context, s *session) error {
	mailbox, err := s.administered(ctx, c.name)
	if err != nil {
		return err
	}
	grants, err := s.sharing.Grants(ctx, mailbox.ID)
	if err != nil {
		return fmt.Errorf("list the rights in mailbox %s: %w", mailbox.ID, err)
	}
	id, err := s.identifier(ctx, c.identifier, grants)
	if err != nil {
		return err
	}
	s.w.Raw("* LISTRIGHTS ")
	s.w.Mailbox(mailbox.Name)
	s.w.SP()
	s.w.AString(c.identifier)
	s.w.SP()
	if len(grants) > 0 && id == grants[0].ID {
		s.w.AString(mail.AllRights.Wire()) // and can't lose one
		s.w.CRLF()
		return nil
	}
	// Nobody else has any right for sure, and each can be given by itself. The obsolete
	// ones are what they stand for (§2.1.1).
	s.w.AString("")
	for _, letter := range mail.AllRights.Wire() {
		s.w.SP()
		s.w.AString(string(letter))
	}
	s.w.CRLF()
	return nil
}
