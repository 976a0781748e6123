package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Bearer checks the tokens of OAUTHBEARER.
type Bearer interface {
	// Bearer says whose a token is. token is as the client sent it, at most
	// MaxResponse bytes of RFC 6750 §2.1's alphabet. Errors: mail.ErrDenied when
	// it is none, over, or for something else; or the checker's own trouble.
	Bearer(ctx context.Context, token string) (mail.AccountID, error)
}

// bearerExchange is OAUTHBEARER (RFC 7628). A failure takes one more step than in
// other mechanisms: the reason goes out as JSON in a challenge, which the client
// answers with one byte (§3.2.3).
type bearerExchange struct {
	a      *Authenticator
	peer   netip.Addr
	asked  bool
	over   bool
	reason error // the failure that has been told and waits for its answer
	login  mail.Login
}

// What RFC 7628 §3.2.2 calls status.
const (
	statusInvalidToken   = `{"status":"invalid_token"}`
	statusInvalidRequest = `{"status":"invalid_request"}`
)

func (x *bearerExchange) Login() mail.Login { return x.login }

func (x *bearerExchange) Next(ctx context.Context, response []byte) ([]byte, bool, error) {
	switch {
	case x.over:
		return nil, false, ErrMalformed
	case x.reason != nil: // whatever the client says to it
		x.over = true
		return nil, false, x.reason
	case response == nil && !x.asked:
		x.asked = true
		return []byte{}, false, nil
	}
	name, token, err := parseBearer(response)
	if err != nil {
		x.reason = err
		return []byte(statusInvalidRequest), false, nil
	}
	login, err := x.a.token(ctx, x.peer, name, token)
	switch {
	case errors.Is(err, mail.ErrDenied):
		x.reason = err
		return []byte(statusInvalidToken), false, nil
	case err != nil:
		x.over = true
		return nil, false, err
	}
	x.login, x.over = login, true
	return nil, true, nil
}

// token checks a token that a client gives for the account of that name.
func (a *Authenticator) token(ctx context.Context, peer netip.Addr, name, token string) (mail.Login, error) {
	t, err := a.begin(ctx, peer, name)
	if err != nil {
		return mail.Login{}, err
	}
	owner, err := a.bearer.Bearer(ctx, token)
	switch {
	case err != nil && !errors.Is(err, mail.ErrDenied):
		return mail.Login{}, fmt.Errorf("auth: check token: %w", err)
	case err != nil || !t.known || owner != t.account.Account:
		return mail.Login{}, t.failed(mechanismBearer, token)
	}
	return t.succeeded()
}

// parseBearer reads RFC 7628 §3.1's message:
//
//	"n" or "y" ["," …] ",a=" name "," ^A *(key "=" value ^A) ^A
//
// The name, which the RFC lets a client leave out, is needed: by it failures are
// counted for its account and for nobody else's. host and port are the client's
// own view and bind nothing.
func parseBearer(response []byte) (name, token string, err error) {
	if len(response) > MaxResponse || !utf8.Valid(response) {
		return "", "", ErrMalformed
	}
	header, pairs, found := strings.Cut(string(response), "\x01")
	pairs, ended := strings.CutSuffix(pairs, "\x01\x01")
	if !found || !ended {
		return "", "", ErrMalformed
	}
	flag, rest, _ := strings.Cut(header, ",")
	name, isName := strings.CutPrefix(rest, "a=")
	name, closed := strings.CutSuffix(name, ",")
	if flag != "n" && flag != "y" || !isName || !closed || strings.Contains(name, ",") {
		return "", "", ErrMalformed
	}
	if name, err = saslName(name); err != nil {
		return "", "", err
	}
	for pair := range strings.SplitSeq(pairs, "\x01") {
		key, value, _ := strings.Cut(pair, "=")
		if key != "auth" {
			continue
		}
		scheme, rest, _ := strings.Cut(value, " ")
		if token != "" || !strings.EqualFold(scheme, "Bearer") || !isToken(rest) {
			return "", "", ErrMalformed
		}
		token = rest
	}
	if token == "" {
		return "", "", ErrMalformed
	}
	return name, token, nil
}

// saslName undoes RFC 5801 §4's saslname: "=2C" and "=3D" stand for "," and "=".
func saslName(text string) (string, error) {
	plain := strings.NewReplacer("=2C", ",", "=3D", "=").Replace(text)
	marks := strings.Count(text, "=2C") + strings.Count(text, "=3D")
	if text == "" || strings.Count(text, "=") != marks {
		return "", ErrMalformed
	}
	return plain, nil
}

// isToken is RFC 6750 §2.1's b64token.
func isToken(text string) bool {
	body := strings.TrimRight(text, "=")
	for _, c := range []byte(body) {
		if !isAlphanumeric(c) && !strings.ContainsRune("-._~+/", rune(c)) {
			return false
		}
	}
	return body != ""
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
