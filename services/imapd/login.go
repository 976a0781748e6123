package imapd

import (
	"context"
	"fmt"
	"time"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// loginCommand is RFC 9051 §6.2.3.
type loginCommand struct{ name, password string }

func parseLogin(p *parser) request {
	p.SP()
	name := p.AString()
	p.SP()
	return loginCommand{name, p.AString()}
}

func (c loginCommand) run(ctx context.Context, s *session) error {
	if !s.clear() {
		return auth.ErrNeedsTLS
	}
	login, err := s.server.options.Auth.Password(ctx, s.peer, c.name, c.password)
	if err != nil {
		return s.denied(err)
	}
	return s.enter(ctx, login)
}

// clear reports whether the client may send a password itself.
func (s *session) clear() bool { return s.server.options.Auth.Clear(s.peer, s.tls != nil) }

// denied counts a failed log-in; answer ends the session after too many.
func (s *session) denied(err error) error {
	s.failedLogins++
	return err
}

// enter opens the account of whoever has proven to be who.
func (s *session) enter(ctx context.Context, login mail.Login) error {
	if !s.server.admitLogin(login.Account) {
		return no("LIMIT", "This account has too many connections open")
	}
	defer func() {
		if s.account == nil { // also when Open panics
			s.server.releaseLogin(login.Account)
		}
	}()
	account, err := s.server.options.Open(ctx, login.Account)
	if err != nil {
		return fmt.Errorf("open account %s: %w", login.Account, err)
	}
	s.login, s.account = login, account
	s.visit = mail.Visit{Login: login, Peer: s.peer, Protocol: "imap", Program: s.visit.Program}
	s.sharing, _ = account.(Sharer)
	s.server.desk.Own(s, login.Account)
	s.log = s.log.With("account", login.Account.String())
	s.conn.until(time.Time{})
	s.code = "CAPABILITY " + s.capabilities()
	if s.client != "" {
		s.sighted()
	}
	s.log.Info("imap log-in", "login", login.Address.String(), "tls", s.tls != nil)
	return nil
}
