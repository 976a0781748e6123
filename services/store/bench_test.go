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
	"github.com/sanduk-mail/sanduk/services/figure"
	"github.com/sanduk-mail/sanduk/services/journal"
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
			box := newBox(b)
			box.jopts.Ring = journal.DefaultRing
			box.open()
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

// BenchmarkFigureMillion measures what IMAP needs of a mailbox of a million
// messages: SELECT cold (after a start, with nothing of the index in the page
// cache) and warm, a FETCH of all flags, and changes.
func BenchmarkFigureMillion(b *testing.B) {
	const n = 1_000_000
	ctx := context.Background()
	box := newBox(b).open()
	_, m := million(b, box, n)
	var a *store.Account
	reopen := func() {
		if err := box.Store.Close(); err != nil {
			b.Fatal(err)
		}
		forget(b, box.files.Path("accounts/1/index.db"))
		var err error
		if box.Store, err = store.Open(ctx, box.journal, box.files, box.opts); err != nil {
			b.Fatal(err)
		}
		if a, err = box.Account(ctx, 1); err != nil {
			b.Fatal(err)
		}
	}
	uids := func() {
		if uids, _, err := a.UIDs(ctx, m.ID); err != nil || uids.Len() != n {
			b.Fatalf("%d messages, %v", uids.Len(), err)
		}
	}
	reopen() // for whoever asks for one of these alone
	b.Run("SELECT_of_1,000,000,_cold", func(b *testing.B) {
		grown := 0.0
		var busy figure.Busy
		took := figure.InTurn(9, func() float64 {
			reopen()
			before := heap()
			took := busy.During(b, func() float64 { return milliseconds(uids) })
			grown = max(grown, heap()-before)
			return took
		})
		b.ReportMetric(busy.Percent(), "%cpu")
		figure.AtMost(b, took.Median(0), "ms", 150)
		figure.AtMost(b, grown, "MB-above-idle", 64)
	})
	b.Run("SELECT_of_1,000,000,_warm", func(b *testing.B) {
		uids()
		figure.AtMost(b, figure.InTurn(99, func() float64 { return milliseconds(uids) }).Median(0), "ms", 5)
	})
	b.Run("FETCH_1:*_(UID_FLAGS)_of_it,_store_level", func(b *testing.B) {
		before := heap()
		took := figure.InTurn(9, func() float64 {
			return milliseconds(func() {
				rows := 0
				for _, err := range a.Rows(ctx, m.ID, storetest.Every()) {
					if err != nil {
						b.Fatal(err)
					}
					rows++
				}
				if rows != n {
					b.Fatalf("%d rows", rows)
				}
			})
		})
		figure.AtLeast(b, n/took.Median(0)*1000, "msg/s", 1e6)
		figure.AtMost(b, heap()-before, "MB-above-idle", 64) // the rows, which SELECT leaves on the disk
	})
	setFlags := func(set mail.UIDSet, op mail.FlagOp, flags mail.SystemFlags) {
		if _, err := a.SetFlags(ctx, m.ID, set, op, mail.Flags{System: flags}, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("all_marked_read,_and_unread_again", func(b *testing.B) {
		took := milliseconds(func() {
			setFlags(storetest.Every(), mail.FlagsAdd, mail.Seen)
			setFlags(storetest.Every(), mail.FlagsRemove, mail.Seen)
		})
		b.ReportMetric(took, "ms")
	})
	b.Run("one_flag_changed_and_read_by_Changes", func(b *testing.B) {
		_, since, err := a.UIDs(ctx, m.ID)
		if err != nil {
			b.Fatal(err)
		}
		i := 0
		took := figure.InTurn(999, func() float64 {
			i++
			return milliseconds(func() {
				setFlags(mail.SetOf[mail.UID](500_000), mail.FlagsReplace, mail.SystemFlags(i&1))
				if _, err := a.Changes(ctx, m.ID, since); err != nil {
					b.Fatal(err)
				}
			})
		})
		b.ReportMetric(took.Median(0), "ms")
	})
	if err := box.Store.Close(); err != nil {
		b.Fatal(err)
	}
}

func milliseconds(run func()) float64 {
	began := time.Now()
	run()
	return time.Since(began).Seconds() * 1000
}

// forget drops a file from the page cache.
func forget(b *testing.B, name string) {
	f, err := os.Open(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		b.Fatal(err)
	}
}

// heap is what is in use after a collection, in MB. What was there before may
// have gone meanwhile, so that it may shrink.
func heap() float64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return float64(s.HeapAlloc) / 1e6
}

// BenchmarkDigests measures what a FETCH of all ENVELOPEs needs: each message
// opened, and its digest read, after a start.
func BenchmarkDigests(b *testing.B) {
	const n = 10_000
	ctx := context.Background()
	box := newBox(b).open()
	defer box.close()
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
	for first := 0; first < n; first += 500 {
		var batch []draft.Append
		for i := range 500 {
			text := storetest.Message(strings.Repeat("some words of a letter\r\n", 100), fmt.Sprintf("Subject: %d", first+i), "To: a@example.test, b@example.test")
			batch = append(batch, draft.Append{Draft: storetest.NewDraft(b, spool, text)})
		}
		if _, err := a.Append(ctx, m.ID, batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := box.Store.Close(); err != nil {
		b.Fatal(err)
	}
	if box.Store, err = store.Open(ctx, box.journal, box.files, box.opts); err != nil {
		b.Fatal(err)
	}
	if a, err = box.Account(ctx, 1); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		for row, err := range a.Rows(ctx, m.ID, storetest.Every()) {
			if err != nil {
				b.Fatal(err)
			}
			msg, err := a.Open(ctx, m.ID, row.UID)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := msg.Digest(); err != nil {
				b.Fatal(err)
			}
			msg.Close()
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

// BenchmarkRecipients measures a message of 4 KiB to one person and to 200, each with an
// index of its own and somebody who watches it.
func BenchmarkRecipients(b *testing.B) {
	ctx := context.Background()
	box := newBox(b)
	box.jopts.Ring = journal.DefaultRing
	box.open()
	defer box.close()
	var targets []mail.Target
	for i := range 200 {
		id := mail.AccountID(i + 1)
		if err := box.CreateAccount(ctx, id); err != nil {
			b.Fatal(err)
		}
		a, err := box.Account(ctx, id)
		if err != nil {
			b.Fatal(err)
		}
		defer a.Watch().Close()
		prefix := fmt.Appendf(nil, "Return-Path: <a@example.test>\r\nDelivered-To: person%d@example.test\r\nReceived: x\r\n", i)
		targets = append(targets, mail.Target{Account: id, Role: mail.RoleInbox, Prefix: prefix})
	}
	if err := box.Checkpoint(); err != nil {
		b.Fatal(err)
	}
	spool, n := storetest.NewSpool(b), 0
	for _, people := range []int{1, 200} {
		b.Run(fmt.Sprint(people), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n++
				b.StopTimer()
				d := storetest.NewDraft(b, spool, storetest.Message("words of a letter", "Subject: bench", fmt.Sprintf("Message-ID: <%d@example.test>", n)))
				b.StartTimer()
				env := &mail.Envelope{ID: mail.NewID(time.Now()), Received: time.Now()}
				if err := box.Deliver(ctx, env, targets[:people], d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCheckpoint writes 4,000 new messages of one account into its index.
func BenchmarkCheckpoint(b *testing.B) {
	ctx := context.Background()
	box := newBox(b).open()
	defer box.close()
	if err := box.CreateAccount(ctx, 1); err != nil {
		b.Fatal(err)
	}
	spool := storetest.NewSpool(b)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		b.StopTimer()
		var wg sync.WaitGroup
		for range 40 {
			first := n
			n += 97
			wg.Go(func() {
				for i := range 97 {
					d := storetest.NewDraft(b, spool, storetest.Message("words", "Subject: bench", fmt.Sprintf("Message-ID: <%d@example.test>", first+i)))
					env := &mail.Envelope{ID: mail.NewID(time.Now()), Received: time.Now()}
					if err := box.Deliver(ctx, env, []mail.Target{{Account: 1}}, d); err != nil {
						b.Error(err)
					}
					d.Discard()
				}
			})
		}
		wg.Wait()
		b.StartTimer()
		if err := box.Checkpoint(); err != nil {
			b.Fatal(err)
		}
	}
}
