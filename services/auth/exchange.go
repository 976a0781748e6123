package auth

import (
	"context"
	"crypto/tls"
	"net/netip"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// MaxResponse is the most bytes of one decoded response that any mechanism has
// use for: two names and a password in PLAIN, a nonce and channel data in SCRAM.
// Protocols may cut longer ones off unseen.
const MaxResponse = 4096

// Exchange is one log-in in a SASL mechanism (RFC 4422 §3). It belongs to one
// session; when a client cancels, drop it.
type Exchange interface {
	// Next takes the client's decoded response and returns the challenge to
	// send, or done. A nil response stands for no initial response; an empty one
	// ("=" in SMTP and IMAP) is not nil. With done there is no further challenge.
	//
	// Errors: mail.ErrDenied, mail.ErrTryLater, ErrMalformed, ctx's error, or
	// the box's own trouble. After an error or done the exchange is over.
	Next(ctx context.Context, response []byte) (challenge []byte, done bool, err error)
	// Login is who has logged in: nobody until done.
	Login() mail.Login
}

// The mechanisms' registered names.
const (
	mechanismSHA256   = "SCRAM-SHA-256"
	mechanismSHA1     = "SCRAM-SHA-1"
	mechanismPlain    = "PLAIN"
	mechanismLogin    = "LOGIN"
	mechanismBearer   = "OAUTHBEARER"
	mechanismExternal = "EXTERNAL"
)

// Mechanisms lists what is offered on a session with or without TLS, best first.
// The -PLUS mechanisms bind to TLS, and PLAIN and LOGIN send the password itself
// (RFC 4616 §4; the exception is Options.ClearLoopback), as OAUTHBEARER sends a
// token (RFC 7628 §3): they need TLS. EXTERNAL is not among them: see External.
func (a *Authenticator) Mechanisms(tls bool) []string {
	var list []string
	if tls {
		list = append(list, mechanismSHA256+plusSuffix, mechanismSHA1+plusSuffix)
	}
	list = append(list, mechanismSHA256, mechanismSHA1)
	if tls || a.clear {
		list = append(list, mechanismPlain, mechanismLogin)
	}
	if tls && a.bearer != nil {
		list = append(list, mechanismBearer)
	}
	return list
}

// Clear reports whether a session may send a password itself: under TLS, or as
// Options.ClearLoopback says. IMAP's LOGIN and POP3's PASS ask it.
func (a *Authenticator) Clear(peer netip.Addr, tls bool) bool {
	return tls || a.clear && peer.Unmap().IsLoopback()
}

// Start begins a log-in. mechanism is its name in upper case; state is nil
// without TLS. Errors: ErrMechanism, ErrNeedsTLS.
func (a *Authenticator) Start(mechanism string, peer netip.Addr, state *tls.ConnectionState) (Exchange, error) {
	switch mechanism {
	case mechanismSHA256, mechanismSHA1:
		return &scramExchange{a: a, peer: peer, mechanism: mechanism, state: state}, nil
	case mechanismSHA256 + plusSuffix, mechanismSHA1 + plusSuffix:
		if state == nil {
			return nil, ErrNeedsTLS
		}
		return &scramExchange{a: a, peer: peer, mechanism: strings.TrimSuffix(mechanism, plusSuffix), plus: true, state: state}, nil
	case mechanismExternal:
		if !a.External(state) {
			return nil, ErrMechanism
		}
		return &externalExchange{a: a, peer: peer, state: state}, nil
	case mechanismBearer:
		switch {
		case a.bearer == nil:
			return nil, ErrMechanism
		case state == nil:
			return nil, ErrNeedsTLS
		}
		return &bearerExchange{a: a, peer: peer}, nil
	case mechanismPlain, mechanismLogin:
		if !a.Clear(peer, state != nil) {
			return nil, ErrNeedsTLS
		}
		if mechanism == mechanismLogin {
			return &loginExchange{a: a, peer: peer}, nil
		}
		return &plainExchange{a: a, peer: peer}, nil
	}
	return nil, ErrMechanism
}

// sameIdentity reports whether an authorization identity asks for nothing but
// what the log-in gives: it is empty, or the log-in's own name once more (RFC
// 4422 §3.4.1; there is no acting for others).
func sameIdentity(identity, name string, login mail.Login) bool {
	return identity == "" || identity == name || len(identity) <= maxLogin &&
		canonicalLogin(identity) == canonicalLogin(login.Address.String())
}
