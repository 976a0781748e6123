package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// segmentBytes is how large the current file grows: a segment is made of it in memory,
// and the tokens of its steps are there while somebody searches.
const segmentBytes = 4 << 20

const recordHeader = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// current is the file that steps are appended to. Its user holds Book.mu.
type current struct {
	number      uint32
	file        durable.File
	size        int64 // up to the end of the last whole record
	damaged     int64 // bytes before that which are no records
	steps       int
	first, last time.Time
	tokens      map[token][]uint32 // steps by their tokens; nil: nobody has searched yet
	offsets     []int64            // of the records, as long as tokens is there
}

func currentName(number uint32) string { return fmt.Sprintf("%08d.steps", number) }

// openCurrent opens or makes the file, and cuts off what a crash has left at its end: that
// behind which no whole record stands. Damage before others is passed over.
func openCurrent(files durable.FS, number uint32) (*current, error) {
	f, err := files.OpenFile(currentName(number), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("trace: open: %w", err)
	}
	c := &current{number: number, file: f}
	err = c.each(func(at int64, s Step, n int64) error {
		c.note(&s)
		c.damaged += at - c.size
		c.size = at + n
		return nil
	})
	if err == nil {
		err = f.Truncate(c.size)
	}
	if err == nil {
		err = files.SyncDir(".")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("trace: open: %w", err), f.Close())
	}
	return c, nil
}

func (c *current) note(s *Step) {
	c.steps++
	if c.first.IsZero() || s.At.Before(c.first) {
		c.first = s.At
	}
	if s.At.After(c.last) {
		c.last = s.At
	}
}

// appendRecord adds a step as the current file has it.
func appendRecord(b, payload []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(payload, castagnoli))
	return append(b, payload...)
}

// write appends records. After an error they may be there in part: the next write begins
// at the same place.
func (c *current) write(records []byte, steps []Step) error {
	if n, err := c.file.WriteAt(records, c.size); err != nil {
		return fmt.Errorf("trace: write %d of %d bytes: %w", n, len(records), err)
	}
	at := c.size
	for i := range steps {
		c.note(&steps[i])
		if c.tokens != nil {
			c.index(at, &steps[i])
			at += recordHeader + int64(binary.LittleEndian.Uint32(records[at-c.size:]))
		}
	}
	c.size += int64(len(records))
	return nil
}

// each calls fn with each whole record; n is the record's length.
func (c *current) each(fn func(at int64, s Step, n int64) error) error {
	buffered := newWindow(c.file)
	buf := make([]byte, recordHeader+maxStep)
	for at := int64(0); ; {
		s, n, err := readRecord(buffered, at, buf)
		if err != nil {
			return endOrError(err)
		}
		if n == 0 { // where the next begins is not known: it is looked for byte by byte
			at++
			continue
		}
		if err := fn(at, s, n); err != nil {
			return err
		}
		at += n
	}
}

// readRecord reads the record at an offset; n is 0 where there is none. io.EOF says that
// there is not even a header.
func readRecord(file io.ReaderAt, at int64, buf []byte) (s Step, n int64, err error) {
	if _, err := file.ReadAt(buf[:recordHeader], at); err != nil {
		return s, 0, err
	}
	length := binary.LittleEndian.Uint32(buf)
	if length > maxStep || length == 0 {
		return s, 0, nil
	}
	sum, payload := binary.LittleEndian.Uint32(buf[4:]), buf[recordHeader:recordHeader+length]
	if _, err := file.ReadAt(payload, at+recordHeader); errors.Is(err, io.EOF) {
		return s, 0, nil
	} else if err != nil {
		return s, 0, err
	}
	if crc32.Checksum(payload, castagnoli) != sum {
		return s, 0, nil
	}
	if s, err = decode(payload); err != nil {
		return s, 0, nil
	}
	return s, recordHeader + int64(length), nil
}

func endOrError(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("trace: read: %w", err)
}

func (c *current) index(at int64, s *Step) {
	number := uint32(len(c.offsets))
	c.offsets = append(c.offsets, at)
	for _, t := range s.tokens() {
		c.tokens[t] = append(c.tokens[t], number)
	}
}

// ready makes the tokens, if nobody has searched before.
func (c *current) ready() error {
	if c.tokens != nil {
		return nil
	}
	c.tokens, c.offsets = map[token][]uint32{}, nil
	err := c.each(func(at int64, s Step, _ int64) error {
		if at < c.size {
			c.index(at, &s)
		}
		return nil
	})
	if err != nil {
		c.tokens, c.offsets = nil, nil
	}
	return err
}

func (c *current) list(t token) ([]uint32, error) { return c.tokens[t], nil }

func (c *current) step(number uint32) (s Step, err error) {
	if int(number) >= len(c.offsets) {
		return s, errStep
	}
	header := make([]byte, recordHeader)
	at := c.offsets[number]
	if _, err := c.file.ReadAt(header, at); err != nil {
		return s, fmt.Errorf("trace: read: %w", err)
	}
	payload := make([]byte, min(binary.LittleEndian.Uint32(header), maxStep))
	if _, err := c.file.ReadAt(payload, at+recordHeader); err != nil {
		return s, fmt.Errorf("trace: read: %w", err)
	}
	return decode(payload)
}

func (c *current) when(number uint32) (time.Time, bool) {
	if int(number) >= len(c.offsets) {
		return time.Time{}, false
	}
	head := make([]byte, stepHead)
	if _, err := c.file.ReadAt(head, c.offsets[number]+recordHeader); err != nil {
		return time.Time{}, false
	}
	return timeOf(head)
}

func (c *current) span() (a, b time.Time) { return c.first, c.last }
func (c *current) open(*Book) error       { return c.ready() }
func (c *current) close() error           { return nil }

// window reads a file in large pieces, for who reads it from its beginning.
type window struct {
	file durable.File
	at   int64
	buf  []byte

	ended bool // nothing is behind buf
}

func newWindow(f durable.File) *window { return &window{file: f, buf: make([]byte, 0, 128<<10)} }

func (w *window) ReadAt(p []byte, off int64) (int, error) {
	if off < w.at || off+int64(len(p)) > w.at+int64(len(w.buf)) {
		if w.ended && off >= w.at && off+int64(len(p)) > w.at+int64(len(w.buf)) {
			return 0, io.EOF // looked for byte by byte: it isn't read again for each
		}
		n, err := w.file.ReadAt(w.buf[:cap(w.buf)], off)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		w.at, w.buf, w.ended = off, w.buf[:n], err != nil
	}
	n := copy(p, w.buf[min(off-w.at, int64(len(w.buf))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
