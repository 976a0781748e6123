package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// Found is what Dump found at one place of the log: a record, or bytes that are
// none.
type Found struct {
	Segment uint32
	Offset  int64
	Length  int64 // in bytes, up to the next place
	Record  Record
	// Floor is the LSN up to which all was durable when the record was written.
	Floor LSN
	// Size is how many bytes of the record are a body's, as they are on disk.
	Size int64
	// Dropped says that the record had a body, which compaction has dropped.
	Dropped bool
	// Damage says what is wrong; "" for a record that is whole. What stands at the
	// end of the last segment may be no damage but a record that nobody was told
	// of, since the power went before it was written.
	Damage string
}

// Dump gives what stands in the log of fsys, segment by segment, in order, with
// what only the commit ring has: it recovers and changes nothing, needs no index, and works on
// a damaged log and on a copy of a box that crashed. The bodies of segments that
// have nothing else are passed over. A Record is good until the next one. An
// error of fn ends it and is returned; others are the disk's.
func Dump(ctx context.Context, fsys durable.FS, fn func(Found) error) error {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("journal: dump: %w", err)
	}
	var numbers []uint32
	for _, e := range entries {
		if n, ok := segmentNumber(e.Name()); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	ring, damage, err := patches(fsys)
	if err != nil {
		return fmt.Errorf("journal: dump: %w", err)
	}
	if damage != "" {
		if err := fn(Found{Damage: damage}); err != nil {
			return err
		}
	}
	for _, n := range numbers {
		if err := dumpSegment(ctx, fsys, n, ring[n], fn); err != nil {
			return fmt.Errorf("journal: dump segment %08d: %w", n, err)
		}
	}
	return nil
}

func dumpSegment(ctx context.Context, fsys durable.FS, number uint32, ring []patch, fn func(Found) error) error {
	f, err := fsys.Open(segmentName(number))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read from
	b, size, err := readStart(f)
	if err != nil {
		return err
	}
	h, err := decodeSegmentHeader(b)
	if err != nil {
		// Without the header nobody knows by what its records begin.
		return fn(Found{Segment: number, Length: size, Damage: err.Error()})
	}
	if h.kind != kindRecords {
		return nil
	}
	ring = slices.DeleteFunc(ring, func(p patch) bool { return p.sum != headerSum(b) }) // for another that had the number
	all := &overlay{f, size, ring}
	sealed := false
	for r, err := range h.scan(all, all.whole(), false) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		found := Found{Segment: number, Offset: r.offset}
		if r.gap != 0 {
			if sealed && r.end && r.gap == endSize {
				return nil // the mark behind the seal
			}
			if free, err := zeros(all, r.offset, r.gap); r.end && (free || err != nil) {
				return err // space set aside for what was to come
			}
			found.Length, found.Damage = r.gap, "no record that is whole"
		} else {
			sealed = r.family == FamilyJournal && r.kind == typeSeal
			found.Length, found.Size, found.Floor, found.Dropped = r.size(), r.body, r.floor, r.dropped()
			found.Record = Record{LSN: r.lsn, Family: r.family, Type: r.kind, Time: r.time, ID: r.id, Payload: r.payload}
			if r.body != 0 {
				found.Record.Body = BodyRef{number, r.ordinal}
			}
		}
		if err := fn(found); err != nil {
			return err
		}
	}
	return nil
}

// Describe says what a record of family Journal is.
func Describe(r Record) (string, error) {
	switch r.Type {
	case typeBody:
		return "body", nil
	case typeSeal:
		return "seal", nil
	case typeStop:
		return "stop", nil
	case typeGap:
		h := recordHeader{family: FamilyJournal, kind: typeGap}
		n, err := h.span(r.Payload)
		if err != nil {
			return "", fmt.Errorf("journal: %w", err)
		}
		return fmt.Sprintf("%d records left out: what they said was over", n), nil
	}
	return "", errors.New("journal: a record of a type that this version of the box does not know")
}
