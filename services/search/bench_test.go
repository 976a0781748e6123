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
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/draft"
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
// header without signatures, and the text parts.
func textOf(b *testing.B, raw []byte) (n int64) {
	s := message.NewScanner(message.Limits{})
	_, _ = s.Write(raw)
	d := s.Finish()
	for f, err := range message.Fields(d.Root.Header(bytes.NewReader(raw)), 1<<20) {
		if err != nil {
			b.Fatal(err)
		}
		if !strings.EqualFold(f.Name, "DKIM-Signature") {
			n += int64(len(f.Name) + 2 + len(message.DecodeHeader(f.Value())))
		}
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

// index opens an index of the archive and brings it up to date.
func (a *archive) index(b *testing.B) (*Index, time.Duration) {
	files, err := durable.NewOS(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	ix := Open(Options{
		Files: files, Delay: time.Hour, Logger: slog.New(slog.DiscardHandler),
		Open:  func(ctx context.Context, id mail.AccountID) (Account, error) { return a.store.Account(ctx, id) },
		Store: quiet{},
	})
	ix.throttle.off = true
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

// BenchmarkSearch measures searches in a mailbox of 100,000 messages through the
// store, as IMAP and the pages ask for them.
func BenchmarkSearch(b *testing.B) {
	n := 100_000
	if testing.Short() {
		n = 20_000
	}
	ctx := context.Background()
	a := newArchive(b, n)
	outer := b
	var ix *Index
	b.Run("index", func(b *testing.B) {
		for range b.N {
			var took time.Duration
			ix, took = a.index(outer)
			b.ReportMetric(float64(n)/took.Seconds(), "msg/s")
			b.ReportMetric(100*float64(sizeOf(b, ix.files.(*durable.OS).Path(".")))/float64(a.text), "%-of-text")
			b.ReportMetric(float64(a.text)/float64(n), "text-B/msg")
		}
	})
	c := corpus.New(1)
	words, parts := c.Words(300, n), c.Substrings(300, n)
	b.Run("words", func(b *testing.B) {
		quantiles(b, words, func(text string) {
			if _, err := ix.Query(ctx, anna, a.box, Ask{Text: text}); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("words/two", func(b *testing.B) {
		i := 0
		quantiles(b, words, func(text string) {
			i++
			if _, err := ix.Query(ctx, anna, a.box, Ask{Text: text + " " + words[i%len(words)]}); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("words/misspelled", func(b *testing.B) {
		quantiles(b, words, func(text string) {
			r := []rune(text)
			r[len(r)-2], r[len(r)-1] = r[len(r)-1], r[len(r)-2]
			if _, err := ix.Query(ctx, anna, a.box, Ask{Text: string(r)}); err != nil {
				b.Fatal(err)
			}
		})
	})
	for _, kind := range []struct {
		name  string
		query func(text string) mail.Query
	}{
		{"body", func(text string) mail.Query { return mail.Body{Text: text} }},
		{"subject", func(text string) mail.Query { return mail.Header{Name: "Subject", Value: text} }},
		{"text", func(text string) mail.Query { return mail.Text{Text: text} }},
	} {
		b.Run("substring/"+kind.name, func(b *testing.B) {
			found := 0
			quantiles(b, parts, func(text string) {
				set, err := ix.Search(ctx, anna, a.box, a.inbox.ID, kind.query(text))
				if err != nil {
					b.Fatal(err)
				}
				found += set.Len()
			})
			b.ReportMetric(float64(found)/float64(b.N), "found/op")
		})
	}
}

// BenchmarkDelivery measures what deliveries cost while the index is being made
// of 20,000 other messages, beside what they cost without that.
func BenchmarkDelivery(b *testing.B) {
	n := 20_000
	if testing.Short() {
		n = 2_000
	}
	ctx := context.Background()
	a := newArchive(b, n)
	for id := mail.AccountID(2); id < 10; id++ {
		if err := a.store.CreateAccount(ctx, id); err != nil {
			b.Fatal(err)
		}
	}
	d := a.draft(b, corpus.New(1).Message(7))
	defer d.Discard()
	deliver := func(b *testing.B) time.Duration {
		begin := time.Now()
		var all sync.WaitGroup
		for w := range 8 {
			all.Go(func() {
				for i := w; i < b.N; i += 8 {
					if err := a.store.Deliver(ctx, &mail.Envelope{ID: mail.NewID(begin), Received: begin}, []mail.Target{{Account: mail.AccountID(w + 2)}}, d); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		return time.Since(begin)
	}
	b.Run("alone", func(b *testing.B) { b.ReportMetric(float64(b.N)/deliver(b).Seconds(), "msg/s") })
	b.Run("indexing", func(b *testing.B) {
		files, err := durable.NewOS(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		ix := Open(Options{
			Files: files, Delay: time.Hour, Logger: slog.New(slog.DiscardHandler),
			Open:  func(ctx context.Context, id mail.AccountID) (Account, error) { return a.store.Account(ctx, id) },
			Store: quiet{},
		})
		defer ix.Close()
		stop := make(chan struct{})
		var busy sync.WaitGroup
		busy.Go(func() { // over and over, so that there is always something to do
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					ix.mu.Lock()
					waiting := len(ix.queue.due) > 0
					ix.mu.Unlock()
					if !waiting {
						ix.Rebuild(anna)
					}
				}
			}
		})
		b.ResetTimer()
		b.ReportMetric(float64(b.N)/deliver(b).Seconds(), "msg/s")
		b.StopTimer()
		close(stop)
		busy.Wait()
	})
}

// quantiles asks all the queries b.N times over. Beside the time on the clock it
// gives that on the processor, which others at work on the machine don't change.
func quantiles(b *testing.B, queries []string, ask func(string)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var took, worked []time.Duration
	for range max(1, b.N/len(queries)) {
		for _, q := range queries {
			begin, cpu := time.Now(), processor(b)
			ask(q)
			took, worked = append(took, time.Since(begin)), append(worked, processor(b)-cpu)
		}
	}
	for _, c := range []struct {
		what string
		took []time.Duration
	}{{"ms", took}, {"cpu-ms", worked}} {
		slices.Sort(c.took)
		b.ReportMetric(c.took[len(c.took)/2].Seconds()*1000, c.what+"-p50")
		b.ReportMetric(c.took[len(c.took)*95/100].Seconds()*1000, c.what+"-p95")
	}
}

// processor is the time that this thread has worked.
func processor(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}
