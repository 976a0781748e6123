package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"syscall"
)

// DefaultDeadShare is from which part of a segment on it pays to write it anew:
// for each byte that comes back at most two and a third are read and written.
const DefaultDeadShare = 0.3

// Compaction says how to compact.
type Compaction struct {
	Owners []Owner
	// Share of a segment that must be dead for it to be rewritten; 0:
	// DefaultDeadShare. Less than one byte is never worth it.
	Share float64
	Pace  Pace
}

// Usage is what the sealed segments take.
type Usage struct {
	Segments int
	Bytes    int64 // of their files
	Dead     int64 // of these, what nobody could ask for any more
}

// Compacted is what a compaction did.
type Compacted struct {
	Usage              // as it is now
	Rewritten int      // segments
	Freed     int64    // bytes
	Bad       []uint32 // segments that were passed over: damaged, or the disk does not give them
}

// Compact gives the space of dead bodies back. It writes each sealed segment of
// which much is dead anew under its own number, with every record at its ordinal
// and with its LSN: what is dropped is the body and what was known of it, and the
// record says so. It takes the space of one segment at most while it works, and
// may take it from the reserve; the segments with the least in them come first.
//
// Commits and readers go on beside it, and whoever has a body open reads it to
// the end. After an error everything is as it was, but for the segments that had
// been rewritten by then. A segment of records in which something is damaged, or
// any that the disk fails to read or to write anew, is left as it is, and the
// others are gone on with.
func (j *Journal) Compact(ctx context.Context, c Compaction) (Compacted, error) {
	if c.Share == 0 {
		c.Share = DefaultDeadShare
	}
	j.compacting.Lock()
	defer j.compacting.Unlock()
	numbers := j.sealed() // before the owners are asked
	trim, err := j.overs(ctx, c.Owners)
	if err != nil {
		return Compacted{}, fmt.Errorf("journal: compact: %w", err)
	}
	live, err := j.living(ctx, c.Owners)
	if err != nil {
		return Compacted{}, fmt.Errorf("journal: compact: %w", err)
	}
	trim.live = live
	var done Compacted
	var worth []weight
	for _, number := range numbers {
		w, err := j.weigh(ctx, number, live[number], trim, c.Pace)
		if errors.Is(err, syscall.EIO) {
			j.passOver(&done, number, err)
			continue
		}
		if err != nil {
			return done, fmt.Errorf("journal: compact: weigh segment %08d: %w", number, err)
		}
		done.Segments++
		done.Bytes += w.bytes
		done.Dead += w.dead
		if w.dead > 0 && float64(w.dead) >= c.Share*float64(w.bytes) {
			worth = append(worth, w)
		}
	}
	slices.SortFunc(worth, func(a, b weight) int { return cmp.Compare(a.bytes-a.dead, b.bytes-b.dead) })
	for _, w := range worth {
		freed, err := j.rewrite(ctx, w.number, live[w.number], trim, c.Pace)
		switch {
		case errors.Is(err, ErrDamaged), errors.Is(err, syscall.EIO) && j.failureOf() == nil:
			j.passOver(&done, w.number, err)
			continue
		case err != nil:
			return done, fmt.Errorf("journal: compact segment %08d: %w", w.number, err)
		}
		done.Rewritten++
		done.Freed += freed
		done.Bytes -= freed
		done.Dead -= min(freed, w.dead)
	}
	return done, nil
}

// passOver notes a segment that can't be compacted: what is in it stays where it
// is. A compaction that ended at the first bad place would give nothing back for
// as long as the disk is in use.
func (j *Journal) passOver(done *Compacted, number uint32, cause error) {
	j.log.Warn("journal: segment is not compacted", "segment", number, "cause", cause)
	done.Bad = append(done.Bad, number)
}

