package queue

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// shelf takes on what has waited: for far.test in one record with an item that goes
// out, for everybody else as deliveries of this box, which it counts.
type shelf struct {
	b    *bench
	mu   sync.Mutex
	says func(to mail.Address) error // nil: all is well
	got  map[string]time.Time
}

func (s *shelf) Resume(ctx context.Context, it *Item, to []int, body mail.Content, settle func([]mail.Attempt) *journal.Entry) error {
	words, err := io.ReadAll(io.NewSectionReader(body, 0, it.Size-int64(len(it.Prefix))))
	if err != nil || string(words) != text {
		s.b.t.Errorf("the body is %q, %v", words, err)
	}
	var attempts []mail.Attempt
	var out []string
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, at := range to {
		a := mail.Attempt{To: i, Fate: mail.FateDelivered}
		if s.says != nil {
			err := s.says(it.To[at].Address)
			if refusal, ok := errors.AsType[*mail.Refusal](err); ok {
				a = refusal.Attempt()
				a.To = i
			} else if err != nil {
				return err
			}
		}
		if a.Fate == mail.FateDelivered && it.To[at].Domain == "far.test" {
			out = append(out, it.To[at].String())
		}
		attempts = append(attempts, a)
	}
	if out != nil {
		staged, err := s.b.journal.Stage(ctx, nil, strings.NewReader(text), int64(len(text)))
		if err != nil {
			return err
		}
		err = s.b.q.Enqueue(ctx, staged, []*Item{item(it.From.String(), out...)}, settle(attempts))
		if err != nil {
			return err
		}
	} else if err := s.b.journal.CommitAll(ctx, settle(attempts)); err != nil {
		return err
	}
	for i, at := range to {
		if attempts[i].Fate == mail.FateDelivered {
			s.got[it.To[at].String()] = time.Now()
		}
	}
	return nil
}

func (s *shelf) at(to string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got[to]
}

func (s *shelf) answer(says func(mail.Address) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.says = says
}

// postpone has a message wait until a time.
func (b *bench) postpone(until time.Time, it *Item) error {
	b.t.Helper()
	body, err := b.journal.Stage(context.Background(), nil, strings.NewReader(text), int64(len(text)))
	if err != nil {
		b.t.Fatal(err)
	}
	it.Wishes.HoldUntil = until
	return b.q.Postpone(context.Background(), body, it)
}

// laterBubble is bubble with a shelf. All goes by a smart host, which is nothing to what
// doesn't leave yet.
func laterBubble(t *testing.T, fn func(t *testing.T, b *bench, s *shelf)) {
	s := &shelf{got: map[string]time.Time{}}
	bubbleWith(t, func(o *Options) {
		o.Resumer = s
		o.Way = func(mail.Hop) Way { return Way{Host: "smart.test"} }
	}, func(t *testing.T, b *bench) {
		s.b = b
		fn(t, b, s)
	})
}

// TestLater: a message is handed on when its time comes, to people here and elsewhere
// alike, not before, whatever is tried meanwhile, and over a restart.
func TestLater(t *testing.T) {
	t.Parallel()
	laterBubble(t, func(t *testing.T, b *bench, s *shelf) {
		until := time.Now().Add(30 * 24 * time.Hour)
		it := item("alice@box.test", "bob@far.test", "carol@box.test")
		if err := b.postpone(until, it); err != nil {
			t.Fatal(err)
		}
		if err := b.q.Redirect(t.Context(), it.ID, it.To[0].Address, address("x@far.test"), "far.test"); !errors.Is(err, mail.ErrNotYet) {
			t.Errorf("Redirect = %v", err)
		}
		b.q.Kick("")
		b.q.Rush("")
		if err := b.q.RetryAll(t.Context(), ""); err != nil {
			t.Error(err)
		}
		time.Sleep(29 * 24 * time.Hour)
		b.close()
		b.open()
		b.run()
		if got := b.post.list(); len(got) > 0 {
			t.Errorf("reports %v of what waits", got)
		}
		time.Sleep(24*time.Hour - time.Minute)
		if !s.at("carol@box.test").IsZero() || b.remote.tries("bob@far.test") != nil {
			t.Error("it went before its time")
		}
		list, _, err := b.q.ListWaiting(t.Context(), mail.WaitingFilter{})
		if err != nil || len(list) != 1 || list[0].HoldUntil == nil || !list[0].HoldUntil.Equal(until) || !list[0].To[1].Next.Equal(until) {
			t.Errorf("listed as %+v, %v", list, err)
		}
		time.Sleep(2 * time.Minute)
		if at := s.at("carol@box.test"); at.Before(until) || at.After(until.Add(time.Second)) {
			t.Errorf("handed on at %v; want %v", at, until)
		}
		if n := len(b.remote.tries("bob@far.test")); n != 1 || b.q.Stats().Items != 0 {
			t.Errorf("sent %d times, %d items left", n, b.q.Stats().Items)
		}
	})
}

