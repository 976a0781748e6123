package imapd

import (
	"context"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// rename is RFC 9051 §6.3.6.
type rename struct{ from, to string }

func parseRename(p *parser) request {
	p.SP()
	from := p.Mailbox()
	p.SP()
	return rename{from, p.Mailbox()}
}

func (c rename) run(ctx context.Context, s *session) error {
	mailbox, err := s.account.Mailbox(ctx, c.from)
	if err != nil {
		return err
	}
	return s.account.RenameMailbox(ctx, mailbox.ID, strings.TrimSuffix(c.to, string(mail.Delimiter)))
}
