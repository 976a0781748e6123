package smtpd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// wire is one connection as lines in and replies out. Replies wait in the
// buffer while the client has more commands on the way (RFC 2920 §3.2), so a
// pipelined group costs one write.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer

	// While a message comes in, every read moves the deadline on: a slow line
	// lives as long as it moves.
	data      bool
	dataBegan time.Time
	dataBytes int64
}

// wireBuffer is what a connection reads and writes at a time.
const wireBuffer = 16 << 10

func newWire(conn net.Conn) *wire {
	w := &wire{conn: conn}
	w.in = bufio.NewReaderSize(w, wireBuffer)
	w.out = bufio.NewWriterSize(w, wireBuffer/8)
	return w
}

// replaceConn goes on over TLS. What the client sent in the clear behind its
// STARTTLS is thrown away, never executed (RFC 3207 §4.2, CVE-2011-0411).
func (w *wire) replaceConn(conn net.Conn) {
	w.conn = conn
	w.in.Reset(w)
	w.out.Reset(w)
}

// Read is the source of in.
func (w *wire) Read(p []byte) (int, error) {
	if w.data {
		deadline := time.Now().Add(dataTimeout)
		if last := w.lastMoment(); last.Before(deadline) {
			deadline = last
		}
		if err := w.conn.SetReadDeadline(deadline); err != nil {
			return 0, lost(err)
		}
	}
	n, err := w.conn.Read(p)
	w.dataBytes += int64(n)
	return n, lost(err)
}

// Write is the drain of out. The deadline is set here and not in flush, because
// a buffer that fills up is written without one: a client that pipelines and
// never reads must not hold its session for ever.
func (w *wire) Write(p []byte) (int, error) {
	if err := w.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, lost(err)
	}
	n, err := w.conn.Write(p)
	return n, lost(err)
}

// lostError is what went wrong with the connection itself. It is a type of its
// own because a delivery may run into time limits and ends of files too, and
// those are answered.
type lostError struct{ error }

func (e *lostError) Unwrap() error { return e.error }

func lost(err error) error {
	if err == nil {
		return nil
	}
	return &lostError{err}
}

// newMessage starts the clock that bounds a client that drips. It runs over all
// chunks of a message, or a chunk of one byte would buy ten minutes more.
func (w *wire) newMessage() { w.dataBegan, w.dataBytes = time.Now(), 0 }

// lastMoment is when a message that goes on as slowly as it came is given up.
func (w *wire) lastMoment() time.Time {
	return w.dataBegan.Add(dataGrace + time.Duration(w.dataBytes/dataMinRate)*time.Second)
}

// beginData and endData stand around everything that reads message bytes.
func (w *wire) beginData() { w.data = true }
func (w *wire) endData()   { w.data = false }

// errLineTooLong is answered; the connection goes on behind the line's end.
var errLineTooLong = &Error{Code: 500, Status: mail.Status5_5_2BadSyntax, Text: "The line is too long"}

