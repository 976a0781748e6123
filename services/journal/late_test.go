package journal

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
)

func newLate(t *testing.T, disk *crashfs.FS) *lateFile {
	t.Helper()
	f, err := disk.Create("late")
	if err != nil {
		t.Fatal(err)
	}
	l := newLateFile(f)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// TestLateFile does to a file that is written late what can be done, and compares
// it with the bytes that must be there. What was synced survives a crash.
func TestLateFile(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		disk := crashfs.New()
		f := newLate(t, disk)
		r := rand.New(rand.NewPCG(seed, 1))
		var want []byte
		noted := func(n int) []byte {
			p := make([]byte, n)
			for i := range p {
				p[i] = byte(r.Uint32())
			}
			want = append(want, p...)
			return p
		}
		for range 300 {
			end := int64(len(want))
			var err error
			switch r.IntN(13) {
			case 0:
				_, err = f.WriteAt(noted(r.IntN(5000)), end)
			case 1:
				err = f.writeLater(noted(lateMost+1-r.IntN(3)), end)
			case 2:
				want = want[:r.Int64N(end+1)]
				if err = f.Truncate(int64(len(want))); f.waiting != nil {
					t.Fatalf("seed %d: %d bytes of memory are held after Truncate", seed, cap(f.waiting))
				}
			case 3:
				off := r.Int64N(end + 1)
				got := make([]byte, r.Int64N(end-off+1))
				if len(got) > 0 {
					_, err = f.ReadAt(got, off)
				}
				if !bytes.Equal(got, want[off:off+int64(len(got))]) {
					t.Fatalf("seed %d: %d bytes at %d of %d differ", seed, len(got), off, end)
				}
			case 4:
				var info os.FileInfo
				if info, err = f.Stat(); err == nil && info.Size() != end {
					t.Fatalf("seed %d: size %d; want %d", seed, info.Size(), end)
				}
			case 5:
				err = f.Sync()
				after, openErr := disk.Crash(disk.Ops(), crashfs.Nothing()).Open("late")
				if openErr != nil {
					continue // its name was not synced
				}
				got := make([]byte, len(want))
				if _, readErr := after.ReadAt(got, 0); len(got) > 0 && (readErr != nil || !bytes.Equal(got, want)) {
					t.Fatalf("seed %d: after a crash %d bytes differ: %v", seed, len(got), readErr)
				}
			case 6:
				err = disk.SyncDir(".")
			case 7:
				f.settle()
				if len(f.waiting) >= latePiece {
					t.Fatalf("seed %d: %d bytes wait behind settle", seed, len(f.waiting))
				}
			default:
				err = f.writeLater(noted(r.IntN(9000)), end)
			}
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
	}
}

// TestLateFileFails has the disk refuse what waits: everybody who comes for it is
// told, and when the disk takes it again it is whole.
func TestLateFileFails(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	f := newLate(t, disk)
	if err := f.writeLater([]byte("one"), 0); err != nil {
		t.Fatal(err)
	}
	disk.Fault(func(o crashfs.Op) error {
		if o.Kind == crashfs.Write {
			return syscall.EIO
		}
		return nil
	})
	_, readErr := f.ReadAt(make([]byte, 3), 0)
	_, writeErr := f.WriteAt([]byte("x"), 3)
	_, statErr := f.Stat()
	for what, err := range map[string]error{
		"ReadAt": readErr, "WriteAt": writeErr, "Stat": statErr, "Sync": f.Sync(), "Truncate": f.Truncate(1),
		"writeLater": f.writeLater(make([]byte, lateMost+1), 3),
	} {
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("%s = %v; want EIO", what, err)
		}
	}
	disk.Fault(nil)
	if err := f.writeLater([]byte("two"), 3); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 6)
	if _, err := f.ReadAt(got, 0); err != nil || string(got) != "onetwo" {
		t.Errorf("ReadAt gives %q, %v; want onetwo", got, err)
	}
}

// TestLateFileSettles writes a batch of many writers only when they have been told,
// and when that fails tells those of the next.
func TestLateFileSettles(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	f := newLate(t, disk)
	if err := f.writeLater(make([]byte, latePiece), 0); err != nil {
		t.Fatal(err)
	}
	if got := disk.Size("late"); got != 0 {
		t.Errorf("%d bytes are written before those who wait are told", got)
	}
	f.settle()
	if got := disk.Size("late"); got != latePiece {
		t.Errorf("%d bytes are written behind settle; want %d", got, latePiece)
	}
	if err := f.writeLater(make([]byte, latePiece), latePiece); err != nil {
		t.Fatal(err)
	}
	disk.Fault(func(crashfs.Op) error { return syscall.EIO })
	f.settle()
	if err := f.writeLater([]byte("x"), 2*latePiece); !errors.Is(err, syscall.EIO) {
		t.Errorf("writeLater = %v behind a settle that failed; want EIO", err)
	}
	disk.Fault(nil)
	if err := f.writeLater([]byte("x"), 2*latePiece); err != nil {
		t.Fatal(err)
	}
	if got := disk.Size("late"); got != 2*latePiece {
		t.Errorf("%d bytes are written when the disk takes them again; want %d", got, 2*latePiece)
	}
}

// TestLateFileWaits proves that nothing waits for longer than said, and that a read
// of other bytes does not end the waiting.
func TestLateFileWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk := crashfs.New()
		f := newLate(t, disk)
		if _, err := f.WriteAt([]byte("old"), 0); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"one", "two"} { // the second wakes the same timer
			size := disk.Size("late")
			if err := f.writeLater([]byte(text), size); err != nil {
				t.Fatal(err)
			}
			if _, err := f.ReadAt(make([]byte, 3), 0); err != nil {
				t.Fatal(err)
			}
			if got := disk.Size("late"); got != size {
				t.Errorf("%s: the file has %d bytes at once; want %d", text, got, size)
			}
			time.Sleep(lateDelay)
			synctest.Wait()
			if after := disk.Size("late"); after != size+3 {
				t.Errorf("%s: the file has %d bytes after %v; want %d", text, after, lateDelay, size+3)
			}
		}
	})
}

var _ durable.File = (*lateFile)(nil)
