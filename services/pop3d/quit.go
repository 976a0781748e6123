package pop3d

import (
	"context"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// quit is RFC 1939 §5 and §6's QUIT: it removes what DELE marked and says +OK
// only when that is on disk. If not all can be removed, the client hears so; what
// is left will be listed again.
func quit(ctx context.Context, s *session, _ string) error {
	if s.drop == nil {
		s.wire.ok("good-bye")
		return errQuit
	}
	var marked []mail.UID
	for _, e := range s.drop.entries {
		if e.deleted {
			marked = append(marked, e.uid)
		}
	}
	due, err := s.drop.gone(ctx)
	if err != nil { // they stay, and are fetched once more
		s.log.Error("what was fetched could not be looked at", "err", err)
	}
	marked = append(marked, due...)
	if len(marked) > 0 {
		gone, err := s.drop.account.Expunge(ctx, s.drop.mailbox, mail.SetOf(marked...), false)
		if err != nil {
			e := *replyTo(fmt.Errorf("remove %d messages: %w", len(marked), err))
			e.Text = "Not everything has been deleted. " + e.Text
			e.Last = true
			return &e
		}
		if trail := s.server.options.Trail; trail != nil && len(gone) > 0 {
			v := s.visit()
			trail.Left(&v, s.drop.mailbox, gone, "")
		}
		s.log.Debug("messages deleted", "asked", len(marked), "fetched", len(due), "deleted", gone.Len())
	}
	// Whoever reads the +OK may log in again at once.
	s.leave()
	s.wire.ok("good-bye, %d messages deleted", len(marked))
	return errQuit
}
