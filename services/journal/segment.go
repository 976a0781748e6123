package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

const (
	// dir is where the segments are, below the journal's file system.
	dir = "log"
	// maxOpen is how many sealed segments are kept open with their tables: a
	// fraction of the 1,024 descriptors a process may have, and 5 MiB of tables.
	maxOpen = 64
	// maxOrdinal is far above the records that fit into a segment (800,000), and
	// bounds the table made for what a seal says.
	maxOrdinal = 1 << 22
)

func segmentName(number uint32) string { return fmt.Sprintf(dir+"/%08d.seg", number) }

func segmentNumber(name string) (uint32, bool) {
	digits, ok := strings.CutSuffix(name, ".seg")
	if !ok || len(digits) != 8 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), err == nil && n > 0
}

// segment is one file of the log. Everything but the header is guarded by the
// shelf's lock.
type segment struct {
	segmentHeader
	file    durable.File // nil while closed
	offsets []int64      // of the records by ordinal, 0 for none; nil while closed
	users   int          // who may be reading; a segment that is written to counts as one
	used    uint64       // the shelf's clock when it was last asked for
	// replaced is set when a compaction has put another file in its place: those
	// who read this one go on, and the last of them closes it.
	replaced bool
	// partial is set while offsets may lack some, as the disk did not give all of
	// the file when they were looked for.
	partial bool
	survey  *survey // nil: nobody has read what its records hold
}

// shelf holds the segments, a bounded number of them open.
type shelf struct {
	fs durable.FS

	mu       sync.Mutex
	segments map[uint32]*segment
	clock    uint64
	open     int // segments with a file
}

// take gives a segment, open, until give.
func (s *shelf) take(number uint32) (*segment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seg := s.segments[number]
	if seg == nil {
		return nil, fmt.Errorf("segment %08d: %w", number, fs.ErrNotExist)
	}
	if seg.file == nil {
		if err := s.openSegment(seg); err != nil {
			return nil, fmt.Errorf("open segment %08d: %w", number, err)
		}
	}
	s.clock++
	seg.used = s.clock
	seg.users++
	return seg, nil
}

func (s *shelf) give(seg *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seg.users--
	if seg.replaced && seg.users == 0 {
		s.closeFile(seg)
	}
	for s.open > maxOpen {
		if !s.closeOldest() {
			return
		}
	}
}

// closeOldest closes the segment that was asked for longest ago and that nobody
// uses; false when there is none.
func (s *shelf) closeOldest() bool {
	var oldest *segment
	for _, seg := range s.segments {
		if seg.file != nil && seg.users == 0 && (oldest == nil || seg.used < oldest.used) {
			oldest = seg
		}
	}
	if oldest == nil {
		return false
	}
	s.closeFile(oldest)
	return true
}

// closeFile closes the file of a segment that nobody uses.
func (s *shelf) closeFile(seg *segment) {
	if seg.file == nil {
		return
	}
	_ = seg.file.Close() // only read from
	seg.file, seg.offsets, seg.partial = nil, nil, false
	s.open--
}

// openSegment opens a sealed segment and reads its table.
func (s *shelf) openSegment(seg *segment) error {
	f, err := s.fs.Open(segmentName(seg.number))
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	offsets, err := seg.readSeal(f, info.Size())
	whole := &sieve{f: f}
	if err != nil {
		offsets, err = nil, nil
		for r, scanErr := range seg.scan(whole, info.Size(), false) {
			if err = scanErr; err != nil {
				break
			}
			if r.gap == 0 {
				offsets = put(offsets, r.ordinal, r.offset)
			}
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	seg.file, seg.offsets, seg.partial = f, offsets, whole.missed
	s.open++
	return nil
}

// offset finds a record of an open segment.
func (s *shelf) offset(seg *segment, ordinal uint32) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if int64(ordinal) >= int64(len(seg.offsets)) {
		return 0, false
	}
	return seg.offsets[ordinal], seg.offsets[ordinal] != 0
}

// missing is why an open segment has no record of an ordinal.
func (s *shelf) missing(seg *segment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case seg.partial:
		return fmt.Errorf("the disk does not give what its segment holds: %w", syscall.EIO)
	case seg.compacted() && seg.kind == kindBodies:
		return ErrDropped // with its record, which was damaged
	}
	return fmt.Errorf("no such record: %w", ErrDamaged)
}

