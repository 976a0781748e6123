package imapd

import (
	"context"
	"errors"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// copyCommand is COPY and MOVE with their UID forms (RFC 9051 §6.4.7, §6.4.8).
type copyCommand struct {
	set   wire.NumSet
	to    string
	byUID bool
	move  bool
}

func parseCopy(byUID bool) func(*parser) request { return parseCopyOrMove(byUID, false) }

func parseMove(byUID bool) func(*parser) request { return parseCopyOrMove(byUID, true) }

func parseCopyOrMove(byUID, move bool) func(*parser) request {
	return func(p *parser) request {
		p.SP()
		set := p.NumSet()
		p.SP()
		return copyCommand{set, p.Mailbox(), byUID, move}
	}
}

func (c copyCommand) run(ctx context.Context, s *session) error {
	if c.move {
		if err := s.writable(); err != nil {
			return err
		}
		if err := s.allow(ctx, s.view.mailbox, removing); err != nil {
			return err
		}
	}
	set, err := s.messages(ctx, c.set, c.byUID)
	if err != nil {
		return err
	}
	to, err := s.target(ctx, c.to)
	if err != nil {
		return err
	}
	if set = s.view.known(set); len(set) == 0 {
		return nil
	}
	transfer := s.account.Copy
	limited := s.limited(set)
	switch {
	case c.move:
		set, transfer = limited, s.account.Move
	case s.lowest != 0: // COPY is all or nothing
		err := s.tooMany()
		s.lowest = 0 // it stands in the answer
		return err
	}
	copied, err := await(s, func() (mail.Copied, error) { return transfer(ctx, s.view.mailbox, set, to.ID) })
	if err != nil {
		return err
	}
	if len(copied.Source) == 0 {
		if c.byUID {
			return nil
		}
		return mail.ErrNoMessage
	}
	code := "COPYUID " + decimal(copied.UIDValidity) + " " + inOrder(copied.Source) + " " + inOrder(copied.Target)
	if !c.move {
		s.code = code
		return nil
	}
	s.left(mail.SetOf(copied.Source...), to.Name)
	// RFC 6851 §4.3: the client learns where they went before they vanish.
	s.untagged(code, "Moved")
	if err := s.update(ctx, true); err != nil || !s.condstore {
		return err
	}
	s.code, err = s.highestModSeq(ctx)
	return err
}

// messages resolves a set; a sequence number must exist and its message too, so
// that COPY and MOVE are all or nothing (RFC 9051 §6.4.7, RFC 2180 §4.4.2).
func (s *session) messages(ctx context.Context, set wire.NumSet, byUID bool) (mail.UIDSet, error) {
	uids, ok := s.view.resolve(set, byUID)
	if byUID {
		return uids, nil
	}
	if !ok {
		return nil, noSuchNumber()
	}
	if err := s.update(ctx, false); err != nil {
		return nil, err
	}
	if s.view.hasGone(uids) {
		return nil, mail.ErrNoMessage
	}
	return uids, nil
}

func noSuchNumber() error { return bad("There is no message of that number") }

// target finds the mailbox that messages are to go to. If there is none the
// client may make it (RFC 9051 §7.1, TRYCREATE).
func (s *session) target(ctx context.Context, name string) (mail.Mailbox, error) {
	to, err := s.account.Mailbox(ctx, name)
	if errors.Is(err, mail.ErrNoMailbox) {
		return mail.Mailbox{}, no("TRYCREATE", "There is no such mailbox")
	}
	if err != nil {
		return to, err
	}
	err = s.allow(ctx, to.ID, mail.RightInsert)
	if errors.Is(err, mail.ErrNoMailbox) {
		err = no("TRYCREATE", "There is no such mailbox")
	}
	return to, err
}

// inOrder writes UIDs as a set that keeps their order: the nth of one COPYUID
// set belongs to the nth of the other.
func inOrder(uids []mail.UID) string {
	var text []byte
	for i := 0; i < len(uids); {
		j := i
		for j+1 < len(uids) && uids[j+1] == uids[j]+1 {
			j++
		}
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, decimal(uids[i])...)
		if j > i {
			text = append(append(text, ':'), decimal(uids[j])...)
		}
		i = j + 1
	}
	return string(text)
}
