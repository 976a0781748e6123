package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// rewriteSync is after how many bytes a file that is being rewritten is synced:
// so little that the sync of a commit never waits for much of it.
const rewriteSync = 1 << 20

// rewritePiece is how much is read and written at a time.
const rewritePiece = 256 << 10

// copySegment writes what is to stay of a sealed segment into the file temp. On
// return the file is on disk, but its name need not be.
func (j *Journal) copySegment(ctx context.Context, temp string, seg *segment, size int64, live *ordinals, trim *trimming, pace Pace) (*segment, int64, error) {
	f, err := j.shelf.fs.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, 0, err
	}
	fresh := &segment{segmentHeader: seg.segmentHeader, file: f}
	// Tag and seed stay, so that records can be copied as they are: nothing but
	// this file's own bytes is in its blocks before it gets the name.
	fresh.flags |= segmentCompacted
	w := &rewriter{ctx: ctx, pace: pace, from: seg, size: size, to: fresh, live: live}
	if seg.kind == kindRecords && trim.reaches(seg.first) {
		w.trim, w.lsn, fresh.version = trim, seg.first, trimmedVersion
	}
	w.buf = fresh.encode()
	if err = w.copy(j.shelf.places(seg, size)); err == nil {
		err = w.finish()
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return fresh, w.at, nil
}

// rewriter writes one segment anew.
type rewriter struct {
	ctx  context.Context
	pace Pace
	from *segment
	size int64 // of its file
	to   *segment
	live *ordinals
	trim *trimming // nil: nothing of records is over
	gap  gapRun

	buf      []byte // not yet written
	at       int64  // end of what is written
	unsynced int64
	seal     recordHeader // the old one
	seals    int          // so many stood right before where it reads now
	next     uint32       // ordinal behind the last record
	lsn      LSN          // likewise, in a segment of which records are left out
}

// end is where the next record begins.
func (w *rewriter) end() int64 { return w.at + int64(len(w.buf)) }

// copy copies the records. What a segment of records holds must stand side by
// side: where something is damaged, nobody may think that it was left out.
func (w *rewriter) copy(places []place) error {
	expected := int64(headerSize)
	for _, p := range places {
		r, payload, err := w.from.readRecord(w.from.file, p.offset, w.size)
		if err == nil && r.ordinal != p.ordinal {
			err = fmt.Errorf("ordinal %d: %w", r.ordinal, ErrDamaged)
		}
		dead := !w.live.has(p.ordinal)
		switch {
		case err != nil && errors.Is(err, ErrDamaged) && w.from.kind == kindBodies && dead:
			continue // nobody asks for it
		case err != nil:
			return fmt.Errorf("record at %d: %w", p.offset, err)
		case w.from.kind == kindRecords && p.offset != expected:
			return fmt.Errorf("nothing valid at %d: %w", expected, ErrDamaged)
		}
		expected = p.offset + r.size()
		if err := w.record(&r, payload, p.offset, dead); err != nil {
			return fmt.Errorf("record at %d: %w", p.offset, err)
		}
	}
	return w.readSealRecord(expected)
}

// readSealRecord reads the old seal, if that is not the last record that was copied:
// the table does not list it when it was read from the disk, while it may list the
// seal of an earlier start. Without one a segment of records can't be told from one
// that was cut short; of bodies, there is none where a crash ended the writing.
func (w *rewriter) readSealRecord(off int64) error {
	r, _, err := w.from.readRecord(w.from.file, off, w.size)
	if err == nil && (r.family != FamilyJournal || r.kind != typeSeal) {
		err = ErrDamaged
	}
	switch {
	case err == nil:
		w.seal = r
		w.seals++
	case w.seals > 0 && errors.Is(err, ErrDamaged) && w.size-off <= endSize: // here is the end mark
	case w.from.kind == kindBodies && errors.Is(err, ErrDamaged):
		w.seal = recordHeader{ordinal: w.next, time: w.from.created}
	default:
		return fmt.Errorf("seal at %d: %w", off, err)
	}
	return nil
}

