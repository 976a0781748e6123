package auth

import (
	"bytes"
	"context"
	"net/netip"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// plainExchange is PLAIN (RFC 4616): authorization identity, name and password
// in one response, with NUL between them.
type plainExchange struct {
	a     *Authenticator
	peer  netip.Addr
	asked bool
	over  bool
	login mail.Login
}

func (x *plainExchange) Login() mail.Login { return x.login }

func (x *plainExchange) Next(ctx context.Context, response []byte) ([]byte, bool, error) {
	if x.over {
		return nil, false, ErrMalformed
	}
	if response == nil && !x.asked {
		x.asked = true
		return []byte{}, false, nil
	}
	x.over = true
	fields := bytes.Split(response, []byte{0})
	if len(response) > MaxResponse || !utf8.Valid(response) || len(fields) != 3 || len(fields[1]) == 0 || len(fields[2]) == 0 {
		return nil, false, ErrMalformed
	}
	identity, name, password := string(fields[0]), string(fields[1]), string(fields[2])
	login, err := x.a.password(ctx, x.peer, name, password, mechanismPlain)
	if err != nil {
		return nil, false, err
	}
	if !sameIdentity(identity, name, login) {
		return nil, false, mail.ErrDenied
	}
	x.login = login
	return nil, true, nil
}
