package journal

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// contender is one way to make 4 KiB durable, and what it took.
type contender struct {
	name string
	do   func(n int) error // makes n times 4 KiB durable
	n    int
	took time.Duration
}

// BenchmarkCommit measures commits of messages of 4 KiB that can't be compressed,
// by one writer and by 64, through the ring and without, beside what the disk
// gives: 4 KiB appended to a growing file, and written over blocks that were
// written before, each with a sync. The pace of a disk, and of a machine that does
// other things too, changes from second to second: so all of them take turns.
func BenchmarkCommit(b *testing.B) {
	dir := b.TempDir()
	list := []*contender{
		{name: "appends", do: appends(b, dir)},
		{name: "overwrites", do: overwrites(b, dir, 0)},
		{name: "direct-overwrites", do: overwrites(b, dir, syscall.O_DIRECT)},
		{name: "ring", do: commits(b, DefaultRing, 1)},
		{name: "no-ring", do: commits(b, NoRing, 1)},
		{name: "ring-64", do: commits(b, DefaultRing, 64)},
		{name: "no-ring-64", do: commits(b, NoRing, 64)},
	}
	const slice = 40 * time.Millisecond
	b.ResetTimer()
	for range b.N {
		for _, i := range rand.Perm(len(list)) {
			c, begin := list[i], time.Now()
			for time.Since(begin) < slice {
				if err := c.do(64); err != nil {
					b.Fatal(err)
				}
				c.n += 64
			}
			c.took += time.Since(begin)
		}
	}
	b.StopTimer()
	rate := map[string]float64{}
	for _, c := range list {
		rate[c.name] = float64(c.n) / c.took.Seconds()
		b.ReportMetric(rate[c.name], c.name+"/s")
	}
	limit := max(rate["overwrites"], rate["direct-overwrites"])
	b.ReportMetric(rate["ring"]/limit, "x-overwrites")
	b.ReportMetric(rate["ring"]/rate["appends"], "x-appends")
	b.ReportMetric(rate["ring-64"]/rate["ring"], "x-one-writer")
	b.ReportMetric(0, "ns/op")
}

func appends(b *testing.B, dir string) func(int) error {
	f, err := os.Create(filepath.Join(dir, "appends"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	block := durable.AlignedBytes(4096)
	return func(n int) error {
		for range n {
			if _, err := f.Write(block); err != nil {
				return err
			}
			if err := unix.Fdatasync(int(f.Fd())); err != nil {
				return err
			}
		}
		return nil
	}
}

func overwrites(b *testing.B, dir string, flag int) func(int) error {
	f, err := os.CreateTemp(dir, "overwrites")
	if err != nil {
		b.Fatal(err)
	}
	_, err = f.Write(make([]byte, DefaultRing))
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err == nil {
		f, err = os.OpenFile(f.Name(), os.O_RDWR|flag, 0)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	block, at := durable.AlignedBytes(4096), int64(0)
	return func(n int) error {
		for range n {
			if _, err := f.WriteAt(block, at); err != nil {
				return err
			}
			if err := unix.Fdatasync(int(f.Fd())); err != nil {
				return err
			}
			at = (at + 4096) % DefaultRing
		}
		return nil
	}
}

func commits(b *testing.B, size int64, writers int) func(int) error {
	files, err := durable.NewOS(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	j, err := Open(files, Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Ring: size})
	if err != nil {
		b.Fatal(err)
	}
	j.making.Wait()
	b.Cleanup(func() {
		if err := j.Close(); err != nil {
			b.Error(err)
		}
		j.Release()
		_ = files.Close()
	})
	text := make([]byte, 4096)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range text {
		text[i] = byte(r.Uint32())
	}
	one := func() error {
		s, err := j.Stage(context.Background(), nil, readerAt(text), int64(len(text)))
		if err != nil {
			return err
		}
		return j.Commit(context.Background(), &Entry{
			Family: FamilyStore, Bodies: []*Staged{s}, Prepare: func(Slot) ([]byte, error) { return []byte("delivered"), nil },
		})
	}
	return func(n int) error {
		errs := make([]error, writers)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for range n * 16 / writers / 16 {
					if err := one(); err != nil {
						errs[w] = err
						return
					}
				}
			})
		}
		wg.Wait()
		return errors.Join(errs...)
	}
}

type readerAt []byte

func (r readerAt) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, r[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
