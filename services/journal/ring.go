package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// DefaultRing is the size of the commit ring on a disk that has room for it:
	// large enough that the segments are synced in pieces of some MiB while
	// commits go on, small enough that what is left to apply after a crash is a
	// fraction of a second's reading and writing.
	DefaultRing = 32 << 20
	// NoRing opens a journal that applies what a ring holds but neither makes
	// nor writes one: for tools that look at a box's data for a moment.
	NoRing = -1
	// minRing is below what a ring has no use for: its batches would not fit.
	// Only tests have smaller ones.
	minRing = 1 << 20
	// leastRing holds the two headers, some batches and a note.
	leastRing = 8 * ringBlock
	// ringShare of the free space is the most that a ring takes when it is made.
	ringShare = 16
	// batchShare of the ring is the most that one batch takes; a larger one is
	// written to its segment alone, which costs no more at that size.
	batchShare = 4
	// checkpointShare of the ring is filled when the segment behind it is synced.
	checkpointShare = 4
)

// The ring's file, see the package's documentation.
const (
	ringDir    = "ring"
	ringName   = ringDir + "/commit.ring"
	ringNew    = ringName + ".new"
	ringAside  = ringName + ".damaged"
	ringMagic  = "SANDUKRG"
	batchMagic = 0x31424b53 // "SKB1"
	// ringBlock is what batches are padded to, so that no block with an
	// acknowledged one is written again before its time: the largest block of the
	// disks there are, and what direct writes need.
	ringBlock       = durable.Alignment
	ringHeaderSize  = 64
	batchHeaderSize = 80
)

// ringHeader is the first block of the ring, and its last.
type ringHeader struct {
	tag, seed uint32
	size      int64 // of the file
	created   time.Time
}

func (h *ringHeader) encode() []byte {
	b := make([]byte, ringHeaderSize)
	le := binary.LittleEndian
	copy(b, ringMagic)
	le.PutUint16(b[8:], formatVersion)
	le.PutUint32(b[16:], h.tag)
	le.PutUint32(b[20:], h.seed)
	le.PutUint64(b[24:], uint64(h.size))
	le.PutUint64(b[32:], uint64(h.created.UnixNano()))
	le.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli()))
	return b
}

func decodeRingHeader(b []byte) (ringHeader, error) {
	le := binary.LittleEndian
	if len(b) < ringHeaderSize || string(b[:8]) != ringMagic || le.Uint32(b[60:]) != crc32.Checksum(b[:60], castagnoli()) {
		return ringHeader{}, fmt.Errorf("ring header: %w", ErrDamaged)
	}
	if v := le.Uint16(b[8:]); v != formatVersion {
		return ringHeader{}, fmt.Errorf("ring header: format version %d: %w", v, mail.ErrNewer)
	}
	h := ringHeader{
		tag: le.Uint32(b[16:]), seed: le.Uint32(b[20:]), size: int64(le.Uint64(b[24:])),
		created: time.Unix(0, int64(le.Uint64(b[32:]))),
	}
	if h.size < leastRing || h.size%ringBlock != 0 {
		return ringHeader{}, fmt.Errorf("ring header: %w", ErrDamaged)
	}
	return h, nil
}

// sum is the CRC32C of the seed and b.
func (h *ringHeader) sum(b []byte) uint32 { return crc32.Update(h.seed, castagnoli(), b) }

// begin and end bound the blocks of batches.
func (h *ringHeader) begin() int64 { return ringBlock }
func (h *ringHeader) end() int64   { return h.size - ringBlock }

// batchNumber numbers the batches of a ring, from 1, in the order in which they
// were written. It never goes back, so no earlier lap passes for a later one.
type batchNumber uint64

