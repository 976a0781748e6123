package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// patch is what the ring holds for a place of a segment.
type patch struct {
	sum     uint32 // of the segment's header
	offset  int64
	content []byte
}

// patches reads what the ring holds for each segment, as a recovery would apply
// it, in that order. It writes nothing. A ring that is missing or can't be read
// holds nothing; the text says what is wrong with it. What it takes in memory is
// the size of the ring at most.
func patches(fsys durable.FS) (map[uint32][]patch, string, error) {
	f, err := fsys.Open(ringName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("open ring: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, "", fmt.Errorf("open ring: %w", err)
	}
	h, err := readRingHeader(f, info.Size())
	if errors.Is(err, ErrDamaged) {
		return nil, "the commit ring can't be read: " + err.Error(), nil
	}
	if err != nil {
		return nil, "", err
	}
	batches, _, err := h.batches(f, info.Size())
	if err != nil {
		return nil, "", fmt.Errorf("read ring: %w", err)
	}
	all := map[uint32][]patch{}
	var tail batchNumber
	for i := range batches { // the latest first
		b := &batches[i]
		if tail != 0 && b.number < tail {
			break
		}
		content, err := h.content(f, b)
		if err != nil && !errors.Is(err, syscall.EIO) {
			return nil, "", fmt.Errorf("read ring: %w", err)
		}
		if content == nil {
			continue
		}
		if tail == 0 {
			tail = b.tail
		}
		all[b.segment] = append([]patch{{b.segmentSum, b.offset, content}}, all[b.segment]...)
	}
	return all, "", nil
}

// overlay reads a segment as it would be with what the ring holds for it.
type overlay struct {
	f       io.ReaderAt
	size    int64 // of f
	patches []patch
}

// whole is the size with the patches.
func (o *overlay) whole() int64 {
	size := o.size
	for _, p := range o.patches {
		size = max(size, p.offset+int64(len(p.content)))
	}
	return size
}

// ReadAt reads as io.ReaderAt says. Between the file's end and a patch there are
// zeros.
func (o *overlay) ReadAt(b []byte, off int64) (int, error) {
	n := int(min(int64(len(b)), max(0, o.whole()-off)))
	clear(b[:n])
	if inFile := min(int64(n), o.size-off); inFile > 0 {
		if _, err := o.f.ReadAt(b[:inFile], off); err != nil && err != io.EOF {
			return 0, err
		}
	}
	for _, p := range o.patches {
		from, to := max(off, p.offset), min(off+int64(n), p.offset+int64(len(p.content)))
		if from < to {
			copy(b[from-off:to-off], p.content[from-p.offset:to-p.offset])
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// zeros reports whether there is nothing but zeros: space that was set aside.
func zeros(r io.ReaderAt, off, length int64) (bool, error) {
	b := make([]byte, 64<<10)
	for length > 0 {
		n := min(length, int64(len(b)))
		if _, err := r.ReadAt(b[:n], off); err != nil && err != io.EOF {
			return false, err
		}
		for _, c := range b[:n] {
			if c != 0 {
				return false, nil
			}
		}
		off, length = off+n, length-n
	}
	return true, nil
}
