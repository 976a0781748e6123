package wire

import (
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// writeBuffer is how much is gathered before it is written to the connection:
// one full TLS record.
const writeBuffer = 16 << 10

// smallestRead is the least that is read of a body at once: a store may have to
// decompress for each read, however small.
const smallestRead = 4 << 10

// longestQuoted is the longest string sent quoted rather than as a literal:
// some clients read lines into buffers of a few KiB.
const longestQuoted = 1024

// Writer gathers responses and writes them to a connection in pieces of 16 KiB.
// It keeps the first error of the connection and does nothing after it; Flush
// tells it.
type Writer struct {
	pool *Buffers
	dst  io.Writer
	buf  *[writeBuffer]byte // nil while nothing is buffered
	n    int
	err  error
	utf8 bool

	recording bool
	record    []byte // what has been written since Record, to one byte more than longest
	longest   int
}

// NewWriter writes to dst out of buffers of the pool.
func NewWriter(pool *Buffers, dst io.Writer) *Writer { return &Writer{pool: pool, dst: dst} }

// SetDestination makes w write to dst from now on. What is buffered goes there.
func (w *Writer) SetDestination(dst io.Writer) { w.dst = dst }

// AllowUTF8 lets strings be sent quoted with UTF-8 in them, as clients agree to
// by ENABLE (RFC 9051 §4.3, RFC 6855 §3).
func (w *Writer) AllowUTF8() { w.utf8 = true }

// ForbidUTF8 takes AllowUTF8 back.
func (w *Writer) ForbidUTF8() { w.utf8 = false }

// Flush writes what is buffered and gives the buffer back.
func (w *Writer) Flush() error {
	w.empty()
	if w.buf != nil {
		w.pool.write.Put(w.buf)
		w.buf = nil
	}
	return w.err
}

// Record keeps what is written from now on, Copy aside, until Recorded.
func (w *Writer) Record(longest int) {
	w.recording, w.record, w.longest = true, w.record[:0], longest
}

// Recorded ends what Record began and gives what was written; nil if that is
// longer than asked for or the connection has failed. It is valid until the next Record.
func (w *Writer) Recorded() []byte {
	w.recording = false
	if w.err != nil || len(w.record) > w.longest {
		return nil
	}
	return w.record
}

func (w *Writer) note(text string) {
	if w.recording {
		w.record = append(w.record, text[:min(len(text), w.longest+1-len(w.record))]...)
	}
}

// Err is the first error of the connection.
func (w *Writer) Err() error { return w.err }

// empty writes what is buffered and keeps the buffer.
func (w *Writer) empty() {
	if w.n > 0 && w.err == nil {
		_, w.err = w.dst.Write(w.buf[:w.n])
	}
	w.n = 0
}

// space is the free part of the buffer, never empty.
func (w *Writer) space() []byte {
	if w.buf == nil {
		w.buf = w.pool.forWriting()
	}
	if w.n == len(w.buf) {
		w.empty()
	}
	return w.buf[w.n:]
}

// Raw writes text as it is.
func (w *Writer) Raw(text string) {
	w.note(text)
	for w.err == nil && len(text) > 0 {
		n := copy(w.space(), text)
		w.n += n
		text = text[n:]
	}
}

// Byte writes one byte.
func (w *Writer) Byte(c byte) {
	if w.recording {
		w.note(string([]byte{c}))
	}
	if w.err == nil {
		w.space()[0] = c
		w.n++
	}
}

// SP writes a space.
func (w *Writer) SP() { w.Byte(' ') }

// CRLF ends a line.
func (w *Writer) CRLF() { w.Raw("\r\n") }

// Number writes n in decimal.
func (w *Writer) Number(n uint64) {
	var digits [20]byte
	w.bytes(strconv.AppendUint(digits[:0], n, 10))
}

// RawBytes writes text as it is.
func (w *Writer) RawBytes(text []byte) { w.bytes(text) }

func (w *Writer) bytes(b []byte) {
	if w.recording {
		w.note(string(b))
	}
	for w.err == nil && len(b) > 0 {
		n := copy(w.space(), b)
		w.n += n
		b = b[n:]
	}
}

// String writes s as a quoted string, or as a literal where it can't be quoted
// in this session. A NUL, which neither can carry, becomes a space.
func (w *Writer) String(s string) {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", " ")
	}
	if !w.quotable(s) {
		w.LiteralHeader(int64(len(s)), false)
		w.Raw(s)
		return
	}
	w.Byte('"')
	for {
		i := strings.IndexAny(s, `"\`)
		if i < 0 {
			break
		}
		w.Raw(s[:i])
		w.Byte('\\')
		w.Byte(s[i])
		s = s[i+1:]
	}
	w.Raw(s)
	w.Byte('"')
}

func (w *Writer) quotable(s string) bool {
	if len(s) > longestQuoted {
		return false
	}
	ascii := true
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\r' || c == '\n':
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return ascii || w.utf8 && utf8.ValidString(s)
}

// NString writes s, or NIL when it is empty.
func (w *Writer) NString(s string) {
	if s == "" {
		w.Raw("NIL")
		return
	}
	w.String(s)
}

// AString writes s as an atom where it is one, else as a string.
func (w *Writer) AString(s string) {
	for i := range len(s) {
		if !isAStringChar(s[i]) {
			w.String(s)
			return
		}
	}
	if s == "" || strings.EqualFold(s, "NIL") {
		w.String(s)
		return
	}
	w.Raw(s)
}

// Mailbox writes a mailbox name: modified UTF-7 until the client has enabled
// UTF-8 (RFC 3501 §5.1.3, RFC 9051 §5.1).
func (w *Writer) Mailbox(name string) {
	if !w.utf8 {
		name = EncodeUTF7(name)
	}
	w.AString(name)
}

// LiteralHeader writes what stands before the size bytes of a literal, which
// the caller writes next.
func (w *Writer) LiteralHeader(size int64, binary bool) {
	if binary {
		w.Byte('~')
	}
	w.Byte('{')
	w.Number(uint64(size))
	w.Raw("}\r\n")
}

// Copy writes exactly size bytes from r through the buffer. An error of r, or
// its early end, leaves the client in the middle of a literal: the connection
// can't go on.
func (w *Writer) Copy(r io.Reader, size int64) error {
	for size > 0 && w.err == nil {
		if free := writeBuffer - w.n; free < smallestRead && size > int64(free) {
			w.empty()
		}
		space := w.space()
		if int64(len(space)) > size {
			space = space[:size]
		}
		n, err := r.Read(space)
		w.n += n
		size -= int64(n)
		if err != nil && size > 0 {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return w.err
}

// DateTime writes a moment as INTERNALDATE shows it, in its own zone.
func (w *Writer) DateTime(t time.Time) {
	var text [30]byte
	w.bytes(t.AppendFormat(text[:0], `"02-Jan-2006 15:04:05 -0700"`))
}