// batchHeader is a batch without its content.
type batchHeader struct {
	number batchNumber
	// tail is the oldest batch that is not yet on disk in its segment, or the
	// batch itself when all before it are.
	tail batchNumber
	// floor is the LSN up to which all was durable when this was written. The
	// batch's first record has the one behind it.
	floor      LSN
	segment    uint32
	segmentSum uint32 // CRC of the segment's header: a file that was rewritten has another
	offset     int64  // in the segment
	length     int64  // of the content; 0 in a note, which says no more than tail and floor
	contentSum uint32
}

// size is what the batch takes of the ring.
func (b *batchHeader) size() int64 { return inBlocks(batchHeaderSize + b.length) }

func inBlocks(n int64) int64 { return (n + ringBlock - 1) &^ (ringBlock - 1) }

// put encodes the batch into the beginning of b.
func (b *batchHeader) put(p []byte, h *ringHeader) {
	le := binary.LittleEndian
	clear(p[:batchHeaderSize])
	le.PutUint32(p, batchMagic)
	le.PutUint32(p[4:], h.tag)
	le.PutUint64(p[8:], uint64(b.number))
	le.PutUint64(p[16:], uint64(b.tail))
	le.PutUint64(p[24:], uint64(b.floor))
	le.PutUint32(p[32:], b.segment)
	le.PutUint32(p[36:], b.segmentSum)
	le.PutUint64(p[40:], uint64(b.offset))
	le.PutUint64(p[48:], uint64(b.length))
	le.PutUint32(p[56:], b.contentSum)
	le.PutUint32(p[76:], h.sum(p[:76]))
}

// decodeBatch reads a batch's header. It believes nothing that the CRC does not
// cover.
func (h *ringHeader) decodeBatch(p []byte) (batchHeader, error) {
	le := binary.LittleEndian
	if len(p) < batchHeaderSize || le.Uint32(p) != batchMagic || le.Uint32(p[4:]) != h.tag || le.Uint32(p[76:]) != h.sum(p[:76]) {
		return batchHeader{}, ErrDamaged
	}
	b := batchHeader{
		number: batchNumber(le.Uint64(p[8:])), tail: batchNumber(le.Uint64(p[16:])), floor: LSN(le.Uint64(p[24:])),
		segment: le.Uint32(p[32:]), segmentSum: le.Uint32(p[36:]),
		offset: int64(le.Uint64(p[40:])), length: int64(le.Uint64(p[48:])), contentSum: le.Uint32(p[56:]),
	}
	if b.number == 0 || b.tail == 0 || b.tail > b.number || b.length < 0 || b.length > h.size ||
		b.length > 0 && b.offset < headerSize {
		return batchHeader{}, ErrDamaged
	}
	return b, nil
}

// extent is where a batch stands in the ring.
type extent struct {
	number     batchNumber
	begin, end int64
}

// mark is how far the ring had been written at some moment.
type mark struct {
	number batchNumber // of the last batch
	bytes  int64       // since the ring was opened
}

// ring is the commit ring while it is written to.
type ring struct {
	ringHeader
	fs     durable.FS
	file   durable.File
	direct bool   // file was opened with O_DIRECT
	empty  bool   // it said so when it was opened
	buf    []byte // of the batch that is written, at an address fit for direct writes

	// These belong to whoever commits.
	next batchNumber
	head int64 // where the next batch goes if it fits
	// live are the batches that a recovery may need, the oldest first: from the
	// tail that the last acknowledged batch names. (Not from a later one that is
	// only in memory: a crash would not know of it.)
	live []extent

	mu     sync.Mutex
	change sync.Cond // of what is below; its lock is mu
	// written is the last batch that is in the ring and in its segment, applied
	// the last one that is on disk in its segment too.
	written, applied mark
	segment          *segment // of the written one
	end              int64    // of what is written in the segment
	room             int64    // up to which its space is set aside, durably
	cuts             int      // how often what was set aside has been given back
	wanted           bool     // a checkpoint
	running          bool     // a checkpoint
	stopping         bool
	broken           error // of a checkpoint; final
}

