package queue

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestSmartHost: all that goes by one smart host waits together, and a dead one is
// probed by one message; when the way is changed all of it goes the new one at once,
// each message to its own domain.
func TestSmartHost(t *testing.T) {
	t.Parallel()
	var way atomic.Value
	way.Store(Way{"smtp.provider.test:587", 1})
	bubbleWith(t, func(o *Options) { o.Way = func(mail.Hop) Way { return way.Load().(Way) } }, func(t *testing.T, b *bench) {
		b.remote.answer = func(job *mail.Job, to mail.Address) mail.Attempt {
			if way.Load().(Way).Host == "" {
				return accept(job, to)
			}
			time.Sleep(30 * time.Second)
			return nobody(job, to)
		}
		for i := range 50 {
			b.enqueue(item("alice@box.test", fmt.Sprintf("u@h%d.test", i)))
		}
		time.Sleep(3 * time.Hour)
		if s := b.q.Stats(); len(s.Hops) != 1 || s.Hops[0].Via != "smtp.provider.test:587" || !s.Hops[0].Dead || s.Hops[0].Waiting+s.Hops[0].Sending != 50 {
			t.Fatalf("stats are %+v; want one dead smart host for all", s)
		}
		if tries := len(b.remote.all()); tries > DefaultPerHop+20 {
			t.Errorf("%d tries in 3 h; want few", tries)
		}
		if n := b.q.Waiting(func(hop mail.Hop) bool { return hop == "h7.test" }); n["h7.test"] != 1 {
			t.Errorf("%v wait for h7.test; want 1", n)
		}
		way.Store(Way{})
		b.q.Replan()
		time.Sleep(time.Minute) // one may be at the smart host still
		for i := range 50 {
			hop := mail.Hop(fmt.Sprintf("h%d.test", i))
			tries := b.remote.tries("u@" + string(hop))
			if n := len(tries); n == 0 || tries[n-1].hop != hop || tries[n-1].fate != mail.FateRelayed {
				// The one that was being sent is tried by its schedule.
				if left := b.q.Stats().Items; left > 1 {
					t.Errorf("%s: %v, %d items are left", hop, tries, left)
				}
			}
		}
		if s := b.q.Stats(); s.Items > 1 || len(s.Hops) > 1 {
			t.Errorf("stats are %+v; want nothing left of the smart host", s)
		}
	})
}

// TestNewSettings: what waited for a smart host that didn't answer need not wait when
// it is spoken to in another way.
func TestNewSettings(t *testing.T) {
	t.Parallel()
	var settings atomic.Uint64
	bubbleWith(t, func(o *Options) { o.Way = func(mail.Hop) Way { return Way{"smtp.provider.test:587", settings.Load()} } }, func(t *testing.T, b *bench) {
		b.remote.answer = func(job *mail.Job, to mail.Address) mail.Attempt {
			if settings.Load() == 0 {
				return nobody(job, to)
			}
			return accept(job, to)
		}
		hold := item("alice@box.test", "later@far.test")
		hold.Wishes.HoldUntil = time.Now().Add(10 * time.Hour)
		b.enqueue(hold)
		for range 10 {
			b.enqueue(item("alice@box.test", "bob@far.test"))
		}
		time.Sleep(2*time.Hour + 10*time.Second)
		settings.Store(1)
		b.q.Replan()
		time.Sleep(time.Second)
		if n := b.q.Stats().Items; n != 1 {
			t.Errorf("%d items are left; want the one that its sender holds back", n)
		}
		if tries := b.remote.tries("later@far.test"); len(tries) != 0 {
			t.Errorf("what its sender holds back was tried: %v", tries)
		}
		time.Sleep(8 * time.Hour)
		if n := b.q.Stats().Items; n != 0 {
			t.Errorf("%d items are left", n)
		}
	})
}

// TestScheduleChanges: what waits is given up by the schedule that holds now.
func TestScheduleChanges(t *testing.T) {
	t.Parallel()
	var short atomic.Bool
	bubbleWith(t, func(o *Options) {
		o.Schedule = func(hop mail.Hop) Schedule {
			s := DefaultSchedule()
			if short.Load() && hop == "far.test" {
				s.GiveUp = 24 * time.Hour
			}
			return s
		}
	}, func(t *testing.T, b *bench) {
		b.remote.answer = defer451
		b.enqueue(item("alice@box.test", "bob@far.test"))
		b.enqueue(item("alice@box.test", "bob@other.test"))
		time.Sleep(30 * time.Hour)
		if n := b.q.Stats().Items; n != 2 {
			t.Fatalf("%d items after 30 h; want 2", n)
		}
		short.Store(true)
		b.q.Replan()
		time.Sleep(2 * time.Minute)
		items, _, err := b.q.List(t.Context(), Filter{}, Page{})
		if err != nil || len(items) != 1 || items[0].To[0].Hop != "other.test" {
			t.Errorf("left are %v, %v; want what goes to other.test", items, err)
		}
	})
}
