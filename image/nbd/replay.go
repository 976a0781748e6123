package nbd

import (
	"errors"
	"fmt"
	"os"
)

// Replay goes through a trace and cuts the power as often as wanted. It works on one part of the disk, such as a
// partition, so that what lies elsewhere need not be copied each time.
type Replay struct {
	trace *Trace
	base  *os.File // what is durable at place
	from  int64    // where the part begins on the disk
	size  int64
	place int64 // moves that have happened
	cache cache
}

// NewReplay begins at the trace's beginning. The file base holds the part of the disk that begins at from, as it was
// then; it is changed. lie is as in [Options].
func NewReplay(trace *Trace, base string, from int64, lie int) (*Replay, error) {
	f, err := os.OpenFile(base, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("nbd: replay: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("nbd: replay: %w", err)
	}
	if from < 0 || from+info.Size() > trace.Size {
		f.Close()
		return nil, errRange
	}
	return &Replay{trace: trace, base: f, from: from, size: info.Size(), cache: cache{lie: lie}}, nil
}

// errBackward is a mistake of the caller's.
var errBackward = errors.New("nbd: a replay goes forward only")

// Go goes on until place moves have happened. The base file then holds what is durable there.
func (r *Replay) Go(place int64) error {
	if place < r.place || place > r.trace.Moves() {
		return errBackward
	}
	for ; r.place < place; r.place++ {
		w, err := r.trace.read(r.place)
		if err != nil {
			return err
		}
		if w.flush {
			if err := r.cache.flush(r.base); err != nil {
				return err
			}
			continue
		}
		from, to := max(w.off, r.from), min(w.off+w.n, r.from+r.size)
		if from >= to {
			continue // in another part of the disk
		}
		w = w.part(from, to)
		w.off -= r.from
		r.cache.writes = append(r.cache.writes, w)
	}
	return nil
}

// Cut makes image, which must be a copy of the base file as it is now, what a power cut at this moment leaves. The
// replay itself can go on.
func (r *Replay) Cut(image string, seed uint64) (Loss, error) {
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return Loss{}, fmt.Errorf("nbd: replay: %w", err)
	}
	after := cache{writes: r.cache.writes}
	loss, err := after.cut(f, seed)
	return loss, errors.Join(err, f.Close())
}

// Close closes the base file.
func (r *Replay) Close() error { return r.base.Close() }
