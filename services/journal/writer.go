package journal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// writer appends records to one segment. It belongs to one goroutine at a time.
type writer struct {
	shelf *shelf
	seg   *segment
	file  durable.File
	late  *lateFile // file, in a segment of records
	end   int64     // of what is written and good
	next  uint32
	// pending are the offsets of records that are encoded but not written.
	pending   []int64
	sealed    bool
	headerSum uint32 // CRC of the segment's header, as it stands there
}

// stamp is what whoever commits knows at the moment of encoding.
type stamp struct {
	lsn, floor LSN
	time       time.Time
}

// append encodes a record behind b, which will be written at the writer's end.
func (w *writer) append(b []byte, r *recordHeader, meta, payload []byte, body *Staged, at stamp) []byte {
	r.lsn, r.floor, r.time = at.lsn, at.floor, at.time
	r.ordinal = w.next + uint32(len(w.pending))
	w.pending = append(w.pending, w.end+int64(len(b)))
	r.meta, r.payload = uint32(len(meta)), uint32(len(payload))
	r.metaSum, r.payloadSum = w.seg.sum(meta), w.seg.sum(payload)
	if body != nil {
		r.body = int64(len(body.frames)+len(body.table)) + trailerSize
	}
	b = r.append(b, &w.seg.segmentHeader)
	b = append(b, meta...)
	b = append(b, payload...)
	if body != nil {
		b = append(b, body.frames...)
		b = appendTable(b, body.table, body.size, &w.seg.segmentHeader, r.lsn, r.ordinal)
	}
	return pad(b)
}

// write writes what append encoded. After an error the file is as before, the
// error is mail.ErrNoSpace if that is why; or it can't be made as before, and
// the error is a *durable.SyncError or whatever the disk said.
func (w *writer) write(b []byte) error {
	_, err := w.file.WriteAt(b, w.end)
	if err == nil {
		w.end += int64(len(b))
		w.next += uint32(len(w.pending))
		return nil
	}
	w.pending = w.pending[:0]
	return w.cut(err)
}

// writeLater is write for what the ring holds durably: it need not be in the file
// at once.
func (w *writer) writeLater(b []byte) error {
	if err := w.late.writeLater(b, w.end); err != nil {
		return err
	}
	w.end += int64(len(b))
	w.next += uint32(len(w.pending))
	return nil
}

// cut takes back what a failed write may have left, durably: whoever is told that
// there was no space may bring the same again, and must not find both after a
// power cut.
func (w *writer) cut(err error) error {
	if !isFull(err) {
		return err
	}
	cutErr := w.file.Truncate(w.end)
	if cutErr == nil {
		cutErr = w.file.Sync()
	}
	if cutErr != nil {
		return fmt.Errorf("cut back after %v: %v", err, cutErr) // final, also where it is for lack of space
	}
	return fmt.Errorf("%w (%w)", mail.ErrNoSpace, err)
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// sync makes what was written durable and known to readers.
func (w *writer) sync() error {
	if err := w.file.Sync(); err != nil {
		return err
	}
	w.publish()
	return nil
}

func (w *writer) publish() {
	w.shelf.publish(w.seg, w.next-uint32(len(w.pending)), w.pending...)
	w.pending = w.pending[:0]
}

// newWriter begins a segment. When it returns, the segment's file, header and
// name are durable.
func (j *Journal) newWriter(kind segmentKind, first LSN) (*writer, error) {
	j.numberLock.Lock()
	defer j.numberLock.Unlock()
	number := j.lastNumber + 1
	name := segmentName(number)
	f, err := j.shelf.fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fullError(fmt.Errorf("make segment %08d: %w", number, err))
	}
	seg := &segment{segmentHeader: segmentHeader{kind: kind, number: number, first: first, created: j.opts.Now()}}
	var secret [8]byte
	rand.Read(secret[:])
	seg.tag, seg.seed = binary.LittleEndian.Uint32(secret[:]), binary.LittleEndian.Uint32(secret[4:])
	_, err = f.WriteAt(seg.encode(), 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = j.shelf.fs.SyncDir(dir)
	}
	if err != nil {
		_ = f.Close()               // nothing in it is needed
		_ = j.shelf.fs.Remove(name) // recovery removes it otherwise
		return nil, fullError(fmt.Errorf("make segment %08d: %w", number, err))
	}
	j.lastNumber = number
	return j.adopt(seg, f, headerSize, 0), nil
}

// adopt puts an open segment on the shelf as one that is written to.
func (j *Journal) adopt(seg *segment, f durable.File, end int64, next uint32) *writer {
	j.shelf.mu.Lock()
	defer j.shelf.mu.Unlock()
	w := &writer{shelf: &j.shelf, seg: seg, file: f, end: end, next: next, headerSum: headerSum(seg.encode())}
	if seg.kind == kindRecords {
		w.late = newLateFile(f)
		w.file = w.late
	}
	seg.file, seg.users = w.file, 1
	j.shelf.segments[seg.number] = seg
	j.shelf.open++
	return w
}

func fullError(err error) error {
	if isFull(err) {
		return fmt.Errorf("%w (%w)", mail.ErrNoSpace, err)
	}
	return err
}

// isBusy says whether files could not be opened for now: nothing was done then.
func isBusy(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// seal ends the segment: its table is written and everything in it is durable.
func (w *writer) seal(at stamp) error {
	if w.sealed { // only its successor could not be made
		return nil
	}
	w.shelf.mu.Lock()
	payload := sealPayload(w.seg.offsets)
	w.shelf.mu.Unlock()
	r := recordHeader{family: FamilyJournal, kind: typeSeal}
	seal := w.end
	b := w.append(nil, &r, nil, payload, nil, at)
	b = append(b, w.seg.endMark(seal)...)
	if err := w.write(b); err != nil {
		return err
	}
	w.sealed = true
	// What was set aside for more of it is free again.
	if err := w.file.Truncate(w.end); err != nil {
		return fmt.Errorf("give back space behind segment %08d: %w", w.seg.number, err)
	}
	return w.sync()
}
