package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// readBuffer is how much is read from the connection at once: a whole command
// in nearly every case, and four times fewer calls for a large literal than
// bufio's default would need.
const readBuffer = 16 << 10

// tailSize is how much of a line's end Discard keeps to recognise the longest
// literal header that LiteralDigits allows, with its tilde, braces and plus, and
// to see that one is longer.
const tailSize = LiteralDigits + 4

// Limits bound what one command may send.
type Limits struct {
	Line     int   // bytes of the command outside of literals
	Literals int64 // bytes of all literals that are kept in memory together
	Discard  int64 // bytes that Discard reads before it gives the connection up
}

// SyntaxError says that a command is not as the grammar wants it. The rest of
// the command is still on the wire: call Reader.Discard.
type SyntaxError struct{ Text string }

func (e *SyntaxError) Error() string { return e.Text }

// TooLargeError says that a literal is larger than the limit. For a
// synchronising literal nothing of it has been sent, and won't be.
type TooLargeError struct{ Size, Limit int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("literal of %d bytes is larger than the limit of %d", e.Size, e.Limit)
}

// FatalError says that it is no longer certain where the next command begins,
// or that finding it would cost too much: the connection must be closed.
type FatalError struct{ Text string }

func (e *FatalError) Error() string { return e.Text }

// ErrLineTooLong: the command is longer than Limits.Line outside of its
// literals. The rest is still on the wire: call Reader.Discard.
var ErrLineTooLong = errors.New("command line is too long")

// Reader reads commands token by token. Its parse methods keep the first error
// and do nothing after it, so that a parser reads like the grammar; Err tells
// it. Errors of the connection itself are kept in the same way and are neither
// a SyntaxError nor a TooLargeError.
type Reader struct {
	pool   *Buffers
	src    io.Reader
	cont   func() error // sends a continuation request
	limits Limits

	buf        *[readBuffer]byte // nil while nothing is buffered
	start, end int

	lineLeft    int
	literalLeft int64
	ended       bool // the command's last byte has been read
	broken      bool // src gave an error
	err         error
}

// NewReader reads from src into buffers of the pool; cont is called to ask for a
// synchronising literal.
func NewReader(pool *Buffers, src io.Reader, cont func() error) *Reader {
	return &Reader{pool: pool, src: src, cont: cont, ended: true}
}

// SetSource makes r read from src from now on and forgets what it has buffered:
// what came in the clear together with STARTTLS is never read (RFC 9051 §6.2.1).
func (r *Reader) SetSource(src io.Reader) {
	r.src = src
	r.Release()
}

// Release gives the buffer back and forgets what is in it.
func (r *Reader) Release() {
	if r.buf != nil {
		r.pool.read.Put(r.buf)
		r.buf = nil
	}
	r.start, r.end = 0, 0
}

// Wait returns when the first byte of something is there. It holds no buffer
// while it waits.
func (r *Reader) Wait() error {
	if r.start < r.end {
		return nil
	}
	r.Release()
	var first [1]byte
	if _, err := io.ReadFull(r.src, first[:]); err != nil {
		r.broken, r.err = true, err
		return err
	}
	r.buf = r.pool.forReading()
	r.buf[0] = first[0]
	r.end = 1
	return nil
}

// Buffered is how many bytes the client has sent beyond what has been parsed,
// as far as they have been read.
func (r *Reader) Buffered() int { return r.end - r.start }

// Begin starts a new command, with a clean error and full budgets.
func (r *Reader) Begin(l Limits) {
	r.limits = l
	r.lineLeft, r.literalLeft = l.Line, l.Literals
	r.ended = false
	if !r.broken {
		r.err = nil
	}
}

// SetLiteralLimit changes what is left for literals of the current command.
func (r *Reader) SetLiteralLimit(n int64) { r.literalLeft = n }

// Err is the first error since Begin.
func (r *Reader) Err() error { return r.err }

// Ended reports whether the current command has been read to its end.
func (r *Reader) Ended() bool { return r.ended }

// Fail keeps err unless there is an earlier one.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Failf keeps a SyntaxError.
func (r *Reader) Failf(format string, args ...any) {
	if r.err == nil {
		r.err = &SyntaxError{fmt.Sprintf(format, args...)}
	}
}

// fill makes at least one byte available.
func (r *Reader) fill() error {
	if r.start < r.end {
		return nil
	}
	if r.buf == nil {
		r.buf = r.pool.forReading()
	}
	for range 100 { // as bufio: a Reader that returns nothing for ever is broken
		n, err := r.src.Read(r.buf[:])
		r.start, r.end = 0, n
		if n > 0 {
			return nil
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			r.broken = true
			return err
		}
	}
	r.broken = true
	return io.ErrNoProgress
}

