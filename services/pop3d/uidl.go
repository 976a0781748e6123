package pop3d

import "context"

// uidl is RFC 1939 §7's UIDL.
func uidl(_ context.Context, s *session, arg string) error {
	return s.listing(arg, s.drop.uniqueID)
}
