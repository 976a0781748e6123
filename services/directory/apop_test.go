package directory

import (
	"errors"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestGoldenAPOP: the record must be read for ever, and is never shown.
func TestGoldenAPOP(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, replayGolden(t, emptyState(), "testdata/records-1.txt"), "testdata/records-11.txt")
	if !s.hasAPOP() || len(s.accounts[1].APOP) != 4 || s.accounts[3].APOP != nil {
		t.Errorf("secrets %x, %x", s.accounts[1].APOP, s.accounts[3].APOP)
	}
	payload := append([]byte{recordVersion}, `{"id":1,"secret":"AAECAw=="}`...)
	d, err := Describe(journal.Record{Type: uint8(kindSetAPOP), Payload: payload})
	if err != nil || strings.Contains(d.String(), "AAEC") || !strings.HasPrefix(d.String(), "set APOP secret") {
		t.Errorf("described as %s, %v", d, err)
	}
}

// TestAPOP: the secret is given once, kept sealed, replaced, and goes with the account.
func TestAPOP(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	if b.HasAPOP() {
		t.Error("somebody has a secret before")
	}
	first, err := b.AddAPOP(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.AddAPOP(ctx, 2)
	if err != nil || first == second || len(second) < 26 {
		t.Fatalf("secrets %q and %q, %v", first, second, err)
	}
	list := b.APOPs()
	if len(list) != 1 || !b.HasAPOP() {
		t.Fatalf("listed: %v", list)
	}
	c, err := b.Credential(ctx, list[0].String())
	if err != nil || strings.Contains(string(c.APOP), second) {
		t.Fatalf("credential: %x, %v", c.APOP, err)
	}
	if got, err := b.key.Open(auth.PurposeAPOP(2), c.APOP); err != nil || got != second {
		t.Errorf("opened: %q, %v; want %q", got, err, second)
	}
	if _, err := b.AddAPOP(ctx, 99); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("nobody: %v", err)
	}
	if err := b.RemoveAPOP(ctx, 2); err != nil || b.HasAPOP() {
		t.Errorf("removed: %v, %v", err, b.HasAPOP())
	}
	if _, err := b.AddAPOP(ctx, 2); err != nil {
		t.Fatal(err)
	}
	if err := b.RemoveAccount(ctx, 2); err != nil || b.HasAPOP() {
		t.Errorf("with the account removed: %v, %v", err, b.HasAPOP())
	}
}
