package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// append puts messages of some thousand bytes into INBOX.
func (k *kept) append(n int) {
	k.t.Helper()
	spool := storetest.NewSpool(k.t)
	a, err := k.store.Account(k.t.Context(), 1)
	if err != nil {
		k.t.Fatal(err)
	}
	for i := range n {
		d := storetest.NewDraft(k.t, spool, storetest.Message(noise(i, 2000), fmt.Sprintf("Subject: letter %d", i)))
		if _, err := a.Append(k.t.Context(), 1, []draft.Append{{Draft: d}}); err != nil {
			k.t.Fatal(err)
		}
	}
}

// expunge takes messages of INBOX away.
func (k *kept) expunge(set mail.UIDSet) {
	k.t.Helper()
	a, err := k.store.Account(k.t.Context(), 1)
	if err == nil {
		_, err = a.Expunge(k.t.Context(), 1, set, false)
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// wantGood checks the store and reads all messages of INBOX, of which there are n.
func (k *kept) wantGood(what string, n int) {
	k.t.Helper()
	report, err := k.store.Check(k.t.Context())
	if err != nil || !report.OK() || report.Messages != n {
		k.t.Errorf("%s: check: %v, %+v; want %d messages and nothing else", what, err, report, n)
	}
}

// dueSoon is a store with twenty messages, of which all but five will be let go
// with the next day.
func dueSoon(t *testing.T) *kept {
	k := newKept(t)
	k.append(20)
	k.live(1)
	k.expunge(mail.UIDSet{{First: 2, Last: 8}, {First: 11, Last: 18}})
	k.live(30)
	k.wantEmails("before it is due", 20)
	return k
}

// TestUpkeepFaults has each operation of the day's passes fail once, and each read.
// Nothing is lost by it, the next pass gives back what this one could not, and
// where the journal can't go on the next start does.
func TestUpkeepFaults(t *testing.T) {
	t.Parallel()
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EIO, syscall.EROFS} {
		for _, reads := range []bool{false, true} {
			if reads && errno != syscall.EIO {
				continue
			}
			t.Run(fmt.Sprint(errno, " reads ", reads), func(t *testing.T) {
				t.Parallel()
				full := dueSoon(t)
				full.abandon()
				for at := range crashfs.Points(1, math.MaxInt) {
					if !upkeepFaultAt(t, full, errno, reads, at) || t.Failed() {
						return
					}
				}
			})
		}
	}
}

// upkeepFaultAt lets the day pass on a copy of full on which one operation fails; false
// when there are not that many.
func upkeepFaultAt(t *testing.T, full *kept, errno syscall.Errno, reads bool, at int) bool {
	what := fmt.Sprintf("%v at operation %d", errno, at)
	clock := storetest.NewClock()
	clock.Advance(full.clock.Now().Sub(clock.Now()))
	k := &kept{rig: &rig{t: t, log: full.log.Crash(full.log.Ops(), crashfs.Nothing()), index: copyDir(t, full.index), clock: clock, segment: 6000}}
	k.start()
	defer func() { k.abandon() }()
	n := 0
	fails := func() error {
		if n++; n == at {
			return errno
		}
		return nil
	}
	if reads {
		k.log.FaultRead(func(string, int64) error { return fails() })
	} else {
		k.log.Fault(func(crashfs.Op) error { return fails() })
	}
	for range 8 { // two days
		k.uptime += 6 * time.Hour
		k.clock.Advance(6 * time.Hour)
		_ = k.upkeep.Pass(t.Context()) // it is said to fail
	}
	k.log.Fault(nil)
	k.log.FaultRead(nil)
	select {
	case <-k.journal.Failed():
		k.abandon()
		k.log = k.log.Crash(k.log.Ops(), crashfs.Nothing())
		k.start()
	default:
	}
	k.uptime += time.Hour
	k.pass()
	k.wantEmails(what, 5)
	k.wantGood(what, 5)
	if freed := k.upkeep.Health().Freed; freed < 8*2000 {
		t.Errorf("%s: %d bytes came back; want most of 15 messages' 30,000", what, freed)
	}
	if h := k.upkeep.Health(); h.Trouble != nil {
		t.Errorf("%s: there is still trouble after a pass that went well: %v", what, h.Trouble)
	}
	return n >= at
}

// TestUpkeepTriesAgain has the disk too full for a compaction for hours, over a
// start. It is done with the first hourly pass that finds room, not a day later.
func TestUpkeepTriesAgain(t *testing.T) {
	t.Parallel()
	k := dueSoon(t)
	defer func() { k.abandon() }()
	full := func(o crashfs.Op) error {
		if o.Kind == crashfs.Create && strings.HasSuffix(o.Name, ".new") {
			return syscall.ENOSPC
		}
		return nil
	}
	k.log.Fault(full)
	failed := 0
	for range 30 {
		k.uptime += time.Hour
		k.clock.Advance(time.Hour)
		if err := k.upkeep.Pass(t.Context()); errors.Is(err, mail.ErrNoSpace) {
			failed++
		}
	}
	if failed < 3 || k.upkeep.Health().Trouble == nil {
		t.Errorf("%d of 30 passes said that there is no room, Health says %v; want it said every hour", failed, k.upkeep.Health().Trouble)
	}
	k.abandon()
	if err := k.open(); err != nil {
		t.Fatal(err)
	}
	k.uptime = 0
	k.upkeep = store.NewUpkeep(k.store, store.UpkeepOptions{Logger: quiet(), Uptime: func() time.Duration { return k.uptime }, Flat: true})
	if err := k.upkeep.Pass(t.Context()); !errors.Is(err, mail.ErrNoSpace) {
		t.Errorf("the first pass after a start: %v; want what is owed tried again", err)
	}
	k.log.Fault(nil)
	k.uptime += time.Hour
	k.pass()
	if k.upkeep.Health().Freed == 0 {
		t.Error("with room again nothing was given back within the hour")
	}
	k.wantGood("after all", 5)
}

// TestUpkeepLow lets the disk fill while Run waits for its next pass: what is due
// is given back within minutes.
func TestUpkeepLow(t *testing.T) {
	t.Parallel()
	k := dueSoon(t)
	k.abandon()
	index, _ := filepath.Abs(k.index)
	synctest.Test(t, func(t *testing.T) {
		clock := storetest.NewClock()
		clock.Advance(k.clock.Now().Sub(clock.Now()) + 24*time.Hour)
		r := &rig{t: t, log: k.log.Crash(k.log.Ops(), crashfs.Nothing()), index: index, clock: clock, segment: 6000}
		if err := r.open(); err != nil {
			t.Fatal(err)
		}
		defer r.abandon()
		var free atomic.Int64
		free.Store(4 << 30)
		begin := time.Now()
		u := store.NewUpkeep(r.store, store.UpkeepOptions{
			Logger: quiet(), Free: func() (int64, error) { return free.Load(), nil }, Uptime: func() time.Duration { return time.Since(begin) + 40*time.Hour },
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { u.Run(ctx); close(done) }()
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if got := u.Health().Freed; got != 0 {
			t.Errorf("%d bytes were given back at once, though there is room", got)
		}
		free.Store(100 << 20)
		time.Sleep(90 * time.Second) // before the first pass
		synctest.Wait()
		if got := u.Health().Freed; got < 8*2000 {
			t.Errorf("%d bytes were given back within a minute and a half of a filling disk (%v); want most of 30,000", got, u.Health().Trouble)
		}
		cancel()
		<-done
	})
}

// TestUndoBesideClock deletes while the clock stands at 1970, and while it is years
// ahead. As time is counted, all of it can be found and put back when the clock is
// right again, for as long as it is kept.
func TestUndoBesideClock(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	for name, off := range map[string]time.Duration{"1970": -56 * year, "ahead": 30 * year} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKept(t)
			defer func() { k.abandon() }()
			k.append(3)
			k.live(1)
			a, err := k.store.Account(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			trips, err := a.CreateMailbox(t.Context(), "Trips", mail.RoleNone)
			if err != nil {
				t.Fatal(err)
			}
			k.clock.Advance(off)
			k.expunge(mail.SetOf[mail.UID](1, 2))
			if err := a.DeleteMailbox(t.Context(), trips.ID); err != nil {
				t.Fatal(err)
			}
			k.clock.Advance(-off)
			k.live(20)
			k.restart(time.Hour) // the notes are on the disk
			if a, err = k.store.Account(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			page, err := a.Expunged(t.Context(), mail.ExpungedQuery{})
			if err != nil || len(page.Messages) != 2 {
				t.Fatalf("Expunged = %+v, %v; want both messages", page, err)
			}
			left := page.Messages[0].Until.Sub(k.clock.Now())
			if left < 8*24*time.Hour || left > 12*24*time.Hour {
				t.Errorf("20 days later it can be put back for %v; want ten days", left)
			}
			boxes, err := a.DeletedMailboxes(t.Context())
			if err != nil || len(boxes) != 1 {
				t.Errorf("DeletedMailboxes = %+v, %v; want Trips", boxes, err)
			}
			if _, err := a.RestoreMailbox(t.Context(), trips.ID); err != nil {
				t.Errorf("RestoreMailbox: %v", err)
			}
			back, err := a.Restore(t.Context(), []mail.Place{page.Messages[0].Place}, 0)
			if err != nil || len(back) != 1 || back[0].Outcome != mail.OutcomeBack {
				t.Errorf("Restore = %+v, %v", back, err)
			}
			k.live(14)
			if page, err = a.Expunged(t.Context(), mail.ExpungedQuery{Back: true}); err != nil || len(page.Messages) != 0 {
				t.Errorf("34 days later: %+v, %v; want none left", page, err)
			}
			k.wantGood("after all", 2)
		})
	}
}
