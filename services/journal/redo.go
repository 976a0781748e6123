package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// found is a batch's header that was found in the ring.
type found struct {
	batchHeader
	at int64 // in the ring
}

// redo writes what the ring holds to the segments, and syncs them. On return the
// ring is open for writing, but still says on disk what it said before: noteAll
// ends that.
func (j *Journal) redo() error {
	fsys := j.shelf.fs
	f, err := fsys.Open(ringName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open ring: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open ring: %w", err)
	}
	ring := insistent{f}
	h, err := readRingHeader(ring, info.Size())
	if errors.Is(err, ErrDamaged) {
		return j.setRingAside(info.Size())
	}
	if err != nil {
		return err
	}
	batches, missed, err := h.batches(ring, info.Size())
	if err != nil {
		return fmt.Errorf("read ring: %w", err)
	}
	if foreign, err := j.isForeign(batches); err != nil {
		return fmt.Errorf("compare ring with log: %w", err)
	} else if foreign {
		return j.setRingAside(info.Size())
	}
	last, err := j.apply(ring, &h, batches)
	if err != nil {
		return fmt.Errorf("apply ring: %w", err)
	}
	if h.mayMiss(batches, last, missed) {
		// It is of no more use: another one stands on other blocks.
		return j.setRingAside(info.Size())
	}
	next := batchNumber(1)
	if len(batches) > 0 {
		next = batches[0].number + 1
	}
	if j.ring, err = openRing(fsys, ringName, h, last, next); err != nil {
		return fmt.Errorf("open ring: %w", err)
	}
	// Then nothing needs to be written for a box that is only looked at.
	j.ring.empty = len(batches) > 0 && batches[0].number == last.number && batches[0].tail == last.number && batches[0].length == 0
	return nil
}

// insistent reads what the disk does not give a few times more: at a start and in
// the background there is time for it, and what is given up is lost.
type insistent struct{ f io.ReaderAt }

// insistTimes is how often something is read: a disk tries some hundred times by
// itself before it says that it can't.
const insistTimes = 3

func (i insistent) ReadAt(p []byte, off int64) (n int, err error) {
	for range insistTimes {
		if n, err = i.f.ReadAt(p, off); !errors.Is(err, syscall.EIO) {
			break
		}
	}
	return n, err
}

// readRingHeader reads the ring's header, or its second copy.
func readRingHeader(f io.ReaderAt, size int64) (ringHeader, error) {
	var unread error
	for _, off := range []int64{0, size - ringBlock} {
		b := make([]byte, ringHeaderSize)
		if off < 0 || off+ringHeaderSize > size {
			continue
		}
		if _, err := f.ReadAt(b, off); errors.Is(err, syscall.EIO) {
			unread = err
			continue
		} else if err != nil {
			return ringHeader{}, noEOF(err)
		}
		h, err := decodeRingHeader(b)
		if err == nil && h.size == size {
			return h, nil
		}
		if err != nil && !errors.Is(err, ErrDamaged) {
			return ringHeader{}, err // a later version's: not ours to judge
		}
	}
	return ringHeader{}, errors.Join(unread, fmt.Errorf("ring: %w", ErrDamaged))
}

// setRingAside takes a ring that can't be read out of the way, for whoever wants
// to look at it. What it alone held is lost; the log tells what that was when a
// later record proves it.
func (j *Journal) setRingAside(size int64) error {
	j.report(Damage{Length: size})
	if err := j.shelf.fs.Rename(ringName, ringAside); err != nil {
		return fmt.Errorf("set damaged ring aside: %w", err)
	}
	return j.shelf.fs.SyncDir(ringDir)
}

