package queue

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/report"
)

// keep has a message wait for a decision.
func (b *bench) keep(it *Item) {
	b.t.Helper()
	body, err := b.journal.Stage(context.Background(), nil, strings.NewReader(text), int64(len(text)))
	if err == nil {
		err = b.q.Keep(context.Background(), body, it, "rule “Cards”")
	}
	if err != nil {
		b.t.Fatalf("Keep: %v", err)
	}
}

// keeps counts what waits for a decision.
func (b *bench) keeps() (n int) {
	b.q.mu.Lock()
	defer b.q.mu.Unlock()
	b.q.eachWait(func(w *wait) {
		if !w.later {
			n++
		}
	})
	return n
}

// hand gives the one kept item back, in one record with a message that goes out.
func (b *bench) hand(id mail.ID, to string) error {
	return b.q.Hand(context.Background(), id, func(it *Item, body mail.Content, gone *journal.Entry) error {
		words, err := io.ReadAll(io.NewSectionReader(body, 0, it.Size-int64(len(it.Prefix))))
		if err != nil || string(words) != text {
			b.t.Errorf("the body is %q, %v", words, err)
		}
		staged, err := b.journal.Stage(context.Background(), nil, strings.NewReader(text), int64(len(text)))
		if err != nil {
			return err
		}
		return b.q.Enqueue(context.Background(), staged, []*Item{item("alice@box.test", to)}, gone)
	})
}

// TestKept: what waits for a decision is never sent, expires never, and is handed back
// once.
func TestKept(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		kept := item("alice@box.test", "bob@far.test", "carol@box.test")
		b.keep(kept)
		b.enqueue(item("alice@box.test", "dora@far.test"))
		for _, f := range []func(context.Context, mail.ID) error{b.q.Release, b.q.Retry, b.q.Hold} {
			if err := f(t.Context(), kept.ID); !errors.Is(err, mail.ErrUndecided) {
				t.Errorf("it can be changed: %v", err)
			}
		}
		if err := b.q.Redirect(t.Context(), kept.ID, kept.To[0].Address, address("x@far.test"), "far.test"); !errors.Is(err, mail.ErrUndecided) {
			t.Errorf("it can be redirected: %v", err)
		}
		time.Sleep(30 * 24 * time.Hour)
		b.close()
		b.open()
		b.run()
		if n := b.keeps(); n != 1 {
			t.Errorf("%d messages count as kept; want 1", n)
		}
		items, more, err := b.q.ListKept(t.Context(), Page{})
		if err != nil || more || len(items) != 1 || items[0].Why() != "rule “Cards”" || len(items[0].To) != 2 || !items[0].Kept() {
			t.Fatalf("ListKept = %+v, %v, %v", items, more, err)
		}
		if n := b.remote.tries("bob@far.test"); n != nil {
			t.Errorf("it was sent: %v", n)
		}
		if got := b.post.list(); len(got) > 0 {
			t.Errorf("reports %v", got)
		}
		failed := errors.New("no")
		if err := b.q.Hand(t.Context(), kept.ID, func(*Item, mail.Content, *journal.Entry) error { return failed }); !errors.Is(err, failed) {
			t.Errorf("Hand = %v", err)
		}
		if err := b.hand(kept.ID, "bob@far.test"); err != nil {
			t.Fatal(err)
		}
		if err := b.hand(kept.ID, "bob@far.test"); !errors.Is(err, ErrNoItem) {
			t.Errorf("handed back twice: %v", err)
		}
		time.Sleep(time.Minute)
		if n := b.remote.tries("bob@far.test"); len(n) != 1 {
			t.Errorf("released, it was sent %d times", len(n))
		}
		if n := b.q.Stats().Items; n != 0 {
			t.Errorf("%d items are left", n)
		}
		other := item("alice@box.test", "bob@far.test")
		b.keep(other)
		if err := b.q.Drop(t.Context(), other.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := b.q.Show(t.Context(), other.ID); !errors.Is(err, ErrNoItem) {
			t.Errorf("dropped, it is still there: %v", err)
		}
		if got := b.post.list(); len(got) > 0 {
			t.Errorf("what came from outside and was dropped is reported: %v", got)
		}
	})
}

// TestKeptDropped: who of the office has sent what is dropped hears of it once, also
// behind a restart; he has not asked not to.
func TestKeptDropped(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		full := true // so is the postmaster's disk
		b.post.err = func(mail.Address) error {
			if full {
				return errors.New("no room")
			}
			return nil
		}
		it := item("alice@box.test", "bob@far.test", "carol@far.test")
		it.Account, it.To[1].Notify = 7, mail.NotifyNever
		b.keep(it)
		synctest.Wait() // nobody looks at it any more
		if err := b.q.Drop(t.Context(), it.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := b.hand(it.ID, "bob@far.test"); !errors.Is(err, ErrNoItem) {
			t.Errorf("dropped, it is handed back: %v", err)
		}
		if items, _, err := b.q.ListKept(t.Context(), Page{}); err != nil || len(items) > 0 {
			t.Errorf("dropped, it is listed: %v, %v", items, err)
		}
		synctest.Wait()
		if err := b.q.Drop(t.Context(), it.ID); !errors.Is(err, ErrNothing) {
			t.Errorf("dropped twice: %v", err)
		}
		b.close()
		b.open()
		full = false
		b.run()
		time.Sleep(time.Hour)
		got := b.post.list()
		if len(got) != 1 || got[0].to != "alice@box.test" || len(got[0].report.Recipients) != 1 {
			t.Fatalf("reports %v; want one to alice", got)
		}
		if r := got[0].report.Recipients[0]; r.Action != report.ActionFailed || r.Status != mail.Status5_7_1NotPermitted || r.Final != it.To[0].Address || !strings.Contains(got[0].text, "rule “Cards”") {
			t.Errorf("report %+v\n%s", r, got[0].text)
		}
		if n := b.q.Stats().Items; n != 0 {
			t.Errorf("%d items are left", n)
		}
	})
}

// TestKeptCrash cuts the power everywhere while a message is kept and handed back: it
// waits, or is on its way, and never both or neither.
func TestKeptCrash(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	disk := b.disk.(*crashfs.FS)
	b.open()
	kept := item("alice@box.test", "bob@far.test")
	b.keep(kept)
	accepted := disk.Ops()
	if err := b.hand(kept.ID, "bob@far.test"); err != nil {
		t.Fatal(err)
	}
	b.close()
	oneEverywhere(t, disk, accepted, func(int, *Item) string { return "" })
}

// oneEverywhere cuts the power behind every operation from one on, and holds that one
// item is there each time. wrong says what is the matter with it; "" is nothing.
func oneEverywhere(t *testing.T, disk *crashfs.FS, from int, wrong func(point int, it *Item) string) {
	t.Helper()
	for point := range crashfs.Points(from, disk.Ops()) {
		for i, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))} {
			c := newBench(t)
			c.disk, c.path = disk.Crash(point, chance), filepath.Join(t.TempDir(), File)
			c.opts.Logger = slog.New(slog.DiscardHandler)
			c.open()
			items, _, err := c.q.List(t.Context(), Filter{}, Page{})
			if err != nil || len(items) != 1 {
				t.Fatalf("cut behind operation %d, chance %d: %d items, %v; want one", point, i, len(items), err)
			}
			if what := wrong(point, items[0]); what != "" {
				t.Errorf("cut behind operation %d, chance %d: %s: %+v", point, i, what, items[0])
			}
			c.close()
		}
	}
}