// Peek is the next byte of the line, or 0 at its end (CR or LF) or after an
// error. A NUL on the line is an error.
func (r *Reader) Peek() byte {
	if r.err != nil || r.ended {
		return 0
	}
	if err := r.fill(); err != nil {
		r.err = err
		return 0
	}
	switch c := r.buf[r.start]; c {
	case '\r', '\n':
		return 0
	case 0:
		r.Failf("a NUL byte is not allowed here")
		return 0
	default:
		return c
	}
}

// next consumes the byte that Peek has shown.
func (r *Reader) next() {
	if r.lineLeft <= 0 {
		r.Fail(ErrLineTooLong)
		return
	}
	r.lineLeft--
	r.start++
}

// Accept consumes the next byte if it is c and reports whether it was.
func (r *Reader) Accept(c byte) bool {
	if r.Peek() != c {
		return false
	}
	r.next()
	return r.err == nil
}

// Expect consumes the next byte, which must be c.
func (r *Reader) Expect(c byte) {
	if r.err == nil && !r.Accept(c) {
		r.Failf("expected %q%s", string(rune(c)), r.here())
	}
}

// SP consumes the single space between two arguments.
func (r *Reader) SP() {
	if r.err == nil && !r.Accept(' ') {
		r.Failf("expected a space%s", r.here())
	}
}

// here says where the parser stands, for error texts.
func (r *Reader) here() string {
	switch c := r.Peek(); {
	case c == 0:
		return " before the end of the line"
	case c < ' ' || c >= 0x7f:
		return " before a byte that is not ASCII text"
	default:
		return fmt.Sprintf(" before %q", string(rune(c)))
	}
}

// CRLF consumes the end of the command. A line that ends with a bare CR or LF
// is fatal: where the next command begins would be a matter of opinion.
func (r *Reader) CRLF() {
	if r.err != nil || r.ended {
		return
	}
	if c := r.Peek(); c != 0 {
		r.Failf("there is more on the line than the command takes%s", r.here())
	}
	if r.err != nil {
		return
	}
	r.lineEnd()
}

// lineEnd consumes CR LF.
func (r *Reader) lineEnd() {
	for _, want := range [2]byte{'\r', '\n'} {
		if err := r.fill(); err != nil {
			r.Fail(err)
			return
		}
		if r.buf[r.start] != want {
			r.Fail(&FatalError{"a line must end with CR LF"})
			return
		}
		r.start++
	}
	r.ended = true
}

// Discard skips what is left of the current command, with the literals that the
// client sends unasked, and clears the error. A synchronising literal ends the
// command: the client waits for leave to send it and gets the tagged response
// instead (RFC 7888 §4). The error is a FatalError when more than
// Limits.Discard bytes would have to be read or the line ends in doubt.
func (r *Reader) Discard() error {
	if fatal := (*FatalError)(nil); r.broken || errors.As(r.err, &fatal) {
		return r.err
	}
	r.err = nil
	left := r.limits.Discard
	for !r.ended {
		tail, err := r.skipLine(&left)
		if err != nil {
			r.err = err
			return err
		}
		size, sync, ok, err := literalHeader(tail)
		if err != nil {
			r.err = err
			return err
		}
		if !ok || sync {
			r.ended = true
			break
		}
		if size > left {
			r.err = &FatalError{"that is too much to skip"}
			return r.err
		}
		left -= size
		if _, err := io.CopyN(io.Discard, rawReader{r}, size); err != nil {
			r.broken, r.err = true, err
			return err
		}
	}
	return nil
}

// skipLine reads over the next CR LF and returns the line's last bytes.
func (r *Reader) skipLine(left *int64) ([]byte, error) {
	var tail []byte
	for {
		if err := r.fill(); err != nil {
			return nil, err
		}
		chunk := r.buf[r.start:r.end]
		i := bytes.IndexByte(chunk, '\n')
		if i >= 0 {
			chunk = chunk[:i+1]
		}
		r.start += len(chunk)
		if *left -= int64(len(chunk)); *left < 0 {
			return nil, &FatalError{"that is too much to skip"}
		}
		if len(chunk) > tailSize+2 {
			tail, chunk = tail[:0], chunk[len(chunk)-tailSize-2:]
		}
		tail = append(tail, chunk...)
		if len(tail) > tailSize+2 {
			tail = tail[len(tail)-tailSize-2:]
		}
		if i < 0 {
			continue
		}
		line, found := bytes.CutSuffix(tail, []byte("\r\n"))
		if !found {
			return nil, &FatalError{"a line must end with CR LF"}
		}
		return line, nil
	}
}

// rawReader reads bytes without looking at them: the inside of literals.
type rawReader struct{ r *Reader }

func (raw rawReader) Read(p []byte) (int, error) {
	r := raw.r
	if r.start == r.end && len(p) >= readBuffer && r.src != nil {
		n, err := r.src.Read(p) // a large literal needs no detour through the buffer
		if err != nil && n == 0 {
			r.broken = true
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return n, err
	}
	if err := r.fill(); err != nil {
		return 0, err
	}
	n := copy(p, r.buf[r.start:r.end])
	r.start += n
	return n, nil
}
