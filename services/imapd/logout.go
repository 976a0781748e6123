package imapd

import "context"

// logout is RFC 9051 §6.1.3.
type logout struct{}

func parseLogout(*parser) request { return logout{} }

func (logout) run(_ context.Context, s *session) error {
	s.view = nil // nothing more to tell of it
	s.ending = true
	s.w.Raw("* BYE Goodbye\r\n")
	return nil
}
