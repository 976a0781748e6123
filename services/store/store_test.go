package store_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strconv"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// box is a store on a directory that can be closed and opened again.
type box struct {
	*store.Store
	t       testing.TB
	files   *durable.OS
	log     durable.FS // of the journal; nil: files
	journal *journal.Journal
	opts    store.Options
	jopts   journal.Options
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func newBox(t testing.TB) *box {
	t.Helper()
	return newBoxAt(t, t.TempDir())
}

func newBoxAt(t testing.TB, dir string) *box {
	t.Helper()
	files, err := durable.NewOS(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, files: files, opts: store.Options{Logger: quiet()}, jopts: journal.Options{Logger: quiet()}}
	t.Cleanup(func() { _ = files.Close() })
	return b
}

func (b *box) open() *box {
	b.t.Helper()
	var err error
	log := b.log
	if log == nil {
		log = b.files
	}
	if b.journal, err = journal.Open(log, b.jopts); err != nil {
		b.t.Fatal(err)
	}
	if b.Store, err = store.Open(context.Background(), b.journal, b.files, b.opts); err != nil {
		b.t.Fatal(err)
	}
	return b
}

// close checks the store and closes it.
func (b *box) close() {
	b.t.Helper()
	report, err := b.Check(context.Background())
	if err != nil && !errors.Is(err, mail.ErrClosed) {
		b.t.Errorf("check: %v", err)
	}
	for _, p := range report.Problems {
		b.t.Errorf("check: %s", p)
	}
	for _, d := range report.Damage {
		b.t.Errorf("check: damage: %+v", d)
	}
	if err := b.Store.Close(); err != nil {
		b.t.Errorf("close store: %v", err)
	}
	if err := b.journal.Close(); err != nil {
		b.t.Errorf("close journal: %v", err)
	}
	b.journal.Release()
}

func openStore(t testing.TB) storetest.Store[*store.Account] {
	b := newBox(t)
	b.opts.Quota = storetest.Quota
	b.open()
	t.Cleanup(b.close)
	return b.Store
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, openStore)
}

// TestAgainstModel: SANDUK_OPERATIONS is how many in all.
func TestAgainstModel(t *testing.T) {
	t.Parallel()
	const steps = 1500 // of one box
	operations, _ := strconv.ParseUint(os.Getenv("SANDUK_OPERATIONS"), 10, 64)
	for seed := range max(8, operations/steps) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			clock := storetest.NewClock()
			b := newBox(t)
			b.opts.Now, b.jopts.Now = clock.Now, clock.Now
			b.opts = store.LateFrom(b.opts, int(seed%2)) // of every second all messages
			b.opts.CacheRows = 20                        // so that rows come and go
			b.opts.Quota = storetest.Quota
			b.jopts.Segment = 64 << 10 // so that there are many segments
			b.open()
			defer func() { b.close() }()
			storetest.Compare(t, seed, steps, clock, b.Store, memstore.New(clock.Now).SetQuota(storetest.Quota), func() storetest.Store[*store.Account] {
				compact(t, b.journal, b.Store)
				b.close()
				return b.open().Store
			})
		})
	}
}