// batches finds the headers in the ring, the latest first, and tells which blocks
// the disk did not give.
func (h *ringHeader) batches(f io.ReaderAt, size int64) (list []found, missed []int64, err error) {
	s := &sieve{f: f}
	w := &window{f: s, size: size}
	p := make([]byte, batchHeaderSize)
	for at := h.begin(); at < h.end(); at += ringBlock {
		if _, err := w.ReadAt(p, at); err != nil {
			return nil, nil, noEOF(err)
		}
		b, err := h.decodeBatch(p)
		if err != nil || at+b.size() > h.end() {
			continue
		}
		list = append(list, found{b, at})
	}
	slices.SortFunc(list, func(a, b found) int { return cmp.Compare(b.number, a.number) })
	return list, s.blocks, nil
}

// mayMiss says whether a block that the disk does not give may have begun a batch
// that is needed: one between the tail that the last good one names and that one,
// of which the number is missing, or the one behind it, which nothing later speaks
// of. All others belong to earlier laps or hold no batch's beginning.
func (h *ringHeader) mayMiss(batches []found, last extent, missed []int64) bool {
	if len(missed) == 0 {
		return false
	}
	if last.number == 0 {
		return true
	}
	var tail batchNumber
	have := map[batchNumber]bool{}
	for i := range batches {
		have[batches[i].number] = true
		if batches[i].number == last.number {
			tail = batches[i].tail
		}
	}
	for n := tail; n < last.number; n++ {
		if !have[n] {
			return true
		}
	}
	// The next one stands right behind it, or at the beginning where it did not fit.
	return last.end < h.end() && slices.Contains(missed, last.end) || slices.Contains(missed, h.begin()) && !have[last.number+1]
}

// content reads what a batch holds; nil when it is not what was written.
func (h *ringHeader) content(f io.ReaderAt, b *found) ([]byte, error) {
	p := make([]byte, b.length)
	if _, err := f.ReadAt(p, b.at+batchHeaderSize); err != nil {
		return nil, err
	}
	if h.sum(p) != b.contentSum {
		return nil, nil
	}
	return p, nil
}

// content is the ring's, or where the disk does not give it the same bytes from
// the segment. What is in neither is lost, and reported.
func (j *Journal) content(f io.ReaderAt, h *ringHeader, b *found) ([]byte, error) {
	p, err := h.content(f, b)
	if !errors.Is(err, syscall.EIO) {
		return p, err
	}
	p = make([]byte, b.length)
	if err := j.readSegment(b, p); err != nil || h.sum(p) != b.contentSum {
		j.report(Damage{Offset: b.at, Length: b.size(), LSN: b.floor + 1})
		return nil, nil
	}
	return p, nil
}

// readSegment reads the bytes that a batch stands for from their segment.
func (j *Journal) readSegment(b *found, p []byte) error {
	f, err := j.shelf.fs.Open(segmentName(b.segment))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read from
	_, err = f.ReadAt(p, b.offset)
	return err
}

// apply brings the batches to their segments, from the tail that the last good
// one names. One whose content is not good is passed over: as the last it is torn,
// or its bytes are in the segment all the same; which of these, and whether
// anything that had been acknowledged is missing, is seen when the segment is
// read, with what the headers say had been durable. It gives the place of the last
// good batch.
func (j *Journal) apply(f io.ReaderAt, h *ringHeader, batches []found) (extent, error) {
	i := 0
	for ; i < len(batches); i++ {
		j.floor = max(j.floor, batches[i].floor)
		content, err := j.content(f, h, &batches[i])
		if err != nil {
			return extent{}, err
		}
		if content != nil {
			break
		}
		j.log.Info("journal: torn batch in the ring", "batch", batches[i].number, "floor", batches[i].floor)
	}
	if i == len(batches) {
		// Since it was made at least one batch in it is whole.
		j.report(Damage{Length: h.size})
		return extent{}, nil
	}
	last := batches[i]
	var todo []found
	for _, b := range batches[i:] {
		if b.number >= last.tail && b.length > 0 {
			todo = append(todo, b)
		}
	}
	slices.Reverse(todo)
	for len(todo) > 0 {
		n := 1
		for n < len(todo) && todo[n].segment == todo[0].segment {
			n++
		}
		if err := j.applySegment(f, h, todo[:n]); err != nil {
			return extent{}, fmt.Errorf("segment %08d: %w", todo[0].segment, err)
		}
		todo = todo[n:]
	}
	return extent{last.number, last.at, last.at + last.size()}, nil
}

