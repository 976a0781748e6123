package journal

import (
	"io/fs"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// latePiece is how much waits in memory until settle writes it: so much that a
// write for each commit costs next to nothing, so little that it is soon written.
const latePiece = 128 << 10

// lateMost is the largest batch that waits, one of many writers: a larger one is
// rare and would hold much memory.
const lateMost = 512 << 10

// lateDelay is how long it waits at most. From then on the system brings it to the
// disk by and by, so that also the last mail of the day is there twice.
const lateDelay = time.Second

// lateFile is the file of a segment that is written to. Its last bytes may still be
// in memory: those of batches that the ring holds. They are in the file before
// anybody reads there, or syncs or cuts it, or asks for its size, so nobody but the
// writer need know of them.
type lateFile struct {
	durable.File
	begin atomic.Int64 // where waiting belongs; noBegin while nothing waits

	mu      sync.Mutex
	waiting []byte      // guarded by mu
	timer   *time.Timer // ends the waiting; guarded by mu, nil before the first
}

const noBegin = math.MaxInt64

func newLateFile(f durable.File) *lateFile {
	l := &lateFile{File: f}
	l.begin.Store(noBegin)
	return l
}

// writeLater has p written at off, which is the end of all that was written before.
// Its error may be that of what waited, and p's own may come later.
func (f *lateFile) writeLater(p []byte, off int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(p) > lateMost || len(f.waiting) >= latePiece { // settle could not write it
		if err := f.flush(); err != nil {
			return err
		}
	}
	if len(p) > lateMost {
		_, err := f.File.WriteAt(p, off)
		return err
	}
	if len(f.waiting) == 0 {
		f.begin.Store(off)
		f.wake()
	}
	f.waiting = append(f.waiting, p...)
	return nil
}

// settle writes what waits if that is much. Its caller has told those who wait for a
// batch, and they make the next one ready meanwhile. After an error what waits waits on,
// and the next writeLater meets it.
func (f *lateFile) settle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) >= latePiece {
		_ = f.flush()
	}
}

// wake has what begins to wait now written in time. The caller holds mu.
func (f *lateFile) wake() {
	if f.timer != nil {
		f.timer.Reset(lateDelay)
		return
	}
	f.timer = time.AfterFunc(lateDelay, func() { _ = f.flushed() }) // after an error it waits on
}

// flush writes what waits. After an error it waits on: whoever comes next meets the
// error too, or has it written. The caller holds mu.
func (f *lateFile) flush() error {
	if len(f.waiting) == 0 {
		return nil
	}
	if _, err := f.File.WriteAt(f.waiting, f.begin.Load()); err != nil {
		return err
	}
	f.waiting = f.waiting[:0]
	f.begin.Store(noBegin)
	return nil
}

func (f *lateFile) flushed() error {
	if f.begin.Load() == noBegin {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.flush()
}

// ReadAt leaves alone what it does not ask for: older mail is read beside the
// commits.
func (f *lateFile) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.begin.Load() {
		if err := f.flushed(); err != nil {
			return 0, err
		}
	}
	return f.File.ReadAt(p, off)
}

func (f *lateFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.flushed(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *lateFile) Sync() error {
	if err := f.flushed(); err != nil {
		return err
	}
	return f.File.Sync()
}

// Truncate gives the memory back too: a segment is cut when it is sealed, and many
// sealed ones stay open.
func (f *lateFile) Truncate(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.flush(); err != nil {
		return err
	}
	f.waiting = nil
	return f.File.Truncate(size)
}

func (f *lateFile) Stat() (fs.FileInfo, error) {
	if err := f.flushed(); err != nil {
		return nil, err
	}
	return f.File.Stat()
}

// Close forgets what waits: after an orderly end that is nothing, and after a failed
// sync a recovery has it from the ring.
func (f *lateFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.timer != nil {
		f.timer.Stop()
	}
	f.waiting = nil
	f.begin.Store(noBegin)
	return f.File.Close()
}
