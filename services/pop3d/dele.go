package pop3d

import (
	"context"
	"strings"
)

// dele is RFC 1939 §5's DELE: it marks. QUIT removes.
func dele(_ context.Context, s *session, arg string) error {
	n, e, err := s.drop.find(strings.TrimSpace(arg))
	if err != nil {
		return err
	}
	e.deleted = true
	s.wire.ok("message %d will be deleted at QUIT", n)
	return nil
}