// TestLaterPeople: what waits is sent before its time, held, and dropped by people.
func TestLaterPeople(t *testing.T) {
	t.Parallel()
	laterBubble(t, func(t *testing.T, b *bench, s *shelf) {
		until := time.Now().Add(24 * time.Hour)
		items := map[string]*Item{}
		for _, name := range []string{"release", "retry", "hold", "drop", "again"} {
			items[name] = item("alice@box.test", name+"@box.test")
			if err := b.postpone(until, items[name]); err != nil {
				t.Fatal(err)
			}
		}
		for name, f := range map[string]func(context.Context, mail.ID) error{"release": b.q.Release, "retry": b.q.Retry, "hold": b.q.Hold, "drop": b.q.Drop, "again": b.q.Hold} {
			if err := f(t.Context(), items[name].ID); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		time.Sleep(time.Minute)
		for name, gone := range map[string]bool{"release": true, "retry": true, "hold": false, "drop": false} {
			if at := s.at(name + "@box.test"); at.IsZero() == gone {
				t.Errorf("%s: handed on %v", name, at)
			}
		}
		// What was held and is let go waits for its time as before.
		if err := b.q.Release(t.Context(), items["again"].ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(23 * time.Hour)
		if !s.at("again@box.test").IsZero() {
			t.Error("what was held and let go went before its time")
		}
		time.Sleep(25 * time.Hour)
		if at := s.at("again@box.test"); at.Before(until) || at.After(until.Add(time.Second)) {
			t.Errorf("what was held and let go went at %v; want %v", at, until)
		}
		if !s.at("hold@box.test").IsZero() || !s.at("drop@box.test").IsZero() {
			t.Error("what is held or dropped was handed on when its time came")
		}
		if err := b.q.Release(t.Context(), items["hold"].ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if s.at("hold@box.test").IsZero() || b.q.Stats().Items != 0 {
			t.Errorf("released, %d items are left", b.q.Stats().Items)
		}
	})
}

// TestLaterRefused: of who can't have it when its time comes the sender hears, of a full
// mailbox not before the schedule is at its end, and the others have it at once.
func TestLaterRefused(t *testing.T) {
	t.Parallel()
	laterBubble(t, func(t *testing.T, b *bench, s *shelf) {
		s.answer(func(to mail.Address) error {
			switch to.Local {
			case "gone":
				return &mail.Refusal{Status: mail.Status5_1_1NoSuchMailbox, Text: "Nobody here has this address"}
			case "full":
				return &mail.Refusal{Status: mail.Status4_2_2MailboxFull, Text: "The mailbox is full"}
			}
			return nil
		})
		until := time.Now().Add(10 * 24 * time.Hour)
		if err := b.postpone(until, item("alice@box.test", "gone@box.test", "full@box.test", "bob@box.test")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*24*time.Hour + 2*time.Hour)
		got := b.post.list()
		if len(got) != 1 || got[0].to != "alice@box.test" || !strings.Contains(got[0].text, "Nobody here has this address") {
			t.Errorf("reports %+v; want one of who has gone", got)
		}
		if s.at("bob@box.test").IsZero() || !s.at("full@box.test").IsZero() {
			t.Error("the others wait for the one without room")
		}
		s.answer(func(mail.Address) error { return mail.ErrNoSpace })
		time.Sleep(10 * time.Hour)
		s.answer(nil)
		time.Sleep(4 * time.Hour)
		if s.at("full@box.test").IsZero() || b.q.Stats().Items != 0 {
			t.Errorf("there is room again, and it was not handed on; %d items are left", b.q.Stats().Items)
		}
	})
}

// TestLaterBounds: one account can have so much waiting, and that is nobody else's.
func TestLaterBounds(t *testing.T) {
	t.Parallel()
	laterBubble(t, func(t *testing.T, b *bench, _ *shelf) {
		until := time.Now().Add(time.Hour)
		big := item("alice@box.test", "bob@box.test")
		big.Account, big.Size = 7, maxLaterBytes
		if err := b.postpone(until, big); err != nil {
			t.Fatal(err)
		}
		more := item("alice@box.test", "bob@box.test")
		more.Account = 7
		if err := b.postpone(until, more); !errors.Is(err, mail.ErrTooMany) {
			t.Errorf("one byte too much: %v", err)
		}
		more.Account = 8
		if err := b.postpone(until, more); err != nil {
			t.Errorf("another account's: %v", err)
		}
		if err := errors.Join(b.q.Drop(t.Context(), big.ID), b.q.Drop(t.Context(), more.ID)); err != nil {
			t.Fatal(err)
		}
	})
}

// TestLaterBoundsAtOnce: many connections of one account get no further together than
// one does, and what could not be taken in leaves the room to others.
func TestLaterBoundsAtOnce(t *testing.T) {
	t.Parallel()
	laterBubble(t, func(t *testing.T, b *bench, _ *shelf) {
		const at, fit = 50, 7
		until := time.Now().Add(time.Hour)
		send := func() (taken []mail.ID) {
			var errs [at]error
			var all sync.WaitGroup
			var items [at]*Item
			for i := range items {
				items[i] = item("alice@box.test", "bob@box.test")
				items[i].Account, items[i].Size = 7, maxLaterBytes/fit
				all.Go(func() { errs[i] = b.postpone(until, items[i]) })
			}
			all.Wait()
			for i, err := range errs {
				if err == nil {
					taken = append(taken, items[i].ID)
				} else if !errors.Is(err, mail.ErrTooMany) {
					t.Errorf("message %d: %v; want nil or ErrTooMany", i, err)
				}
			}
			return taken
		}
		for range 2 {
			taken := send()
			if len(taken) != fit || b.q.Stats().Items != fit {
				t.Errorf("%d of %d were taken, %d wait; want %d", len(taken), at, b.q.Stats().Items, fit)
			}
			for _, id := range taken {
				if err := b.q.Drop(t.Context(), id); err != nil {
					t.Fatal(err)
				}
			}
			b.q.mu.Lock()
			if n := len(b.q.coming); n != 0 {
				t.Errorf("room is still set aside for %d", n)
			}
			b.q.mu.Unlock()
		}
	})
}

// TestKeptBounds: strangers fill up neither another domain's share of what waits for
// decisions, nor that of the office's own people.
func TestKeptBounds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.open()
	defer b.close()
	b.q.mu.Lock()
	for i := range maxKeptDomain {
		id := mail.ID{1, byte(i >> 8), byte(i)}
		b.q.all[id] = &card{id: id, wait: &wait{domain: "one.test"}, pos: -1}
	}
	b.q.mu.Unlock()
	defer func() { // they are in no log
		b.q.mu.Lock()
		defer b.q.mu.Unlock()
		clear(b.q.all)
	}()
	b.q.mu.Lock()
	defer b.q.mu.Unlock()
	stranger := item("x@far.test", "bob@ONE.test")
	if err := b.q.mayKeep(stranger); !errors.Is(err, mail.ErrTooMany) {
		t.Errorf("one more for the domain: %v", err)
	}
	if err := b.q.mayKeep(item("x@far.test", "bob@two.test")); err != nil {
		t.Errorf("for another domain: %v", err)
	}
	own := item("alice@one.test", "bob@one.test")
	own.Account = 7
	if err := b.q.mayKeep(own); err != nil {
		t.Errorf("the office's own: %v", err)
	}
}

// TestLaterCrash cuts the power everywhere while a message waits and is handed on: it
// waits, or is on its way, and never both or neither.
func TestLaterCrash(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := &shelf{b: b, got: map[string]time.Time{}}
	b.opts.Resumer = s
	disk := b.disk.(*crashfs.FS)
	b.open()
	it := item("alice@box.test", "bob@far.test", "carol@box.test")
	it.Junk, it.Collected, it.Round = true, true, true
	if err := b.postpone(time.Now().Add(time.Hour), it); err != nil {
		t.Fatal(err)
	}
	accepted := disk.Ops()
	if err := b.q.resumeWith(t.Context(), it, []int{0, 1}, time.Now()); err != nil {
		t.Fatal(err)
	}
	handed := disk.Ops()
	b.close()
	oneEverywhere(t, disk, accepted, func(point int, it *Item) string {
		waits := it.Later()
		if waits && point >= handed || !waits && (len(it.To) != 1 || it.To[0].Hop != "far.test") {
			return "it is not where it should be"
		}
		if waits && !(it.Junk && it.Collected && it.Round && len(it.To) == 2) {
			return "it has forgotten something"
		}
		return ""
	})
	if len(s.got) != 2 {
		t.Errorf("handed on to %v", s.got)
	}
}
