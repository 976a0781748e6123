package audit

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/figure"
)

// BenchmarkFigureAudit asks a book that is full: the newest page, one in the middle, and
// for what is nowhere, which takes several answers.
func BenchmarkFigureAudit(b *testing.B) {
	dir := b.TempDir()
	files, err := durable.NewOS(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = files.Close() }()
	entries, number := 0, uint64(0)
	for i := maxFiles - 1; i >= 0; i-- {
		var text []byte
		for {
			number++
			line := lineOf(b, Entry{Number: number, At: time.Now(), Who: "admin@office.test", From: "192.0.2.7", What: "PUT /api/accounts/{address}/quota",
				On: fmt.Sprintf("/api/accounts/person%05d@office.test/quota", number), Said: json.RawMessage(`{"bytes":5000000000,"messages":100000}`)})
			if len(text)+len(line) > maxBytes {
				number--
				break
			}
			text, entries = append(text, line...), entries+1
		}
		if err := durable.ReplaceBytes(files, fileName(i), 0o600, text); err != nil {
			b.Fatal(err)
		}
	}
	book := Open(files, slog.New(slog.DiscardHandler))
	defer func() { _ = book.Close() }()
	ask := func(b *testing.B, q func(int) Query) {
		var took []time.Duration
		for i := range 30 {
			query := q(i)
			start := time.Now()
			if _, _, err := book.Find(b.Context(), query); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[15].Microseconds())/1000, "ms,median")
		figure.AtMost(b, float64(took[28].Microseconds())/1000, "ms,p95", 250)
		b.ReportMetric(float64(entries), "entries")
	}
	b.Run("the_newest", func(b *testing.B) { ask(b, func(int) Query { return Query{Limit: 50} }) })
	b.Run("a_page_somewhere", func(b *testing.B) {
		ask(b, func(i int) Query { return Query{Limit: 50, Before: number * uint64(i+1) / 31} })
	})
	b.Run("what_is_nowhere", func(b *testing.B) {
		ask(b, func(i int) Query { return Query{Text: "nobody@", Before: number * uint64(i+1) / 31} })
	})
}
