package imapd

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// closeCommand is CLOSE (RFC 9051 §6.4.1): it removes what has \Deleted without
// telling, unless the mailbox is open for reading only or may not be expunged. What a client of QRESYNC may
// take for told leaves these removals out: it hears of them when it comes back.
type closeCommand struct{}

func parseClose(*parser) request { return closeCommand{} }

func (closeCommand) run(ctx context.Context, s *session) error {
	// RFC 4314 §4: without the right to expunge it only closes.
	err := s.allow(ctx, s.view.mailbox, mail.RightExpunge)
	if err != nil && !denied(err) {
		return err
	}
	if err == nil && !s.view.readOnly {
		removed, err := s.account.Expunge(ctx, s.view.mailbox, s.view.everything(), true)
		if err != nil {
			return err
		}
		s.left(removed, "")
		if s.qresync && len(removed) > 0 {
			s.code = "HIGHESTMODSEQ " + decimal(max(1, s.view.settled))
		}
	}
	s.view = nil
	return nil
}

// unselect is RFC 9051 §6.4.2.
type unselect struct{}

func parseUnselect(*parser) request { return unselect{} }

func (unselect) run(_ context.Context, s *session) error {
	s.view = nil
	return nil
}

// everything is a set that holds every message of the view. It is never nil,
// which would mean messages that the client has not seen too.
func (v *view) everything() mail.UIDSet {
	if v.messages.len() == 0 {
		return mail.UIDSet{}
	}
	return mail.UIDSet{{First: v.messages.uid(1), Last: v.last}}
}
