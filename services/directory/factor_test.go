package directory

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestGoldenSecondFactor: the record must be read for ever, and is never shown.
func TestGoldenSecondFactor(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, replayGolden(t, emptyState(), "testdata/records-1.txt"), "testdata/records-42.txt")
	if len(s.accounts[1].Factor) != 4 || s.accounts[3].Factor != nil {
		t.Errorf("factors %x, %x", s.accounts[1].Factor, s.accounts[3].Factor)
	}
	payload := append([]byte{recordVersion}, `{"id":1,"secret":"AAECAw=="}`...)
	d, err := Describe(journal.Record{Type: uint8(kindSetFactor), Payload: payload})
	if err != nil || strings.Contains(d.String(), "AAEC") || !strings.HasPrefix(d.String(), "set second factor") {
		t.Errorf("described as %s, %v", d, err)
	}
}

// TestSecondFactor: it is sealed, changed by one at a time, and not by who fails; it is
// there after a start and after a restore.
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	has := func(want bool) {
		t.Helper()
		if got, err := b.HasSecondFactor(2); err != nil || got != want {
			t.Errorf("has a second factor: %v, %v; want %v", got, err, want)
		}
	}
	has(false)
	set := func(text string) func(string) (string, error) {
		return func(string) (string, error) { return text, nil }
	}
	if err := b.ChangeSecondFactor(ctx, 2, set("the secret")); err != nil {
		t.Fatal(err)
	}
	has(true)
	if strings.Contains(string(b.current.Load().accounts[2].Factor), "secret") {
		t.Error("it is kept in the clear")
	}
	wrong := errors.New("wrong")
	if err := b.ChangeSecondFactor(ctx, 2, func(string) (string, error) { return "other", wrong }); !errors.Is(err, wrong) {
		t.Errorf("a change that fails: %v", err)
	}
	// Of many who take the same, one gets it.
	var all sync.WaitGroup
	taken := make(chan bool, 8)
	for range cap(taken) {
		all.Go(func() {
			err := b.ChangeSecondFactor(ctx, 2, func(old string) (string, error) {
				if old != "the secret" {
					return "", wrong
				}
				return "used", nil
			})
			taken <- err == nil
		})
	}
	all.Wait()
	close(taken)
	n := 0
	for ok := range taken {
		if ok {
			n++
		}
	}
	if n != 1 {
		t.Errorf("taken by %d; want 1", n)
	}
	if err := b.RemoveAccount(ctx, 2); err != nil {
		t.Fatal(err)
	}
	if _, err := b.HasSecondFactor(2); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("of somebody removed: %v", err)
	}
	if err := b.ChangeSecondFactor(ctx, 2, set("x")); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("of somebody removed: %v", err)
	}
	if _, err := b.RestoreAccount(ctx, 2, mail.Address{}, ""); err != nil {
		t.Fatal(err)
	}
	has(true)
	b.stop()
	b.start()
	has(true)
	if err := b.ChangeSecondFactor(ctx, 2, func(old string) (string, error) {
		if old != "used" {
			t.Errorf("after a restart it is %q, want what it was", old)
		}
		return "", nil
	}); err != nil {
		t.Fatal(err)
	}
	has(false)
	if err := b.ChangeSecondFactor(ctx, 1, set(strings.Repeat("x", maxFactor))); err == nil {
		t.Error("a factor of any size is kept")
	}
}
