package journal

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// Body is a body opened for reading, by any number of goroutines at once.
// Whoever opened it closes it.
type Body struct {
	j      *Journal
	seg    *segment
	header recordHeader
	offset int64  // of the record
	ahead  []byte // what stands behind the header, as far as it was read with it
	size   func() (*frames, error)
	close  func()

	mu    sync.Mutex
	frame int    // the one in data; guarded by mu
	data  []byte // guarded by mu
}

// readAhead is how much is read with a record's header: the meta of most mail,
// which is what most readers come for.
const readAhead = 1 << 10

// Body opens the body that a record named. An error that wraps ErrDamaged or
// fs.ErrNotExist means that it is lost, one that wraps ErrDropped that a
// compaction took it away.
func (j *Journal) Body(ref BodyRef) (*Body, error) {
	seg, err := j.shelf.take(ref.Segment)
	if err != nil {
		return nil, fmt.Errorf("journal: body %s: %w", ref, err)
	}
	b, err := j.body(seg, ref)
	if err != nil {
		j.shelf.give(seg)
		return nil, fmt.Errorf("journal: body %s: %w", ref, err)
	}
	return b, nil
}

func (j *Journal) body(seg *segment, ref BodyRef) (*Body, error) {
	off, ok := j.shelf.offset(seg, ref.Ordinal)
	if !ok && j.inGap(seg, ref.Ordinal) {
		return nil, ErrDropped
	}
	if !ok {
		return nil, j.shelf.missing(seg)
	}
	head := make([]byte, recordSize+readAhead)
	n, err := seg.file.ReadAt(head, off)
	if n < recordSize {
		return nil, noEOF(err)
	}
	head = head[:n] // the record may be the last, and short
	r, err := seg.decodeRecord(head[:recordSize])
	if err != nil {
		return nil, err
	}
	if r.ordinal == ref.Ordinal && (r.dropped() || r.isGap()) {
		return nil, ErrDropped
	}
	if r.ordinal != ref.Ordinal || r.body == 0 {
		return nil, fmt.Errorf("record has no body: %w", ErrDamaged)
	}
	b := &Body{j: j, seg: seg, header: r, offset: off, ahead: head[recordSize:], frame: -1}
	b.size = sync.OnceValues(func() (*frames, error) {
		return seg.readFrames(seg.file, &r, off+recordSize+int64(r.meta)+int64(r.payload))
	})
	b.close = sync.OnceFunc(func() { j.shelf.give(seg) })
	return b, nil
}

// Meta is what was known of the body when it was staged. It is shared: nobody
// may change it.
func (b *Body) Meta() ([]byte, error) {
	meta := b.ahead[:min(len(b.ahead), int(b.header.meta))]
	if len(meta) < int(b.header.meta) {
		meta = make([]byte, b.header.meta)
		if _, err := b.seg.file.ReadAt(meta, b.offset+recordSize); err != nil {
			return nil, noEOF(err)
		}
	}
	if b.seg.sum(meta) != b.header.metaSum {
		return nil, fmt.Errorf("journal: meta of body: %w", ErrDamaged)
	}
	return meta, nil
}

// Size is the size of the body in bytes.
func (b *Body) Size() (int64, error) {
	fr, err := b.size()
	if err != nil {
		return 0, err
	}
	return fr.size, nil
}

// ReadAt reads from the body as io.ReaderAt says. It gives only what the CRCs
// vouch for; else the error wraps ErrDamaged.
func (b *Body) ReadAt(p []byte, off int64) (int, error) {
	fr, err := b.size()
	if err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, errors.New("journal: read body: negative offset")
	}
	n := 0
	for n < len(p) {
		if off >= fr.size {
			return n, io.EOF
		}
		m, err := b.copyFrame(p[n:], fr, off)
		if err != nil {
			return n, err
		}
		n += m
		off += int64(m)
	}
	return n, nil
}

// Verify reads what the body has between two offsets, and keeps none of it: an
// error is what ReadAt would say. It is for those who have to know before they
// begin to pass it on, and costs them a second reading from memory.
func (b *Body) Verify(off, n int64) error {
	fr, err := b.size()
	if err != nil {
		return err
	}
	end := min(off+n, fr.size)
	if off < 0 || off >= end {
		return nil
	}
	if len(fr.sums) == 1 {
		_, err := b.copyFrame(nil, fr, 0) // which stays in memory
		return err
	}
	var buf []byte
	for i := off / fr.frameSize; i*fr.frameSize < end; i++ {
		if buf, err = fr.storedIn(b.seg.file, int(i), buf); err != nil {
			return err
		}
	}
	return nil
}

// copyFrame copies what the frame at off holds from there on.
func (b *Body) copyFrame(p []byte, fr *frames, off int64) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := int(off / fr.frameSize); i != b.frame {
		data, err := fr.read(b.seg.file, b.j.dec, i, b.data)
		if err != nil {
			b.frame = -1
			return 0, err
		}
		b.frame, b.data = i, data
	}
	return copy(p, b.data[off%fr.frameSize:]), nil
}

// Close gives the body back. Further calls do nothing.
func (b *Body) Close() error {
	b.close()
	return nil
}
