package relay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// body is a message on its way out: its first block at hand, the rest read as it
// is needed.
type body struct {
	content mail.Content
	size    int64
	first   []byte // all of it, if it is no larger than blockSize
}

// openBody opens a message and reads its first block.
func openBody(job *mail.Job) (*body, error) {
	content, err := job.Open()
	if err != nil {
		return nil, fmt.Errorf("open the message: %w", err)
	}
	b := &body{content: content, size: job.Size, first: make([]byte, min(job.Size, blockSize))}
	if err := b.read(b.first, 0); err != nil {
		_ = content.Close() // nothing was changed
		return nil, err
	}
	return b, nil
}

func (b *body) close() { _ = b.content.Close() } // it was only read

// read fills p from the given place. A message that is shorter than its size is
// an error: what is missing must not be sent as if it were all.
func (b *body) read(p []byte, at int64) error {
	if n, err := b.content.ReadAt(p, at); n < len(p) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("read the message at %d: %w", at, err)
	}
	return nil
}

// sevenBit reports whether the message is known to be ASCII. A large one is not
// read for that.
func (b *body) sevenBit() bool {
	return int64(len(b.first)) == b.size && bytes.IndexFunc(b.first, func(r rune) bool { return r >= 0x80 }) < 0
}

// blocks gives the message block by block to send, encoded; last marks the end,
// which is given once.
func (b *body) blocks(e *encoder, send func(p []byte, last bool) error) error {
	var raw, out []byte
	for at := int64(0); ; {
		block := b.first
		if at > 0 {
			if raw == nil {
				raw = make([]byte, blockSize)
			}
			block = raw[:min(b.size-at, blockSize)]
			if err := b.read(block, at); err != nil {
				return &localError{err}
			}
		}
		at += int64(len(block))
		out = slices.Grow(out[:0], len(block)+len(block)/16+4) // bare LFs and dots make it longer, rarely
		out = e.append(out[:0], block)
		last := at >= b.size
		if last {
			out = e.end(out)
		}
		if err := send(out, last); err != nil || last {
			return err
		}
	}
}

// localError is the box's own trouble, which says nothing about the server.
type localError struct{ err error }

// Error is the cause's.
func (e *localError) Error() string { return e.err.Error() }

// Unwrap is the cause.
func (e *localError) Unwrap() error { return e.err }

// encoder makes a message's bytes fit for the wire: every line ends in CRLF, and
// there is no other CR or LF. Servers differ in what they take for a line's end,
// and where two differ a message can smuggle another one past the first
// (CVE-2023-51764 and its kin). A bare LF becomes CRLF, which is what its writer
// meant; a bare CR, which nobody means, a blank. The zero value does not stuff dots.
type encoder struct {
	stuff  bool // dots at the start of lines are doubled (RFC 5321 §4.5.2)
	inside bool // a line has begun
	cr     bool // the last byte was a CR, whose LF may come
}

// append encodes src behind dst.
func (e *encoder) append(dst, src []byte) []byte {
	for len(src) > 0 {
		if e.cr {
			e.cr = false
			if src[0] == '\n' {
				dst, src, e.inside = append(dst, '\r', '\n'), src[1:], false
				continue
			}
			dst, e.inside = append(dst, ' '), true
		}
		if e.stuff && !e.inside && src[0] == '.' {
			dst, e.inside = append(dst, '.'), true
		}
		line, rest, ends := bytes.Cut(src, []byte("\n"))
		switch cr := bytes.IndexByte(line, '\r'); {
		case cr >= 0 && cr < len(line)-1: // bare, in the middle
			dst, src, e.inside = append(append(dst, line[:cr]...), ' '), src[cr+1:], true
			continue
		case cr >= 0 && !ends: // at the end of what is here
			dst, e.cr, e.inside = append(dst, line[:cr]...), true, e.inside || cr > 0
		case cr >= 0:
			dst, e.inside = append(append(dst, line[:cr]...), '\r', '\n'), false
		case ends:
			dst, e.inside = append(append(dst, line...), '\r', '\n'), false
		default:
			dst, e.inside = append(dst, line...), true
		}
		src = rest
	}
	return dst
}

// end ends a last line that has no end.
func (e *encoder) end(dst []byte) []byte {
	if e.cr {
		dst, e.inside, e.cr = append(dst, ' '), true, false
	}
	if e.inside {
		dst, e.inside = append(dst, '\r', '\n'), false
	}
	return dst
}
