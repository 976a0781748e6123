package pop3d

import "context"

// stat is RFC 1939 §5's STAT.
func stat(_ context.Context, s *session, _ string) error {
	count, size := s.drop.total()
	s.wire.ok("%d %d", count, size)
	return nil
}
