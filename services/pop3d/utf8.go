package pop3d

import "context"

// utf8 is RFC 6856 §2's UTF8. Names and passwords may be UTF-8 without it, which
// "UTF8 USER" in CAPA says; and messages are sent as they are with it and without
// it (see the package comment), so there is nothing to switch but what may follow.
func utf8(_ context.Context, s *session, _ string) error {
	s.utf8 = true
	s.wire.ok("UTF-8 it is")
	return nil
}
