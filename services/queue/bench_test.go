package queue

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/figure"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// BenchmarkFigureQueued100k shows what 100,000 messages that wait cost: memory while they
// do, and the time of a start.
func BenchmarkFigureQueued100k(b *testing.B) {
	const items = 100_000
	w := newBench(b)
	files, err := durable.NewOS(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = files.Close() }()
	w.disk = files
	before := heapInUse()
	w.open()
	body, err := w.journal.Stage(context.Background(), nil, strings.NewReader(text), int64(len(text)))
	if err != nil {
		b.Fatal(err)
	}
	for n := 0; n < items; n += maxItems {
		batch := make([]*Item, maxItems)
		for i := range batch {
			batch[i] = item("alice@box.test", fmt.Sprintf("somebody-%d@h%d.example.test", n+i, (n+i)%2000))
			batch[i].ID = mail.NewID(time.Now())
			batch[i].To[0].Next = time.Now().Add(time.Hour)
		}
		if err := w.q.Enqueue(context.Background(), body, batch); err != nil {
			b.Fatal(err)
		}
	}
	w.close()
	b.Run("queue_of_100,000,_start", func(b *testing.B) {
		turns := figure.InTurn(3, func() float64 {
			began := time.Now()
			w.open()
			took := time.Since(began).Seconds()
			if n := w.q.Stats().Items; n != items {
				b.Fatalf("%d items; want %d", n, items)
			}
			w.close()
			return took
		})
		figure.AtMost(b, turns.Median(0), "s", 2)
	})
	b.Run("queue_of_100,000,_memory", func(b *testing.B) {
		w.open()
		figure.AtMost(b, float64(heapInUse()-before)/1e6, "MB", 100)
		w.close()
	})
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
