package trace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, opts Options) *Book {
	t.Helper()
	if opts.Log == nil {
		opts.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	}
	b, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newBook(t testing.TB) *Book {
	b := open(t, Options{Files: crashfs.New()})
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// letter are the steps of a message that came and was tried n times.
func letter(at time.Time, from, to, subject string, tries int) []Step {
	id := mail.NewID(at)
	steps := []Step{
		{id, at, "message received", []Pair{{"verb", "receive"}, {"from", from}, {"to", to}, {"subject", subject}, {"message_id", "x" + id.String() + "@far.test"}}, nil},
		{id, at.Add(time.Second), "message delivered", []Pair{{"verb", "commit"}, {"mailboxes", "1"}}, nil},
	}
	for n := range tries {
		steps = append(steps, Step{id, at.Add(time.Hour * time.Duration(n+1)), "message tried", []Pair{{"to", to}, {"reply", "450 4.2.1 Later"}}, nil})
	}
	return steps
}

func find(t testing.TB, b *Book, q Query) (subjects []string) {
	t.Helper()
	for {
		found, next, err := b.Find(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range found {
			subjects = append(subjects, m.Steps[0].Get("subject"))
		}
		if q.After = next; next == (Place{}) {
			return subjects
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	for _, l := range [][]Step{
		letter(noon, "alice.kola@example.test", "ben@partner.test", "Offer for the roof", 0),
		letter(noon.Add(time.Minute), "ben@partner.test", "alice.kola@example.test", "Re: Offer for the roof", 0),
		letter(noon.Add(2*time.Minute), "Çlirim@example.test", "ben@partner.test", "Çmimet e reja", 3),
	} {
		for _, s := range l {
			b.Add(s)
		}
	}
	for text, want := range map[string][]string{
		"":                          {"Çmimet e reja", "Re: Offer for the roof", "Offer for the roof"},
		"roof":                      {"Re: Offer for the roof", "Offer for the roof"},
		"ROO":                       {"Re: Offer for the roof", "Offer for the roof"},
		"oof":                       nil,
		"re":                        {"Re: Offer for the roof"}, // a word, not the beginning of "reja"
		"reja":                      {"Çmimet e reja"},
		"ÇMIMET":                    {"Çmimet e reja"},
		"alice.kola@example.test":   {"Re: Offer for the roof", "Offer for the roof"},
		"<alice.kola@example.test>": {"Re: Offer for the roof", "Offer for the roof"},
		"kola roof":                 {"Re: Offer for the roof", "Offer for the roof"},
		"partner.test":              {"Çmimet e reja", "Re: Offer for the roof", "Offer for the roof"},
		"partner.test çmimet":       {"Çmimet e reja"},
		"partner nobody":            nil,
		"@":                         nil,
	} {
		if got := find(t, b, Query{Text: text}); !slices.Equal(got, want) {
			t.Errorf("%q: found %q, want %q", text, got, want)
		}
		if got := find(t, b, Query{Text: text, Limit: 1}); !slices.Equal(got, want) {
			t.Errorf("%q, one at a time: found %q, want %q", text, got, want)
		}
	}
	if got, want := find(t, b, Query{From: noon.Add(30 * time.Second), Until: noon.Add(90 * time.Second)}), []string{"Re: Offer for the roof"}; !slices.Equal(got, want) {
		t.Errorf("in a minute: found %q, want %q", got, want)
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"1", "0.1", "x.1", "1.x", "-1.2", "1.99999999999"} {
		if p, err := ParsePlace(text); !errors.Is(err, ErrPlace) {
			t.Errorf("%q is read as %v, %v; want ErrPlace", text, p, err)
		}
	}
	for _, p := range []Place{{}, {1, 0}, {7, 1 << 20}} {
		if got, err := ParsePlace(p.String()); err != nil || got != p {
			t.Errorf("%v is read as %v, %v", p, got, err)
		}
	}
}

// TestAgainstModel compares a book of many segments with a list of all steps.
func TestAgainstModel(t *testing.T) {
	t.Parallel()
	fs := crashfs.New()
	b := open(t, Options{Files: fs})
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"alice", "alina", "ben", "bo", "çlirim", "x"}
	pick := func() string { return names[r.IntN(len(names))] }
	var all []Step
	for i := range 400 {
		l := letter(noon.Add(time.Duration(i)*time.Minute), pick()+"@example.test", pick()+"@partner.test", pick()+" "+strings.Repeat("word ", r.IntN(4))+fmt.Sprint(i), r.IntN(3))
		all = append(all, l...)
	}
	// Steps of different messages stand between each other.
	slices.SortStableFunc(all, func(x, y Step) int { return x.At.Compare(y.At) })
	for i, s := range all {
		b.Add(s)
		if i%100 == 99 {
			if err := b.write(true); err != nil {
				t.Fatal(err)
			}
			b.disk.Lock()
			if err := b.roll(); err != nil {
				t.Fatal(err)
			}
			b.disk.Unlock()
		}
		if i%333 == 0 {
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			b = open(t, Options{Files: fs})
		}
	}
	defer func() { _ = b.Close() }()
	for range 60 {
		q := Query{Limit: 1 + r.IntN(30)}
		for range r.IntN(3) {
			w := pick()
			q.Text += " " + w[:1+r.IntN(len(w))]
		}
		q.Text = strings.ToValidUTF8(q.Text, "")
		if r.IntN(3) == 0 {
			q.From = noon.Add(time.Duration(r.IntN(300)) * time.Minute)
			q.Until = q.From.Add(time.Duration(r.IntN(200)) * time.Minute)
		}
		var want []string
		seen := map[mail.ID]bool{}
		s := search{q: q, terms: terms(q.Text)}
		for _, step := range slices.Backward(all) {
			if s.holds(&step) && !seen[step.ID] {
				seen[step.ID] = true
				i := slices.IndexFunc(all, func(o Step) bool { return o.ID == step.ID })
				want = append(want, all[i].Get("subject"))
			}
		}
		if got := find(t, b, q); !slices.Equal(got, want) {
			t.Fatalf("%+v: found %d, want %d:\n%q\n%q", q, len(got), len(want), got, want)
		}
	}
	for _, s := range all[:50] {
		var want []Step
		for _, o := range all {
			if o.ID == s.ID {
				want = append(want, o)
			}
		}
		m, err := b.Steps(t.Context(), s.ID)
		if err != nil || len(m.Steps) != len(want) {
			t.Fatalf("%d steps, %v; want %d", len(m.Steps), err, len(want))
		}
		for i := range want {
			if got := m.Steps[i]; !got.At.Equal(want[i].At) || got.What != want[i].What || !reflect.DeepEqual(got.Pairs, want[i].Pairs) {
				t.Fatalf("step %d is %+v, want %+v", i, got, want[i])
			}
		}
	}
}

// TestCrash cuts the power behind every operation: what was synced is there, in order,
// and nothing else is.
func TestCrash(t *testing.T) {
	t.Parallel()
	fs := crashfs.New()
	b := open(t, Options{Files: fs})
	b.Follow(func() uint64 { return 7 })
	safe := []int{} // operations after which so many steps were safe
	var all []Step
	for i := range 12 {
		for _, s := range letter(noon.Add(time.Duration(i)*time.Minute), "a@example.test", "b@example.test", fmt.Sprint(i), 1) {
			b.Add(s)
			all = append(all, s)
		}
		// What has happened to all of them, and a line that goes on in parts, belong to it.
		long := Step{At: noon.Add(time.Duration(i) * time.Hour), What: "messages fetched", Pairs: slices.Repeat([]Pair{{"account", "a@example.test"}}, 3)}
		for k := range i + 1 {
			long.Of = append(long.Of, mail.Traced{ID: all[3*k].ID, UID: 1})
		}
		b.Add(long)
		b.Add(Step{ID: all[3*i].ID, At: noon.Add(time.Duration(i) * 2 * time.Hour), What: "message delivered", Pairs: slices.Repeat([]Pair{{"to", "b@example.test"}}, 2*maxPairs)})
		if err := b.write(true); err != nil {
			t.Fatal(err)
		}
		safe = append(safe, fs.Ops())
		if i%4 == 3 {
			b.disk.Lock()
			if err := b.roll(); err != nil {
				t.Fatal(err)
			}
			b.disk.Unlock()
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for point := range fs.Ops() + 1 {
		least := 0
		for i, ops := range safe {
			if ops <= point {
				least = 3 * (i + 1)
			}
		}
		for name, chance := range map[string]crashfs.Chance{"nothing": crashfs.Nothing(), "everything": crashfs.Everything(), "some": crashfs.Some(uint64(point))} {
			b := open(t, Options{Files: fs.Crash(point, chance), Log: slog.New(slog.DiscardHandler)})
			got := 0
			for _, s := range all {
				m, err := b.Steps(t.Context(), s.ID)
				if err != nil {
					t.Fatalf("cut at %d, %s: %v", point, name, err)
				}
				if slices.ContainsFunc(m.Steps, func(o Step) bool { return o.At.Equal(s.At) }) {
					got++
				}
			}
			for i := range least / 3 {
				m, err := b.Steps(t.Context(), all[3*i].ID)
				whole := slices.ContainsFunc(m.Steps, func(s Step) bool { return len(s.Pairs) == 2*maxPairs })
				fetched := slices.ContainsFunc(m.Steps, func(s Step) bool { return s.What == "messages fetched" })
				if err != nil || !whole || !fetched {
					t.Errorf("cut at %d, %s: message %d has its long step: %v, is fetched: %v, %v; want both", point, name, i, whole, fetched, err)
				}
			}
			if got < least {
				t.Errorf("cut at %d, %s: %d steps are left; %d were safe", point, name, got, least)
			}
			if m, at := b.Mark(); m != 0 && m != 7 || (m == 0) != at.IsZero() {
				t.Errorf("cut at %d, %s: the mark is %d of %v, want 0 or 7", point, name, m, at)
			}
			b.Add(Step{ID: mail.NewID(noon), At: noon, What: "after", Pairs: []Pair{{"to", "later@example.test"}}})
			if found, _, err := b.Find(t.Context(), Query{Text: "later"}); err != nil || len(found) != 1 {
				t.Errorf("cut at %d, %s: %d messages are found after it, %v; want 1", point, name, len(found), err)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestFaults has each operation fail once: the trace goes on, or is as it was.
func TestFaults(t *testing.T) {
	t.Parallel()
	for failing := range 40 {
		fs := crashfs.New()
		b := open(t, Options{Files: fs, Log: slog.New(slog.DiscardHandler)})
		n, fault := 0, errors.New("no room")
		fs.Fault(func(crashfs.Op) error {
			if n++; n-1 == failing {
				return fault
			}
			return nil
		})
		var all []Step
		for i := range 6 {
			for _, s := range letter(noon.Add(time.Duration(i)*time.Minute), "a@example.test", "b@example.test", fmt.Sprint(i), 0) {
				b.Add(s)
				all = append(all, s)
			}
			_ = b.write(true) // the next one tries again, or everything is over
			if i%2 == 1 {
				b.disk.Lock()
				if b.broken == nil {
					_ = b.roll()
				}
				b.disk.Unlock()
			}
		}
		fs.Fault(nil)
		lost := b.broken != nil
		_ = b.Close()
		fs.Restart()
		b = open(t, Options{Files: fs, Log: slog.New(slog.DiscardHandler)})
		for _, s := range all {
			m, err := b.Steps(t.Context(), s.ID)
			if err != nil {
				t.Fatal(err)
			}
			times := 0
			for _, o := range m.Steps {
				if o.At.Equal(s.At) {
					times++
				}
			}
			if times > 1 || times == 0 && !lost {
				t.Errorf("operation %d failed: a step is there %d times, want once", failing, times)
			}
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	fs, sure := crashfs.New(), false
	b := open(t, Options{Files: fs, Bytes: 4 << 10, Sure: func() bool { return sure }})
	defer func() { _ = b.Close() }()
	fill := func(at time.Time, n int) {
		t.Helper()
		for i := range n {
			for _, s := range letter(at.Add(time.Duration(i)), fmt.Sprintf("p%d@%x.test", i, rand.Uint64()), "b@example.test", fmt.Sprint(at.Year(), i), 0) {
				b.Add(s)
			}
		}
		if err := b.write(true); err != nil {
			t.Fatal(err)
		}
		b.disk.Lock()
		defer b.disk.Unlock()
		if err := b.roll(); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-100 * 24 * time.Hour)
	fill(old, 1)
	if got := find(t, b, Query{}); len(got) != 1 {
		t.Errorf("by a clock that isn't sure %q are left, want one", got)
	}
	sure = true
	fill(time.Now(), 1)
	if got := find(t, b, Query{}); len(got) != 1 || !strings.HasPrefix(got[0], fmt.Sprint(time.Now().Year())) {
		t.Errorf("after a hundred days %q are left, want the new one", got)
	}
	for range 10 {
		fill(time.Now(), 20)
	}
	entries, err := fs.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total > 8<<10 {
		t.Errorf("it takes %d bytes, want some 4 KiB: %v", total, entries)
	}
}

func TestHandler(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b := newBook(t)
	l := slog.New(b.Handler(slog.NewTextHandler(&log, nil)))
	id := mail.NewID(noon)
	peer := l.With("protocol", "smtp").With("peer", "192.0.2.7")
	peer.With("id", id).Info("message received", "verb", "receive", "to", []string{"a@example.test", "b@example.test"}, slog.Group(Private, "subject", "A raise"))
	peer.With("id", id).Info("message judged", slog.Group("verdicts", slog.Group("spf", "result", "pass")))
	l.Debug("not for people", "id", id)
	l.Info("no message", "verb", "attempt")
	peer.Info("session ended", "verb", "accept", "err", errors.New("refused"))
	if strings.Contains(log.String(), "raise") {
		t.Errorf("what is private is in the log:\n%s", &log)
	}
	if n := strings.Count(log.String(), "\n"); n != 4 {
		t.Errorf("the log has %d lines, want 4:\n%s", n, &log)
	}
	found, _, err := b.Find(t.Context(), Query{Text: "raise"})
	if err != nil || len(found) != 1 || len(found[0].Steps) != 2 {
		t.Fatalf("found %+v, %v; want one message with two steps", found, err)
	}
	s := found[0].Steps[0]
	if got := s.All("to"); !slices.Equal(got, []string{"a@example.test", "b@example.test"}) || s.Get("peer") != "192.0.2.7" || s.What != "message received" {
		t.Errorf("the first step is %+v", s)
	}
	if got := found[0].Steps[1].Get("verdicts.spf.result"); got != "pass" {
		t.Errorf("the verdict is %q, want pass", got)
	}
	if found, _, err := b.Find(t.Context(), Query{Text: "192.0.2.7"}); err != nil || len(found) != 2 {
		t.Errorf("by the address found %d, %v; want the message and the session", len(found), err)
	}
	for range 200 {
		peer.Info("a log-in failed", "verb", "accept")
	}
	if got := find(t, b, Query{Text: "192.0.2.7"}); len(got) > strangersBurst+2 {
		t.Errorf("of a stranger that knocks 200 times there are %d, want %d", len(got), strangersBurst)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	s := Step{ID: mail.NewID(noon), At: noon, What: strings.Repeat("ë", 2000)}
	for range 1000 {
		s.Pairs = append(s.Pairs, Pair{strings.Repeat("n", 100), strings.Repeat("v", 5000) + "\xff"})
	}
	got, err := decode(s.encode())
	if err != nil || len(got.What) != maxValue || len(got.Pairs) == 0 || len(got.Pairs[0].Value) != maxValue {
		t.Errorf("a huge step is %d, %d pairs, %v", len(got.What), len(got.Pairs), err)
	}
}

func TestReadOnlyFiles(t *testing.T) {
	t.Parallel()
	if _, err := Open(Options{Files: broken{crashfs.New()}, Log: slog.New(slog.DiscardHandler)}); !errors.Is(err, os.ErrPermission) {
		t.Errorf("on a disk that can't be read: %v, want an error", err)
	}
}

type broken struct{ durable.FS }

func (broken) OpenFile(string, int, os.FileMode) (durable.File, error) { return nil, os.ErrPermission }

func TestCancelled(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	for _, s := range letter(noon, "a@example.test", "b@example.test", "x", 0) {
		b.Add(s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := b.Find(ctx, Query{Text: "a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a question that nobody waits for: %v, want context.Canceled", err)
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func newMemory(*testing.T) durable.FS { return crashfs.New() }

// TestDamage: a damaged record takes none with it that stands behind it.
func TestDamage(t *testing.T) {
	t.Parallel()
	fs := crashfs.New()
	b := open(t, Options{Files: fs})
	var all []Step
	for i := range 9 {
		all = append(all, letter(noon.Add(time.Duration(i)*time.Minute), "a@example.test", "b@example.test", fmt.Sprint(i), 0)...)
	}
	for _, s := range all {
		b.Add(s)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := fs.OpenFile(currentName(0), os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{5, 700} { // in a header, and in a step
		if _, err := f.WriteAt([]byte{0xff, 0xff}, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, Options{Files: fs, Log: quiet()})
	defer func() { _ = b.Close() }()
	left := 0
	for _, s := range all {
		m, err := b.Steps(t.Context(), s.ID)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(m.Steps, func(o Step) bool { return o.At.Equal(s.At) }) {
			left++
		}
	}
	if left != len(all)-2 {
		t.Errorf("%d of %d steps are left, want all but the two damaged ones", left, len(all))
	}
	if b.current.damaged == 0 {
		t.Error("nobody is told of the damage")
	}
}

// TestQuietOffice: where little happens it is forgotten in time, too.
func TestQuietOffice(t *testing.T) {
	t.Parallel()
	fs := crashfs.New()
	b := open(t, Options{Files: fs})
	defer func() { _ = b.Close() }()
	add := func(at time.Time) {
		t.Helper()
		for _, s := range letter(at, "a@example.test", "b@example.test", at.Format(time.DateOnly), 0) {
			b.Add(s)
		}
		if err := b.write(true); err != nil {
			t.Fatal(err)
		}
		b.tidy()
	}
	old, new := time.Now().Add(-95*24*time.Hour), time.Now().Add(-time.Hour)
	add(old)
	add(new)
	b.tidy()
	if got := find(t, b, Query{}); !slices.Equal(got, []string{new.Format(time.DateOnly)}) {
		t.Errorf("what is left is %q, want only that of today", got)
	}
}

// TestClocks: steps of a message whose ID is of the future are found behind those of now.
func TestClocks(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	roll := func() {
		t.Helper()
		if err := b.write(true); err != nil {
			t.Fatal(err)
		}
		b.disk.Lock()
		defer b.disk.Unlock()
		if err := b.roll(); err != nil {
			t.Fatal(err)
		}
	}
	ahead := noon.AddDate(50, 0, 0)
	l := letter(ahead, "a@example.test", "b@example.test", "ahead", 0)
	b.Add(l[0])
	roll()
	l[1].At = noon // the clock has been set right
	b.Add(l[1])
	roll()
	b.Add(Step{ID: l[0].ID, At: noon.Add(time.Hour), What: "message tried", Pairs: []Pair{{"to", "later@example.test"}}})
	if m, err := b.Steps(t.Context(), l[0].ID); err != nil || len(m.Steps) != 3 {
		t.Errorf("%d steps, %v; want three", len(m.Steps), err)
	}
	if got := find(t, b, Query{Text: "later"}); len(got) != 1 {
		t.Errorf("found by its last step: %q, want it", got)
	}
}

// TestTooSlow: steps that a slow disk has made the book leave out are looked for again.
func TestTooSlow(t *testing.T) {
	t.Parallel()
	fs := crashfs.New()
	b := open(t, Options{Files: fs, Log: quiet()})
	b.Follow(func() uint64 { return 9 })
	b.disk.Lock()
	big := Step{ID: mail.NewID(noon), At: noon, What: "x", Pairs: []Pair{{"subject", strings.Repeat("y", maxValue)}}}
	for range maxPending/maxValue + 2000 {
		b.Add(big)
	}
	b.disk.Unlock()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, Options{Files: fs, Log: quiet()})
	if m, _ := b.Mark(); m != 0 {
		t.Errorf("the mark is %d although steps were left out, want none", m)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestMark(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	b.note(300, true)
	m, at := b.readMark()
	if m != 300 || time.Since(at) > time.Minute || time.Since(at) < 0 {
		t.Errorf("the mark is %d of %v", m, at)
	}
	for _, text := range []string{"", "\x02", "\x01\x07\x00\x00\x00\x00", strings.Repeat("\x02", 40)} {
		if m, _ := parseMark([]byte(text)); m != 0 {
			t.Errorf("%q is a mark of %d", text, m)
		}
	}
}