// record copies one record, or what stays of it.
func (w *rewriter) record(r *recordHeader, payload []byte, off int64, dead bool) error {
	if r.family == FamilyJournal && r.kind == typeSeal {
		// The last one is written again. An earlier one is of a start that went on
		// behind it, perhaps with nothing but another seal.
		w.seal = *r
		w.seals++
		return nil
	}
	if err := w.bridge(r, w.seals); err != nil {
		return err
	}
	w.seals = 0
	n, err := r.span(payload)
	if err != nil {
		return err
	}
	w.next, w.lsn = r.ordinal+n, r.lsn+LSN(n)
	left := payload
	if w.trim != nil {
		left = w.trim.left(r, payload)
	}
	if w.trim != nil && (dead || r.body == 0) && isOver(r, len(left), len(left) < len(payload)) {
		return w.leaveOut(r, n)
	}
	if err := w.endGap(); err != nil {
		return err
	}
	w.to.offsets = put(w.to.offsets, r.ordinal, w.end())
	if r.body != 0 && dead {
		return w.stub(*r, payload, left)
	}
	if r.body != 0 {
		if err := w.verify(r, off); err != nil {
			return err
		}
	}
	if len(left) < len(payload) {
		return w.trimmed(*r, left, off)
	}
	return w.bytes(off, r.size())
}

// bytes copies so many bytes.
func (w *rewriter) bytes(off, size int64) error {
	for end := off + size; off < end; {
		n := min(end-off, rewritePiece)
		at := len(w.buf)
		w.buf = append(w.buf, make([]byte, n)...)
		if _, err := w.from.file.ReadAt(w.buf[at:], off); err != nil {
			return noEOF(err)
		}
		off += n
		if err := w.spill(rewritePiece); err != nil {
			return err
		}
	}
	return nil
}

// trimmed copies a record with what is left of its payload.
func (w *rewriter) trimmed(r recordHeader, left []byte, off int64) error {
	meta := off + recordSize
	body := meta + int64(r.meta) + int64(r.payload)
	r.flags |= recordTrimmed
	r.payload, r.payloadSum = uint32(len(left)), w.to.sum(left)
	w.buf = r.append(w.buf, &w.to.segmentHeader)
	if err := w.bytes(meta, int64(r.meta)); err != nil {
		return err
	}
	w.buf = append(w.buf, left...)
	if err := w.bytes(body, r.body); err != nil {
		return err
	}
	for w.end()%alignment != 0 {
		w.buf = append(w.buf, 0)
	}
	return w.spill(rewritePiece)
}

// stub writes a record whose body is dropped, and what was known of it too.
func (w *rewriter) stub(r recordHeader, payload, left []byte) error {
	r.flags |= recordDropped
	if len(left) < len(payload) {
		r.flags |= recordTrimmed
	}
	r.body, r.meta, r.metaSum = 0, 0, w.to.sum()
	r.payload, r.payloadSum = uint32(len(left)), w.to.sum(left)
	w.buf = r.append(w.buf, &w.to.segmentHeader)
	w.buf = append(w.buf, left...)
	for w.end()%alignment != 0 {
		w.buf = append(w.buf, 0)
	}
	return w.spill(rewritePiece)
}

// verify reads the body of a record: damage must not be copied as if it were
// good.
func (w *rewriter) verify(r *recordHeader, off int64) error {
	v := verifier{segmentHeader: &w.from.segmentHeader, f: w.from.file, size: w.size, bodies: true}
	_, _, err := v.record(off)
	return err
}

// finish writes the seal and syncs.
func (w *rewriter) finish() error {
	if err := w.bridge(&w.seal, w.seals-1); err != nil {
		return err
	}
	if err := w.endGap(); err != nil {
		return err
	}
	r := w.seal
	r.family, r.kind, r.flags = FamilyJournal, typeSeal, 0
	payload := sealPayload(w.to.offsets)
	r.payload, r.payloadSum = uint32(len(payload)), w.to.sum(payload)
	r.meta, r.metaSum, r.body = 0, w.to.sum(), 0
	seal := w.end()
	w.buf = r.append(w.buf, &w.to.segmentHeader)
	w.buf = pad(append(w.buf, payload...))
	w.buf = append(w.buf, w.to.endMark(seal)...)
	if err := w.spill(0); err != nil {
		return err
	}
	return w.sync()
}

// spill writes the buffer when more than keep bytes are in it.
func (w *rewriter) spill(keep int) error {
	if len(w.buf) <= keep {
		return nil
	}
	if _, err := w.to.file.WriteAt(w.buf, w.at); err != nil {
		return err
	}
	n := int64(len(w.buf))
	w.at += n
	w.unsynced += n
	w.buf = w.buf[:0]
	if w.unsynced >= rewriteSync {
		if err := w.sync(); err != nil {
			return err
		}
	}
	return w.pace.Step(w.ctx, 2*n) // read and written
}

func (w *rewriter) sync() error {
	w.unsynced = 0
	return w.to.file.Sync()
}
