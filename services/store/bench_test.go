package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// BenchmarkDeliver measures deliveries of a 4 KiB message by several writers to
// as many accounts, beside what the disk can do: a raw fdatasync after each
// 4 KiB appended to a growing file.
func BenchmarkDeliver(b *testing.B) {
	text := storetest.Message(strings.Repeat("All work and no play makes Jack a dull boy. ", 93), "Subject: bench")
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			box := newBox(b).open()
			defer box.close()
			d := storetest.NewDraft(b, storetest.NewSpool(b), text)
			ctx := context.Background()
			for w := range writers {
				if err := box.CreateAccount(ctx, mail.AccountID(w+1)); err != nil {
					b.Fatal(err)
				}
			}
			raw := rawSyncs(b, filepath.Dir(box.files.Path(".")))
			b.ResetTimer()
			begin := time.Now()
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					for i := w; i < b.N; i += writers {
						env := &mail.Envelope{ID: mail.NewID(begin), Received: begin}
						if err := box.Deliver(ctx, env, []mail.Target{{Account: mail.AccountID(w + 1)}}, d); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			rate := float64(b.N) / time.Since(begin).Seconds()
			b.ReportMetric(rate, "deliveries/s")
			b.ReportMetric(raw, "raw-syncs/s")
			b.ReportMetric(rate/raw, "x-raw")
		})
	}
}

// rawSyncs is how many times a second 4 KiB can be appended and synced.
func rawSyncs(b *testing.B, dir string) float64 {
	f, err := os.CreateTemp(dir, "raw")
	if err != nil {
		b.Fatal(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 4096)
	begin, n := time.Now(), 0
	for ; time.Since(begin) < 500*time.Millisecond; n++ {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
	}
	return float64(n) / time.Since(begin).Seconds()
}

// million makes a mailbox of at least n messages by copying it onto itself.
func million(b *testing.B, box *box, n int) (*store.Account, mail.Mailbox) {
	ctx := context.Background()
	if err := box.CreateAccount(ctx, 1); err != nil {
		b.Fatal(err)
	}
	a, err := box.Account(ctx, 1)
	if err != nil {
		b.Fatal(err)
	}
	m, err := a.Mailbox(ctx, mail.Inbox)
	if err != nil {
		b.Fatal(err)
	}
	spool := storetest.NewSpool(b)
	for i := range 100 {
		d := storetest.NewDraft(b, spool, storetest.Message("x", fmt.Sprintf("Subject: %d", i)))
		if _, err := a.Append(ctx, m.ID, []draft.Append{{Draft: d}}); err != nil {
			b.Fatal(err)
		}
	}
	for total := 100; total < n; {
		last := min(total, n-total)
		done, err := a.Copy(ctx, m.ID, mail.SetOfRanges(mail.Range[mail.UID]{First: 1, Last: mail.UID(last)}), m.ID)
		if err != nil {
			b.Fatal(err)
		}
		total += len(done.Target)
	}
	return a, m
}

// BenchmarkSelect measures what an IMAP SELECT and a FETCH of all rows need of a
// mailbox of a million messages: cold (after a start), and warm.
func BenchmarkSelect(b *testing.B) {
	const n = 1_000_000
	ctx := context.Background()
	box := newBox(b).open()
	_, m := million(b, box, n)
	if err := box.Store.Close(); err != nil {
		b.Fatal(err)
	}
	var a *store.Account
	reopen := func() {
		var err error
		if box.Store, err = store.Open(ctx, box.journal, box.files, box.opts); err != nil {
			b.Fatal(err)
		}
		if a, err = box.Account(ctx, 1); err != nil {
			b.Fatal(err)
		}
	}
	heap := func() uint64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	b.Run("cold", func(b *testing.B) {
		var grown uint64
		for b.Loop() {
			b.StopTimer()
			reopen()
			before := heap()
			b.StartTimer()
			uids, _, err := a.UIDs(ctx, m.ID)
			if err != nil || len(uids) != n {
				b.Fatalf("%d messages, %v", len(uids), err)
			}
			b.StopTimer()
			uids = nil
			grown = heap() - before
			if err := box.Store.Close(); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
		b.ReportMetric(float64(grown)/(1<<20), "MiB")
	})
	reopen()
	b.Run("warm", func(b *testing.B) {
		for b.Loop() {
			if uids, _, err := a.UIDs(ctx, m.ID); err != nil || len(uids) != n {
				b.Fatalf("%d messages, %v", len(uids), err)
			}
		}
	})
	b.Run("rows", func(b *testing.B) {
		begin, rows := time.Now(), 0
		for b.Loop() {
			for _, err := range a.Rows(ctx, m.ID, storetest.Every()) {
				if err != nil {
					b.Fatal(err)
				}
				rows++
			}
		}
		b.ReportMetric(float64(rows)/time.Since(begin).Seconds()/1e6, "Mrows/s")
	})
	b.Run("changes", func(b *testing.B) {
		_, since, err := a.UIDs(ctx, m.ID)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := a.SetFlags(ctx, m.ID, mail.SetOf[mail.UID](500_000), mail.FlagsReplace, mail.Flags{System: mail.SystemFlags(b.N & 1)}, nil); err != nil {
				b.Fatal(err)
			}
			if _, err := a.Changes(ctx, m.ID, since); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("seen", func(b *testing.B) {
		for b.Loop() {
			for _, op := range []mail.FlagOp{mail.FlagsAdd, mail.FlagsRemove} {
				if _, err := a.SetFlags(ctx, m.ID, storetest.Every(), op, mail.Flags{System: mail.Seen}, nil); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	if err := box.Store.Close(); err != nil {
		b.Fatal(err)
	}
}
