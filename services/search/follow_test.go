package search

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
)

// follower is an index that follows a store by itself, and who was looked at.
type follower struct {
	*Index
	mu     sync.Mutex
	opened []mail.AccountID
}

func (o *office) follow(s *memstore.Store) *follower {
	f := &follower{}
	f.Index = Open(Options{
		Files: o.files, Store: s, Logger: slog.New(slog.DiscardHandler), Alone: true,
		Open: func(ctx context.Context, id mail.AccountID) (Account, error) {
			f.mu.Lock()
			f.opened = append(f.opened, id)
			f.mu.Unlock()
			return s.Account(ctx, id)
		},
	})
	return f
}

// looked waits until all is done, and gives the accounts that were looked at.
func (f *follower) looked() []mail.AccountID {
	time.Sleep(2 * DefaultDelay)
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	list := slices.Compact(slices.Sorted(slices.Values(f.opened)))
	f.opened = nil
	return list
}

func (f *follower) has(id mail.AccountID) (n int) {
	a, release, err := f.acquire(id)
	if err != nil {
		return -1
	}
	defer release()
	for _, s := range a.segments {
		n += len(s.docs)
	}
	return n
}

// TestFollow holds that an index finds out by itself what is new, also what came
// while it was not there, and looks at nothing else.
func TestFollow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		boxes := map[mail.AccountID]*memstore.Account{anna: o.box}
		for id := mail.AccountID(2); id <= 5; id++ {
			o.ok(o.store.CreateAccount(o.ctx, id))
			box, err := o.store.Account(o.ctx, id)
			o.ok(err)
			boxes[id] = box
		}
		to := func(id mail.AccountID, n int) {
			o.box = boxes[id]
			o.append(small(n))
		}
		expect := func(f *follower, step string, want ...mail.AccountID) {
			t.Helper()
			if got := f.looked(); !slices.Equal(got, want) {
				t.Errorf("%s: accounts %d were looked at; want %d", step, got, want)
			}
		}
		to(anna, 1)
		f := o.follow(o.store)
		expect(f, "first start", 1, 2, 3, 4, 5)
		to(3, 2)
		to(3, 3)
		expect(f, "two messages", 3)
		expect(f, "nothing")
		o.ok(f.Close())
		f = o.follow(o.store)
		expect(f, "restart")
		o.ok(f.Close())
		to(4, 4)
		f = o.follow(o.store)
		expect(f, "a message while it was away", 4)
		o.ok(o.store.RemoveAccount(o.ctx, 5))
		expect(f, "a removal", 5)
		for id, want := range map[mail.AccountID]int{1: 1, 2: 0, 3: 2, 4: 1, 5: 0} {
			if got := f.has(id); got != want {
				t.Errorf("account %d: %d messages are indexed; want %d", id, got, want)
			}
		}
		// A crash: the position is written once a minute, what is not yet written is
		// found out again.
		to(2, 5)
		time.Sleep(DefaultDelay / 2)
		o.files = o.files.(*crashfs.FS).Crash(o.files.(*crashfs.FS).Ops(), crashfs.Nothing())
		o.ok(f.Close())
		f = o.follow(o.store)
		if got := f.looked(); !slices.Contains(got, 2) || f.has(2) != 1 {
			t.Errorf("after a crash accounts %d were looked at, account 2 has %d messages; want 2 to have 1", got, f.has(2))
		}
		o.ok(f.Close())
	})
}

// TestPutBack has a log that was put back to an earlier state: numbers are given
// out anew, and no account may be taken for looked at, whatever cuts in.
func TestPutBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		for i := range 20 {
			o.append(small(i))
		}
		f := o.follow(o.store)
		f.looked()
		o.ok(f.Close())
		files := o.files
		o = newOffice(t) // the same account, an earlier state
		o.files = files
		o.append(small(100), small(101))
		disk := files.(*crashfs.FS)
		disk.Fault(func(op crashfs.Op) error { // it can't note that yet
			return syscall.EIO
		})
		f = o.follow(o.store)
		if got := f.looked(); len(got) > 0 {
			t.Errorf("accounts %d were looked at before it was noted that they must be", got)
		}
		o.ok(f.Close())
		disk.Fault(nil)
		o.files = disk.Crash(disk.Ops(), crashfs.Nothing())
		f = o.follow(o.store)
		synctest.Wait()
		o.ok(f.Close()) // noted, but nothing done
		for i := range 40 {
			o.append(small(200 + i)) // the log comes further than it was
		}
		f = o.follow(o.store)
		f.looked()
		if got := f.has(anna); got != 20+42 { // the old ones go with a merge
			t.Errorf("%d messages are indexed; want the 42 that there are, and 20 of before", got)
		}
		o.ok(f.Close())
	})
}

func FuzzPosition(f *testing.F) {
	f.Add([]byte{1, 5, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = decodePosition(b) })
}

