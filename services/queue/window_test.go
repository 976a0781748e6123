package queue

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestWindow: over the weeks in which the clocks change, mail leaves when the window is
// open, by the clocks of the office, and at no other time; nobody is told that it takes
// long, and the scheduler sleeps meanwhile.
func TestWindow(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Tirane")
	if err != nil {
		t.Fatal(err)
	}
	var window mail.Window
	for _, text := range []string{"mon-fri 08:00-18:00", "sun 02:30-04:00"} { // of Sunday's hours one is missing, or comes twice
		p, err := mail.ParsePeriod(text)
		if err != nil {
			t.Fatal(err)
		}
		window = append(window, p)
	}
	for _, begin := range []time.Time{time.Date(2026, 3, 26, 0, 0, 0, 0, zone), time.Date(2026, 10, 22, 0, 0, 0, 0, zone)} {
		var asked atomic.Int64
		bubbleWith(t, func(o *Options) {
			o.Window = func(at time.Time) (bool, time.Time) { asked.Add(1); return window.At(at.In(zone)) }
		}, func(t *testing.T, b *bench) {
			time.Sleep(time.Until(begin))
			for hour := range 7 * 24 {
				b.enqueue(item("alice@box.test", fmt.Sprintf("u%d@far.test", hour)))
				asked.Store(0)
				time.Sleep(time.Hour)
				if n := asked.Load(); n > 1000 {
					t.Fatalf("the window was asked %d times in an hour", n)
				}
			}
			time.Sleep(3 * 24 * time.Hour)
			all := b.remote.all()
			if len(all) != 7*24 || b.q.Stats().Items != 0 {
				t.Errorf("%d of %d are out", len(all), 7*24)
			}
			off := map[string]bool{}
			for _, s := range all {
				local := s.at.In(zone)
				if open, _ := window.At(local); !open {
					t.Errorf("%s went out %s", s.to, local)
				}
				if local.Weekday() == time.Sunday || local.Minute() != 0 {
					off[local.Format("Mon 15:04")] = true
				}
			}
			if !off["Sun 02:30"] && !off["Sun 03:30"] {
				t.Errorf("nothing went out as the window opened on Sunday: %v", off)
			}
			if got := b.post.list(); len(got) != 0 {
				t.Errorf("%d reports; want none", len(got))
			}
		})
	}
}

// TestRush: who wants it has what waits go while the window is closed, once; what the
// line brings back waits.
func TestRush(t *testing.T) {
	t.Parallel()
	var open atomic.Bool
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	bubbleWith(t, func(o *Options) {
		o.Window = func(time.Time) (bool, time.Time) {
			if open.Load() {
				return true, time.Time{}
			}
			return false, start.Add(72 * time.Hour)
		}
	}, func(t *testing.T, b *bench) {
		time.Sleep(time.Until(start))
		b.remote.answer = func(job *mail.Job, to mail.Address) mail.Attempt {
			if to.Local == "late" {
				return defer451(job, to)
			}
			return accept(job, to)
		}
		one := item("alice@box.test", "one@far.test")
		held := item("alice@box.test", "held@far.test")
		held.Wishes.HoldUntil = start.Add(time.Hour)
		b.enqueue(one)
		b.enqueue(held)
		b.enqueue(item("alice@box.test", "two@far.test"))
		b.enqueue(item("alice@box.test", "late@far.test"))
		b.enqueue(item("alice@box.test", "three@other.test"))
		want := func(what string, n int) {
			t.Helper()
			time.Sleep(10 * time.Minute)
			if got := len(b.remote.all()); got != n {
				t.Errorf("%s: %d tries; want %d", what, got, n)
			}
		}
		b.q.Kick("")
		want("closed", 0)
		if s := b.q.Stats(); !s.Opens.Equal(start.Add(72 * time.Hour)) {
			t.Errorf("mail leaves again %s", s.Opens)
		}
		if err := b.q.Retry(t.Context(), one.ID); err != nil {
			t.Fatal(err)
		}
		want("one message", 1)
		b.q.Rush("far.test")
		want("one Hop", 3) // two, and late: what is tried again waits
		time.Sleep(4 * time.Hour)
		want("hours later", 3)
		b.q.Rush("")
		want("everything", 6) // late, held, three
		open.Store(true)
		b.q.Replan()
		want("open", 7)
	})
}
