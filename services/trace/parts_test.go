package trace

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// manyRecipients logs a message to n people.
func manyRecipients(b *Book, id mail.ID, n int) []string {
	var to []string
	for i := range n {
		to = append(to, fmt.Sprintf("person%04d.of.the.list@far%03d.example.test", i, i%700))
	}
	slog.New(b.Handler(slog.DiscardHandler)).Info("message delivered", "verb", "commit", "id", id,
		slog.Group(Private, "from", "list@office.test", "subject", "The summer party", "to", to))
	return to
}

func TestManyRecipients(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id := mail.NewID(noon)
	to := manyRecipients(b, id, 3000)
	for _, i := range []int{0, 200, 255, 256, 257, 1111, 2999} {
		for _, text := range []string{to[i], "summer " + to[i]} {
			found, next, err := b.Find(t.Context(), Query{Text: text})
			if err != nil || next != (Place{}) || len(found) != 1 || found[0].ID != id {
				t.Fatalf("%q: found %d, %v; want the message", text, len(found), err)
			}
			if m := found[0]; len(m.Steps) != 1 || !slices.Equal(m.Steps[0].All("to"), to) || !slices.Equal(m.Steps[0].All("subject"), []string{"The summer party"}) {
				t.Fatalf("%q: %d steps, %d recipients; want one with all", text, len(m.Steps), len(m.Steps[0].All("to")))
			}
		}
	}
	if got := find(t, b, Query{Text: "party"}); len(got) != 1 {
		t.Errorf("by its subject it is found %d times, want once", len(got))
	}
}

func TestPartsAreBounded(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 40, 400, 5000} {
		s := Step{ID: mail.NewID(noon), At: noon, What: "message delivered", Pairs: []Pair{{"from", strings.Repeat("\xff", size)}}}
		for range 20_000 {
			s.Pairs = append(s.Pairs, Pair{"to", strings.Repeat("\xff", size)})
		}
		parts := s.parts()
		if len(parts) != maxParts {
			t.Errorf("values of %d bytes: %d parts, want %d", size, len(parts), maxParts)
		}
		for i, p := range parts {
			got, err := decode(p.encode())
			if err != nil || len(got.Pairs) != len(p.Pairs) || len(p.Pairs) < 2 {
				t.Fatalf("values of %d bytes: part %d of %d pairs has %d, %v", size, i, len(p.Pairs), len(got.Pairs), err)
			}
		}
	}
}

func TestStepOfMany(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	l := slog.New(b.Handler(slog.DiscardHandler))
	var of []mail.Traced
	for i := range 1500 {
		id := mail.NewID(noon.Add(time.Duration(i) * time.Second))
		l.Info("message delivered", "verb", "commit", "id", id, slog.Group(Private, "account", "alice@office.test"))
		of = append(of, mail.Traced{ID: id, UID: mail.UID(i + 1)})
	}
	l.Info("messages fetched", "verb", "fetch", "account", "alice@office.test", slog.Group(Private, "messages", of))
	check := func(when string) {
		for _, i := range []int{0, 511, 512, 1499} {
			m, err := b.Steps(t.Context(), of[i].ID)
			if err != nil || len(m.Steps) != 2 || m.Steps[1].What != "messages fetched" || m.Steps[1].Get("uid") != fmt.Sprint(i+1) {
				t.Fatalf("%s: message %d is %+v, %v; want it fetched", when, i, m, err)
			}
		}
		found, _, err := b.Find(t.Context(), Query{Text: "alice", Limit: 10})
		if err != nil || len(found) != 10 || found[0].ID != of[1499].ID || len(found[0].Steps) != 2 {
			t.Fatalf("%s: found %d, %v; want ten, the newest first", when, len(found), err)
		}
		if all := find(t, b, Query{}); len(all) != 1500 {
			t.Fatalf("%s: %d messages, want each once", when, len(all))
		}
	}
	check("in the current file")
	b.disk.Lock()
	err := b.roll()
	b.disk.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	check("in a segment")
	s := Step{At: noon, What: "x", Of: of[:maxOf]}
	if got, err := decode(s.encode()); err != nil || !slices.Equal(got.Of, s.Of) {
		t.Errorf("a step of many is read back with %d, %v", len(got.Of), err)
	}
}

// TestGoesOn: a message that waited on the box leaves it under another ID, and is still one.
func TestGoesOn(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	l := slog.New(b.Handler(slog.DiscardHandler))
	first, second := mail.NewID(noon), mail.NewID(noon.Add(time.Hour))
	l.Info("message waits for a decision", "verb", "commit", "id", first, slog.Group(Private, "subject", "Prices"))
	l.Info("held message released", "id", first, "by", "admin@office.test")
	l.Info("message that waited delivered", "verb", "commit", "id", second, "message", first, slog.Group(Private, "subject", "Prices"))
	l.Info("message tried", "verb", "attempt", "id", second, "state", "relayed")
	m, err := b.Steps(t.Context(), first)
	var what []string
	for _, s := range m.Steps {
		what = append(what, s.What)
	}
	if want := []string{"message waits for a decision", "held message released", "message that waited delivered", "message tried"}; err != nil || !slices.Equal(what, want) {
		t.Errorf("what happened is %q, %v; want %q", what, err, want)
	}
	// One that is said to go on as itself, or in a circle, ends.
	l.Info("message that waited delivered", "verb", "commit", "id", first, "message", second)
	if m, err := b.Steps(t.Context(), second); err != nil || len(m.Steps) > 20 {
		t.Errorf("in a circle %d steps, %v", len(m.Steps), err)
	}
}

// TestManyTries: a letter that is tried for thousands, again and again, is looked at once
// for each answer.
func TestManyTries(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	l := slog.New(b.Handler(slog.DiscardHandler))
	id := mail.NewID(time.Now())
	const tries = 20_000
	for i := range tries {
		l.Info("message tried", "verb", "attempt", "id", id, "to", fmt.Sprintf("p%d@far.test", i%1000), "state", "queued")
		if i%5000 == 0 {
			if err := b.write(true); err != nil {
				t.Fatal(err)
			}
		}
	}
	began := time.Now()
	found, next, err := b.Find(t.Context(), Query{Text: "far.test", Limit: 10})
	if err != nil || next != (Place{}) || len(found) != 1 || len(found[0].Steps) != tries {
		t.Fatalf("found %d, goes on at %v, %v; want the message, once", len(found), next, err)
	}
	if took := time.Since(began); took > 20*time.Second { // some hours before
		t.Errorf("it took %v", took)
	}
}
