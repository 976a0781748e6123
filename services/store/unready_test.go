package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/durable/disktest"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// onSmallDisk is a rig whose indexes are on a small disk, with 1500 messages in the INBOX
// of account 1 and some in account 2; it is closed, and the text is what there is.
func onSmallDisk(t *testing.T) (*rig, *disktest.Disk, string) {
	t.Helper()
	d := disktest.New(t, 16<<20)
	r := &rig{t: t, log: crashfs.New(), index: d.Dir, clock: storetest.NewClock()}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	for id := mail.AccountID(1); id <= 2; id++ {
		if err := r.store.CreateAccount(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	fillInbox(t, r, 1500)
	want := dump(t, r.store)
	r.abandon()
	return r, d, want
}

// TestRebuildFull starts with a damaged index on a disk without a free block: the
// damaged one makes room for the new one.
func TestRebuildFull(t *testing.T) {
	if !disktest.Inside(t) {
		return
	}
	r, d, want := onSmallDisk(t)
	if err := zero(r.indexOf(), 0, 8192); err != nil {
		t.Fatal(err)
	}
	d.Fill(0)
	checkRecovered(t, r, "damaged, on a full disk", []string{want})
	if _, err := os.Stat(r.indexOf()); err != nil {
		t.Errorf("index after the rebuild: %v", err)
	}
}

// TestCheckFull checks on a disk without a free block, where there is no room for an
// index to compare with: in memory it can be compared all the same, unless it is too
// large for that, which the report says.
func TestCheckFull(t *testing.T) {
	if !disktest.Inside(t) {
		return
	}
	r, d, _ := onSmallDisk(t)
	for unwritten, uncompared := range map[int][]mail.AccountID{0: nil, 1000: {1}} {
		d.Empty()
		r.unwritten = unwritten
		if err := r.open(); err != nil {
			t.Fatal(err)
		}
		d.Fill(0)
		report, err := r.store.Check(t.Context())
		if err != nil || !report.OK() || report.Messages != 1500 || !slices.Equal(report.Uncompared, uncompared) {
			t.Errorf("with %d changes in memory: %v, %+v; want 1500 messages, and not compared %v", unwritten, err, report, uncompared)
		}
		r.abandon()
	}
}

// TestRebuildInMemory starts without an index on a disk without a free block: the account
// is there, takes mail, and is written when there is room again. Whatever is cut short
// leaves nothing behind that the next start does not remove.
func TestRebuildInMemory(t *testing.T) {
	if !disktest.Inside(t) {
		return
	}
	r, d, want := onSmallDisk(t)
	if err := os.Remove(r.indexOf()); err != nil {
		t.Fatal(err)
	}
	d.Fill(0)
	if err := r.open(); err != nil {
		t.Fatalf("open on a full disk: %v", err)
	}
	if got := dump(t, r.store); got != want {
		t.Errorf("got\n%.500s\nwant\n%.500s", got, want)
	}
	fillInbox(t, r, 10)
	want = dump(t, r.store)
	r.abandon()
	if _, err := os.Stat(r.indexOf()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("on a full disk there is an index: %v", err)
	}
	d.Empty()
	checkRecovered(t, r, "with room again", []string{want})
	if _, err := os.Stat(r.indexOf()); err != nil {
		t.Errorf("index with room again: %v", err)
	}
}

// TestUnready: an account whose index is lost, and for which there is room neither on the
// disk nor in memory, keeps nobody from his mail, and is there when there is room.
func TestUnready(t *testing.T) {
	if !disktest.Inside(t) {
		return
	}
	for _, readOnly := range []error{nil, syscall.EROFS} {
		r, d, want := onSmallDisk(t)
		if err := os.Remove(r.indexOf()); err != nil {
			t.Fatal(err)
		}
		d.Fill(0)
		r.unwritten, r.readOnly = 1000, readOnly
		if err := r.open(); err != nil {
			t.Fatalf("open on a full disk: %v", err)
		}
		wantErr := mail.ErrNoSpace
		if readOnly != nil {
			wantErr = mail.ErrReadOnly
		}
		for range 2 {
			if _, err := r.store.Account(t.Context(), 1); !errors.Is(err, wantErr) {
				t.Errorf("account 1: %v; want %v", err, wantErr)
			}
		}
		if got := r.store.Unready(); !slices.Equal(got, []mail.AccountID{1}) {
			t.Errorf("Unready() = %v; want account 1", got)
		}
		if _, err := r.store.Account(t.Context(), 2); err != nil {
			t.Errorf("account 2: %v", err)
		}
		if report, err := r.store.Check(t.Context()); err != nil || report.OK() || report.Accounts != 1 || len(report.Problems) != 0 || !slices.Equal(report.Unready, []mail.AccountID{1}) {
			t.Errorf("Check: %v, %+v; want that account 2 is as it must be, and 1 could not be checked", err, report)
		}
		if err := r.store.Live(t.Context(), func(journal.BodyRef) {}); err == nil {
			t.Error("the bodies of account 1 are said to be known")
		}
		r.abandon()
		d.Empty()
		r.unwritten, r.readOnly = 0, nil
		checkRecovered(t, r, "with room again", []string{want})
	}
}

// TestUnreadyKnown: of an account of which all that is left is in the log, and which there
// is no room for, the bodies do not pass for dead.
func TestUnreadyKnown(t *testing.T) {
	if !disktest.Inside(t) {
		return
	}
	r, d, _ := onSmallDisk(t)
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	if err := r.store.Snapshot(t.Context(), 1, nil); err != nil {
		t.Fatal(err)
	}
	want := dump(t, r.store)
	r.abandon()
	if err := os.RemoveAll(filepath.Join(r.index, "accounts")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(r.index, "accounts"), 0o700); err != nil {
		t.Fatal(err)
	}
	d.Fill(0)
	r.unwritten = 1000
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	if err := r.store.Live(t.Context(), func(journal.BodyRef) {}); !errors.Is(err, mail.ErrNoSpace) {
		t.Errorf("Live = %v for an account that can't be read; want %v", err, mail.ErrNoSpace)
	}
	r.abandon()
	d.Empty()
	r.unwritten = 0
	checkRecovered(t, r, "with room again", []string{want})
}

// TestUnreadyOfMany: what is made in memory is bounded for all accounts together, and none
// that is too large keeps the others from being read, also when nothing but the log is
// left of all of them.
func TestUnreadyOfMany(t *testing.T) {
	t.Parallel()
	const accounts = 8
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: storetest.NewClock()}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	spool := storetest.NewSpool(t)
	for id := mail.AccountID(1); id <= accounts; id++ {
		if err := r.store.CreateAccount(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		for i := range 200 {
			d := storetest.NewDraft(t, spool, storetest.Message("x", fmt.Sprintf("Message-ID: <%d.%d@x.test>", id, i)))
			a, err := r.store.Account(t.Context(), id)
			if err == nil {
				_, err = a.Append(t.Context(), 1, []draft.Append{{Draft: d}})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	want := dump(t, r.store)
	r.abandon()
	left := copyDir(t, r.index)
	for _, lost := range []string{"index.db", "accounts"} {
		for unwritten, some := range map[int]bool{100_000: true, 900: true, 100: false} {
			r.index, r.unwritten, r.readOnly = copyDir(t, left), unwritten, syscall.EROFS
			for id := range accounts {
				if err := os.Remove(filepath.Join(r.index, "accounts", fmt.Sprint(id+1), "index.db")); err != nil {
					t.Fatal(err)
				}
			}
			if lost == "accounts" {
				if err := os.RemoveAll(filepath.Join(r.index, lost)); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.open(); err != nil {
				t.Fatalf("without %s, %d changes in memory: %v", lost, unwritten, err)
			}
			ready := 0
			for id := mail.AccountID(1); id <= accounts; id++ {
				switch _, err := r.store.Account(t.Context(), id); {
				case err == nil:
					ready++
				case !errors.Is(err, mail.ErrReadOnly):
					t.Errorf("account %s: %v", id, err)
				}
			}
			t.Logf("without %s, %d changes in memory: %d can be read", lost, unwritten, ready)
			if some != (ready > 0) || (unwritten == 100_000) != (ready == accounts) || ready+len(r.store.Unready()) != accounts {
				t.Errorf("without %s, %d changes in memory: %d accounts can be read, and not %v", lost, unwritten, ready, r.store.Unready())
			}
			r.abandon()
			r.unwritten, r.readOnly = 0, nil
			checkRecovered(t, r, "when the disk takes writes", []string{want})
		}
	}
}

// TestLeftovers: what a process leaves that is cut short goes at the next start.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: storetest.NewClock()}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	if err := r.store.CreateAccount(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	r.abandon()
	dir := filepath.Dir(r.indexOf())
	left := []string{
		"snapshot.building", "index.db.shrunk", "index.db.building", "index.db.building.new", "index.db.new", "index.db.checking", "index.db.checking.new",
	}
	for _, name := range left {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("left"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	defer r.abandon()
	for _, name := range left {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s after a start: %v; want it gone", name, err)
		}
	}
}