// await prepares for reading a line: unless the client has more on the way
// already, the replies leave and its time begins.
func (w *wire) await() error {
	if w.buffered() {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	return lost(w.conn.SetReadDeadline(time.Now().Add(commandTimeout)))
}

// readLine reads one line of at most limit octets without its line end, after
// await. A line over the limit is read away and answered with errLineTooLong;
// one without an end in sight ends the connection.
func (w *wire) readLine(limit int) (string, error) {
	var line []byte
	for size := 0; ; {
		fragment, err := w.in.ReadSlice('\n')
		size += len(fragment)
		if err == nil && size == len(fragment) && size <= limit+2 { // as a rule
			return string(trimLineEnd(fragment)), nil
		}
		if size <= limit+2 {
			line = append(line, fragment...)
		}
		switch {
		case err == nil && size > limit+2:
			return "", errLineTooLong
		case err == nil:
			return string(trimLineEnd(line)), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		case size > maxSkippedLine:
			return "", fmt.Errorf("a line of more than %d octets: %w", size, errHangUp)
		}
	}
}

// buffered reports whether a whole line has been read ahead.
func (w *wire) buffered() bool {
	ahead, _ := w.in.Peek(w.in.Buffered())
	return bytes.IndexByte(ahead, '\n') >= 0
}

func trimLineEnd(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r"))
}

// reply writes one reply of one or more lines; it leaves with the next flush.
func (w *wire) reply(code int, status mail.Status, lines ...string) {
	for i, line := range lines {
		b := strconv.AppendInt(w.out.AvailableBuffer(), int64(code), 10)
		if i == len(lines)-1 {
			b = append(b, ' ')
		} else {
			b = append(b, '-')
		}
		if status != 0 {
			b = append(status.Append(b), ' ')
		}
		b = append(append(b, line...), "\r\n"...)
		_, _ = w.out.Write(b) // flush repeats its error
	}
}

// flush sends the replies that wait.
func (w *wire) flush() error {
	return w.out.Flush()
}

// checkedText passes message bytes on and notices what may not stand in a
// message that comes as text: NUL, CR without LF, LF without CR (RFC 5321
// §2.3.8 and §4.5.2; a bare one is how a second message is smuggled past a
// server that reads it as a line end).
type checkedText struct {
	to     io.Writer
	binary bool  // what is noticed is no reason to stop: see textual
	err    error // of the first failed write; later bytes are only counted
	fault  string
	cr     bool // the last byte was a CR
	size   int64
}

// Write never fails: the message must be read to its end whatever it holds,
// or its rest would be taken for commands.
func (c *checkedText) Write(p []byte) (int, error) {
	c.size += int64(len(p))
	if c.fault == "" && len(p) > 0 {
		c.look(p)
	}
	if (c.fault == "" || c.binary) && c.err == nil {
		_, c.err = c.to.Write(p)
	}
	return len(p), nil
}

// look looks at p, which is not empty. Each LF must have a CR in front, and
// there may be no more CRs than LFs, but for one at the end of p.
func (c *checkedText) look(p []byte) {
	if bytes.IndexByte(p, 0) >= 0 {
		c.fault = "a NUL byte"
		return
	}
	cr := c.cr
	single := bytes.Count(p, []byte("\r"))
	if cr {
		single++
	}
	for at := 0; ; at++ {
		i := bytes.IndexByte(p[at:], '\n')
		if i < 0 {
			break
		}
		if at += i; at > 0 {
			cr = p[at-1] == '\r'
		}
		if !cr {
			c.fault = "an LF without its CR"
			return
		}
		single--
	}
	if c.cr = p[len(p)-1] == '\r'; c.cr {
		single--
	}
	if single > 0 {
		c.fault = "a CR without its LF"
	}
}

// finish is the error of the whole message, if any: too large and a full disk
// before a fault of the text, because the text was not looked at any more.
func (c *checkedText) finish() error {
	if c.cr && c.fault == "" {
		c.fault = "a CR without its LF"
	}
	if c.err != nil {
		return c.err
	}
	if c.fault != "" && !c.binary {
		return &Error{Code: 554, Status: mail.Status5_6_0BadContent,
			Text: "The message holds " + c.fault + ", which mail may not; nothing was stored"}
	}
	return nil
}

// readDotted copies a message as DATA sends it, dots unstuffed, up to the line
// that is a dot alone. Only CR LF . CR LF ends it (RFC 5321 §4.1.1.4).
// Its error is the connection's; the message's own is for checkedText to keep.
//
// It goes by what has been read from the connection, not by lines: all of it at
// once where no line begins with a dot. Where lines begin is seen here and not
// in to, which stops looking at the first fault: the end of a faulty message
// must be the same as a good one's.
func (w *wire) readDotted(to *checkedText, limit int64) error {
	for lineStart, cr := true, false; ; {
		if _, err := w.in.Peek(1); err != nil {
			return fmt.Errorf("read message: %w", endless(err))
		}
		text, _ := w.in.Peek(w.in.Buffered())
		switch {
		case lineStart && text[0] == '.':
			end, err := w.in.Peek(len(".\r\n")) // no message ends before
			if err != nil {
				return fmt.Errorf("read message: %w", endless(err))
			}
			if string(end) == ".\r\n" {
				_, err := w.in.Discard(len(end))
				return err
			}
			if _, err := w.in.Discard(1); err != nil {
				return err
			}
			lineStart, cr = false, false
			continue
		case cr && text[0] == '\n': // a dot may come behind
			text = text[:1]
			lineStart = true
		default:
			if i := bytes.Index(text, []byte("\r\n.")); i >= 0 {
				text = text[:i+2]
			}
			lineStart = bytes.HasSuffix(text, []byte("\r\n"))
		}
		to.Write(text)
		if to.size > 2*limit {
			return fmt.Errorf("message goes on at twice the largest size: %w", errHangUp)
		}
		cr = text[len(text)-1] == '\r'
		if _, err := w.in.Discard(len(text)); err != nil {
			return err
		}
	}
}

// endless makes the end of a connection inside a message an error that nobody
// takes for the end of the message.
func endless(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
