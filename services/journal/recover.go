package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// recover reads what is there and makes the journal ready to go on.
func (j *Journal) recover() error {
	fsys := j.shelf.fs
	if err := durable.MkdirAllSync(fsys, dir, 0o700); err != nil {
		return err
	}
	if err := j.redo(); err != nil {
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
	j.durable.Store(uint64(j.floor)) // should there be no records at all
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
	if err := j.noteAll(); err != nil {
		return fmt.Errorf("empty the ring: %w", err)
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
			return fmt.Errorf("the file log/%08d.seg, which may hold the newest mail, can't be read: nothing is changed, so that nothing is lost. "+
				"Start the box again; if this comes back, put the file back from a copy of the disk, and replace the disk: %w", d.Segment, ErrDamaged)
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
	b, size, err := readStart(f)
	for range insistTimes - 1 {
		if errors.Is(err, syscall.EIO) {
			b, size, err = readStart(f)
		}
	}
	if errors.Is(err, syscall.EIO) {
		// What is in the other segments can be read, and this one is left as it is.
		j.report(Damage{Segment: number})
		return nil
	}
	if err != nil {
		return err
	}
	h, err := decodeSegmentHeader(b)
	switch {
	case err == nil && h.number == number && (h.kind == kindRecords || h.kind == kindBodies):
		j.shelf.segments[number] = &segment{segmentHeader: h}
		return nil
	case newest && errors.Is(err, ErrDamaged) && size <= headerSize:
		// The box stopped while it made this segment: nothing was in it yet.
		j.log.Info("journal: unfinished segment removed", "segment", number)
		if err := j.shelf.fs.Remove(name); err != nil {
			return err
		}
		return j.shelf.fs.SyncDir(dir)
	case err == nil || errors.Is(err, ErrDamaged):
		j.report(Damage{Segment: number, Length: size})
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
		return nil, lsn, errors.Join(err, f.Close())
	}
	return w, lsn, nil
}

func (j *Journal) readTail(seg *segment, f durable.File) (*writer, LSN, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	t, err := readTail(seg, f, info.Size(), j.floor, j.opts.Recovering)
	if err != nil {
		return nil, 0, err
	}
	if seg.kind == kindBodies && len(t.gaps) > 0 {
		return nil, 0, j.leave(seg, f, t.gaps[len(t.gaps)-1], t.size)
	}
	for _, g := range t.gaps {
		switch {
		case g.offset >= t.end && g.expected <= j.floor:
			// The ring says that what stood here had been acknowledged.
			return nil, j.floor, j.abandon(seg, t)
		case g.offset >= t.end && g.offset+g.length == t.size, !g.filler && !g.acknowledged:
			if err := j.cut(seg, f, g, t.size); err != nil {
				return nil, 0, err
			}
			if g.offset < t.end {
				t.lsn, t.next, t.end = g.expected-1, g.ordinal, g.offset
			}
			return j.resume(seg, f, t)
		case !g.filler:
			j.report(Damage{Segment: seg.number, Offset: g.offset, Length: g.length, LSN: g.expected})
		}
	}
	if seg.kind == kindRecords && t.lsn < j.floor {
		return nil, j.floor, j.abandon(seg, t)
	}
	return j.resume(seg, f, t)
}

// tail is what the newest segment of a kind holds.
type tail struct {
	size int64 // of the file
	lsn  LSN   // of the last record
	next uint32
	end  int64 // of the last record
	// proven is the end of the last record that some later one, or the ring, says
	// had been durable.
	proven  int64
	gaps    []gap
	offsets []int64 // of the records by ordinal
}

// readTail reads a segment up to its end. floor is the LSN up to which the ring
// says that all had been durable.
func readTail(seg *segment, f io.ReaderAt, size int64, floor LSN, tell func(Recovering)) (*tail, error) {
	t := &tail{size: size, lsn: max(seg.first, 1) - 1, end: headerSize, proven: headerSize}
	var unproven []scanned
	told := int64(0)
	for r, err := range seg.scan(f, size, true) {
		if err != nil {
			return nil, err
		}
		if r.offset >= told {
			tell(Recovering{Read: r.offset, Of: size})
			told = r.offset + windowSize
		}
		if r.gap != 0 {
			t.gaps = append(t.gaps, gap{
				offset: r.offset, length: r.gap, expected: t.lsn + 1, ordinal: t.next, acknowledged: floor >= t.lsn+1,
			})
			// Where only the body is damaged, the rest can still be asked for.
			if h, _, err := seg.readRecord(f, r.offset, size); err == nil {
				t.offsets = put(t.offsets, h.ordinal, r.offset)
			}
			continue
		}
		for i := range t.gaps {
			g := &t.gaps[i]
			if g.offset+g.length == r.offset && r.lsn == g.expected {
				g.filler = true
			}
			g.acknowledged = g.acknowledged || r.floor >= g.expected
		}
		floor = max(floor, r.floor)
		n, err := r.span(r.payload)
		if err != nil {
			n = 1
		}
		t.lsn, t.next, t.end = r.lsn+LSN(n)-1, r.ordinal+n, r.offset+r.size()
		t.offsets = put(t.offsets, r.ordinal, r.offset)
		unproven = append(unproven, scanned{offset: t.end, recordHeader: recordHeader{lsn: r.lsn}})
		for len(unproven) > 0 && unproven[0].lsn <= floor {
			t.proven, unproven = unproven[0].offset, unproven[1:]
		}
	}
	return t, nil
}

// resume makes a segment the one that is written to. What nobody has proved to
// be on disk is written once more first: it may be all that is left, in memory,
// of a write that failed or was never synced, and whoever reads it would take it
// for durable.
func (j *Journal) resume(seg *segment, f durable.File, t *tail) (*writer, LSN, error) {
	seg.offsets = t.offsets[:min(int(t.next), len(t.offsets))]
	if seg.kind == kindRecords {
		for off := min(t.proven, t.end); off < t.end; {
			b := make([]byte, min(windowSize, t.end-off))
			if _, err := f.ReadAt(b, off); err != nil {
				return nil, 0, noEOF(err)
			}
			if _, err := f.WriteAt(b, off); err != nil {
				return nil, 0, fmt.Errorf("write the last records again: %w", err)
			}
			off += int64(len(b))
		}
		if err := f.Sync(); err != nil {
			return nil, 0, err
		}
	}
	return j.adopt(seg, f, t.end, t.next), t.lsn, nil
}

// abandon ends the writing to a segment whose last records are missing although
// they had been acknowledged: no other ever gets their places or LSNs.
func (j *Journal) abandon(seg *segment, t *tail) error {
	j.report(Damage{Segment: seg.number, Offset: t.end, Length: t.size - t.end, LSN: t.lsn + 1})
	return nil
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
