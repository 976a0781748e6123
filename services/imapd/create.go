package imapd

import (
	"context"
	"errors"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// create is RFC 9051 §6.3.4 with the special uses of RFC 6154.
type create struct {
	name string
	uses []string
}

func parseCreate(p *parser) request {
	p.SP()
	c := create{name: p.Mailbox()}
	if !p.Accept(' ') {
		return c
	}
	p.List(func() {
		if option := p.Keyword(); p.Err() == nil && option != "USE" {
			p.Failf("CREATE has no option %.30s", option)
		}
		p.SP()
		p.List(func() {
			if c.uses = append(c.uses, p.Flag()); len(c.uses) > maxUses {
				p.Failf("more than %d uses", maxUses)
			}
		})
	})
	return c
}

func (c create) run(ctx context.Context, s *session) error {
	role := mail.RoleNone
	for _, use := range c.uses {
		r := roleOf(use)
		if r == mail.RoleNone || role != mail.RoleNone && role != r {
			return no("USEATTR", "A mailbox can be used for one of \\Archive, \\Drafts, \\Junk, \\Sent, \\Trash")
		}
		role = r
	}
	// RFC 9051 §6.3.4: a delimiter at the end says that children are to come.
	name := strings.TrimSuffix(c.name, string(mail.Delimiter))
	mailbox, err := s.account.CreateMailbox(ctx, name, role)
	if errors.Is(err, mail.ErrMailboxExists) && role != mail.RoleNone {
		if _, e := s.account.Mailbox(ctx, name); errors.Is(e, mail.ErrNoMailbox) {
			return no("USEATTR", "Another mailbox is used for %s already", role.Attribute())
		}
	}
	if err != nil {
		return err
	}
	s.code = "MAILBOXID (" + mailbox.ID.String() + ")" // RFC 8474 §4.2
	return nil
}

// roleOf is the role that a client can give a mailbox. \All and \Flagged would
// be views of other mailboxes, which there are none of.
func roleOf(use string) mail.Role {
	for _, r := range []mail.Role{mail.RoleArchive, mail.RoleDrafts, mail.RoleJunk, mail.RoleSent, mail.RoleTrash} {
		if strings.EqualFold(use, r.Attribute()) {
			return r
		}
	}
	return mail.RoleNone
}