// TestIdle opens the store and the index of an office of 300 in which nothing has
// happened: no account is loaded, and next to no memory is taken.
func TestIdle(t *testing.T) {
	o, people := newOffice(t), mail.AccountID(300)
	if testing.Short() {
		people = 50
	}
	mailFiles, err := durable.NewOS(t.TempDir())
	o.ok(err)
	indexFiles, err := durable.NewOS(t.TempDir())
	o.ok(err)
	quiet := slog.New(slog.DiscardHandler)
	var s *store.Store
	var ix *Index
	var loaded int
	open := func() (stop func()) {
		j, err := journal.Open(mailFiles, journal.Options{Logger: quiet, Ring: journal.NoRing})
		o.ok(err)
		s, err = store.Open(o.ctx, j, mailFiles, store.Options{Logger: quiet})
		o.ok(err)
		loaded = 0
		ix = Open(Options{Files: indexFiles, Store: s, Delay: 1, Alone: true, Logger: quiet,
			Open: func(ctx context.Context, id mail.AccountID) (Account, error) {
				loaded++
				return s.Account(ctx, id)
			}})
		ix.stepwise()
		return func() {
			o.ok(ix.Close())
			ix.keepPosition()
			o.ok(s.Close())
			o.ok(j.Close())
			j.Release()
		}
	}
	stop := open()
	spool, err := draft.NewSpool(mailFiles, "spool", nil)
	o.ok(err)
	d := spool.New(1 << 20)
	_, err = io.WriteString(d, small(1))
	o.ok(err)
	o.ok(d.Finish())
	var targets []mail.Target
	for id := mail.AccountID(1); id <= people; id++ {
		o.ok(s.CreateAccount(o.ctx, id))
		targets = append(targets, mail.Target{Account: id})
	}
	now := time.Now()
	o.ok(s.Deliver(o.ctx, &mail.Envelope{ID: mail.NewID(now), Received: now}, targets, d))
	o.ok(ix.ask())
	ix.work()
	stop()
	stop = open()
	defer func() { stop() }()
	before := memory()
	o.ok(ix.ask())
	ix.work()
	if loaded != 0 {
		t.Errorf("%d accounts were loaded; want none", loaded)
	}
	after := memory()
	for id := mail.AccountID(1); id <= people; id++ {
		ix.touch(id, -1)
	}
	ix.work()
	t.Logf("of %d idle accounts none was loaded, %d KiB; all loaded: %d, %d KiB", people, (after-before)>>10, loaded, (memory()-before)>>10)
	box, err := s.Account(o.ctx, people)
	o.ok(err)
	a, err := ix.Query(o.ctx, people, box, Ask{Text: "body1"})
	o.ok(err)
	if len(a.Hits) != 1 || loaded != int(people) {
		t.Errorf("%d messages were found, %d accounts loaded; want 1, %d", len(a.Hits), loaded, people)
	}
}

func memory() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestRebuild makes an index anew: until it is whole searches use the old one, and
// they do if it does not come to that.
func TestRebuild(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		for i := range 12 {
			o.append(small(i))
		}
		f := o.follow(o.store)
		defer f.Close()
		f.looked()
		a := f.accounts[anna]
		before := slices.Clone(a.segments)
		during := 0
		disk := o.files.(*crashfs.FS)
		disk.Fault(func(op crashfs.Op) error {
			if slices.Equal(a.segments, before) && a.open {
				during++
			}
			return nil
		})
		f.Rebuild(anna, anna, 77)
		if got := f.Rebuilds(); len(got) != 2 || got[0].State != RebuildWaiting && got[0].State != RebuildRunning {
			t.Errorf("%+v; want two", got)
		}
		f.looked()
		disk.Fault(nil)
		got := f.Rebuilds()
		if len(got) != 2 || got[0].State != RebuildDone || got[0].Messages != 12 || got[0].Total != 12 || got[1].State != RebuildDone || got[1].Messages != 0 {
			t.Errorf("%+v; want both done, the first with 12 messages", got)
		}
		if during < 5 || f.has(anna) != 12 || slices.ContainsFunc(a.segments, func(s *segment) bool { return slices.Contains(before, s) }) {
			t.Errorf("the index of before stood %d steps long; then %d messages are in %v", during, f.has(anna), a.segments)
		}
		now := slices.Clone(a.segments)
		disk.Fault(func(op crashfs.Op) error { return syscall.ENOSPC })
		f.Rebuild(anna)
		f.looked()
		disk.Fault(nil)
		if got := f.Rebuilds(); len(got) != 1 || got[0].State != RebuildFailed || !errors.Is(got[0].Err, syscall.ENOSPC) {
			t.Errorf("%+v; want the full disk", got)
		}
		if !slices.Equal(a.segments, now) || f.has(anna) != 12 {
			t.Errorf("a rebuild that failed has left %v; want the segments of before", a.segments)
		}
		time.Sleep(retry)
		f.looked()
		o.files = disk
		if n := o.segmentFiles(); n != 2*len(a.segments) {
			t.Errorf("%d files are left of %d segments", n, len(a.segments))
		}
	})
}

// TestGivenOutAgain has an email number that is given out anew, as after a log
// that was put back: it is not taken for the old one.
func TestGivenOutAgain(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.append(small(1), small(2), small(3))
	o.update()
	files := o.files
	o = newOffice(t)
	o.files = files
	o.reopen()
	for range 2 {
		o.append(small(7), small(2))
		for i := range 8 {
			o.same(mail.Body{Text: fmt.Sprintf("body%d", i)})
		}
		o.update()
	}
}
