package auth

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/netip"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// PurposeAPOP is what an account's secret for APOP is sealed for: it opens for no other
// account.
func PurposeAPOP(id mail.AccountID) string { return "APOP secret of account " + id.String() }

// PurposeSecondFactor is what an account's second factor is sealed for.
func PurposeSecondFactor(id mail.AccountID) string { return "second factor of account " + id.String() }

// HasAPOP reports whether anybody can log in by APOP: POP3's greeting then says what
// it needs.
func (a *Authenticator) HasAPOP() bool { return a.directory.HasAPOP() }

// APOP checks RFC 1939 §7's digest: the MD5 of the greeting's timestamp and the
// account's secret, in lower-case hexadecimal. That MD5 is broken is why the secret is
// the box's own, long and random, and opens nothing but POP3. An account without one,
// or that nobody has, costs the same work. Errors are those of Password.
func (a *Authenticator) APOP(ctx context.Context, peer netip.Addr, login, timestamp, digest string) (mail.Login, error) {
	t, err := a.begin(ctx, peer, login)
	if err != nil {
		return mail.Login{}, err
	}
	secret := rand.Text() // which nobody knows
	able := t.known && len(t.apop) > 0
	if able {
		if secret, err = a.key.Open(PurposeAPOP(t.account.Account), t.apop); err != nil {
			return mail.Login{}, fmt.Errorf("auth: APOP secret of account %s: %w", t.account.Account, err)
		}
	}
	sum := md5.Sum([]byte(timestamp + secret))
	want := hex.EncodeToString(sum[:])
	if subtle.ConstantTimeCompare([]byte(want), []byte(digest)) != 1 || !able {
		return mail.Login{}, t.failed("APOP", "") // each digest is another, so each counts
	}
	return t.succeeded()
}
