package journal

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Staged is a body that waits to be named by a record. A small one is in
// memory, compressed; a large one is on disk already.
type Staged struct {
	meta   []byte
	frames []byte
	table  []byte
	size   int64   // of the body
	ref    BodyRef // of a large one
}

func (r BodyRef) isZero() bool { return r == BodyRef{} }

// Stage takes size bytes of r and what is known of them (meta), to be named in
// an Entry. A body over LargeBody is on disk and synced when Stage returns; if
// no record comes to name it, compaction takes it away. mail.ErrNoSpace when
// less than the reserve is free; mail.ErrTooLarge over 4 GiB.
func (j *Journal) Stage(ctx context.Context, meta []byte, r io.ReaderAt, size int64) (*Staged, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := j.refusal(); err != nil {
		return nil, err
	}
	if size > maxBody || len(meta) > maxMeta {
		return nil, fmt.Errorf("journal: stage body: %w", mail.ErrTooLarge)
	}
	if err := j.checkSpace(size + int64(len(meta))); err != nil {
		return nil, err
	}
	s := &Staged{meta: meta, size: size}
	if size > LargeBody {
		return s, j.stageLarge(ctx, s, r)
	}
	w := j.takeFrameWriter()
	defer j.frameWriters.Put(w)
	for {
		frame, err := w.next(r, size)
		if err != nil {
			return nil, fmt.Errorf("journal: stage body: %w", err)
		}
		if frame == nil {
			s.table = w.table
			return s, nil
		}
		s.frames = append(s.frames, frame...)
	}
}

// takeFrameWriter gives one for a new body; who is done with it puts it back.
func (j *Journal) takeFrameWriter() *frameWriter {
	w, ok := j.frameWriters.Get().(*frameWriter)
	if !ok {
		return &frameWriter{enc: j.enc}
	}
	w.table, w.size = nil, 0 // the table belongs to the body before
	return w
}

// checkSpace keeps the reserve free.
func (j *Journal) checkSpace(need int64) error {
	if j.opts.Free == nil {
		return nil
	}
	free, err := j.opts.Free()
	if err != nil {
		return fmt.Errorf("journal: ask for free space: %w", err)
	}
	if free-need < j.opts.Reserve {
		return fmt.Errorf("journal: %w (%d bytes free)", mail.ErrNoSpace, free)
	}
	return nil
}

// stageLarge writes the body to the segment for bodies and syncs it. The lock is
// held only while writing, which goes to memory at first: those who wait for the
// disk wait side by side.
func (j *Journal) stageLarge(ctx context.Context, s *Staged, r io.ReaderAt) error {
	seg, ref, err := j.writeLarge(ctx, s, r)
	if err != nil {
		return fmt.Errorf("journal: stage body: %w", err)
	}
	defer j.shelf.give(seg)
	if err := seg.file.Sync(); err != nil {
		return j.fail(fmt.Errorf("sync segment %08d: %w", seg.number, err))
	}
	s.ref = ref
	s.meta = nil // it is on disk with the body
	return nil
}

// writeLarge writes one body record and takes its segment for the caller.
func (j *Journal) writeLarge(ctx context.Context, s *Staged, r io.ReaderAt) (*segment, BodyRef, error) {
	j.bodiesLock.Lock()
	defer j.bodiesLock.Unlock()
	if err := j.refusal(); err != nil {
		return nil, BodyRef{}, err
	}
	if err := j.rotateBodies(); err != nil {
		return nil, BodyRef{}, err
	}
	w := j.bodies
	if err := j.writeBody(ctx, w, s, r); err != nil {
		if cutErr := w.file.Truncate(w.end); cutErr != nil {
			return nil, BodyRef{}, j.fail(fmt.Errorf("cut segment %08d back after %w: %v", w.seg.number, cutErr, err))
		}
		return nil, BodyRef{}, fullError(err)
	}
	// Readers may know the place before it is durable: nobody names it yet, and
	// the segment's seal must not miss it.
	w.publish()
	j.mu.Lock()
	j.staged[BodyRef{w.seg.number, w.next - 1}] = true // before anybody can seal the segment
	j.mu.Unlock()
	seg, err := j.shelf.take(w.seg.number)
	return seg, BodyRef{w.seg.number, w.next - 1}, err
}

// writeBody writes frames, table and, last, the header that makes them a record.
func (j *Journal) writeBody(ctx context.Context, w *writer, s *Staged, r io.ReaderAt) error {
	frames := j.takeFrameWriter()
	defer j.frameWriters.Put(frames)
	begin := w.end + recordSize + int64(len(s.meta))
	at := begin
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		frame, err := frames.next(r, s.size)
		if err != nil {
			return err
		}
		if frame == nil {
			break
		}
		if _, err := w.file.WriteAt(frame, at); err != nil {
			return err
		}
		at += int64(len(frame))
	}
	header := recordHeader{
		family: FamilyJournal, kind: typeBody, ordinal: w.next, floor: j.Durable(), time: j.opts.Now(),
		meta: uint32(len(s.meta)), metaSum: w.seg.sum(s.meta), payloadSum: w.seg.sum(),
		body: at - begin + int64(len(frames.table)) + trailerSize,
	}
	tail := appendTable(nil, frames.table, s.size, &w.seg.segmentHeader, 0, header.ordinal)
	tail = append(tail, make([]byte, w.end+header.size()-at-int64(len(tail)))...)
	if _, err := w.file.WriteAt(tail, at); err != nil {
		return err
	}
	if _, err := w.file.WriteAt(append(header.append(nil, &w.seg.segmentHeader), s.meta...), w.end); err != nil {
		return err
	}
	w.pending = append(w.pending, w.end)
	w.end += header.size()
	w.next++
	return nil
}

// rotateBodies begins a new segment for bodies when the one written to is full.
func (j *Journal) rotateBodies() error {
	if j.bodies != nil && j.bodies.end < j.opts.Segment {
		return nil
	}
	if j.bodies != nil {
		if err := j.bodies.seal(stamp{floor: j.Durable(), time: j.opts.Now()}); err != nil {
			return j.failUnlessFull(err)
		}
		j.shelf.give(j.bodies.seg)
		j.bodies = nil
	}
	w, err := j.newWriter(kindBodies, 0)
	if err != nil {
		return j.failUnlessFull(err)
	}
	j.bodies = w
	return nil
}

func (j *Journal) failUnlessFull(err error) error {
	if errors.Is(err, mail.ErrNoSpace) || isBusy(err) {
		return err
	}
	return j.fail(err)
}