// applySegment writes batches to the one segment that they are for. All of it is
// written, also where the same bytes seem to stand: what can be read after a
// failed sync need not be on disk.
func (j *Journal) applySegment(ring io.ReaderAt, h *ringHeader, batches []found) error {
	first := batches[0]
	f, err := j.shelf.fs.OpenFile(segmentName(first.segment), os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		j.report(Damage{Segment: first.segment, Offset: first.offset, Length: first.length, LSN: first.floor + 1})
		return nil
	}
	if err != nil {
		return err
	}
	written := 0
	for i := range batches {
		j.opts.Recovering(Recovering{Read: int64(i), Of: int64(len(batches))})
		var content []byte
		if content, err = j.content(ring, h, &batches[i]); err != nil {
			break
		}
		if content == nil || !sameSegment(f, batches[i].segmentSum) {
			continue // see apply; a segment that was written anew has been synced whole
		}
		if _, err = f.WriteAt(content, batches[i].offset); err != nil {
			break
		}
		written++
	}
	if err == nil {
		err = f.Sync()
	}
	j.log.Info("journal: applied from the ring", "segment", first.segment, "batches", written)
	return errors.Join(err, f.Close())
}

// isForeign says whether the ring is of another log: it has batches for a segment
// that is here, but is not the one that they were written for. Such a ring came
// with a copy of files, and neither its contents nor its floors say anything.
func (j *Journal) isForeign(batches []found) (bool, error) {
	sums := map[uint32][2]uint32{} // of the headers, as they are and as they were before a compaction
	for i := range batches {
		b := &batches[i]
		if b.length == 0 {
			continue
		}
		s, ok := sums[b.segment]
		if !ok {
			h, err := j.headerOf(b.segment)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrDamaged) {
				continue // which is found later
			}
			if err != nil {
				return false, err
			}
			s[0] = headerSum(h.encode())
			h.version, h.flags = formatVersion, h.flags&^segmentCompacted // as before a compaction
			s[1] = headerSum(h.encode())
			sums[b.segment] = s
		}
		if b.segmentSum != s[0] && b.segmentSum != s[1] {
			j.log.Error("journal: the commit ring is of another log", "segment", b.segment, "batch", b.number)
			return true, nil
		}
	}
	return false, nil
}

// headerOf reads the header of a segment.
func (j *Journal) headerOf(number uint32) (segmentHeader, error) {
	f, err := j.shelf.fs.Open(segmentName(number))
	if err != nil {
		return segmentHeader{}, err
	}
	defer func() { _ = f.Close() }() // only read from
	b := make([]byte, headerSize)
	if _, err := f.ReadAt(b, 0); err != nil {
		return segmentHeader{}, noEOF(err)
	}
	return decodeSegmentHeader(b)
}

// sameSegment says whether the file is the one that a batch was written for.
func sameSegment(f io.ReaderAt, sum uint32) bool {
	b := make([]byte, headerSize)
	if _, err := f.ReadAt(b, 0); err != nil {
		return false
	}
	return headerSum(b) == sum
}

// noteAll says in the ring that everything is in the segments, unless it says so
// already. Where that can't be written, on a full disk of a file system that
// writes nothing in place, there is no ring any more.
func (j *Journal) noteAll() error {
	if j.ring == nil || j.ring.empty {
		return nil
	}
	err := j.ring.note(j.Durable())
	if err == nil || !isFull(err) {
		return err
	}
	j.log.Warn("journal: no commit ring", "cause", err)
	err = errors.Join(j.ring.file.Close(), j.shelf.fs.Remove(ringName))
	j.ring = nil
	if err == nil {
		err = j.shelf.fs.SyncDir(ringDir)
	}
	return err
}