// openRing opens a ring whose batches are all applied, to go on with behind the
// last good one, if there is one, with the number next. Writes go past the page
// cache where the file system lets them: that saves a copy, and has the disk's
// errors reported by the write that they hit.
func openRing(fsys durable.FS, name string, h ringHeader, last extent, next batchNumber) (*ring, error) {
	r := &ring{ringHeader: h, fs: fsys, next: next, head: h.begin(), direct: true}
	if last.number != 0 {
		r.head, r.live = last.end, []extent{last}
	}
	r.written.number, r.applied.number = next-1, next-1
	r.change.L = &r.mu
	f, err := fsys.OpenFile(name, os.O_RDWR|syscall.O_DIRECT, 0)
	if isIndirect(err) {
		r.direct = false
		f, err = fsys.OpenFile(name, os.O_RDWR, 0)
	}
	r.file = f
	return r, err
}

// isIndirect says whether the file system refuses direct writes.
func isIndirect(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported)
}

// writeAt writes whole blocks from the ring's buffer.
func (r *ring) writeAt(p []byte, off int64) error {
	_, err := r.file.WriteAt(p, off)
	if !r.direct || !isIndirect(err) {
		return err
	}
	// Some file systems say so only now. Nothing was written.
	f, err := r.fs.OpenFile(r.file.Name(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_ = r.file.Close()
	r.file, r.direct = f, false
	_, err = f.WriteAt(p, off)
	return err
}

// place finds room for size bytes, without touching anything that is live.
func (r *ring) place(size int64) (int64, bool) {
	if len(r.live) == 0 {
		if r.head+size <= r.ringHeader.end() {
			return r.head, true
		}
		return r.begin(), r.begin()+size <= r.ringHeader.end()
	}
	oldest := r.live[0].begin
	switch {
	case oldest >= r.head: // free is what lies between
		return r.head, r.head+size <= oldest
	case r.head+size <= r.ringHeader.end():
		return r.head, true
	}
	return r.begin(), r.begin()+size <= oldest
}

// fits says whether a batch of so many bytes goes into the ring at all.
func (r *ring) fits(content int64) bool {
	return inBlocks(batchHeaderSize+content) <= r.size/batchShare
}

// hasRoom says whether it does now. One block always stays free behind it, for
// the note that says that the rest may be used again.
func (r *ring) hasRoom(content int64) bool {
	_, ok := r.place(inBlocks(batchHeaderSize+content) + ringBlock)
	return ok
}

// write writes a batch and syncs it: on return it is durable. The caller has
// made sure that there is room, and has written the content to the segment.
func (r *ring) write(b batchHeader, content []byte) error {
	r.mu.Lock()
	b.number, b.tail = r.next, r.applied.number+1
	r.mu.Unlock()
	b.length, b.contentSum = int64(len(content)), r.sum(content)
	size := b.size()
	at, ok := r.place(size)
	if !ok {
		return fmt.Errorf("ring: no room for %d bytes", size) // a programmer's error
	}
	if int64(len(r.buf)) < size {
		r.buf = durable.AlignedBytes(int(min(max(2*size, 16*ringBlock), inBlocks(r.size/batchShare))))
	}
	b.put(r.buf, &r.ringHeader)
	n := copy(r.buf[batchHeaderSize:], content)
	clear(r.buf[batchHeaderSize+n : size])
	if err := r.writeAt(r.buf[:size], at); err != nil {
		return fmt.Errorf("write ring: %w", err)
	}
	if err := r.file.Sync(); err != nil {
		return fmt.Errorf("sync ring: %w", err)
	}
	for len(r.live) > 0 && r.live[0].number < b.tail {
		r.live = r.live[1:]
	}
	r.live = append(r.live, extent{b.number, at, at + size})
	r.head = at + size
	r.next++
	return nil
}

// note writes a batch without content behind a checkpoint of everything: from
// then on nothing before it is live.
func (r *ring) note(floor LSN) error {
	if err := r.write(batchHeader{floor: floor}, nil); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written.number = r.next - 1
	r.applied = r.written
	return nil
}
