package directory

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestGoldenPasskeys: the records must be read for ever, and their keys are never shown.
func TestGoldenPasskeys(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, replayGolden(t, emptyState(), "testdata/records-1.txt"), "testdata/records-45.txt")
	if a := s.accounts[1]; len(a.Passkeys) != 1 || a.Passkeys[0].Name != "phone" || a.Passkeys[0].Count != 4 || len(s.accounts[3].Passkeys) != 0 {
		t.Errorf("passkeys %+v, %+v", a.Passkeys, s.accounts[3].Passkeys)
	}
	payload := append([]byte{recordVersion}, `{"id":1,"passkey":"AAEC","key":"AAECAw=="}`...)
	d, err := Describe(journal.Record{Type: uint8(kindSetPasskey), Payload: payload})
	if err != nil || strings.Contains(d.String(), "AAEC") || !strings.HasPrefix(d.String(), "set passkey") {
		t.Errorf("described as %s, %v", d, err)
	}
}

// TestPasskeys: a counter is good once, also from many sides; they end one by one, all at
// once, and with the account, and are there after a start.
func TestPasskeys(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	add := func(id, name string) error {
		return b.AddPasskey(ctx, 2, mail.Passkey{ID: []byte(id), Key: []byte("public key"), Count: 1, Host: "box.test", Name: name})
	}
	for i, want := range []error{nil, mail.ErrName, mail.ErrName} {
		if err := add(fmt.Sprint("id", i), []string{"phone", " ", "a\nb"}[i]); !errors.Is(err, want) {
			t.Errorf("added %d: %v; want %v", i, err, want)
		}
	}
	var rule *mail.RuleError
	if err := add("id0", "again"); !errors.As(err, &rule) {
		t.Errorf("the same again: %v", err)
	}
	if strings.Contains(string(b.current.Load().accounts[2].Passkeys[0].Key), "public") {
		t.Error("the key is not sealed")
	}
	used := errors.New("used")
	use := func(p mail.Passkey) (uint32, error) {
		if string(p.Key) != "public key" || p.Count >= 2 {
			return 0, used
		}
		return 2, nil
	}
	var all sync.WaitGroup
	good := make(chan error, 8)
	for range cap(good) {
		all.Go(func() { good <- b.UsePasskey(ctx, 2, []byte("id0"), use) })
	}
	all.Wait()
	close(good)
	n := 0
	for err := range good {
		if err == nil {
			n++
		} else if !errors.Is(err, used) {
			t.Error(err)
		}
	}
	if n != 1 {
		t.Errorf("one counter was good %d times", n)
	}
	if err := b.UsePasskey(ctx, 2, []byte("x"), use); !errors.Is(err, ErrNoPasskey) {
		t.Errorf("one that isn't there: %v", err)
	}
	if err := b.UsePasskey(ctx, 1, []byte("id0"), use); !errors.Is(err, ErrNoPasskey) {
		t.Errorf("another's: %v", err)
	}
	b.stop()
	b.start()
	if list, err := b.Passkeys(2); err != nil || len(list) != 1 || list[0].Count != 2 || list[0].Key != nil || !b.HasPasskeys("box.test") || b.HasPasskeys("other.test") {
		t.Errorf("after a start: %+v, %v", list, err)
	}
	for i := range maxPasskeys - 1 {
		if err := add(fmt.Sprint("more", i), "more"); err != nil {
			t.Fatal(err)
		}
	}
	if err := add("x", "x"); !errors.Is(err, mail.ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
	if err := b.RemovePasskey(ctx, 2, []byte("id0")); err != nil {
		t.Fatal(err)
	}
	if list, _ := b.Passkeys(2); len(list) != maxPasskeys-1 {
		t.Errorf("%d are left", len(list))
	}
	if err := b.RemovePasskey(ctx, 2, nil); err != nil || b.HasPasskeys("box.test") {
		t.Errorf("all removed: %v", err)
	}
	if err := add("id0", "phone"); err != nil {
		t.Fatal(err)
	}
	if err := b.RemoveAccount(ctx, 2); err != nil || b.HasPasskeys("box.test") {
		t.Errorf("account removed: %v", err)
	}
	if _, err := b.RestoreAccount(ctx, 2, mail.Address{}, ""); err != nil || b.HasPasskeys("box.test") {
		t.Errorf("account restored: %v", err)
	}
}
