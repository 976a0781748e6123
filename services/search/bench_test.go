package search

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/figure"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/search/corpus"
	"github.com/sanduk-mail/sanduk/services/store"
)

// archive is a store on disk with a mailbox of the corpus's messages in it.
type archive struct {
	store *store.Store
	box   *store.Account
	inbox mail.Mailbox
	spool *draft.Spool
	files *durable.OS
	text  int64 // bytes of text that can be searched
}

func newArchive(b *testing.B, n int) *archive {
	ctx := context.Background()
	dir := b.TempDir()
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	a := &archive{}
	var err error
	a.files, err = durable.NewOS(dir)
	check(err)
	j, err := journal.Open(a.files, journal.Options{Logger: slog.New(slog.DiscardHandler)})
	check(err)
	a.store, err = store.Open(ctx, j, a.files, store.Options{Logger: slog.New(slog.DiscardHandler)})
	check(err)
	b.Cleanup(func() {
		_ = a.store.Close()
		_ = j.Close()
		j.Release()
	})
	check(a.store.CreateAccount(ctx, anna))
	a.box, err = a.store.Account(ctx, anna)
	check(err)
	a.inbox, err = a.box.Mailbox(ctx, mail.Inbox)
	check(err)
	a.spool, err = draft.NewSpool(a.files, "spool", nil)
	check(err)
	c := corpus.New(1)
	for from := 0; from < n; from += 500 {
		var batch []draft.Append
		for i := from; i < min(n, from+500); i++ {
			text := c.Message(i)
			d := a.draft(b, text)
			batch = append(batch, draft.Append{Draft: d, Internal: time.Unix(1_700_000_000+int64(i)*600, 0)})
			a.text += textOf(b, text)
		}
		_, err := a.box.Append(ctx, a.inbox.ID, batch)
		check(err)
		for _, m := range batch {
			m.Draft.Discard()
		}
	}
	return a
}

func (a *archive) draft(b *testing.B, text []byte) *draft.Draft {
	d := a.spool.New(1 << 30)
	if _, err := d.Write(text); err != nil {
		b.Fatal(err)
	}
	if err := d.Finish(); err != nil {
		b.Fatal(err)
	}
	return d
}

// textOf is how many bytes of a message's decoded text a search looks into: the
// header and the text parts.
func textOf(b *testing.B, raw []byte) (n int64) {
	s := message.NewScanner(message.Limits{})
	_, _ = s.Write(raw)
	d := s.Finish()
	for f, err := range message.Fields(d.Root.Header(bytes.NewReader(raw)), 1<<20) {
		if err != nil {
			b.Fatal(err)
		}
		n += int64(len(f.Name) + 2 + len(message.DecodeHeader(f.Value())))
	}
	for _, p := range d.Root.All() {
		size, err := io.Copy(io.Discard, message.NewTextReader(p, bytes.NewReader(raw)))
		if err != nil {
			b.Fatal(err)
		}
		n += size
	}
	return n
}