// publish makes records of a segment that is written to known to readers.
func (s *shelf) publish(seg *segment, ordinal uint32, offsets ...int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, off := range offsets {
		seg.offsets = put(seg.offsets, ordinal+uint32(i), off)
	}
}

func put(offsets []int64, ordinal uint32, off int64) []int64 {
	for int64(len(offsets)) <= int64(ordinal) {
		offsets = append(offsets, 0)
	}
	offsets[ordinal] = off
	return offsets
}

// sealPayload is the table of a segment as its seal keeps it.
func sealPayload(offsets []int64) []byte {
	n := 0
	for _, off := range offsets {
		if off != 0 {
			n++
		}
	}
	b := binary.AppendUvarint(nil, uint64(n))
	lastOrdinal, lastOffset := -1, int64(0)
	for ordinal, off := range offsets {
		if off == 0 {
			continue
		}
		b = binary.AppendUvarint(b, uint64(ordinal-lastOrdinal))
		b = binary.AppendUvarint(b, uint64(off-lastOffset)/alignment)
		lastOrdinal, lastOffset = ordinal, off
	}
	return b
}

// endMark is what stands behind the seal.
func (h *segmentHeader) endMark(seal int64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(seal))
	b = binary.LittleEndian.AppendUint32(b, endMagic)
	return binary.LittleEndian.AppendUint32(b, h.sum(b[:8]))
}

// readStart reads where a segment's header is, of which less may be there, and
// tells the size of the file.
func readStart(f durable.File) (b []byte, size int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	b = make([]byte, min(headerSize, info.Size()))
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return nil, 0, err
	}
	return b, info.Size(), nil
}

// readSeal reads the table of a sealed segment.
func (h *segmentHeader) readSeal(f io.ReaderAt, size int64) ([]int64, error) {
	if size < headerSize+recordSize+endSize {
		return nil, ErrDamaged
	}
	var end [endSize]byte
	if _, err := f.ReadAt(end[:], size-endSize); err != nil {
		return nil, noEOF(err)
	}
	seal := int64(binary.LittleEndian.Uint64(end[:]))
	if string(h.endMark(seal)) != string(end[:]) {
		return nil, ErrDamaged
	}
	r, payload, err := h.readRecord(f, seal, size)
	if err != nil {
		return nil, err
	}
	if r.family != FamilyJournal || r.kind != typeSeal {
		return nil, ErrDamaged
	}
	return decodeSeal(payload, size)
}

func decodeSeal(payload []byte, size int64) ([]int64, error) {
	count, n := binary.Uvarint(payload)
	payload = payload[max(n, 0):]
	if n <= 0 || count > uint64(size)/recordSize {
		return nil, ErrDamaged
	}
	var offsets []int64
	ordinal, off := int64(-1), int64(0)
	for range count {
		o, n := binary.Uvarint(payload)
		if n <= 0 {
			return nil, ErrDamaged
		}
		d, m := binary.Uvarint(payload[n:])
		if m <= 0 || o == 0 || o > uint64(size) || d > uint64(size) {
			return nil, ErrDamaged
		}
		payload = payload[n+m:]
		ordinal, off = ordinal+int64(o), off+int64(d)*alignment
		if off < headerSize || off > size || d == 0 || ordinal > maxOrdinal {
			return nil, ErrDamaged
		}
		offsets = put(offsets, uint32(ordinal), off)
	}
	return offsets, nil
}

// readRecord reads and verifies a record but for its body part.
func (h *segmentHeader) readRecord(f io.ReaderAt, off, size int64) (recordHeader, []byte, error) {
	var b [recordSize]byte
	if off+recordSize > size {
		return recordHeader{}, nil, ErrDamaged
	}
	if _, err := f.ReadAt(b[:], off); err != nil {
		return recordHeader{}, nil, noEOF(err)
	}
	r, err := h.decodeRecord(b[:])
	if err != nil {
		return r, nil, err
	}
	if off+r.size() > size {
		return r, nil, ErrDamaged
	}
	content := make([]byte, int64(r.meta)+int64(r.payload))
	if _, err := f.ReadAt(content, off+recordSize); err != nil {
		return r, nil, noEOF(err)
	}
	meta, payload := content[:r.meta], content[r.meta:]
	if h.sum(meta) != r.metaSum || h.sum(payload) != r.payloadSum {
		return r, nil, ErrDamaged
	}
	return r, payload, nil
}
