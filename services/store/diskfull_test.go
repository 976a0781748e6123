package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/platform/durable/disktest"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// whole is a journal and a store on one real directory, which nobody keeps a reserve
// of: what is written meets the full disk itself.
type whole struct {
	files   *durable.OS
	journal *journal.Journal
	store   *store.Store
}

func openWhole(dir string, clock *storetest.Clock) (*whole, error) {
	files, err := durable.NewOS(dir)
	if err != nil {
		return nil, err
	}
	w := &whole{files: files}
	if w.journal, err = journal.Open(files, journal.Options{Logger: quiet(), Now: clock.Now, Segment: 50_000, Ring: 16 * 4096}); err != nil {
		return nil, errors.Join(err, w.close())
	}
	if w.store, err = store.Open(context.Background(), w.journal, files, store.Options{Logger: quiet(), Now: clock.Now}); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// close closes everything; what can't be written now is in the log.
func (w *whole) close() error {
	if w.store != nil {
		_ = w.store.Close()
	}
	if w.journal != nil {
		_ = w.journal.Close()
		w.journal.Release()
	}
	return w.files.Close()
}

// TestDiskFull fills a real disk, up to various last bytes, under a store that is used
// and whose indexes are written again and again: bbolt, which can't be given a disk that
// is only played, meets it where it writes, maps and grows. Whatever was acknowledged is
// there, once, and nothing else: at that time, when the process is killed and starts with
// room, when it starts on the full disk, and when the room came back meanwhile.
func TestDiskFull(t *testing.T) {
	if !disktest.Inside(t) {
		return
	}
	deeds := script(t, 9, 70)
	d := disktest.New(t, 6<<20)
	refused, unwritten := 0, 0
	for at := 2; at < 60; at += 18 {
		for _, leave := range []int64{0, 1, 2, 3, 5, 9, 20, 40, 70, 120, 200} {
			for _, back := range []bool{false, true} {
				what := fmt.Sprintf("full from deed %d on but for %d blocks, room comes back: %t", at, leave, back)
				r, u := fullDisk(t, d, deeds, at, leave*4096, back, what)
				refused, unwritten = refused+r, unwritten+u
				if t.Failed() {
					return
				}
			}
		}
	}
	if refused == 0 || unwritten == 0 {
		t.Errorf("%d deeds were refused and %d checkpoints not written; want some of both: the disk was never full", refused, unwritten)
	}
	t.Logf("%d deeds were refused, %d checkpoints not written", refused, unwritten)
}

// fullDisk does the deeds in a new directory of the disk, which is full from one on, and
// says how many were refused, and how many checkpoints could not be written.
func fullDisk(t *testing.T, d *disktest.Disk, deeds []deed, at int, leave int64, back bool, what string) (refused, unwritten int) {
	t.Helper()
	clock := storetest.NewClock()
	dir := filepath.Join(d.Dir, "box")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	defer func() {
		d.Empty()
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}()
	w, err := openWhole(dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	model := memstore.New(clock.Now)
	for i, deed := range deeds {
		switch {
		case i == at:
			d.Fill(leave)
		case i == at+30 && back:
			d.Empty()
		}
		switch err := do(w.store, deed, clock.Now()); {
		case err == nil:
			if err := do(model, deed, clock.Now()); err != nil {
				t.Fatal(err)
			}
		case errors.Is(err, mail.ErrNoSpace):
			refused++
		default:
			t.Errorf("%s: deed %d: %v; want it done, or ErrNoSpace", what, i, err)
		}
		if i%4 == 3 {
			switch err := w.store.Checkpoint(); {
			case errors.Is(err, syscall.ENOSPC):
				unwritten++
			case err != nil:
				t.Errorf("%s: checkpoint behind deed %d: %v; want ENOSPC at most", what, i, err)
			}
		}
	}
	want := dump(t, model)
	if got := dump(t, w.store); got != want {
		t.Errorf("%s: in use:\ngot\n%s\nwant\n%s", what, got, want)
	}
	killed := copyDir(t, dir)
	if err := w.close(); err != nil {
		t.Error(err)
	}
	wantAsItWas(t, killed, clock, what+": killed, then with room", want)
	wantAsItWas(t, dir, clock, what+": closed, then on the same disk", want)
	if err := os.RemoveAll(killed); err != nil { // there are many
		t.Error(err)
	}
	return refused, unwritten
}

// wantAsItWas opens what is in a directory and wants it as it must be.
func wantAsItWas(t *testing.T, dir string, clock *storetest.Clock, what, want string) {
	t.Helper()
	w, err := openWhole(dir, clock)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if got := dump(t, w.store); got != want {
		t.Errorf("%s:\ngot\n%s\nwant\n%s", what, got, want)
	}
	report, err := w.store.Check(t.Context())
	if err != nil || !report.OK() {
		t.Errorf("%s: check: %v, %+v", what, err, report)
	}
	if err := w.close(); err != nil {
		t.Error(err)
	}
}
