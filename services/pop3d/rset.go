package pop3d

import "context"

// rset is RFC 1939 §5's RSET: it takes back every DELE of this session.
func rset(_ context.Context, s *session, _ string) error {
	for i := range s.drop.entries {
		s.drop.entries[i].deleted = false
	}
	count, size := s.drop.total()
	s.wire.ok("%d messages (%d octets), none will be deleted", count, size)
	return nil
}
