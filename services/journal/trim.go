package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// Historian is an Owner who does not need for ever what its records say: some day
// later records say all of it that may still be asked for.
type Historian interface {
	Owner
	// Family is that of its records. No two Historians have the same.
	Family() Family
	// Over gives the LSN up to which nothing that a record says of a subject is
	// needed any more, and never will be. What stands in its place is durable.
	// Compaction asks it before Live, and once.
	Over(ctx context.Context) (map[Subject]LSN, error)
	// Parts says what of a payload is about whom, but for what Trim may keep.
	Parts(payload []byte) []Part
	// Trim gives a payload without its parts about the subjects of which over says
	// so: nil when nothing is left, and the payload itself when all is. What names
	// bodies of which alive says that they live may be kept nevertheless, for the
	// day on which what is to stand in its place can't be read.
	Trim(payload []byte, over func(Subject) bool, alive func(BodyRef) bool) []byte
}

// Subject is what a part of a payload is about, as its Historian numbers them.
type Subject uint64

// Part is a piece of a payload that is about one subject.
type Part struct {
	Subject Subject
	Size    int // bytes
}

// maxGap bounds how many records one that stands for them says it does: a reader
// counts on from there.
const maxGap = maxOrdinal

// trimming is what of the records is over, for one compaction.
type trimming struct {
	owners map[Family]Historian
	over   map[Family]map[Subject]LSN
	live   map[uint32]*ordinals // bodies, by segment
}

// overs asks the Historians among the owners.
func (j *Journal) overs(ctx context.Context, owners []Owner) (*trimming, error) {
	t := &trimming{owners: map[Family]Historian{}, over: map[Family]map[Subject]LSN{}}
	for _, owner := range owners {
		h, ok := owner.(Historian)
		if !ok {
			continue
		}
		over, err := h.Over(ctx)
		if err != nil {
			return nil, fmt.Errorf("ask what of the records is over: %w", err)
		}
		t.owners[h.Family()], t.over[h.Family()] = h, over
	}
	return t, nil
}

// reaches says whether something is over up to an LSN.
func (t *trimming) reaches(lsn LSN) bool {
	for _, over := range t.over {
		for _, until := range over {
			if until >= lsn {
				return true
			}
		}
	}
	return false
}

// weight is how many bytes a survey found that are over up to an LSN.
func (t *trimming) weight(s *survey, last LSN) int64 {
	n := int64(0)
	for family, parts := range s.parts {
		for subject, size := range parts {
			if t.over[family][subject] >= last {
				n += size
			}
		}
	}
	return n
}

// left gives what is left of a record's payload: of a joint one, what is left of
// each part, where any is.
func (t *trimming) left(r *recordHeader, payload []byte) []byte {
	members, err := r.members(payload)
	if err != nil {
		return payload
	}
	var kept []member
	cut := false
	for _, m := range members {
		left := t.leftOf(r.lsn, m)
		cut = cut || len(left) < len(m.payload)
		if len(left) > 0 {
			kept = append(kept, member{m.family, m.kind, left})
		}
	}
	switch {
	case !cut:
		return payload
	case kept == nil:
		return nil
	case r.family != FamilyJoint:
		return kept[0].payload
	}
	return appendMembers(nil, kept)
}

func (t *trimming) leftOf(lsn LSN, m member) []byte {
	h := t.owners[m.family]
	if h == nil || len(m.payload) == 0 {
		return m.payload
	}
	over := t.over[m.family]
	return h.Trim(m.payload, func(s Subject) bool { return over[s] >= lsn }, func(ref BodyRef) bool {
		o := t.live[ref.Segment]
		return o != nil && o.has(ref.Ordinal)
	})
}

// survey is what the records of a sealed segment hold besides bodies, as somebody
// has counted it once.
type survey struct {
	plain int64                        // bytes of records without body
	parts map[Family]map[Subject]int64 // bytes that go when all about the subject is over
}

