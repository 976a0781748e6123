package mailtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"net/netip"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Logins is an authenticator for tests that knows a few people by heart; it is
// what servers ask package auth's for, without argon2's cost. Of the mechanisms
// it has PLAIN. Passwords in the clear are allowed where InClear says so.
//
// The name "busy" always gets mail.ErrTryLater.
type Logins struct {
	People  map[string]Person // by log-in name
	InClear bool
}

// Person is one of them.
type Person struct {
	Password string
	Login    mail.Login
}

// Password checks a name and a password.
func (l *Logins) Password(_ context.Context, _ netip.Addr, login, password string) (mail.Login, error) {
	if login == "busy" {
		return mail.Login{}, mail.ErrTryLater
	}
	p, ok := l.People[login]
	if !ok || p.Password != password {
		return mail.Login{}, mail.ErrDenied
	}
	return p.Login, nil
}

// Clear reports whether a password may be sent.
func (l *Logins) Clear(_ netip.Addr, tls bool) bool { return tls || l.InClear }

// Mechanisms is PLAIN where a password may be sent.
func (l *Logins) Mechanisms(tls bool) []string {
	if tls || l.InClear {
		return []string{"PLAIN"}
	}
	return nil
}

// HasAPOP is false: nobody has a secret for APOP.
func (l *Logins) HasAPOP() bool { return false }

// APOP lets nobody in.
func (l *Logins) APOP(context.Context, netip.Addr, string, string, string) (mail.Login, error) {
	return mail.Login{}, mail.ErrDenied
}

// External is true for nobody: package auth has that mechanism.
func (l *Logins) External(*tls.ConnectionState) bool { return false }

// Start begins PLAIN.
func (l *Logins) Start(mechanism string, peer netip.Addr, state *tls.ConnectionState) (auth.Exchange, error) {
	switch {
	case mechanism != "PLAIN":
		return nil, auth.ErrMechanism
	case !l.Clear(peer, state != nil):
		return nil, auth.ErrNeedsTLS
	}
	return &plain{logins: l, peer: peer}, nil
}

// plain is RFC 4616.
type plain struct {
	logins *Logins
	peer   netip.Addr
	login  mail.Login
}

func (p *plain) Next(ctx context.Context, response []byte) (challenge []byte, done bool, err error) {
	if response == nil {
		return []byte{}, false, nil
	}
	fields := bytes.Split(response, []byte{0})
	if len(fields) != 3 {
		return nil, false, auth.ErrMalformed
	}
	p.login, err = p.logins.Password(ctx, p.peer, string(fields[1]), string(fields[2]))
	return nil, err == nil, err
}

func (p *plain) Login() mail.Login { return p.login }
