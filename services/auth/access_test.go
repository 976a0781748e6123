package auth

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// bound is a directory whose accounts can be used from the office only.
type bound struct{ *people }

func (b bound) Credential(ctx context.Context, login string) (Credential, error) {
	c, err := b.people.Credential(ctx, login)
	c.Access = mail.Access{Office: true}
	return c, err
}

// TestAccess: every mechanism refuses the right secret from elsewhere, with the cache
// of log-ins that succeeded too; a wrong one learns nothing, and a place from where
// nobody gets in is not the owner's.
func TestAccess(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	alice := mail.AccountID(len("alice"))
	inside := peer(1)
	a := p.authenticator(Options{Bearer: tokens{"good": alice}, Local: func(from netip.Addr) bool { return from == inside }})
	a.directory = bound{p}
	ways := map[string]func(from netip.Addr, password, token string) error{
		"password": func(from netip.Addr, password, _ string) error {
			_, err := a.Password(t.Context(), from, "alice", password)
			return err
		},
		"OAUTHBEARER": func(from netip.Addr, _, token string) error {
			x, err := a.Start("OAUTHBEARER", from, overTLS())
			if err != nil {
				return err
			}
			if _, _, err = x.Next(t.Context(), bearerMessage("alice", token)); err == nil && x.Login() == (mail.Login{}) {
				_, _, err = x.Next(t.Context(), []byte{1})
			}
			return err
		},
	}
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-1"} {
		ways[mechanism] = func(from netip.Addr, password, _ string) error {
			x, err := a.Start(mechanism, from, overTLS())
			if err != nil {
				return err
			}
			return scramClient(t, x, mechanism, "alice", password, "", true)
		}
	}
	for name, try := range ways {
		if err := try(inside, alicePassword, "good"); err != nil {
			t.Errorf("%s inside: %v", name, err)
		}
		if err := try(peer(2), alicePassword, "good"); !errors.Is(err, mail.ErrElsewhere) {
			t.Errorf("%s from elsewhere: %v; want ErrElsewhere", name, err)
		}
		if err := try(peer(2), "a guess "+name, "bad"); !errors.Is(err, mail.ErrDenied) {
			t.Errorf("%s, a guess from elsewhere: %v; want ErrDenied", name, err)
		}
	}
	attempt, err := a.begin(t.Context(), peer(2), "alice")
	if err != nil || attempt.fromOwnPlace(a.now()) {
		t.Errorf("elsewhere is the owner's place (%v)", err)
	}
}
