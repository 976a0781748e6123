package search

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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
		Open:     func(ctx context.Context, id mail.AccountID) (Account, error) { return a.store.Account(ctx, id) },
		Accounts: func(context.Context) ([]mail.AccountID, error) { return nil, nil },
	})
	ix.throttle.off = true
	b.Cleanup(func() { _ = ix.Close() })
	begin := time.Now()
	if err := ix.update(anna); err != nil {
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
	parts := c.Substrings(300, n)
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

// quantiles asks all the queries b.N times over.
func quantiles(b *testing.B, queries []string, ask func(string)) {
	var took []time.Duration
	for range max(1, b.N/len(queries)) {
		for _, q := range queries {
			begin := time.Now()
			ask(q)
			took = append(took, time.Since(begin))
		}
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "ms-p50")
	b.ReportMetric(took[len(took)*95/100].Seconds()*1000, "ms-p95")
}