// open opens an empty index of the archive, which follows nothing by itself.
func (a *archive) open(b *testing.B, alone bool) *Index {
	files, err := durable.NewOS(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	return Open(Options{
		Files: files, Store: quiet{}, Delay: time.Hour, Alone: alone, Logger: slog.New(slog.DiscardHandler),
		Open: func(ctx context.Context, id mail.AccountID) (Account, error) { return a.store.Account(ctx, id) },
	})
}

// index makes an index of the archive.
func (a *archive) index(b *testing.B) (*Index, time.Duration) {
	ix := a.open(b, true)
	b.Cleanup(func() { _ = ix.Close() })
	begin := time.Now()
	if err := ix.update(anna, false); err != nil {
		b.Fatal(err)
	}
	return ix, time.Since(begin)
}

func sizeOf(b *testing.B, dir string) (size int64) {
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		size += info.Size()
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return size
}

// BenchmarkFigureSearch measures searches in a mailbox of 100,000 messages through
// the store, as IMAP and the pages ask for them: 300 words, 100 substrings. Making the mailbox and
// its index takes most of the time, so it is done once.
func BenchmarkFigureSearch(b *testing.B) {
	n := 100_000
	if testing.Short() {
		n = 20_000
	}
	ctx := context.Background()
	a := newArchive(b, n)
	ix, took := a.index(b)
	b.Run("search_index", func(b *testing.B) {
		figure.AtMost(b, 100*float64(sizeOf(b, ix.files.(*durable.OS).Path(".")))/float64(a.text), "%-of-text", 60)
		b.ReportMetric(float64(n)/took.Seconds(), "msg/s")
		b.ReportMetric(float64(a.text)/float64(n), "text-B/msg")
	})
	c := corpus.New(1)
	words, parts := c.Words(300, n), c.Substrings(100, n)
	i := 0
	for _, kind := range []struct {
		name string
		text func(word string) string
	}{
		{"word_search", func(word string) string { return word }},
		{"word_search,_two_words", func(word string) string { i++; return word + " " + words[i%len(words)] }},
		{"word_search,_misspelled", func(word string) string {
			r := []rune(word)
			r[len(r)-2], r[len(r)-1] = r[len(r)-1], r[len(r)-2]
			return string(r)
		}},
	} {
		b.Run(kind.name, func(b *testing.B) {
			quantiles(b, words, 30, func(word string) {
				if _, err := ix.Query(ctx, anna, a.box, Ask{Text: kind.text(word)}); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
	for _, kind := range []struct {
		name  string
		query func(text string) mail.Query
	}{
		{"BODY", func(text string) mail.Query { return mail.Body{Text: text} }},
		{"SUBJECT", func(text string) mail.Query { return mail.Header{Name: "Subject", Value: text} }},
		{"TEXT", func(text string) mail.Query { return mail.Text{Text: text} }},
	} {
		b.Run("substring_search,_"+kind.name, func(b *testing.B) {
			found := 0
			quantiles(b, parts, 100, func(text string) {
				set, err := ix.Search(ctx, anna, a.box, a.inbox.ID, kind.query(text))
				if err != nil {
					b.Fatal(err)
				}
				found += set.Len()
			})
			b.ReportMetric(float64(found)/float64(rounds*len(parts)), "found")
		})
	}
}

// BenchmarkFigureIndexing measures deliveries by 8 at once while the index is made
// of 20,000 other messages, beside deliveries without that, in turns.
func BenchmarkFigureIndexing(b *testing.B) {
	n, deliveries := 20_000, 2_000
	if testing.Short() {
		n, deliveries = 2_000, 400
	}
	ctx := context.Background()
	a := newArchive(b, n)
	const writers = 8
	for w := range writers {
		if err := a.store.CreateAccount(ctx, mail.AccountID(w+2)); err != nil {
			b.Fatal(err)
		}
	}
	d := a.draft(b, corpus.New(1).Message(7))
	defer d.Discard()
	deliver := func() (p99 float64) {
		took := make([]time.Duration, deliveries)
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := w; i < deliveries; i += writers {
					begin := time.Now()
					if err := a.store.Deliver(ctx, &mail.Envelope{ID: mail.NewID(begin), Received: begin}, []mail.Target{{Account: mail.AccountID(w + 2)}}, d); err != nil {
						b.Error(err)
						return
					}
					took[i] = time.Since(begin)
				}
			})
		}
		all.Wait()
		slices.Sort(took)
		return took[deliveries*99/100].Seconds() * 1000
	}
	indexing := func() float64 {
		ix := a.open(b, false)
		ix.touch(anna, 0)
		p99 := deliver()
		ix.mu.Lock()
		busy := ix.queue.busy == anna
		ix.mu.Unlock()
		if !busy {
			b.Error("the index was ready before the deliveries were")
		}
		if err := ix.Close(); err != nil {
			b.Fatal(err)
		}
		return p99
	}
	b.Run("p99_of_delivery_while_20,000_messages_are_indexed", func(b *testing.B) {
		turns := figure.InTurn(5, deliver, indexing)
		figure.AtMost(b, turns.Ratio(1, 0), "times", 2)
		b.ReportMetric(turns.Median(0), "ms-alone")
		b.ReportMetric(turns.Median(1), "ms")
	})
}

// rounds is how often each query is asked; the middle one counts, so that what
// else is at work on the machine now and then doesn't.
const rounds = 3

// quantiles asks all the queries; 95 of 100 are to take at most so many ms. Beside
// the time on the clock it gives that on the processor.
func quantiles(b *testing.B, queries []string, limit float64, ask func(string)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	took, worked := make([][]time.Duration, len(queries)), make([][]time.Duration, len(queries))
	var busy figure.Busy
	busy.During(b, func() float64 {
		for range rounds {
			for i, q := range queries {
				begin, cpu := time.Now(), processor(b)
				ask(q)
				took[i], worked[i] = append(took[i], time.Since(begin)), append(worked[i], processor(b)-cpu)
			}
		}
		return 0
	})
	at := func(all [][]time.Duration, percent int) float64 {
		var list []time.Duration
		for _, one := range all {
			slices.Sort(one)
			list = append(list, one[rounds/2])
		}
		slices.Sort(list)
		return list[len(list)*percent/100].Seconds() * 1000
	}
	figure.AtMost(b, at(took, 95), "ms-p95", limit)
	b.ReportMetric(at(took, 50), "ms-p50")
	b.ReportMetric(at(worked, 95), "cpu-ms-p95")
	b.ReportMetric(at(worked, 50), "cpu-ms-p50")
	b.ReportMetric(busy.Percent(), "%cpu")
}

// processor is the time that this thread has worked.
func processor(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}
