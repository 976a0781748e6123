package trace

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/figure"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// BenchmarkFigureTrace finds messages among a million of ninety days, and logs steps.
func BenchmarkFigureTrace(b *testing.B) {
	const messages, people = 1_000_000, 300
	files, err := durable.NewOS(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = files.Close() }()
	book := open(b, Options{Files: files, Log: slog.New(slog.DiscardHandler)})
	r := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 20_000)
	for i := range words {
		n := make([]byte, 4+r.IntN(7))
		for k := range n {
			n[k] = byte('a' + r.IntN(26))
		}
		words[i] = string(n)
	}
	word := func() string { return words[int(r.ExpFloat64()*1500)%len(words)] }
	ids := make([]mail.ID, 0, messages)
	subjects := make([]string, 0, messages)
	began := time.Now().Add(-90 * 24 * time.Hour)
	for i := range messages {
		at := began.Add(90 * 24 * time.Hour / messages * time.Duration(i))
		subject := word() + " " + word() + " " + word() + fmt.Sprint(" ", i)
		l := letter(at, word()+"@"+word()+".test", fmt.Sprintf("person%03d@office.test", r.IntN(people)), subject, 0)
		ids, subjects = append(ids, l[0].ID), append(subjects, subject)
		for _, s := range l {
			book.Add(s)
		}
		if i%4 == 3 { // programs fetch what has come since they last looked
			fetched := Step{At: at, What: "messages fetched", Pairs: []Pair{{"verb", "fetch"}, {"protocol", "imap"}, {"account", "person001@office.test"}, {"peer", "192.0.2.77"}, {"program", "Owl 3"}}}
			for _, id := range ids[i-3:] {
				fetched.Of = append(fetched.Of, mail.Traced{ID: id})
			}
			book.Add(fetched)
		}
		if i%2000 == 1999 {
			if err := book.write(true); err != nil {
				b.Fatal(err)
			}
		}
	}
	size := int64(0)
	for _, s := range book.segments {
		size += s.bytes
	}
	ask := func(b *testing.B, q func() Query) {
		var took []time.Duration
		for range 300 {
			query := q()
			query.Limit = 50
			start := time.Now()
			found, _, err := book.Find(context.Background(), query)
			if err != nil || len(found) == 0 {
				b.Fatalf("%+v: %d found, %v", query, len(found), err)
			}
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms,median")
		figure.AtMost(b, float64(took[len(took)*95/100].Microseconds())/1000, "ms,p95", 50)
	}
	b.Run("by_person", func(b *testing.B) {
		ask(b, func() Query { return Query{Text: fmt.Sprintf("person%03d@office.test", r.IntN(people))} })
	})
	b.Run("by_words_of_the_subject", func(b *testing.B) { ask(b, func() Query { return Query{Text: subjects[r.IntN(messages)]} }) })
	b.Run("by_person_and_word", func(b *testing.B) {
		ask(b, func() Query { i := r.IntN(messages); return Query{Text: "office.test " + subjects[i][:5]} })
	})
	b.Run("the_newest", func(b *testing.B) { ask(b, func() Query { return Query{} }) })
	b.Run("page_after_page", func(b *testing.B) { // of a list that all messages are in
		after := Place{}
		ask(b, func() Query {
			q := Query{Text: "office.test", After: after, Limit: 50}
			_, next, err := book.Find(context.Background(), q)
			if err != nil {
				b.Fatal(err)
			}
			after = next
			return q
		})
	})
	b.Run("of_a_day", func(b *testing.B) {
		ask(b, func() Query {
			day := began.Add(time.Duration(r.IntN(89)) * 24 * time.Hour)
			return Query{From: day, Until: day.Add(24 * time.Hour)}
		})
	})
	some := Within{Limited: true, Domains: []string{words[5000] + ".test"}} // of a few hundred messages among all
	b.Run("of_one_domain", func(b *testing.B) { ask(b, func() Query { return Query{Within: some} }) })
	b.Run("of_one_domain_what_all_have", func(b *testing.B) {
		var took []time.Duration
		for range 20 {
			start := time.Now()
			if _, _, err := book.Find(context.Background(), Query{Text: "office.test " + words[r.IntN(50)][:3], Within: some, Limit: 50}); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms,median")
		b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms,worst")
	})
	b.Run("by_ID", func(b *testing.B) {
		var took []time.Duration
		for range 300 {
			start := time.Now()
			if m, err := book.Steps(context.Background(), ids[r.IntN(messages)]); err != nil || len(m.Steps) != 3 {
				b.Fatalf("%d steps, %v", len(m.Steps), err)
			}
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		figure.AtMost(b, float64(took[285].Microseconds())/1000, "ms,p95", 50)
		b.ReportMetric(float64(size)/1e6, "MB")
	})
	b.Run("logging", func(b *testing.B) {
		discard := slog.NewJSONHandler(devNull(b), nil)
		plain, traced := slog.New(discard), slog.New(book.Handler(discard))
		run := func(l *slog.Logger) func() float64 {
			return func() float64 {
				id := mail.NewID(time.Now())
				start := time.Now()
				for range 5000 {
					l.Info("message received", "verb", "receive", "id", id, "from", "a@example.test", "to", []string{"b@example.test"}, "bytes", 4096)
				}
				return float64(time.Since(start).Nanoseconds()) / 5000
			}
		}
		turns := figure.InTurn(9, run(plain), run(traced))
		b.ReportMetric(turns.Median(0), "ns,without")
		b.ReportMetric(turns.Median(1), "ns,with")
	})
	if err := book.Close(); err != nil {
		b.Fatal(err)
	}
}

func devNull(b *testing.B) *os.File {
	f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	return f
}