// take counts what Historians say of one record, which takes size bytes. A nil
// payload is one that can't be read, or that nobody need.
func (s *survey) take(t *trimming, r *recordHeader, payload []byte, size int64) {
	if r.body == 0 {
		s.plain += size
	}
	members, err := r.members(payload)
	if err != nil || payload == nil {
		return
	}
	type piece struct {
		family Family
		Part
	}
	var pieces []piece
	all := 0
	for _, m := range members {
		h := t.owners[m.family]
		if h == nil {
			continue
		}
		for _, p := range h.Parts(m.payload) {
			pieces = append(pieces, piece{m.family, p})
			all += p.Size
		}
	}
	if r.family == FamilyJoint {
		all += jointOverhead * len(members)
	}
	rest := int64(0) // the header goes with the last part, if they are all
	if r.body == 0 && len(pieces) > 0 && all >= len(payload) {
		rest = max(0, (size-int64(all))/int64(len(pieces)))
	}
	for _, p := range pieces {
		if s.parts[p.family] == nil {
			s.parts[p.family] = map[Subject]int64{}
		}
		s.parts[p.family][p.Subject] += int64(p.Size) + rest
	}
}

// jointOverhead is about what a joint record has for each part besides its payload.
const jointOverhead = 8

// surveyPace is after how many records a survey gives way.
const surveyPace = 256

// survey reads the headers of a segment's records and the payloads of those that
// have a Historian.
func (j *Journal) survey(ctx context.Context, seg *segment, places []place, t *trimming, pace Pace) (*survey, error) {
	s := &survey{parts: map[Family]map[Subject]int64{}}
	var head [recordSize]byte
	read := int64(0)
	for i, p := range places {
		if _, err := seg.file.ReadAt(head[:], p.offset); err != nil {
			return nil, noEOF(err)
		}
		read += recordSize
		r, err := seg.decodeRecord(head[:])
		switch {
		case errors.Is(err, ErrDamaged):
			continue
		case err != nil:
			return nil, err
		}
		var payload []byte
		if (t.owners[r.family] != nil || r.family == FamilyJoint) && seg.kind == kindRecords && int64(r.payload) <= p.size {
			payload = make([]byte, r.payload)
			if _, err := seg.file.ReadAt(payload, p.offset+recordSize+int64(r.meta)); err != nil {
				return nil, noEOF(err)
			}
			if seg.sum(payload) != r.payloadSum {
				continue
			}
			read += int64(len(payload))
		}
		s.take(t, &r, payload, p.size)
		if i%surveyPace == surveyPace-1 {
			if err := pace.Step(ctx, read); err != nil {
				return nil, err
			}
			read = 0
		}
	}
	return s, nil
}

// isGap says whether the record stands for some that were left out.
func (r *recordHeader) isGap() bool { return r.family == FamilyJournal && r.kind == typeGap }

// span is how many ordinals and LSNs a record takes: one, but for a gap.
func (r *recordHeader) span(payload []byte) (uint32, error) {
	if !r.isGap() {
		return 1, nil
	}
	n, size := binary.Uvarint(payload)
	if size <= 0 || n == 0 || n > maxGap || uint64(r.ordinal)+n > maxOrdinal+1 {
		return 0, fmt.Errorf("records left out: %w", ErrDamaged)
	}
	return uint32(n), nil
}

// inGap says whether an ordinal that has no record of its own was left out on
// purpose: the record before it says so.
func (j *Journal) inGap(seg *segment, ordinal uint32) bool {
	j.shelf.mu.Lock()
	off, at := int64(0), ordinal
	for at > 0 && off == 0 {
		at--
		if int64(at) < int64(len(seg.offsets)) {
			off = seg.offsets[at]
		}
	}
	j.shelf.mu.Unlock()
	if off == 0 {
		return false
	}
	info, err := seg.file.Stat()
	if err != nil {
		return false
	}
	r, payload, err := seg.readRecord(seg.file, off, info.Size())
	if err != nil || !r.isGap() || r.ordinal != at {
		return false
	}
	n, err := r.span(payload)
	return err == nil && ordinal-at < n
}
