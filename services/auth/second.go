package auth

import (
	"context"
	"net/netip"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// secondWeight is how many wrong passwords a wrong second factor counts for: it has six
// digits, and who comes to it knows the password. Four are free, then one in five minutes
// at the best: 300 a day, each of which has three codes in a million.
const secondWeight = 5

// SecondFactor has check look at a second factor, under the lock-out that all log-ins
// share: check reports whether it is right, and what it says no to counts for the account
// and the client's address. The password has been looked at before. Errors are those of
// Password, and check's.
func (a *Authenticator) SecondFactor(ctx context.Context, peer netip.Addr, login string, check func(context.Context) (bool, error)) error {
	t, err := a.begin(ctx, peer, login)
	if err != nil {
		return err
	}
	if !t.known {
		return mail.ErrDenied // removed this moment
	}
	ok, err := check(ctx)
	if err != nil || ok {
		return err
	}
	for range secondWeight - 1 {
		_ = t.failed("second factor", "")
	}
	return t.failed("second factor", "")
}
