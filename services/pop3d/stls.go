package pop3d

import (
	"context"
	"crypto/tls"
	"fmt"
)

// stls is RFC 2595 §4's STLS.
func stls(ctx context.Context, s *session, _ string) error {
	switch {
	case s.tls != nil:
		return &Error{Text: "TLS is on already"}
	case s.utf8:
		return &Error{Text: "TLS comes before UTF8"} // RFC 6856 §2.1
	case s.server.options.TLS == nil:
		return &Error{Code: codeTemporary, Text: "This server has no certificate yet"}
	}
	s.wire.ok("begin TLS now")
	if err := s.wire.out.Flush(); err != nil {
		return lostError{err}
	}
	return s.startTLS(ctx)
}

// startTLS shakes hands and goes on over TLS.
func (s *session) startTLS(ctx context.Context) error {
	if s.server.options.TLS == nil {
		return lostError{fmt.Errorf("no certificate for a connection that begins with TLS")}
	}
	t := tls.Server(s.link, s.server.options.TLS)
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		return lostError{fmt.Errorf("tls handshake: %w", err)}
	}
	state := t.ConnectionState()
	s.tls = &state
	s.wire.replace(t)
	return nil
}
