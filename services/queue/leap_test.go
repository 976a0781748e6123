package queue

import (
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/report"
)

const day = 24 * time.Hour

// TestOffForMonths: what waited when the box was switched off, or when its clock was
// wrong by that much, is tried on, and has the rest of its five days.
func TestOffForMonths(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		b.remote.answer = defer451
		b.enqueue(item("alice@box.test", "bob@far.test"))
		time.Sleep(2 * day)
		synctest.Wait()
		for range 2 { // the second start finds what the first has noted
			b.close()
			if len(b.post.list()) == 1 {
				time.Sleep(200 * day)
			}
			before := len(b.remote.tries("bob@far.test"))
			b.open()
			b.run()
			time.Sleep(6 * time.Hour)
			synctest.Wait()
			if n := len(b.remote.tries("bob@far.test")); n == before {
				t.Error("it was not tried again")
			}
			if list := b.post.list(); len(list) != 1 || list[0].report.Recipients[0].Action != report.ActionDelayed {
				t.Fatalf("%d reports; want that it takes long, and no failure", len(list))
			}
		}
		time.Sleep(3 * day)
		synctest.Wait()
		if list := b.post.list(); len(list) != 2 || list[1].report.Recipients[0].Action != report.ActionFailed {
			t.Errorf("%d reports after its five days; want the failure, too", len(list))
		}
	})
}

// setClock has the queue find that its clock was set, at its next look.
func (b *bench) setClock(by time.Duration) {
	b.q.mu.Lock()
	defer b.q.mu.Unlock()
	b.q.ledger.look(time.Now(), 0)
	b.q.ledger.known -= by
	poke(b.q.wake)
}

// taken is what an item would be that was taken when the clock was off by so much.
func (b *bench) taken(it *Item, off time.Duration, change func(*Item)) {
	b.q.mu.Lock()
	defer b.q.mu.Unlock()
	s := b.q.all[it.ID]
	next := *s.item
	next.Accepted = next.Accepted.Add(off)
	next.To = append([]Recipient(nil), next.To...)
	next.To[0].Next = next.To[0].Next.Add(off)
	change(&next)
	s.item, s.began = &next, next.began().UnixNano()
	b.q.plan(s, s.item, time.Now())
}

// TestClockSetForward: mail that was taken by a clock in the past does not go back when
// that is put right.
func TestClockSetForward(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		b.remote.answer = defer451
		it := item("alice@box.test", "bob@far.test")
		b.enqueue(it)
		synctest.Wait()
		b.setClock(15 * 365 * day)
		b.taken(it, -15*365*day, func(it *Item) {
			it.Wishes.By, it.Wishes.ByNotify = it.Accepted.Add(time.Hour), false
		})
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if n := len(b.post.list()); n != 0 {
			t.Fatalf("%d reports half an hour after it was taken; want none", n)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if list := b.post.list(); len(list) != 1 || list[0].report.Recipients[0].Action != report.ActionFailed {
			t.Errorf("%d reports when the hour in which it had to arrive is over; want the failure", len(list))
		}
	})
}

// TestClockSetBack: mail that was taken by a clock in the future is tried as if it had
// come now, and goes back in time.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		b.remote.answer = defer451
		const ahead = 20 * 365 * day
		it := item("alice@box.test", "bob@far.test")
		b.enqueue(it)
		synctest.Wait()
		b.taken(it, ahead, func(*Item) {})
		b.setClock(-ahead)
		time.Sleep(6 * day)
		synctest.Wait()
		tries := b.remote.tries("bob@far.test")
		if len(tries) < 60 || len(tries) > 80 {
			t.Errorf("%d tries in six days; want some 64", len(tries))
		}
		list := b.post.list()
		if len(list) != 2 || list[1].report.Recipients[0].Action != report.ActionFailed {
			t.Errorf("%d reports; want delay and failure", len(list))
		}
	})
}

func TestLedger(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var l ledger
	if by := l.start(now, time.Time{}, 5); by != 0 || len(l.leaps) != 0 {
		t.Errorf("the first start: %v, %v; want nothing", by, l.leaps)
	}
	for _, test := range []struct {
		gap, want time.Duration
	}{{0, 0}, {time.Hour, 0}, {day, 0}, {3 * day, 2 * day}, {-time.Minute, 0}, {-30 * day, -30 * day}} {
		l := ledger{alive: now}
		if got := l.start(now.Add(test.gap), time.Time{}, 5); got != test.want {
			t.Errorf("a start after %v: leapt by %v, want %v", test.gap, got, test.want)
		}
		if got := l.shift(5); got != test.want {
			t.Errorf("a start after %v: what came before is younger by %v, want %v", test.gap, got, test.want)
		}
		if got := l.shift(6); got != 0 {
			t.Errorf("a start after %v: what came behind it is younger by %v", test.gap, got)
		}
	}
	for i := range maxLeaps + 3 {
		l.add(leap{9, time.Duration(i)})
	}
	if len(l.leaps) != maxLeaps || l.leaps[0].by != 3 {
		t.Errorf("%d leaps, the first by %d; want the newest %d", len(l.leaps), l.leaps[0].by, maxLeaps)
	}
	got := decodeLedger(l.encode())
	if !got.alive.Equal(l.alive) || !reflect.DeepEqual(got.leaps, l.leaps) {
		t.Errorf("read back %+v, want %+v", got, l)
	}
	for i := range l.encode() {
		b := l.encode()
		b[i] ^= 1
		if got := decodeLedger(b); !got.alive.IsZero() || got.leaps != nil {
			t.Errorf("a note with a bit of byte %d turned: %+v; want none", i, got)
		}
	}
}

func FuzzDecodeLedger(f *testing.F) {
	f.Add((&ledger{alive: time.Unix(1, 0), leaps: []leap{{7, time.Hour}}}).encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		l := decodeLedger(b)
		if len(l.leaps) > maxLeaps {
			t.Errorf("%d leaps", len(l.leaps))
		}
	})
}
