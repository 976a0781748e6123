package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"syscall"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// TestDiskTurnsReadOnly has the log's disk refuse everything from some operation
// on, as a file system does that was made read-only after an error. What was
// acknowledged can still be read then, everything new is refused for the time
// being, and a start on a disk that works finds all of it.
func TestDiskTurnsReadOnly(t *testing.T) {
	t.Parallel()
	deeds := script(t, 6, 25)
	for _, errno := range []syscall.Errno{syscall.EROFS, syscall.EIO} {
		t.Run(errno.Error(), func(t *testing.T) {
			t.Parallel()
			for at := range crashfs.Points(1, math.MaxInt) {
				if !readOnlyFrom(t, deeds, at, errno) || t.Failed() {
					return
				}
			}
		})
	}
}

// readOnlyFrom does the deeds on a disk that fails from one operation on; false
// when there were not that many.
func readOnlyFrom(t *testing.T, deeds []deed, at int, errno syscall.Errno) bool {
	clock := storetest.NewClock()
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	model := memstore.New(clock.Now)
	for i, d := range deeds[:2] { // the accounts
		for _, err := range []error{do(r.store, d, clock.Now()), do(model, d, clock.Now())} {
			if err != nil {
				t.Fatalf("deed %d: %v", i, err)
			}
		}
	}
	what := fmt.Sprintf("%v from operation %d on", errno, at)
	n := 0
	r.log.Fault(func(crashfs.Op) error {
		if n++; n >= at {
			return errno
		}
		return nil
	})
	refused := 0
	for i, d := range deeds[2:] {
		err := do(r.store, d, clock.Now())
		switch {
		case err == nil:
			if err := do(model, d, clock.Now()); err != nil {
				t.Fatal(err)
			}
		case errors.Is(err, mail.ErrReadOnly), errors.Is(err, mail.ErrClosed), errors.Is(err, errno):
			refused++
		default:
			t.Errorf("%s: deed %d: %v, which says nothing of the disk", what, i+2, err)
		}
	}
	want := dump(t, model)
	if got := dump(t, r.store); got != want {
		t.Errorf("%s, reading on:\ngot\n%s\nwant\n%s", what, got, want)
	}
	ops := r.log.Ops()
	r.abandon()
	after := &rig{t: t, log: r.log.Crash(ops, crashfs.Nothing()), index: t.TempDir(), clock: clock}
	checkRecovered(t, after, what, []string{want})
	return refused > 0
}

// TestReadFails has the disk fail one read after the other while a log is opened
// and while it is read. That is never taken for damage or for a torn end, which
// would cut or hide mail: an error comes, and when the disk reads again all is
// there.
func TestReadFails(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	for i, d := range script(t, 7, 25) {
		if err := do(r.store, d, clock.Now()); err != nil {
			t.Fatalf("deed %d: %v", i, err)
		}
	}
	want := dump(t, r.store)
	ops := r.log.Ops()
	r.abandon()
	for at := range crashfs.Points(1, math.MaxInt) {
		what := fmt.Sprintf("EIO at read %d", at)
		after := &rig{t: t, log: r.log.Crash(ops, crashfs.Nothing()), index: t.TempDir(), clock: clock}
		n := 0
		after.log.FaultRead(func(string, int64) error {
			if n++; n == at {
				return syscall.EIO
			}
			return nil
		})
		err := after.open()
		if err == nil {
			readEverything(after.store)
		}
		after.log.FaultRead(nil)
		if err == nil {
			if got := dump(t, after.store); got != want {
				t.Errorf("%s, once it reads again:\ngot\n%s\nwant\n%s", what, got, want)
			}
		} else if !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: open: %v", what, err)
		}
		after.abandon()
		checkRecovered(t, &rig{t: t, log: after.log, index: t.TempDir(), clock: clock}, what, []string{want})
		if n < at || t.Failed() {
			return
		}
	}
}

// readEverything reads all that is there; errors may come.
func readEverything[A storetest.Account](s storetest.Store[A]) {
	ctx := context.Background()
	for id := mail.AccountID(1); id <= 2; id++ {
		a, err := s.Account(ctx, id)
		if err != nil {
			continue
		}
		boxes, err := a.Mailboxes(ctx)
		if err != nil {
			continue
		}
		for _, m := range boxes {
			for row, err := range a.Rows(ctx, m.ID, storetest.Every()) {
				if err != nil {
					break
				}
				if o, err := a.Open(ctx, m.ID, row.UID); err == nil {
					_, _ = o.ReadAt(make([]byte, row.Size), 0)
					o.Close()
				}
			}
		}
	}
}
