package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// recover reads what is there and makes the journal ready to go on.
func (j *Journal) recover() error {
	fsys := j.shelf.fs
	if err := durable.MkdirAllSync(fsys, dir, 0o700); err != nil {
		return err
	}
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	var numbers []uint32
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		if n, ok := segmentNumber(e.Name()); ok {
			numbers = append(numbers, n)
		}
	}
	if err := j.removeUnfinished(names); err != nil {
		return err
	}
	slices.Sort(numbers)
	for i, n := range numbers {
		j.lastNumber = n
		if err := j.recoverSegment(n, i == len(numbers)-1); err != nil {
			return fmt.Errorf("segment %08d: %w", n, err)
		}
	}
	if err := j.checkNewest(); err != nil {
		return err
	}
	for _, kind := range []segmentKind{kindRecords, kindBodies} {
		last := j.last(kind)
		if last == nil {
			continue
		}
		w, lsn, err := j.recoverTail(last)
		if err != nil {
			return fmt.Errorf("recover segment %08d: %w", last.number, err)
		}
		if kind == kindRecords {
			j.records = w
			j.durable.Store(uint64(lsn))
		} else {
			j.bodies = w
		}
	}
	return nil
}

// checkNewest refuses to go on when the newest records can't be read: new ones
// would take their LSNs.
func (j *Journal) checkNewest() error {
	newest := uint32(0)
	if last := j.last(kindRecords); last != nil {
		newest = last.number
	}
	for _, d := range j.damage {
		if d.Segment > newest {
			return fmt.Errorf("segment %08d, which may hold the newest records: %w", d.Segment, ErrDamaged)
		}
	}
	return nil
}

// last is the newest segment of a kind, or nil.
func (j *Journal) last(kind segmentKind) *segment {
	var last *segment
	for _, seg := range j.shelf.segments {
		if seg.kind == kind && (last == nil || seg.number > last.number) {
			last = seg
		}
	}
	return last
}

// recoverSegment reads a segment's header.
func (j *Journal) recoverSegment(number uint32, newest bool) error {
	name := segmentName(number)
	f, err := j.shelf.fs.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, min(headerSize, info.Size()))
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return err
	}
	h, err := decodeSegmentHeader(b)
	switch {
	case err == nil && h.number == number && (h.kind == kindRecords || h.kind == kindBodies):
		j.shelf.segments[number] = &segment{segmentHeader: h}
		return nil
	case newest && errors.Is(err, ErrDamaged) && info.Size() <= headerSize:
		// The box stopped while it made this segment: nothing was in it yet.
		j.log.Info("journal: unfinished segment removed", "segment", number)
		if err := j.shelf.fs.Remove(name); err != nil {
			return err
		}
		return j.shelf.fs.SyncDir(dir)
	case err == nil || errors.Is(err, ErrDamaged):
		j.report(Damage{Segment: number, Length: info.Size()})
		return nil
	}
	return err
}

// gap is a place without a valid record, in the newest segment.
type gap struct {
	offset, length int64
	expected       LSN    // of the record that should begin there
	ordinal        uint32 // likewise
	filler         bool   // nothing is missing: the next record has the expected LSN
	acknowledged   bool   // some later record says that the missing one was durable
}

// recoverTail reads the newest segment of a kind, cuts off a torn tail, and
// makes it the one that is written to; nil when it isn't to be. It gives the
// last LSN.
func (j *Journal) recoverTail(seg *segment) (*writer, LSN, error) {
	f, err := j.shelf.fs.OpenFile(segmentName(seg.number), os.O_RDWR, 0o600)
	if err != nil {
		return nil, 0, err
	}
	w, lsn, err := j.readTail(seg, f)
	if err != nil || w == nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return w, lsn, nil
}

func (j *Journal) readTail(seg *segment, f durable.File) (*writer, LSN, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	size := info.Size()
	lsn, next := max(seg.first, 1)-1, uint32(0)
	end := int64(headerSize)
	var gaps []gap
	var offsets []int64
	for r, err := range seg.scan(f, size, true) {
		if err != nil {
			return nil, 0, err
		}
		if r.gap != 0 {
			gaps = append(gaps, gap{offset: r.offset, length: r.gap, expected: lsn + 1, ordinal: next})
			continue
		}
		for i := range gaps {
			g := &gaps[i]
			if g.offset+g.length == r.offset && r.lsn == g.expected {
				g.filler = true
			}
			g.acknowledged = g.acknowledged || r.floor >= g.expected
		}
		lsn, next, end = r.lsn, r.ordinal+1, r.offset+r.size()
		offsets = put(offsets, r.ordinal, r.offset)
	}
	if seg.kind == kindBodies && len(gaps) > 0 {
		return nil, 0, j.leave(seg, f, gaps[len(gaps)-1], size)
	}
	for _, g := range gaps {
		switch {
		case g.offset >= end && g.offset+g.length == size, !g.filler && !g.acknowledged:
			if err := j.cut(seg, f, g, size); err != nil {
				return nil, 0, err
			}
			if g.offset < end {
				lsn, next, end = g.expected-1, g.ordinal, g.offset
			}
			seg.offsets = offsets[:min(int(next), len(offsets))]
			return j.adopt(seg, f, end, next), lsn, nil
		case !g.filler:
			j.report(Damage{Segment: seg.number, Offset: g.offset, Length: g.length, LSN: g.expected})
		}
	}
	seg.offsets = offsets
	return j.adopt(seg, f, end, next), lsn, nil
}

// leave ends the writing to a segment for bodies that holds a place without a
// valid one. Nothing in it says whether that body was acknowledged: it may be
// torn, or one bit of it may have turned. So it stays, and no other ever gets
// its ordinal, or somebody would read another's mail under an old name. Only
// what a process left that stopped while it wrote is taken off: a body's header
// is written last, and there is none.
func (j *Journal) leave(seg *segment, f durable.File, last gap, size int64) error {
	j.log.Info("journal: segment of bodies is not written to any more", "segment", seg.number, "offset", last.offset, "length", last.length)
	if last.offset+last.length < size {
		return nil
	}
	head := make([]byte, min(recordSize, last.length))
	if _, err := f.ReadAt(head, last.offset); err != nil {
		return noEOF(err)
	}
	if slices.ContainsFunc(head, func(b byte) bool { return b != 0 }) {
		return nil
	}
	return j.cut(seg, f, last, size)
}

// cut takes a torn tail off and makes that durable, so that none of it comes
// back behind what is written next.
func (j *Journal) cut(seg *segment, f durable.File, g gap, size int64) error {
	j.log.Info("journal: torn tail cut off", "segment", seg.number, "offset", g.offset, "length", size-g.offset, "lsn", g.expected)
	if err := f.Truncate(g.offset); err != nil {
		return fmt.Errorf("cut torn tail: %w", err)
	}
	return f.Sync()
}
