package store_test

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
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
// a growing file, each with a sync of its own. For what bounds 64 writers it notes
// how busy the processors were, and how much of the time the disk alone needs for
// writes of the same sizes.
func BenchmarkFigureCommit(b *testing.B) {
	dir := b.TempDir()
	var busy figure.Busy
	var ring meter
	deliverMany := deliverRate(b, journal.DefaultRing, 64, &ring)
	rates := []func() float64{
		appendRate(b, dir),
		overwriteRate(b, dir, 0, nil),
		overwriteRate(b, dir, syscall.O_DIRECT, nil),
		deliverRate(b, journal.DefaultRing, 1, nil),
		func() float64 { return busy.During(b, func() float64 { ring.reset(); return deliverMany() }) },
		func() float64 { return float64(ring.syncs.Load()) / commitTurn.Seconds() },
		overwriteRate(b, dir, syscall.O_DIRECT, ring.mean),
		deliverRate(b, journal.NoRing, 1, nil),
	}
	const appends, buffered, direct, one, many, batches, alone, noRing = 0, 1, 2, 3, 4, 5, 6, 7
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
		b.ReportMetric(turns.Ratio(many, batches), "commits/batch")
		b.ReportMetric(busy.Percent(), "%cpu")
		b.ReportMetric(100*turns.Ratio(batches, alone), "%disk")
	})
}

// meter is a journal's disk on which the writes to the ring are counted.
type meter struct {
	durable.FS
	syncs, bytes atomic.Int64
}

func (m *meter) reset() { m.syncs.Store(0); m.bytes.Store(0) }

// mean is how many bytes were written for a sync, in whole blocks.
func (m *meter) mean() int {
	blocks := m.bytes.Load() / commitBlock / max(1, m.syncs.Load())
	return int(max(1, blocks)) * commitBlock
}

func (m *meter) OpenFile(name string, flag int, perm fs.FileMode) (durable.File, error) {
	f, err := m.FS.OpenFile(name, flag, perm)
	if err == nil && strings.HasPrefix(name, "ring/") {
		return &meteredFile{f, m}, nil
	}
	return f, err
}

type meteredFile struct {
	durable.File
	m *meter
}

func (f *meteredFile) WriteAt(p []byte, off int64) (int, error) {
	f.m.bytes.Add(int64(len(p)))
	return f.File.WriteAt(p, off)
}

func (f *meteredFile) Sync() error {
	f.m.syncs.Add(1)
	return f.File.Sync()
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

// overwriteRate writes blocks, or as many bytes as size says at the time.
func overwriteRate(b *testing.B, dir string, flag int, size func() int) func() float64 {
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
	block, at := durable.AlignedBytes(journal.DefaultRing/4), int64(0) // no batch is larger
	return func() float64 {
		n := commitBlock
		if size != nil {
			n = size()
		}
		return rateOf(b, func() error {
			if at+int64(n) > journal.DefaultRing {
				at = 0
			}
			if _, err := f.WriteAt(block[:n], at); err != nil {
				return err
			}
			at += int64(n)
			return unix.Fdatasync(int(f.Fd()))
		})
	}
}

// deliverRate delivers one message again and again, each writer to an account of
// its own. What goes to the ring is counted by m, which may be nil.
func deliverRate(b *testing.B, ring int64, writers int, m *meter) func() float64 {
	box := newBox(b)
	box.jopts.Ring = ring
	if m != nil {
		m.FS = box.files
		box.log = m
	}
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
