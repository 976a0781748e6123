package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"syscall"
)

// Replay gives fn the records of a family with an LSN of from or above, in
// order, up to what was durable when it was called; of joint records its parts,
// in their order, under the LSN of the whole. Commits may go on. Damage
// on the way is reported and passed over. An error of fn ends it and is returned.
func (j *Journal) Replay(ctx context.Context, family Family, from LSN, fn func(Record) error) error {
	until := j.Durable()
	for _, number := range j.segmentsFrom(from) {
		if err := j.replaySegment(ctx, number, family, from, until, fn); err != nil {
			return fmt.Errorf("journal: replay segment %08d: %w", number, err)
		}
	}
	return nil
}

// segmentsFrom lists the segments that hold the records from an LSN on.
func (j *Journal) segmentsFrom(from LSN) []uint32 {
	j.shelf.mu.Lock()
	defer j.shelf.mu.Unlock()
	var numbers []uint32
	for n, seg := range j.shelf.segments {
		if seg.kind == kindRecords {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for len(numbers) > 1 && j.shelf.segments[numbers[1]].first <= from {
		numbers = numbers[1:]
	}
	return numbers
}

func (j *Journal) replaySegment(ctx context.Context, number uint32, family Family, from, until LSN, fn func(Record) error) error {
	return j.walk(ctx, number, false, until, func(r *scanned) error {
		if r.family != family && r.family != FamilyJoint || r.lsn < from || r.spent() {
			return nil
		}
		members, err := r.members(r.payload)
		if err != nil {
			return fmt.Errorf("record %d: %w", r.lsn, err) // its CRC is good: it was written so
		}
		for _, m := range members {
			if m.family != family {
				continue
			}
			rec := Record{LSN: r.lsn, Family: m.family, Type: m.kind, Time: r.time, ID: r.id, Payload: m.payload}
			if r.body != 0 {
				rec.Body = BodyRef{number, r.ordinal}
			}
			if err := fn(rec); err != nil {
				return fmt.Errorf("record %d: %w", r.lsn, err)
			}
		}
		return nil
	})
}

// walk gives the records of a segment up to an LSN, and reports where one is
// missing.
func (j *Journal) walk(ctx context.Context, number uint32, bodies bool, until LSN, fn func(*scanned) error) error {
	seg, err := j.shelf.take(number)
	if err != nil {
		return err
	}
	defer j.shelf.give(seg)
	info, err := seg.file.Stat()
	if err != nil {
		return err
	}
	expected := seg.first
	hole := Damage{Segment: number, Offset: info.Size()}
	// In a segment that was compacted, in the first boxes, records may rightly be
	// missing, but every byte up to its end mark belongs to one. In one that was
	// trimmed, gaps say which.
	strict := !seg.compacted() || seg.version >= trimmedVersion
	torn, sealed := strict, false
	for r, err := range seg.scan(seg.file, info.Size(), bodies) {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.gap != 0 {
			hole.Offset, hole.Length, hole.LSN = r.offset, r.gap, expected
			torn = torn || r.gap != endSize || !r.end || !sealed
			continue
		}
		if r.lsn > until {
			break
		}
		if seg.kind == kindRecords && r.lsn != expected && torn {
			j.report(hole)
			torn = strict
		}
		n, err := r.span(r.payload)
		if err != nil {
			n = 1 // so what it stands for is missing
		}
		expected = r.lsn + LSN(n)
		sealed = r.family == FamilyJournal && r.kind == typeSeal
		if err := fn(&r); err != nil {
			return err
		}
	}
	// A compacted segment that ends before its seal was cut short.
	torn = torn || !sealed
	if seg.kind == kindRecords && expected < j.following(seg, until) && torn {
		hole.LSN = expected
		j.report(hole)
	}
	return nil
}

// following is the LSN that comes after a segment of records.
func (j *Journal) following(seg *segment, until LSN) LSN {
	j.shelf.mu.Lock()
	defer j.shelf.mu.Unlock()
	next := until + 1
	for _, other := range j.shelf.segments {
		if other.kind == kindRecords && other.number > seg.number {
			next = min(next, other.first)
		}
	}
	return next
}

// Scrub reads everything, bodies included, and gives the damage there is. (That
// of a large body shows where it is named: see store's Check.)
func (j *Journal) Scrub(ctx context.Context) ([]Damage, error) {
	until := j.Durable()
	j.shelf.mu.Lock()
	var numbers []uint32
	for n := range j.shelf.segments {
		numbers = append(numbers, n)
	}
	j.shelf.mu.Unlock()
	slices.Sort(numbers)
	for _, number := range numbers {
		if err := j.walk(ctx, number, true, until, func(*scanned) error { return nil }); err != nil {
			return nil, fmt.Errorf("journal: scrub segment %08d: %w", number, err)
		}
	}
	return j.Damage(), nil
}

// Segments lists the numbers of the segments, ascending.
func (j *Journal) Segments() []uint32 {
	j.shelf.mu.Lock()
	defer j.shelf.mu.Unlock()
	return slices.Sorted(maps.Keys(j.shelf.segments))
}

// ScrubSegment reads a segment, bodies included, and names the bodies that are
// damaged or that the disk does not give. Records that are missing are reported as Damage. A segment that is
// gone has no damage.
func (j *Journal) ScrubSegment(ctx context.Context, number uint32, pace Pace) ([]BodyRef, error) {
	until := j.Durable()
	seg, err := j.shelf.take(number)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: scrub segment %08d: %w", number, err)
	}
	defer j.shelf.give(seg)
	info, err := seg.file.Stat()
	if err != nil {
		return nil, fmt.Errorf("journal: scrub segment %08d: %w", number, err)
	}
	var bad []BodyRef
	v := verifier{segmentHeader: &seg.segmentHeader, f: insistent{seg.file}, size: info.Size(), bodies: true}
	for _, p := range j.shelf.places(seg, info.Size()) {
		switch _, _, err := v.record(p.offset); {
		case errors.Is(err, ErrDamaged), errors.Is(err, syscall.EIO):
			bad = append(bad, BodyRef{number, p.ordinal})
		case err != nil:
			return nil, fmt.Errorf("journal: scrub segment %08d: %w", number, err)
		}
		if err := pace.Step(ctx, p.size); err != nil {
			return nil, err
		}
	}
	if len(bad) > 0 || seg.kind == kindRecords {
		for range insistTimes { // what is called damaged stays so until the next start
			err = j.walk(ctx, number, false, until, func(*scanned) error { return nil })
			if !errors.Is(err, syscall.EIO) {
				break
			}
		}
	}
	if errors.Is(err, syscall.EIO) {
		// What the disk doesn't give any more is damaged, and is no reason not to
		// look at the rest.
		j.report(Damage{Segment: number, Length: info.Size()})
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: scrub segment %08d: %w", number, err)
	}
	return bad, nil
}
