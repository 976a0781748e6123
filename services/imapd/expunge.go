package imapd

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// expunge is EXPUNGE (RFC 9051 §6.4.3) and UID EXPUNGE (§6.4.9).
type expunge struct {
	some bool // only those in set
	set  wire.NumSet
}

func parseExpunge(*parser) request { return expunge{} }

func parseUIDExpunge(p *parser) request {
	p.SP()
	return expunge{true, p.NumSet()}
}

func (c expunge) run(ctx context.Context, s *session) error {
	if err := s.writable(); err != nil {
		return err
	}
	if err := s.allow(ctx, s.view.mailbox, mail.RightExpunge); err != nil {
		return err
	}
	set := s.view.everything()
	if c.some {
		if set, _ = s.view.resolve(c.set, true); set == nil {
			set = mail.UIDSet{}
		}
		set = s.limited(set) // EXPUNGE has no limit (RFC 9738 §3.1)
	}
	removed := mail.UIDSet{}
	if len(set) > 0 {
		var err error
		removed, err = await(s, func() (mail.UIDSet, error) { return s.account.Expunge(ctx, s.view.mailbox, set, true) })
		if err != nil {
			return err
		}
	}
	s.left(removed, "")
	if err := s.update(ctx, true); err != nil {
		return err
	}
	if !s.condstore || len(removed) == 0 {
		return nil
	}
	// RFC 7162 §3.2.7: the client may take this for its new HIGHESTMODSEQ.
	code, err := s.highestModSeq(ctx)
	s.code = code
	return err
}

// left tells the Trail what has gone from the mailbox that is selected.
func (s *session) left(gone mail.UIDSet, into string) {
	if s.server.options.Trail != nil && len(gone) > 0 {
		s.server.options.Trail.Left(&s.visit, s.view.mailbox, gone, into)
	}
}

// writable says no where the mailbox is open for reading only.
func (s *session) writable() error {
	if s.view.readOnly {
		return no("READ-ONLY", "The mailbox is open for reading only")
	}
	return nil
}
