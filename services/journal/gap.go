package journal

import (
	"encoding/binary"
	"fmt"
)

// gapRun is a run of records that are being left out.
type gapRun struct {
	first recordHeader
	count uint32 // 0: there is none
}

// isOver says whether a record without a body that anybody needs may be left out,
// of whose payload so many bytes are left: the journal's own that are of no use in
// a sealed segment, and those of a Historian that have nothing left.
func isOver(r *recordHeader, left int, trimmed bool) bool {
	if r.family == FamilyJournal {
		return r.kind == typeBody || r.kind == typeStop || r.kind == typeGap
	}
	return left == 0 && (trimmed || r.spent())
}

// bridge has records that an earlier compaction left out, and seals within the
// segment, be counted as left out too: in a segment with gaps nothing may be missing
// that they don't tell of.
//
// seals is how many stand right before r.
func (w *rewriter) bridge(r *recordHeader, seals int) error {
	if w.trim == nil || r.lsn == w.lsn {
		return nil
	}
	n := uint64(r.lsn - w.lsn)
	if r.lsn < w.lsn || r.ordinal < w.next || uint64(r.ordinal-w.next) != n || !w.from.compacted() && n != uint64(seals) ||
		w.from.version >= trimmedVersion && n != uint64(seals) {
		return fmt.Errorf("LSN %d where %d should be: %w", r.lsn, w.lsn, ErrDamaged)
	}
	return w.leaveOut(&recordHeader{ordinal: w.next, lsn: w.lsn, floor: r.floor, time: r.time}, uint32(n))
}

// leaveOut takes a record, or a gap of n, into the run. Each run has one record in
// its place: what is missing without one is damage.
func (w *rewriter) leaveOut(r *recordHeader, n uint32) error {
	g := &w.gap
	if g.count > 0 && (r.ordinal != g.first.ordinal+g.count || r.lsn != g.first.lsn+LSN(g.count)) {
		if err := w.endGap(); err != nil {
			return err
		}
	}
	if g.count == 0 {
		g.first = *r
	}
	g.count += n
	return nil
}

// endGap writes the record that stands for the run.
func (w *rewriter) endGap() error {
	g := &w.gap
	if g.count == 0 {
		return nil
	}
	payload := binary.AppendUvarint(nil, uint64(g.count))
	r := recordHeader{
		family: FamilyJournal, kind: typeGap, ordinal: g.first.ordinal, lsn: g.first.lsn, floor: g.first.floor, time: g.first.time,
		payload: uint32(len(payload)), payloadSum: w.to.sum(payload), metaSum: w.to.sum(),
	}
	g.count = 0
	w.to.offsets = put(w.to.offsets, r.ordinal, w.end())
	w.buf = append(r.append(w.buf, &w.to.segmentHeader), payload...)
	for w.end()%alignment != 0 {
		w.buf = append(w.buf, 0)
	}
	return w.spill(rewritePiece)
}
