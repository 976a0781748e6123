package journal

import (
	"encoding/binary"
	"errors"
	"io"
	"iter"
)

// scanned is a record found by a scan, or a gap: a place where none stands.
type scanned struct {
	recordHeader
	payload []byte // good until the next step
	offset  int64
	gap     int64 // length of the gap; 0 for a record
	end     bool  // the gap reaches the end of the file
}

// scan walks the records of a segment file of the given size. Where no valid
// record stands it looks for the next one and yields the gap between. The error
// ends the walk: it is the disk's, or the format's version. With bodies it
// verifies the body parts too; a record with a damaged one is a gap.
func (h *segmentHeader) scan(f io.ReaderAt, size int64, bodies bool) iter.Seq2[scanned, error] {
	return func(yield func(scanned, error) bool) {
		w := &window{f: f, size: size}
		v := verifier{segmentHeader: h, f: w, size: size, bodies: bodies}
		for off := int64(headerSize); off < size; {
			r, payload, err := v.record(off)
			if err == nil {
				if !yield(scanned{recordHeader: r, payload: payload, offset: off}, nil) {
					return
				}
				off += r.size()
				continue
			}
			if !errors.Is(err, ErrDamaged) {
				yield(scanned{}, err)
				return
			}
			next, err := v.search(off + alignment)
			if err != nil {
				yield(scanned{}, err)
				return
			}
			if !yield(scanned{offset: off, gap: next - off, end: next >= size}, nil) {
				return
			}
			off = next
		}
	}
}

type verifier struct {
	*segmentHeader
	f      io.ReaderAt
	size   int64
	bodies bool
}

// record reads and verifies the record at off.
func (v *verifier) record(off int64) (recordHeader, []byte, error) {
	r, payload, err := v.readRecord(v.f, off, v.size)
	if err != nil || !v.bodies || r.body == 0 {
		return r, payload, err
	}
	begin := off + recordSize + int64(r.meta) + int64(r.payload)
	fr, err := v.readFrames(v.f, &r, begin)
	if err != nil {
		return r, nil, err
	}
	for i := range fr.sums {
		if _, err := fr.stored(v.f, i); err != nil {
			return r, nil, err
		}
	}
	return r, payload, nil
}

// search gives the offset of the next valid record at or after off, or size.
func (v *verifier) search(off int64) (int64, error) {
	var mark [8]byte
	for ; off+recordSize <= v.size; off += alignment {
		if _, err := v.f.ReadAt(mark[:], off); err != nil {
			return 0, noEOF(err)
		}
		if binary.LittleEndian.Uint32(mark[:]) != recordMagic || binary.LittleEndian.Uint32(mark[4:]) != v.tag {
			continue
		}
		if _, _, err := v.record(off); err == nil {
			return off, nil
		} else if !errors.Is(err, ErrDamaged) {
			return 0, err
		}
	}
	return v.size, nil
}

// window reads a file in large pieces for someone who goes through it from
// front to back.
type window struct {
	f    io.ReaderAt
	size int64
	at   int64
	buf  []byte
}

// windowSize keeps the number of reads low without mattering to the memory.
const windowSize = 1 << 20

func (w *window) ReadAt(p []byte, off int64) (int, error) {
	if len(p) > windowSize/4 {
		return w.f.ReadAt(p, off)
	}
	if off < w.at || off+int64(len(p)) > w.at+int64(len(w.buf)) {
		if w.buf == nil {
			w.buf = make([]byte, min(windowSize, max(0, w.size)))
		}
		w.buf = w.buf[:min(int64(cap(w.buf)), max(0, w.size-off))]
		n, err := w.f.ReadAt(w.buf, off)
		w.at, w.buf = off, w.buf[:n]
		if err != nil && err != io.EOF {
			return 0, err
		}
		if n < len(p) {
			return copy(p, w.buf), io.EOF
		}
	}
	return copy(p, w.buf[off-w.at:]), nil
}
