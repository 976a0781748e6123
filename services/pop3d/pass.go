package pop3d

import (
	"context"
	"errors"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// pass is RFC 1939 §7's PASS. All that stands behind the one space is the
// password, spaces too.
func pass(ctx context.Context, s *session, password string) error {
	name := s.user
	s.user = ""
	if name == "" {
		return syntaxError{"USER comes first"}
	}
	login, err := s.server.options.Auth.Password(ctx, s.peer, name, password)
	if err != nil {
		return s.denied(fmt.Errorf("check password: %w", err))
	}
	return s.enter(ctx, login)
}

// denied counts a log-in that failed.
func (s *session) denied(err error) error {
	if errors.Is(err, mail.ErrDenied) || errors.Is(err, mail.ErrElsewhere) || errors.Is(err, mail.ErrTryLater) {
		s.failures++
		s.log.Info("log-in failed", "err", err)
	}
	return err
}
