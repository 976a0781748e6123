package directory

import (
	"errors"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestSetQuota: a quota is the account's from the moment it is set, and after
// every start; that of an account which is gone, or never was, is none.
func TestSetQuota(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	want := mail.Quota{Bytes: 5 << 30, Messages: 1000}
	if err := b.SetQuota(ctx, 2, want); err != nil {
		t.Fatal(err)
	}
	if err := b.SetQuota(ctx, 2, mail.Quota{Bytes: -1}); !errors.Is(err, mail.ErrQuota) {
		t.Errorf("SetQuota(-1) = %v; want ErrQuota", err)
	}
	if err := b.SetQuota(ctx, 99, want); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("SetQuota of nobody = %v; want ErrNoAccount", err)
	}
	for range 2 {
		if got := b.Quota(2); got != want {
			t.Errorf("Quota = %+v; want %+v", got, want)
		}
		if a, err := b.Account(ctx, 2); err != nil || a.Quota != want {
			t.Errorf("Account = %+v, %v; want %+v", a, err, want)
		}
		b.check()
		b.stop()
		b.start()
	}
	if got := b.Quota(1); got != (mail.Quota{}) {
		t.Errorf("Quota of another = %+v; want none", got)
	}
	if err := b.RemoveAccount(ctx, 2); err != nil {
		t.Fatal(err)
	}
	if got := b.Quota(2); got != (mail.Quota{}) {
		t.Errorf("Quota of one that is gone = %+v; want none", got)
	}
}
