package nbd

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Options of a Disk.
type Options struct {
	// Trace gets every write, trim and flush from now on (see [TraceWriter]); nil: nobody does.
	Trace *TraceWriter
	// Lie is how many flushes are answered without being carried out, until as many more have come; 0: an honest disk.
	Lie int
}

// Disk is a raw image behind a volatile cache.
type Disk struct {
	o    Options
	size int64
	base *os.File

	mu    sync.Mutex // guards what follows, and the order of trace and cache
	cache cache
	moves int64         // writes, trims and flushes so far
	last  int64         // the power fails after so many of them; -1: it does not
	risk  bool          // and not before something is at risk
	dead  chan struct{} // closed when it has
	worn  bool          // writes, trims and flushes fail
	err   error         // of the trace: what is not recorded must not be answered
}

// Open opens an image file, whose size becomes the disk's.
func Open(file string, o Options) (*Disk, error) {
	base, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("nbd: %w", err)
	}
	info, err := base.Stat()
	if err != nil {
		base.Close()
		return nil, fmt.Errorf("nbd: %w", err)
	}
	return &Disk{o: o, size: info.Size(), base: base, cache: cache{lie: o.Lie}, last: -1, dead: make(chan struct{})}, nil
}

// Size is the disk's size in bytes.
func (d *Disk) Size() int64 { return d.size }

// Moves is how many writes, trims and flushes there have been, which is also the place in the trace where the next one
// will stand.
func (d *Disk) Moves() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.moves
}

// Unflushed is how many bytes a cut would put at risk now.
func (d *Disk) Unflushed() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cache.bytes()
}

// FailAfter has the power fail when n more writes, trims or flushes have come, 0: now. The last of them is answered; from
// then on nothing is carried out or answered any more, and the channel is closed. A moment chosen so falls between a
// write and its flush as often as beside them, while one chosen by the clock hardly ever does. With risk it is put off
// until there is something to lose, which right behind a flush there is not. [Disk.Cut] follows.
func (d *Disk) FailAfter(n int64, risk bool) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last, d.risk = d.moves+n, risk
	d.failNow(false)
	return d.dead
}

// failNow notices that the moment has come. The caller holds mu; flushing says that what is in the cache will be durable.
func (d *Disk) failNow(flushing bool) {
	if d.last < 0 || d.moves < d.last || d.risk && (flushing || len(d.cache.writes) == 0) {
		return
	}
	select {
	case <-d.dead:
	default:
		close(d.dead)
	}
}

// Wear has every write, trim and flush fail from now on, as on a medium that has had its time: it can be read, and what
// the cache holds is lost at the cut.
func (d *Disk) Wear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.worn = true
}

// errWorn is what they fail with.
var errWorn = errors.New("nbd: the medium takes no writes")

// errDead is for requests that come when the power has failed: they are not answered.
var errDead = errors.New("nbd: the power has failed")

func (d *Disk) alive() error {
	select {
	case <-d.dead:
		return errDead
	default:
		return nil
	}
}

// errRange is the client's mistake, not the disk's.
var errRange = errors.New("nbd: beyond the end of the disk")

// checkRange avoids sums that overflow.
func (d *Disk) checkRange(off, n int64) error {
	if off < 0 || n < 0 || off > d.size || n > d.size-off {
		return errRange
	}
	return nil
}

// ReadAt reads what was written last, flushed or not, as io.ReaderAt says.
func (d *Disk) ReadAt(p []byte, off int64) (int, error) {
	if err := d.checkRange(off, int64(len(p))); err != nil {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.alive(); err != nil {
		return 0, err
	}
	if n, err := d.base.ReadAt(p, off); err != nil {
		return n, fmt.Errorf("nbd: read the image: %w", err)
	}
	for _, w := range d.cache.writes {
		w.overlay(p, off)
	}
	return len(p), nil
}

// WriteAt writes into the cache; with fua what is written is durable on return. It keeps p, which must not be changed
// afterwards.
func (d *Disk) WriteAt(p []byte, off int64, fua bool) error {
	if len(p) == 0 {
		return d.checkRange(off, 0)
	}
	return d.put(write{off: off, n: int64(len(p)), data: p, fua: fua})
}

// Trim says that n bytes are not needed any more: they read as zeros from then on, and after a cut as these or as what
// was there before.
func (d *Disk) Trim(off, n int64, fua bool) error {
	if n == 0 {
		return d.checkRange(off, 0)
	}
	return d.put(write{off: off, n: n, fua: fua})
}

func (d *Disk) put(w write) error {
	if err := d.checkRange(w.off, w.n); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.record(w); err != nil {
		return err
	}
	d.cache.writes = append(d.cache.writes, w)
	d.failNow(false)
	return nil
}

// Flush makes durable all that was written before.
func (d *Disk) Flush() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.record(write{flush: true}); err != nil {
		return err
	}
	d.failNow(d.o.Lie == 0)
	return d.cache.flush(d.base)
}

func (d *Disk) record(w write) error {
	if err := d.alive(); err != nil {
		return err
	}
	if d.worn {
		return errWorn
	}
	if d.err != nil {
		return d.err
	}
	if d.o.Trace != nil {
		if d.err = d.o.Trace.put(w); d.err != nil {
			return d.err
		}
	}
	d.moves++
	return nil
}

// Cut is the power failing: of what was not durable a part chosen by seed reaches the image, the rest is lost. No client
// may be connected any more. It returns how many bytes were at risk and how many of them were lost.
func (d *Disk) Cut(seed uint64) (Loss, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cache.cut(d.base, seed)
}

// Lose is the power failing when the cache has written nothing back yet: all that was not durable is lost.
func (d *Disk) Lose() (Loss, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cache.lose(d.base)
}

// Close writes everything back, as an orderly end does, and closes image and trace.
func (d *Disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	errs := []error{d.cache.drain(d.base)}
	if d.o.Trace != nil {
		errs = append(errs, d.o.Trace.Close())
	}
	return errors.Join(append(errs, d.base.Close())...)
}

// store puts a part of a write onto the medium.
func store(m *os.File, w write) error {
	if w.data != nil {
		if _, err := m.WriteAt(w.data, w.off); err != nil {
			return fmt.Errorf("nbd: write the image: %w", err)
		}
		return nil
	}
	if err := unix.Fallocate(int(m.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, w.off, w.n); err != nil {
		return fmt.Errorf("nbd: trim the image: %w", err)
	}
	return nil
}
