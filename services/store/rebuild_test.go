package store_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// fillInbox appends n messages to the INBOX of account 1, one record each.
func fillInbox(t testing.TB, r *rig, n int) {
	t.Helper()
	spool := storetest.NewSpool(t)
	a, err := r.store.Account(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		d := storetest.NewDraft(t, spool, storetest.Message("x", fmt.Sprintf("Message-ID: <%d@x.test>", i)))
		if _, err := a.Append(t.Context(), 1, []draft.Append{{Draft: d}}); err != nil {
			t.Fatal(err)
		}
	}
}

// indexOf is the index file of account 1.
func (r *rig) indexOf() string { return filepath.Join(r.index, "accounts", "1", "index.db") }

// impatient is a context that is given up when it has been asked some times.
type impatient struct {
	context.Context
	left *int
}

func (c impatient) Err() error {
	if *c.left--; *c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestRebuildCutShort stops a rebuild when part of the new index is written, by
// giving it up and by cutting the power. The next start must not take that part
// for the whole, although it is a good index and the registry says that nothing
// older has to be read.
func TestRebuildCutShort(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	if err := r.store.CreateAccount(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	fillInbox(t, r, 2500) // some 10,000 changes: two checkpoints on the way
	want := dump(t, r.store)
	r.abandon()
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	left := 2200
	if err := r.store.Rebuild(impatient{t.Context(), &left}, 1); !errors.Is(err, context.Canceled) {
		t.Fatalf("Rebuild = %v; want it given up", err)
	}
	r.abandon()
	checkRecovered(t, r, "given up", []string{want})

	// A power cut leaves the part where it was being built.
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	if err := r.store.Rebuild(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	r.abandon()
	if err := os.WriteFile(r.indexOf()+".building", []byte("half an index"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(r.indexOf()); err != nil {
		t.Fatal(err)
	}
	checkRecovered(t, r, "power cut", []string{want})
	if _, err := os.Stat(r.indexOf()); err != nil {
		t.Errorf("index after the rebuild: %v", err)
	}
	if _, err := os.Stat(r.indexOf() + ".building"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was being built is still there: %v", err)
	}
}

// TestLoadOutlivesItsCaller: who asks for an account and goes away while it is
// rebuilt must not spoil it for who comes next.
func TestLoadOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	if err := r.store.CreateAccount(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	fillInbox(t, r, 1500)
	want := dump(t, r.store)
	r.abandon()
	if err := os.Remove(r.indexOf()); err != nil {
		t.Fatal(err)
	}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	defer r.abandon()
	left := 100
	if _, err := r.store.Account(impatient{t.Context(), &left}, 1); err != nil {
		t.Errorf("Account = %v; want it rebuilt all the same", err)
	}
	if got := dump(t, r.store); got != want {
		t.Errorf("got\n%.500s\nwant\n%.500s", got, want)
	}
}

// TestIndexAhead puts the log back to an earlier state, as from a backup or by a
// disk that lied, with indexes of a later one. Their rows name bodies that are
// not there, or will soon be somebody else's.
func TestIndexAhead(t *testing.T) {
	t.Parallel()
	for _, keep := range []string{"registry of then", "registry of now", "no registry"} {
		t.Run(keep, func(t *testing.T) {
			t.Parallel()
			clock := storetest.NewClock()
			r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock}
			if err := r.open(); err != nil {
				t.Fatal(err)
			}
			registry := filepath.Join(r.index, "accounts", "registry")
			deeds := script(t, 6, 60)
			var want string
			var then *crashfs.FS
			var registryThen []byte
			for i, d := range deeds {
				if err := do(r.store, d, clock.Now()); err != nil {
					t.Fatalf("deed %d: %v", i, err)
				}
				if i != 30 {
					continue
				}
				want = dump(t, r.store)
				if err := r.store.Checkpoint(); err != nil {
					t.Fatal(err)
				}
				then = r.log.Crash(r.log.Ops(), crashfs.Nothing())
				var err error
				if registryThen, err = os.ReadFile(registry); err != nil {
					t.Fatal(err)
				}
			}
			r.abandon()
			var err error
			switch keep {
			case "registry of then":
				err = os.WriteFile(registry, registryThen, 0o600)
			case "no registry":
				err = os.Remove(registry)
			}
			if err != nil {
				t.Fatal(err)
			}
			r.log = then
			checkRecovered(t, r, keep, []string{want})
			if err := r.open(); err != nil {
				t.Fatal(err)
			}
			for i, d := range deeds[31:] {
				if err := do(r.store, d, clock.Now()); err != nil {
					t.Fatalf("deed %d, after: %v", i, err)
				}
			}
			want = dump(t, r.store)
			r.abandon()
			checkRecovered(t, r, keep+", on", []string{want})
		})
	}
}

// TestPageUnreadable takes pages away under an open index, as a bad sector does:
// a fault of memory where bbolt reads. It must cost one account its index, not
// everybody the process.
func TestPageUnreadable(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	if err := r.store.CreateAccount(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	fillInbox(t, r, 600)
	want := dump(t, r.store)
	r.abandon()
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	a, err := r.store.Account(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(r.indexOf(), 2*4096); err != nil {
		t.Fatal(err)
	}
	if m, err := a.Open(t.Context(), 1, mail.UID(300)); err == nil {
		_ = m.Close()
		t.Error("Open succeeded; want an error")
	}
	select {
	case <-r.store.Failed():
	default:
		t.Error("the store has not failed")
	}
	r.abandon()
	checkRecovered(t, r, "after a start", []string{want})
}

// TestNewestCommitGarbled garbles the page by which an index's newest commit is
// found. bbolt then shows the commit before, and the registry says that nothing
// older has to be read: the mail between the two must be there all the same.
func TestNewestCommitGarbled(t *testing.T) {
	t.Parallel()
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: storetest.NewClock()}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	if err := r.store.CreateAccount(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	page := int64(os.Getpagesize())
	for newest := range 2 { // the two pages take turns
		for range 2 {
			fillInbox(t, r, 3)
			r.abandon() // with a commit
			if err := r.open(); err != nil {
				t.Fatal(err)
			}
		}
		want := dump(t, r.store)
		r.abandon()
		file, err := os.ReadFile(r.indexOf())
		if err != nil {
			t.Fatal(err)
		}
		const txid = 16 + 48 // behind the page's header
		if binary.NativeEndian.Uint64(file[txid:]) > binary.NativeEndian.Uint64(file[page+txid:]) != (newest == 0) {
			newest = 1 - newest
		}
		file[int64(newest)*page+txid] ^= 0x55
		if err := os.WriteFile(r.indexOf(), file, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.open(); err != nil {
			t.Fatal(err)
		}
		if got := dump(t, r.store); got != want {
			t.Errorf("page %d: got\n%.500s\nwant\n%.500s", newest, got, want)
		}
	}
	r.abandon()
}
