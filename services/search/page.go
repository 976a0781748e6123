package search

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"syscall"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

const (
	// pageSize is what is read and checked at a time: little for one short list,
	// and a checksum for it costs half a thousandth.
	pageSize = 8 << 10
	pageData = pageSize - 4
	// pagesAtOnce is how many are read in one go where many are needed.
	pagesAtOnce = 32
)

// errDamage says that a file of the index is not what was written, or not what
// this program writes.
var errDamage = errors.New("search index is damaged")

// errRead says that a file of the index couldn't be read this time.
var errRead = errors.New("search index can't be read")

// readError is the error of a file of the index. What the disk has lost is gone
// for good, and no better than what is wrong.
func readError(err error) error {
	if errors.Is(err, syscall.EIO) || errors.Is(err, durable.ErrTooLarge) {
		return fmt.Errorf("%w: %w", errDamage, err)
	}
	return fmt.Errorf("%w: %w", errRead, err)
}

// pageSum is the checksum of a page. The salt is the segment's own and the number
// the page's: a page of another file, or from another place, never passes.
func pageSum(salt uint64, number int64, data []byte) uint32 {
	var head [16]byte
	binary.LittleEndian.PutUint64(head[:], salt)
	binary.LittleEndian.PutUint64(head[8:], uint64(number))
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(head[:], table), table, data)
}

// pageWriter writes a stream as pages.
type pageWriter struct {
	w      io.Writer
	salt   uint64
	length int64 // bytes of the stream so far
	page   []byte
}

// Write takes more of the stream.
func (w *pageWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		take := min(len(p), pageData-len(w.page))
		w.page = append(w.page, p[:take]...)
		p = p[take:]
		w.length += int64(take)
		if len(w.page) == pageData {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// flush writes the page in hand; only the last may be short.
func (w *pageWriter) flush() error {
	if len(w.page) == 0 {
		return nil
	}
	number := (w.length - 1) / pageData
	w.page = binary.LittleEndian.AppendUint32(w.page, pageSum(w.salt, number, w.page))
	_, err := w.w.Write(w.page)
	w.page = w.page[:0]
	return err
}

// pages reads the stream that a pageWriter wrote.
type pages struct {
	r      io.ReaderAt
	salt   uint64
	length int64 // of the stream
}

// read fills p from the stream's offset on. An error that is not of the disk
// wraps errDamage.
func (f *pages) read(p []byte, off int64) error {
	c := f.cursor()
	return c.read(p, off)
}

func (f *pages) cursor() *cursor { return &cursor{pages: f, first: -1} }

// cursor reads a stream here and there, keeping the pages it read last.
type cursor struct {
	*pages
	raw   []byte
	first int64 // page that raw begins with; -1: none
	count int64
}

func (c *cursor) read(p []byte, off int64) error {
	if off < 0 || off > c.length || int64(len(p)) > c.length-off {
		return fmt.Errorf("%w: %d bytes at %d of %d", errDamage, len(p), off, c.length)
	}
	for len(p) > 0 {
		number := off / pageData
		if c.first < 0 || number < c.first || number >= c.first+c.count {
			last := (off + int64(len(p)) - 1) / pageData
			if err := c.load(number, min(last-number+1, pagesAtOnce)); err != nil {
				return err
			}
		}
		data := c.page(number)
		n := copy(p, data[off-number*pageData:])
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// page is a loaded page's part of the stream.
func (c *cursor) page(number int64) []byte {
	size := min(pageData, c.length-number*pageData)
	at := (number - c.first) * pageSize
	return c.raw[at : at+size]
}

func (c *cursor) load(first, count int64) error {
	c.first = -1
	end := min(c.length, (first+count)*pageData)
	size := (count-1)*pageSize + (end - (first+count-1)*pageData) + 4
	if int64(cap(c.raw)) < size {
		c.raw = make([]byte, size)
	}
	c.raw = c.raw[:size]
	if n, err := c.r.ReadAt(c.raw, first*pageSize); int64(n) < size {
		if err == nil || errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: it ends in page %d", errDamage, first+int64(n)/pageSize)
		}
		return readError(err)
	}
	for i := range count {
		at := i * pageSize
		data := min(pageData, c.length-(first+i)*pageData)
		want := binary.LittleEndian.Uint32(c.raw[at+data:])
		if pageSum(c.salt, first+i, c.raw[at:at+data]) != want {
			return fmt.Errorf("%w: checksum of page %d", errDamage, first+i)
		}
	}
	c.first, c.count = first, count
	return nil
}
