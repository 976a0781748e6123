package directory

import (
	"errors"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestGoldenAppPasswords: the records must be read for ever, and are never shown whole.
func TestGoldenAppPasswords(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, replayGolden(t, emptyState(), "testdata/records-1.txt"), "testdata/records-43.txt")
	if a := s.accounts[1]; len(a.AppPasswords) != 1 || a.AppPasswords[0].Name != "laptop" || a.AppNumber != 2 || !a.OnlyPrograms {
		t.Errorf("of account 1: %+v, last %d, only %v", a.AppPasswords, a.AppNumber, a.OnlyPrograms)
	}
	if a := s.accounts[3]; len(a.AppPasswords) != 0 || a.AppNumber != 7 || a.OnlyPrograms {
		t.Errorf("of account 3: %+v, last %d, only %v", a.AppPasswords, a.AppNumber, a.OnlyPrograms)
	}
	payload := append([]byte{recordVersion}, `{"id":1,"number":1,"hash":"AAECAw=="}`...)
	d, err := Describe(journal.Record{Type: uint8(kindSetAppPassword), Payload: payload})
	if err != nil || strings.Contains(d.String(), "AAEC") || !strings.HasPrefix(d.String(), "set app password") {
		t.Errorf("described as %s, %v", d, err)
	}
}

// TestAppPasswords: each has a number that never comes again; they end one by one, all
// at once, and with the account, and are there after a start.
func TestAppPasswords(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	want := func(only bool, names ...string) {
		t.Helper()
		list, got, err := b.AppPasswords(2)
		var have []string
		for _, p := range list {
			have = append(have, p.Name)
		}
		if err != nil || got != only || strings.Join(have, " ") != strings.Join(names, " ") {
			t.Errorf("app passwords %q, only %v, %v; want %q, %v", have, got, err, names, only)
		}
	}
	add := func(name string, services ...mail.Service) string {
		t.Helper()
		text, err := b.AddAppPassword(ctx, 2, mail.AppPassword{Name: name, Services: services})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	first, second := add(" phone ", mail.ServiceIMAP), add("laptop")
	if first == second || len(first) != 24 {
		t.Errorf("made %q and %q", first, second)
	}
	want(false, "phone", "laptop")
	for name, p := range map[string]mail.AppPassword{"no name": {}, "control": {Name: "a\nb"}, "service": {Name: "x", Services: []mail.Service{"web"}}, "twice": {Name: "x", Services: []mail.Service{"imap", "imap"}}} {
		var rule *mail.RuleError
		if _, err := b.AddAppPassword(ctx, 2, p); !errors.Is(err, mail.ErrName) && !errors.As(err, &rule) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := b.SetOnlyPrograms(ctx, 2, true); err != nil {
		t.Fatal(err)
	}
	b.stop()
	b.start()
	want(true, "phone", "laptop")
	c, err := b.Credential(ctx, "alice@example.test")
	if err != nil || !c.OnlyPrograms || len(c.Programs) != 2 || len(c.Programs[0].Services) != 1 {
		t.Errorf("credential %+v, %v", c, err)
	}
	if err := b.RemoveAppPassword(ctx, 2, 2); err != nil {
		t.Fatal(err)
	}
	for _, n := range []mail.ProgramNumber{0, 2, 9} {
		if err := b.RemoveAppPassword(ctx, 2, n); !errors.Is(err, ErrNoAppPassword) {
			t.Errorf("removed %d: %v", n, err)
		}
	}
	add("tablet")
	if list, _, _ := b.AppPasswords(2); len(list) != 2 || list[1].Number != 3 {
		t.Errorf("numbers %+v; want 1 and 3", list)
	}
	if err := b.RemoveAppPasswords(ctx, 2); err != nil {
		t.Fatal(err)
	}
	want(false)
	for range maxAppPasswords {
		add("many")
	}
	if _, err := b.AddAppPassword(ctx, 2, mail.AppPassword{Name: "x"}); !errors.Is(err, mail.ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
	if err := b.SetOnlyPrograms(ctx, 2, true); err != nil {
		t.Fatal(err)
	}
	if err := b.RemoveAccount(ctx, 2); err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddAppPassword(ctx, 2, mail.AppPassword{Name: "x"}); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("for somebody removed: %v", err)
	}
	if _, err := b.RestoreAccount(ctx, 2, mail.Address{}, ""); err != nil {
		t.Fatal(err)
	}
	want(false)
}
