package auth

import (
	"context"
	"net/netip"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// PurposePasskey is what an account's passkeys are sealed for.
func PurposePasskey(id mail.AccountID) string { return "passkey of account " + id.String() }

// Passkey has check look at somebody's passkey, in place of a password and a second
// factor, under the lock-out and the bounds on networks that hold for all log-ins: check
// reports whether it is right. Errors are those of Password, and check's.
func (a *Authenticator) Passkey(ctx context.Context, peer netip.Addr, login string, check func(context.Context) (bool, error)) (mail.Login, error) {
	t, err := a.begin(ctx, peer, login)
	if err != nil {
		return mail.Login{}, err
	}
	ok := false
	if t.known {
		if ok, err = check(ctx); err != nil {
			return mail.Login{}, err
		}
	}
	if !ok {
		return mail.Login{}, t.failed("passkey", "")
	}
	return t.succeeded()
}
