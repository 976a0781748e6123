package imapd

import (
	"context"
	"crypto/tls"
)

// startTLS is RFC 9051 §6.2.1.
type startTLS struct{}

func parseStartTLS(*parser) request { return startTLS{} }

func (startTLS) run(_ context.Context, s *session) error {
	switch {
	case s.tls != nil:
		return bad("TLS is on already")
	case s.server.options.TLS == nil:
		return no("UNAVAILABLE", "This server has no certificate yet")
	}
	s.startingTLS = true
	return nil
}

// turnOnTLS shakes hands once the OK is out. What the client sent in the clear
// behind STARTTLS is forgotten: someone in the middle could have put it there.
func (s *session) turnOnTLS(ctx context.Context) error {
	s.startingTLS = false
	if err := s.w.Flush(); err != nil {
		return err
	}
	t := tls.Server(s.conn, s.server.options.TLS)
	s.r.SetSource(t)
	s.w.SetDestination(t)
	s.stream = t
	if err := s.handshake(ctx, t); err != nil {
		s.log.Debug("tls handshake failed", "err", err)
		return errHangUp
	}
	return nil
}
