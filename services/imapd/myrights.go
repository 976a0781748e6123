package imapd

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// myRights is MYRIGHTS (RFC 4314 §3.5).
type myRights struct{ name string }

func parseMyRights(p *parser) request {
	p.SP()
	return myRights{p.Mailbox()}
}

func (c myRights) run(ctx context.Context, s *session) error {
	mailbox, err := s.account.Mailbox(ctx, c.name)
	if err != nil {
		return err
	}
	return s.writeMyRights(ctx, &mailbox)
}

// toldTo are the rights of which one is enough to be told all one has (RFC 4314 §4).
const toldTo = mail.RightLookup | mail.RightRead | mail.RightInsert | mail.RightCreate | mail.RightDeleteMailbox | mail.RightAdminister

// writeMyRights writes the MYRIGHTS response.
func (s *session) writeMyRights(ctx context.Context, mailbox *mail.Mailbox) error {
	rights, err := s.rights(ctx, mailbox.ID)
	if err != nil {
		return err
	}
	if rights&toldTo == 0 {
		return mail.ErrNoMailbox
	}
	s.w.Raw("* MYRIGHTS ")
	s.w.Mailbox(mailbox.Name)
	s.w.SP()
	s.w.AString(rights.Wire())
	s.w.CRLF()
	return nil
}