// sealed lists the segments that are never written to again: all but the newest
// of each kind.
func (j *Journal) sealed() []uint32 {
	j.shelf.mu.Lock()
	defer j.shelf.mu.Unlock()
	newest := map[segmentKind]uint32{}
	for n, seg := range j.shelf.segments {
		newest[seg.kind] = max(newest[seg.kind], n)
	}
	var numbers []uint32
	for n, seg := range j.shelf.segments {
		if n < newest[seg.kind] {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// weight is what is in a segment.
type weight struct {
	number      uint32
	bytes, dead int64
}

// weigh says how much of a sealed segment is dead. Its records are read once in
// the life of a process, to learn which of them have no body, and what they are
// about; after that its table is enough.
func (j *Journal) weigh(ctx context.Context, number uint32, live *ordinals, trim *trimming, pace Pace) (weight, error) {
	seg, err := j.shelf.take(number)
	if err != nil {
		return weight{}, err
	}
	defer j.shelf.give(seg)
	info, err := seg.file.Stat()
	if err != nil {
		return weight{}, err
	}
	if seg.partial {
		// What its table lacks would pass for gone.
		j.report(Damage{Segment: number, Length: info.Size()})
		return weight{}, fmt.Errorf("table: %w", syscall.EIO)
	}
	w := weight{number: number, bytes: info.Size()}
	places := j.shelf.places(seg, info.Size())
	for _, p := range places {
		if live == nil || !live.has(p.ordinal) {
			w.dead += p.size
		}
	}
	last := j.following(seg, math.MaxUint64-1) - 1
	if w.dead == 0 && (seg.kind != kindRecords || !trim.reaches(last)) {
		return w, nil
	}
	j.shelf.mu.Lock()
	known := seg.survey
	j.shelf.mu.Unlock()
	if known == nil {
		if known, err = j.survey(ctx, seg, places, trim, pace); err != nil {
			return w, err
		}
		j.shelf.mu.Lock()
		seg.survey = known
		j.shelf.mu.Unlock()
	}
	w.dead = max(0, w.dead-known.plain) + trim.weight(known, last)
	return w, nil
}

// place is where a record stands in a segment.
type place struct {
	ordinal      uint32
	offset, size int64 // up to the next record
}

// places lists the records of an open segment by offset.
func (s *shelf) places(seg *segment, end int64) []place {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []place
	for ordinal, off := range seg.offsets {
		if off == 0 {
			continue
		}
		if n := len(list); n > 0 {
			list[n-1].size = off - list[n-1].offset
		}
		list = append(list, place{ordinal: uint32(ordinal), offset: off, size: end - off})
	}
	return list
}

// rewrite puts a new file in the place of a sealed segment and says how many
// bytes that gave back. Until the new one has the name, the old one is whole; it
// gets the name when all of it is on disk.
func (j *Journal) rewrite(ctx context.Context, number uint32, live *ordinals, trim *trimming, pace Pace) (int64, error) {
	seg, err := j.shelf.take(number)
	if err != nil {
		return 0, err
	}
	defer j.shelf.give(seg)
	info, err := seg.file.Stat()
	if err != nil {
		return 0, err
	}
	if seg.partial { // it may have been opened again since it was weighed
		return 0, fmt.Errorf("table: %w", syscall.EIO)
	}
	if live == nil {
		live = &ordinals{}
	}
	temp := unfinishedName(number)
	if err := j.shelf.fs.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	fresh, size, err := j.copySegment(ctx, temp, seg, info.Size(), live, trim, pace)
	if err != nil {
		_ = j.shelf.fs.Remove(temp) // the next start does else
		return 0, fullError(err)
	}
	if err := j.shelf.replace(seg, fresh, temp); err != nil {
		_ = fresh.file.Close()
		_ = j.shelf.fs.Remove(temp)
		return 0, fullError(err)
	}
	// Whichever of the two a power cut leaves under the name, it is whole.
	if err := j.shelf.fs.SyncDir(dir); isFull(err) {
		return 0, fullError(err)
	} else if err != nil {
		return 0, j.fail(fmt.Errorf("sync directory of the log: %w", err))
	}
	j.log.Info("journal: segment compacted", "segment", number, "before", info.Size(), "after", size)
	return info.Size() - size, nil
}

// replace gives the file temp the name and the place of seg.
func (s *shelf) replace(seg, fresh *segment, temp string) error {
	s.mu.Lock() // so that nobody opens the one by what is known of the other
	defer s.mu.Unlock()
	if err := s.fs.Rename(temp, segmentName(seg.number)); err != nil {
		return err
	}
	seg.replaced = true // whoever called us is using it, and closes it when giving it back
	s.clock++
	fresh.used = s.clock
	s.segments[seg.number] = fresh
	s.open++
	for s.open > maxOpen && s.closeOldest() {
	}
	return nil
}

const unfinishedSuffix = ".new"

// unfinishedName is what a segment is called while it is being rewritten.
func unfinishedName(number uint32) string { return segmentName(number) + unfinishedSuffix }

// removeUnfinished removes what a compaction left that a crash cut short.
func (j *Journal) removeUnfinished(names []string) error {
	removed := false
	for _, name := range names {
		if _, ok := segmentNumber(strings.TrimSuffix(name, unfinishedSuffix)); !ok || !strings.HasSuffix(name, unfinishedSuffix) {
			continue
		}
		j.log.Info("journal: unfinished compaction removed", "file", name)
		if err := j.shelf.fs.Remove(dir + "/" + name); err != nil {
			return err
		}
		removed = true
	}
	if !removed {
		return nil
	}
	return j.shelf.fs.SyncDir(dir)
}
