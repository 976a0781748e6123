package imapd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// setACL is SETACL and DELETEACL (RFC 4314 §3.1, §3.2).
type setACL struct {
	name, identifier string
	op               rightsOp
	rights           mail.Rights
}

// rightsOp is what happens to the rights that somebody has.
type rightsOp byte

const (
	replaceRights rightsOp = '='
	addRights     rightsOp = '+'
	removeRights  rightsOp = '-'
)

func parseSetACL(p *parser) request {
	c := setACL{op: replaceRights}
	p.SP()
	c.name = p.Mailbox()
	p.SP()
	c.identifier = p.AString()
	p.SP()
	text := p.AString()
	if text != "" && (text[0] == byte(addRights) || text[0] == byte(removeRights)) {
		c.op, text = rightsOp(text[0]), text[1:]
	}
	// RFC 4314 §3.1: a right that is not known is never passed over.
	var err error
	if c.rights, err = mail.ParseRights(text); err != nil && p.Err() == nil {
		p.Failf("%v", err)
	}
	return c
}

func parseDeleteACL(p *parser) request {
	c := setACL{op: replaceRights}
	p.SP()
	c.name = p.Mailbox()
	p.SP()
	c.identifier = p.AString()
	return c
}

func (c setACL) run(ctx context.Context, s *session) error {
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
	if len(grants) > 0 && id == grants[0].ID {
		return no("CANNOT", "The owner of a mailbox may always do everything there")
	}
	_, err = await(s, func() (struct{}, error) {
		switch c.op {
		case addRights:
			return struct{}{}, s.sharing.Adjust(ctx, mailbox.ID, id, c.rights, 0)
		case removeRights:
			return struct{}{}, s.sharing.Adjust(ctx, mailbox.ID, id, 0, c.rights)
		default:
			return struct{}{}, s.sharing.Grant(ctx, mailbox.ID, mail.Grant{ID: id, Rights: c.rights})
		}
	})
	return err
}

// identifier finds who is meant. Who stands in the list already is known, whatever has
// become of the account. Rights that are taken from somebody whom others give them
// (RFC 4314 §2, identifiers with a dash) are not kept here.
func (s *session) identifier(ctx context.Context, text string, grants []mail.Grant) (string, error) {
	switch {
	case strings.HasPrefix(text, "-"):
		return "", no("CANNOT", "Rights can be given here, but not denied to one of many: leave that address out")
	case len(text) > mail.MaxGrantID:
		return "", no("CANNOT", "An address can have %d characters at most", mail.MaxGrantID)
	}
	for _, g := range grants {
		if strings.EqualFold(g.ID, text) {
			return g.ID, nil
		}
	}
	id, err := s.sharing.Known(ctx, text)
	if errors.Is(err, mail.ErrNoSuchAddress) || errors.Is(err, mail.ErrNotOurDomain) {
		return "", no("CANNOT", "Nobody here has that address")
	}
	if err != nil {
		return "", fmt.Errorf("look for whom %.100q means: %w", text, err)
	}
	return id, nil
}
