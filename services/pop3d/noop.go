package pop3d

import "context"

// noop is RFC 1939 §5's NOOP.
func noop(_ context.Context, s *session, _ string) error {
	s.wire.ok("nothing done")
	return nil
}
