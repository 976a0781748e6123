package pop3d

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
)

// wire is a connection as lines in and replies out. Replies wait in the buffer
// until the next read would block, so a pipelined group costs one write.
type wire struct {
	stream io.ReadWriter // the link, or TLS on it
	in     *bufio.Reader
	out    *bufio.Writer
}

func newWire(stream io.ReadWriter) *wire {
	w := &wire{stream: stream, out: bufio.NewWriterSize(stream, buffer)}
	w.in = bufio.NewReaderSize(w, buffer)
	return w
}

// Read is the source of in.
func (w *wire) Read(p []byte) (int, error) {
	if err := w.out.Flush(); err != nil {
		return 0, err
	}
	return w.stream.Read(p)
}

// replace goes on over another stream. What the client sent ahead in the clear
// is forgotten: someone in the middle could have put it there (RFC 2595 §4).
func (w *wire) replace(stream io.ReadWriter) {
	w.stream = stream
	w.in.Reset(w)
	w.out.Reset(stream)
}

// errLineTooLong is answered; the connection goes on behind the line's end.
var errLineTooLong = syntaxError{"That line is too long"}

// readLine reads one line without its line end. One over maxLine is read away:
// errLineTooLong; one without an end in sight is errHangUp.
func (w *wire) readLine() (string, error) {
	var line []byte
	for size := 0; ; {
		piece, err := w.in.ReadSlice('\n')
		size += len(piece)
		if size <= maxLine+2 {
			line = append(line, piece...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if size > maxSkippedLine {
				return "", fmt.Errorf("a line of more than %d bytes: %w", size, errHangUp)
			}
		case err != nil:
			return "", err
		case size > maxLine+2:
			return "", errLineTooLong
		default:
			return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
		}
	}
}

// ok answers +OK. Nobody looks at a write's error: the next read gives it.
func (w *wire) ok(format string, args ...any) {
	fmt.Fprintf(w.out, "+OK "+format+"\r\n", args...)
}

// refuse answers -ERR.
func (w *wire) refuse(e *Error) {
	code := ""
	if e.Code != "" {
		code = "[" + e.Code + "] "
	}
	fmt.Fprintf(w.out, "-ERR %s%s\r\n", code, e.Text)
}

// end sends what is left and, under TLS, word that this is all (RFC 8446 §6.1).
func (w *wire) end() error {
	err := w.out.Flush()
	if t, ok := w.stream.(*tls.Conn); ok && err == nil {
		err = t.CloseWrite()
	}
	return err
}

// lines gives a writer for the lines of a multi-line reply; its close ends the
// reply.
func (w *wire) lines() *stuffer { return &stuffer{out: w.out, fresh: true} }
