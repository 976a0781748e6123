package imapd

import (
	"context"
	"errors"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// replace is REPLACE and UID REPLACE (RFC 8508): a message takes the place of
// another, as a draft does that is saved again. The new one is on disk before the
// old one goes, so whatever breaks off in between leaves both and never neither.
type replace struct {
	set   wire.NumSet // one number
	byUID bool
	name  string
	p     *parser
}

func parseReplace(byUID bool) func(*parser) request {
	return func(p *parser) request {
		p.SP()
		c := replace{set: p.NumSet(), byUID: byUID, p: p}
		if r := c.set.Ranges; p.Err() == nil && (len(r) != 1 || r[0].First != r[0].Last) {
			p.Failf("REPLACE takes the number of one message")
		}
		p.SP()
		c.name = p.Mailbox()
		return c
	}
}

func (c replace) run(ctx context.Context, s *session) error {
	if err := c.p.Err(); err != nil {
		return err
	}
	if err := s.writable(); err != nil {
		return err
	}
	if err := s.allow(ctx, s.view.mailbox, removing); err != nil {
		return err
	}
	// Before the message comes, so that it need not come in vain; what the number
	// means does not change until the command is done.
	old, err := c.old(ctx, s)
	if err != nil {
		return err
	}
	to, err := s.target(ctx, c.name)
	if err != nil {
		return err
	}
	c.p.SP()
	m, err := s.receive(ctx, c.p, s.server.options.MaxSize)
	if err != nil {
		return err
	}
	defer m.Draft.Discard()
	if c.p.CRLF(); c.p.Err() != nil {
		return c.p.Err()
	}
	// It may have gone while the message came: then there is nothing to replace.
	if err := s.update(ctx, false); err != nil {
		return err
	}
	if s.view.hasGone(old) {
		return mail.ErrNoMessage
	}
	return s.replace(ctx, old, to, m)
}

// old finds the message that is to go, which must be there.
func (c replace) old(ctx context.Context, s *session) (mail.UIDSet, error) {
	set, ok := s.view.resolve(c.set, c.byUID)
	if !ok && !c.byUID {
		return nil, noSuchNumber()
	}
	if err := s.update(ctx, false); err != nil {
		return nil, err
	}
	if s.view.count(set) != 1 || s.view.hasGone(set) {
		return nil, mail.ErrNoMessage
	}
	return set, nil
}

// replace puts the new message in and takes the old one out.
func (s *session) replace(ctx context.Context, old mail.UIDSet, to mail.Mailbox, m draft.Append) error {
	s.heard()
	appended, err := await(s, func() (mail.Appended, error) { return s.account.Append(ctx, to.ID, []draft.Append{m}) })
	if errors.Is(err, mail.ErrNoMailbox) {
		return no("TRYCREATE", "The mailbox has just been removed")
	}
	if err != nil {
		return fmt.Errorf("append to mailbox %s: %w", to.ID, err)
	}
	// RFC 8508 §4: the client learns where the new one is before the old one goes.
	s.untagged("APPENDUID "+decimal(appended.UIDValidity)+" "+inOrder(appended.UIDs), "The new message is there")
	removed, err := s.account.Expunge(ctx, s.view.mailbox, old, false)
	if err != nil {
		return fmt.Errorf("remove message %s of mailbox %s, which has been replaced: %w", old, s.view.mailbox, err)
	}
	s.left(removed, "")
	if err := s.update(ctx, true); err != nil || !s.condstore {
		return err
	}
	s.code, err = s.highestModSeq(ctx)
	return err
}
