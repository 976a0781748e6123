package journal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// lateOptions are of a ring that takes batches so large that they go to their segment
// as soon as those who wait have been told, and are of no more use to gather.
func lateOptions() journal.Options {
	opts := options()
	opts.Ring = 2 << 20
	opts.Segment = 900_000
	return opts
}

// rounds commits records of some ten KiB in rounds, all of a round at once, until one is
// refused, and gives what was acknowledged, and what was refused for lack of space, after
// which it must not be there.
func rounds(t *testing.T, disk *crashfs.FS, j *journal.Journal, n int) (done []acked, no map[string]bool) {
	t.Helper()
	const writers = 10
	var mu sync.Mutex
	refused := false
	no = map[string]bool{}
	for round := 0; round < n && !refused; round++ {
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				a := acked{payload: fmt.Sprintf("%d.%d", round, w), body: noise(uint64(round*writers+w), 12_000+w*1500)}
				s, err := j.Stage(context.Background(), fmt.Append(nil, len(a.body)), strings.NewReader(a.body), int64(len(a.body)))
				if err == nil {
					err = j.Commit(context.Background(), &journal.Entry{
						Family: journal.FamilyStore, Bodies: []*journal.Staged{s},
						Prepare: func(journal.Slot) ([]byte, error) { return []byte(a.payload), nil },
						Apply:   func(s journal.Slot) { a.slot, a.point = s, disk.Ops() },
					})
				}
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					done = append(done, a)
				case errors.Is(err, mail.ErrClosed):
					refused = true
				case errors.Is(err, mail.ErrNoSpace):
					refused, no[a.payload] = true, true
				default:
					t.Errorf("Commit: %v; want ErrClosed or ErrNoSpace", err)
				}
			})
		}
		wg.Wait()
	}
	return done, no
}

// TestLateCrash cuts the power before, in and behind the writing of large batches to
// their segments, which happens when they have been acknowledged, and again in each
// recovery.
func TestLateCrash(t *testing.T) {
	t.Parallel()
	opts := lateOptions()
	disk := crashfs.New()
	j := open(t, disk, opts)
	done, _ := rounds(t, disk, j, 9)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	last := 0
	for _, a := range done {
		last = max(last, a.point)
	}
	for point := range crashfs.Points(0, disk.Ops()) {
		for i, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))} {
			what := fmt.Sprintf("crash behind operation %d of %d, chance %d", point, disk.Ops(), i)
			first := disk.Crash(point, chance)
			before := first.Ops()
			checkCrash(t, what, first, opts, done, point)
			if i == 2 {
				again := before + (first.Ops()-before)*(point%5)/5 // somewhere in the recovery or behind
				second := first.Crash(again, crashfs.Some(uint64(again)))
				k := open(t, second, opts)
				checkThere(t, fmt.Sprintf("%s, and again at %d", what, again), k, done, nil, point)
				_ = k.Close()
			}
		}
		if t.Failed() {
			return
		}
	}
}

// checkThere proves that all that was acknowledged by an operation is there, and nothing
// of what was refused.
func checkThere(t *testing.T, what string, j *journal.Journal, done []acked, no map[string]bool, point int) {
	t.Helper()
	found := map[string]int{}
	for _, r := range replay(t, j, 1) {
		found[string(r.Payload)]++
		if no[string(r.Payload)] {
			t.Errorf("%s: record %s, which was refused, is there", what, r.Payload)
		}
	}
	for _, a := range done {
		if n := found[a.payload]; n > 1 || n == 0 && a.point <= point {
			t.Errorf("%s: record %s, acknowledged at operation %d, is there %d times", what, a.payload, a.point, n)
		} else if n == 1 && readBody(t, j, a.slot.Bodies[0]) != a.body {
			t.Errorf("%s: record %s: the body differs", what, a.payload)
		}
	}
	if d := j.Damage(); d != nil {
		t.Errorf("%s: damage %+v", what, d)
	}
}

// TestLateRefused has the disk refuse what is written to segments from some operation on,
// behind the acknowledgement: what was acknowledged until the journal stops is there, in
// this life as in the next.
func TestLateRefused(t *testing.T) {
	t.Parallel()
	for _, kind := range []crashfs.Kind{crashfs.Write, crashfs.Sync} {
		for _, errno := range []error{syscall.EIO, syscall.ENOSPC, syscall.EROFS} {
			for from := range crashfs.Points(2, 12) {
				what := fmt.Sprintf("operation kind %d on segments is %v from the %dth on", kind, errno, from)
				disk, opts := crashfs.New(), lateOptions()
				opts.Segment = 32 << 20
				j := open(t, disk, opts)
				n := 0
				disk.Fault(func(o crashfs.Op) error {
					if o.Kind != kind || !strings.HasPrefix(o.Name, "log/") {
						return nil
					}
					if n++; n <= from {
						return nil
					}
					return errno
				})
				done, no := rounds(t, disk, j, 25)
				point := disk.Ops()
				disk.Fault(nil)
				_ = j.Close() // it may have failed
				j.Release()
				for i, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(from))} {
					k := open(t, disk.Crash(disk.Ops(), chance), opts)
					checkThere(t, fmt.Sprintf("%s, chance %d", what, i), k, done, no, point)
					_ = k.Close()
				}
				if kind == crashfs.Write && from > 4 && len(done) == 0 {
					t.Errorf("%s: nothing was acknowledged", what)
				}
			}
		}
	}
}
