package auth

import (
	"context"
	"net/netip"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// loginExchange is LOGIN, which old clients and printers speak: the server asks
// for the name and then for the password. Clients compare the questions
// literally, so they are the ones that every server asks.
type loginExchange struct {
	a     *Authenticator
	peer  netip.Addr
	step  loginStep
	name  string
	login mail.Login
}

type loginStep uint8

const (
	loginStart loginStep = iota
	loginName
	loginPassword
	loginOver
)

func (x *loginExchange) Login() mail.Login { return x.login }

func (x *loginExchange) Next(ctx context.Context, response []byte) ([]byte, bool, error) {
	switch {
	case x.step == loginStart && response == nil:
		x.step = loginName
		return []byte("Username:"), false, nil
	case x.step <= loginName: // the initial response is the name
		if len(response) == 0 || len(response) > MaxResponse {
			x.step = loginOver
			return nil, false, ErrMalformed
		}
		x.name, x.step = string(response), loginPassword
		return []byte("Password:"), false, nil
	case x.step == loginPassword:
		x.step = loginOver
		if len(response) == 0 || len(response) > MaxResponse {
			return nil, false, ErrMalformed
		}
		login, err := x.a.password(ctx, x.peer, x.name, string(response), mechanismLogin)
		if err != nil {
			return nil, false, err
		}
		x.login = login
		return nil, true, nil
	}
	return nil, false, ErrMalformed
}
