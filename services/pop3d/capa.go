package pop3d

import (
	"context"
	"strings"
)

// capa is RFC 2449 §5's CAPA.
func capa(_ context.Context, s *session, _ string) error {
	s.wire.ok("capabilities follow")
	lines := s.wire.lines()
	for _, c := range s.capabilities() {
		lines.line(c)
	}
	return lines.close()
}

// capabilities lists what may be used: after log-in everything that exists, also
// what only helps before (RFC 2449 §5), but STLS only where it can be given.
func (s *session) capabilities() []string {
	list := []string{"TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER", "UTF8 USER", "LANG"}
	auth := s.server.options.Auth
	if auth.Clear(s.peer, s.tls != nil) {
		list = append(list, "USER")
	}
	if m := s.mechanisms(); len(m) > 0 {
		list = append(list, "SASL "+strings.Join(m, " "))
	}
	if s.tls == nil && s.server.options.TLS != nil && s.state == authorization {
		list = append(list, "STLS")
	}
	// RFC 2449 §6.9 lets the version wait until it is known who asks.
	implementation := "IMPLEMENTATION Sanduk"
	if s.state == transaction && s.server.options.Version != "" {
		implementation += " " + s.server.options.Version
	}
	return append(list, implementation)
}
