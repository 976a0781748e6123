package directory

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestGoldenAccess: the record of where a password is taken must be read for ever.
func TestGoldenAccess(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, replayGolden(t, emptyState(), "testdata/records-1.txt"), "testdata/records-8.txt")
	if a := s.accounts[1].access(); !a.Office || len(a.Networks) != 1 || a.Networks[0].String() != "192.0.2.0/24" || !s.accounts[3].access().Anywhere() {
		t.Errorf("access %+v, %+v", a, s.accounts[3].access())
	}
}

// TestAccess: networks are kept masked, and go with what auth is told; nonsense is
// refused.
func TestAccess(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	if err := b.SetAccess(ctx, 2, mail.Access{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24"), netip.MustParsePrefix("192.0.2.0/24")}}); err != nil {
		t.Fatal(err)
	}
	if list := b.Accesses(); len(list) != 1 || len(list[0].Networks) != 1 || list[0].Networks[0].String() != "192.0.2.0/24" {
		t.Fatalf("listed: %+v", list)
	}
	c, err := b.Credential(ctx, b.Accesses()[0].Who.String())
	if err != nil || c.Access.Anywhere() || c.Access.Office {
		t.Errorf("credential: %+v, %v", c.Access, err)
	}
	for peer, want := range map[string]bool{"192.0.2.9": true, "::ffff:192.0.2.9": true, "192.0.3.1": false, "2001:db8::1": false} {
		if got := c.Access.From(netip.MustParseAddr(peer), func(netip.Addr) bool { return true }); got != want {
			t.Errorf("from %s: %v; want %v", peer, got, want)
		}
	}
	if _, rule := errors.AsType[*mail.RuleError](b.SetAccess(ctx, 2, mail.Access{Networks: make([]netip.Prefix, 1)})); !rule {
		t.Error("an invalid network was taken")
	}
	if err := b.SetAccess(ctx, 99, mail.Access{Office: true}); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("nobody: %v", err)
	}
}
