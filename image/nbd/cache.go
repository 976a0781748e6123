package nbd

import (
	"math/rand/v2"
	"os"
)

// sector is what a disk writes whole or not at all, in bytes.
const sector = 512

// write is one write, trim (data is nil) or flush.
type write struct {
	off, n int64
	data   []byte
	fua    bool
	flush  bool
}

// overlay puts what w wrote over what was read from off into p.
func (w write) overlay(p []byte, off int64) {
	from, to := max(w.off, off), min(w.off+w.n, off+int64(len(p)))
	if w.flush || from >= to {
		return
	}
	if w.data == nil {
		clear(p[from-off : to-off])
		return
	}
	copy(p[from-off:to-off], w.data[from-w.off:to-w.off])
}

// part is what w wrote between two places within it.
func (w write) part(from, to int64) write {
	p := write{off: from, n: to - from, fua: w.fua}
	if w.data != nil {
		p.data = w.data[from-w.off : to-w.off]
	}
	return p
}

// trimPieces is how many parts a trim is torn into at most: it may be of half the disk, and zeros are zeros.
const trimPieces = 64

// pieces gives the parts of w between sector boundaries to do, until one fails.
func (w write) pieces(do func(write) error) error {
	unit := int64(sector)
	if w.data == nil {
		unit = max(sector, w.n/trimPieces/sector*sector)
	}
	for at, end := w.off, w.off+w.n; at < end; {
		next := min(end, at-at%unit+unit)
		if err := do(w.part(at, next)); err != nil {
			return err
		}
		at = next
	}
	return nil
}

// cache holds, in order, what is not durable yet.
type cache struct {
	writes  []write // flushes stand among them as long as they are lied about
	flushes int     // among writes
	lie     int
}

func (c *cache) bytes() int64 {
	var n int64
	for _, w := range c.writes {
		n += w.n
	}
	return n
}

// flush carries out the oldest flush that is not to be lied about any more.
func (c *cache) flush(m *os.File) error {
	if c.lie == 0 {
		return c.drain(m)
	}
	c.writes = append(c.writes, write{flush: true})
	if c.flushes++; c.flushes <= c.lie {
		return nil
	}
	for i, w := range c.writes {
		if w.flush {
			c.writes = c.writes[i+1:]
			c.flushes--
			return nil
		}
		if err := store(m, w); err != nil {
			return err
		}
	}
	return nil
}

// drain makes everything durable.
func (c *cache) drain(m *os.File) error {
	for _, w := range c.writes {
		if w.flush {
			continue
		}
		if err := store(m, w); err != nil {
			return err
		}
	}
	c.writes, c.flushes = nil, 0
	return nil
}

// Loss is what a cut did.
type Loss struct {
	AtRisk int64 // bytes that were written and not durable
	Lost   int64 // bytes of them that did not reach the disk
	// Where these bytes stand, in the order in which they were written; of trims, too.
	Where []Range
}

// Range is a part of a disk.
type Range struct{ Off, N int64 }

// lose drops everything but writes with FUA.
func (c *cache) lose(m *os.File) (Loss, error) {
	return c.apply(m, func(write) bool { return false }, func(write) bool { return false })
}

// cut keeps a part chosen by seed. Disks differ in what they write back first, so there are several ways to choose.
func (c *cache) cut(m *os.File, seed uint64) (Loss, error) {
	r := rand.New(rand.NewPCG(seed, seed>>32^0x5344))
	all, none := func(write) bool { return true }, func(write) bool { return false }
	chance := func(p float64) func(write) bool { return func(write) bool { return r.Float64() < p } }
	switch r.IntN(6) {
	case 0: // nothing was written back
		return c.apply(m, none, none)
	case 1: // whole writes in any order
		return c.apply(m, chance(0.5), all)
	case 2: // nearly everything; a few sectors are missing
		return c.apply(m, all, chance(0.97))
	case 3: // nearly nothing; a few sectors are there
		return c.apply(m, all, chance(0.05))
	case 4: // in order, up to the middle of a write
		left := r.IntN(len(c.writes) + 1)
		return c.apply(m, func(write) bool { left--; return left >= -1 }, func(write) bool { return left >= 0 || r.IntN(2) == 0 })
	}
	return c.apply(m, all, chance(0.5)) // any sectors of anything
}

// apply goes through the cache in order, because a later write to a sector may have replaced an earlier one there; and
// since each is kept or lost by itself, an older content may survive a newer one, as it does when the disk had written
// it back before.
func (c *cache) apply(m *os.File, whole, piece func(write) bool) (Loss, error) {
	var loss Loss
	for _, w := range c.writes {
		if w.flush {
			continue
		}
		if w.fua {
			if err := store(m, w); err != nil {
				return loss, err
			}
			continue
		}
		loss.AtRisk += w.n
		loss.Where = append(loss.Where, Range{w.off, w.n})
		if !whole(w) {
			loss.Lost += w.n
			continue
		}
		err := w.pieces(func(p write) error {
			if piece(p) {
				return store(m, p)
			}
			loss.Lost += p.n
			return nil
		})
		if err != nil {
			return loss, err
		}
	}
	c.writes, c.flushes = nil, 0
	return loss, nil
}
