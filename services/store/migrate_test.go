package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
)

var errCut = errors.New("cut")

const oldIndex = "accounts/1/index.db"

// TestMigrateCut cuts the migration of an index of version 1 short behind every
// one of its steps, and, within each, where only some of the pages have reached
// the disk. Every time the next start must finish it, and show what was there.
func TestMigrateCut(t *testing.T) {
	t.Parallel()
	want := readString(t, "testdata/v1/shown.txt")
	before, steps := copyDir(t, "testdata/v1"), 0
	for at := 1; ; at++ {
		dir := copyDir(t, "testdata/v1")
		b := newBoxAt(t, dir)
		n := 0
		b.opts = store.CutMigrations(b.opts, 1, func() error {
			if n++; n == at {
				return errCut
			}
			return nil
		})
		b.open()
		_, err := b.Account(t.Context(), 1)
		_ = b.Store.Close()
		_ = b.journal.Close()
		b.journal.Release()
		if n < at {
			if err != nil {
				t.Fatalf("cut %d: %v", at, err)
			}
			break
		}
		steps++
		if !errors.Is(err, errCut) {
			t.Fatalf("cut %d: Account = %v; want it cut", at, err)
		}
		checkMigrated(t, copyDir(t, dir), fmt.Sprintf("cut behind step %d", at), want)
		for seed := range uint64(2) {
			torn := copyDir(t, before)
			tear(t, before+"/"+oldIndex, dir+"/"+oldIndex, torn+"/"+oldIndex, seed)
			checkMigrated(t, torn, fmt.Sprintf("cut within step %d, seed %d", at, seed), want)
		}
		before = dir
	}
	if steps < 3 {
		t.Errorf("the migration had %d steps; want more, or this proves nothing", steps)
	}
}

// tear makes the file that a power cut leaves before bbolt's first sync: some of
// the pages written, the two that name the others as they were.
func tear(t *testing.T, before, after, to string, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	a, b := []byte(readString(t, before)), []byte(readString(t, after))
	torn := bytes.Clone(a)
	torn = append(torn, make([]byte, max(0, len(b)-len(a)))...)
	for page := 2 * 4096; page < len(b); page += 4096 {
		if r.IntN(2) == 0 {
			copy(torn[page:], b[page:min(page+4096, len(b))])
		}
	}
	if err := os.WriteFile(to, torn, 0o600); err != nil {
		t.Fatal(err)
	}
}

func readString(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// checkMigrated opens a box, which must be what it was and pass its check.
func checkMigrated(t *testing.T, dir, what, want string) {
	t.Helper()
	b := newBoxAt(t, dir).open()
	defer b.close()
	if got := dump(t, b.Store); got != want {
		t.Errorf("%s:\ngot\n%s\nwant\n%s", what, got, want)
	}
}

// TestMigratedIsRebuilt compares an index that came from version 1 with one made
// from the log: what they answer is the same, but that the feed of the migrated
// one begins with the migration, and says so.
func TestMigratedIsRebuilt(t *testing.T) {
	t.Parallel()
	migrated, rebuilt := newBoxAt(t, copyDir(t, "testdata/v1")).open(), newBoxAt(t, copyDir(t, "testdata/v1")).open()
	defer migrated.close()
	defer rebuilt.close()
	for id := mail.AccountID(1); id <= 2; id++ {
		if err := rebuilt.Rebuild(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		a, err := migrated.Account(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		b, err := rebuilt.Account(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		all, err := b.ChangedSince(t.Context(), 0, 0)
		if err != nil || all.More {
			t.Fatalf("ChangedSince = %+v, %v", all, err)
		}
		if _, err := a.ChangedSince(t.Context(), 0, 0); !errors.Is(err, mail.ErrResync) {
			t.Errorf("ChangedSince of before the migration: %v; want ErrResync", err)
		}
		if c, err := a.ChangedSince(t.Context(), all.Until, 0); err != nil || c.Until != all.Until {
			t.Errorf("ChangedSince(%d) = %+v, %v", all.Until, c, err)
		}
		for _, email := range append(all.Emails.Created, all.Emails.Destroyed...) {
			got, err1 := a.Entries(t.Context(), email)
			want, err2 := b.Entries(t.Context(), email)
			if fmt.Sprintf("%+v %v", got, err1) != fmt.Sprintf("%+v %v", want, err2) {
				t.Errorf("Entries(%s) = %+v, %v; want %+v, %v", email, got, err1, want, err2)
			}
		}
	}
	if got, want := dump(t, migrated.Store), dump(t, rebuilt.Store); got != want {
		t.Errorf("migrated:\n%s\nrebuilt:\n%s", got, want)
	}
}

// TestNewerIndex: an index that a later version left behind is made anew from the
// log, which this version can read.
func TestNewerIndex(t *testing.T) {
	t.Parallel()
	b := newBoxAt(t, copyDir(t, "testdata/v1")).open()
	want := dump(t, b.Store)
	if err := b.SetSchemaVersion(1, store.SchemaVersion+1); err != nil {
		t.Fatal(err)
	}
	_ = b.Store.Close()
	_ = b.journal.Close()
	b.journal.Release()
	b.open()
	defer b.close()
	if got := dump(t, b.Store); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestNewerLog: a log with a change that this version does not know is not
// opened, is not written to, and is as good as ever for the version that does.
func TestNewerLog(t *testing.T) {
	t.Parallel()
	b := newBoxAt(t, copyDir(t, "testdata/v1")).open()
	err := b.journal.Commit(t.Context(), &journal.Entry{
		Family: journal.FamilyStore, Type: 255,
		Prepare: func(journal.Slot) ([]byte, error) { return store.UnknownChange(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	end := records(t, b.journal)
	if err := errors.Join(b.Store.Close(), b.journal.Close()); err != nil {
		t.Fatal(err)
	}
	b.journal.Release()
	// Closing has noted that all was read: only somebody who did not, or who
	// reads all of it, comes upon the change.
	if err := os.RemoveAll(b.files.Path("accounts")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		j, err := journal.Open(b.files, b.jopts)
		if err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(context.Background(), j, b.files, b.opts)
		if err == nil {
			_ = s.Close()
		}
		if !errors.Is(err, mail.ErrNewer) {
			t.Errorf("Open = %v; want ErrNewer", err)
		}
		if got := records(t, j); got != end {
			t.Errorf("the log has %d changes; want %d", got, end)
		}
		_ = j.Close()
		j.Release()
	}
}

// records counts the store's records in a log.
func records(t *testing.T, j *journal.Journal) int {
	t.Helper()
	n := 0
	if err := j.Replay(t.Context(), journal.FamilyStore, 1, func(journal.Record) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}
