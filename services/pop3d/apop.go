package pop3d

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// greet says the greeting, with the timestamp that APOP is computed from while anybody
// can log in by it (RFC 1939 §7). A program that sees one may try APOP first, and fail
// where the person has no secret for it: so there is none without need.
func (s *session) greet() {
	if !s.server.options.Auth.HasAPOP() {
		s.wire.ok("Sanduk POP3 ready")
		return
	}
	s.timestamp = fmt.Sprintf("<%s.%d@sanduk>", rand.Text(), time.Now().Unix())
	s.wire.ok("Sanduk POP3 ready %s", s.timestamp)
}

// apop is RFC 1939 §7's APOP.
func apop(ctx context.Context, s *session, arg string) error {
	if s.timestamp == "" {
		return syntaxError{"APOP is not offered here"}
	}
	i := strings.LastIndexByte(arg, ' ')
	if i < 1 || i > maxName {
		return syntaxError{"APOP wants a name and a digest"}
	}
	login, err := s.server.options.Auth.APOP(ctx, s.peer, arg[:i], s.timestamp, arg[i+1:])
	if err != nil {
		return s.denied(fmt.Errorf("check digest: %w", err))
	}
	return s.enter(ctx, login)
}
