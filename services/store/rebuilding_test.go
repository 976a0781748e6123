package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
)

// TestRebuildingTells loses an index with many records behind it, and then the
// registry too: whoever waits is told how far it is.
func TestRebuildingTells(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newBoxAt(t, dir).open()
	if err := b.CreateAccount(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	a, err := b.Account(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	const records = 9000
	for i := range records {
		if err := a.Subscribe(t.Context(), fmt.Sprintf("x%d", i%50), i/50%2 == 0); err != nil {
			t.Fatal(err)
		}
	}
	b.close()
	for _, lost := range []string{"accounts/1/index.db", "accounts"} {
		if err := os.RemoveAll(filepath.Join(dir, lost)); err != nil {
			t.Fatal(err)
		}
		var told []store.Rebuilding
		b.opts.Rebuilding = func(r store.Rebuilding) { told = append(told, r) }
		b.open()
		if _, err := b.Account(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		account, amid, done := mail.AccountID(1), 0, 0
		if lost == "accounts" {
			account = 0
		}
		for _, r := range told {
			switch {
			case r.Account != account:
			case r.Done:
				done++
			case r.Read > 0 && r.Read < r.Of:
				amid++
			}
		}
		if amid != 2 || done != 1 {
			t.Errorf("without %s: told %+v; want twice how far it is, once that it is done", lost, told)
		}
		b.close()
	}
}
