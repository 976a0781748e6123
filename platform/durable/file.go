package durable

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// file is a File of the real file system.
type file struct {
	f    *os.File
	name string
	sync func(*os.File) error // fdatasync; tests put a failing one in

	// failed is set by the first sync that fails, and never cleared.
	failed atomic.Pointer[SyncError]

	asked   atomic.Uint64 // callers of Sync so far
	syncing sync.Mutex
	served  uint64 // of them, those whose writes are on disk; guarded by syncing
}

func (f *file) Name() string { return f.name }

func (f *file) ReadAt(p []byte, off int64) (int, error) { return f.f.ReadAt(p, off) }

func (f *file) Write(p []byte) (int, error) {
	if err := f.failed.Load(); err != nil {
		return 0, err
	}
	return f.f.Write(p)
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	if err := f.failed.Load(); err != nil {
		return 0, err
	}
	return f.f.WriteAt(p, off)
}

func (f *file) Truncate(size int64) error {
	if err := f.failed.Load(); err != nil {
		return err
	}
	return f.f.Truncate(size)
}

// Allocate sets blocks aside without changing the size (fallocate with
// FALLOC_FL_KEEP_SIZE).
func (f *file) Allocate(off, n int64) error {
	if err := f.failed.Load(); err != nil {
		return err
	}
	err := control(f.f, func(fd int) error { return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, off, n) })
	switch {
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		return &fs.PathError{Op: "allocate", Path: f.name, Err: errors.ErrUnsupported}
	case err != nil:
		return &fs.PathError{Op: "allocate", Path: f.name, Err: err}
	}
	return nil
}

// Sync lets one caller at a time ask the kernel, which reports a lost write once:
// of two who asked at once, the other would be told that all is well. Whoever
// waited while a sync began and ended has been served by that.
func (f *file) Sync() error {
	ticket := f.asked.Add(1)
	f.syncing.Lock()
	defer f.syncing.Unlock()
	if err := f.failed.Load(); err != nil {
		return err
	}
	if f.served >= ticket {
		return nil
	}
	covers := f.asked.Load() // all that these callers wrote is written
	err := f.sync(f.f)
	if err == nil {
		f.served = covers
		return nil
	}
	if errors.Is(err, fs.ErrClosed) {
		return err // the caller's mistake, not the disk's
	}
	f.failed.Store(&SyncError{Name: f.name, Err: err})
	return f.failed.Load()
}

func (f *file) Stat() (fs.FileInfo, error) { return f.f.Stat() }

func (f *file) Close() error { return f.f.Close() }

// fdatasync flushes data and size but not the modification time, which is what
// makes it cheaper than fsync on a file that does not grow.
func fdatasync(f *os.File) error { return control(f, unix.Fdatasync) }

// fsync is for directories: fdatasync leaves it to the file system whether a
// directory's entries count as data.
func fsync(f *os.File) error { return control(f, unix.Fsync) }

// control calls fn on f's descriptor, again when a signal interrupts it.
func control(f *os.File, fn func(int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var syncErr error
	err = conn.Control(func(fd uintptr) {
		for {
			syncErr = fn(int(fd))
			if !errors.Is(syncErr, syscall.EINTR) {
				return
			}
		}
	})
	if err != nil {
		return fs.ErrClosed // the only reason Control has not to call back
	}
	return syncErr
}
