package store_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/figure"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

const (
	// commitBlock is what is made durable: a message of 4 KiB, or a block of it.
	commitBlock = 4096
	// commitTurn is how long each contender works in its turn: some hundred syncs.
	commitTurn = 150 * time.Millisecond
)

// BenchmarkFigureCommit measures durable deliveries of messages of 4 KiB that can't
// be compressed, by one writer and by 64, beside what the disk gives: 4 KiB written
// over blocks that were written before, by the quicker of two ways, and appended to
// a growing file, each with a sync of its own.
func BenchmarkFigureCommit(b *testing.B) {
	dir := b.TempDir()
	rates := []func() float64{
		appendRate(b, dir),
		overwriteRate(b, dir, 0),
		overwriteRate(b, dir, syscall.O_DIRECT),
		deliverRate(b, journal.DefaultRing, 1),
		deliverRate(b, journal.DefaultRing, 64),
		deliverRate(b, journal.NoRing, 1),
	}
	const appends, buffered, direct, one, many, noRing = 0, 1, 2, 3, 4, 5
	turns := figure.InTurn(15, rates...)
	over := direct
	if turns.Median(buffered) > turns.Median(direct) {
		over = buffered
	}
	b.Run("one_writer", func(b *testing.B) {
		figure.AtLeast(b, turns.Ratio(one, over), "x-overwrites", 0.7)
		figure.AtLeast(b, turns.Ratio(one, appends), "x-appends", 1.5)
		b.ReportMetric(turns.Median(one), "commits/s")
		b.ReportMetric(turns.Median(over), "overwrites/s")
		b.ReportMetric(turns.Median(appends), "appends/s")
		b.ReportMetric(turns.Median(noRing), "without-ring/s")
	})
	b.Run("64_writers", func(b *testing.B) {
		figure.AtLeast(b, turns.Ratio(many, one), "x-one-writer", 8)
		b.ReportMetric(turns.Median(many), "commits/s")
	})
}

// rateOf calls do until the turn is over, and gives how often a second it was.
func rateOf(b *testing.B, do func() error) float64 {
	begin, n := time.Now(), 0
	for ; time.Since(begin) < commitTurn; n++ {
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
	return float64(n) / time.Since(begin).Seconds()
}

func appendRate(b *testing.B, dir string) func() float64 {
	f, err := os.Create(filepath.Join(dir, "appends"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	block := make([]byte, commitBlock)
	return func() float64 {
		return rateOf(b, func() error {
			if _, err := f.Write(block); err != nil {
				return err
			}
			return unix.Fdatasync(int(f.Fd()))
		})
	}
}

func overwriteRate(b *testing.B, dir string, flag int) func() float64 {
	f, err := os.CreateTemp(dir, "overwrites")
	if err != nil {
		b.Fatal(err)
	}
	_, err = f.Write(make([]byte, journal.DefaultRing))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		b.Fatal(err)
	}
	if f, err = os.OpenFile(f.Name(), os.O_RDWR|flag, 0); err != nil {
		return func() float64 { return 1 } // no direct writes here
	}
	b.Cleanup(func() { _ = f.Close() })
	block, at := durable.AlignedBytes(commitBlock), int64(0)
	return func() float64 {
		return rateOf(b, func() error {
			if _, err := f.WriteAt(block, at); err != nil {
				return err
			}
			at = (at + commitBlock) % journal.DefaultRing
			return unix.Fdatasync(int(f.Fd()))
		})
	}
}

// deliverRate delivers one message again and again, each writer to an account of
// its own.
func deliverRate(b *testing.B, ring int64, writers int) func() float64 {
	box := newBox(b)
	box.jopts.Ring = ring
	box.open()
	b.Cleanup(box.close)
	ctx := context.Background()
	for w := range writers {
		if err := box.CreateAccount(ctx, mail.AccountID(w+1)); err != nil {
			b.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	var text strings.Builder
	for text.Len() < commitBlock-100 {
		text.WriteByte(" !#$%&'()*+,-/0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~"[r.IntN(92)])
		if text.Len()%78 == 76 {
			text.WriteString("\r\n")
		}
	}
	d := storetest.NewDraft(b, storetest.NewSpool(b), storetest.Message(text.String(), "Subject: bench"))
	return func() float64 {
		rates := make([]float64, writers)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				rates[w] = rateOf(b, func() error {
					env := &mail.Envelope{ID: mail.NewID(time.Now()), Received: time.Now()}
					return box.Deliver(ctx, env, []mail.Target{{Account: mail.AccountID(w + 1)}}, d)
				})
			})
		}
		wg.Wait()
		sum := 0.0
		for _, rate := range rates {
			sum += rate
		}
		// The indexes follow here, or they would in somebody else's turn.
		if err := box.Checkpoint(); err != nil {
			b.Fatal(err)
		}
		return sum
	}
}
