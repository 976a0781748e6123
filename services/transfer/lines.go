package transfer

import (
	"bufio"
	"bytes"
	"io"
)

// canonical gives mail its CR LF: where the first line ends in a plain LF, all
// plain LFs become CR LF; else nothing is changed. Unix programs keep mail with
// LF, IMAP and SMTP need CR LF. One is used for all messages of an archive, so
// that a million of them share its buffers.
type canonical struct {
	r        *bufio.Reader
	verbatim func() bool // asked when the first byte is there: nothing is to be changed
	decided  bool
	convert  bool
	lastCR   bool
	buf      []byte
	out      []byte // of buf: converted, not read yet
}

// lineBuffer is how far a first line is looked at, in bytes; far above the 998
// of RFC 5322.
const lineBuffer = 64 << 10

func newCanonical() *canonical {
	return &canonical{r: bufio.NewReaderSize(nil, lineBuffer), buf: make([]byte, 0, 2*lineBuffer)}
}

// reset begins another message.
func (c *canonical) reset(r io.Reader, verbatim func() bool) {
	c.r.Reset(r)
	*c = canonical{r: c.r, verbatim: verbatim, buf: c.buf[:0]}
}

func (c *canonical) decide() error {
	c.decided = true
	if _, err := c.r.Peek(1); err != nil {
		return err
	}
	if c.verbatim() {
		return nil
	}
	head, err := c.r.Peek(c.r.Buffered()) // mostly the first line is in it
	if bytes.IndexByte(head, '\n') < 0 {
		head, err = c.r.Peek(lineBuffer)
	}
	if err != nil && err != io.EOF {
		return err
	}
	c.convert = bareLF(head)
	return nil
}

func (c *canonical) Read(p []byte) (int, error) {
	if !c.decided {
		if err := c.decide(); err != nil {
			return 0, err
		}
	}
	if !c.convert {
		return c.r.Read(p)
	}
	for len(c.out) == 0 {
		if _, err := c.r.Peek(1); err != nil {
			return 0, err
		}
		piece, _ := c.r.Peek(c.r.Buffered()) // it is there
		c.buf = c.buf[:0]
		for _, b := range piece {
			if b == '\n' && !c.lastCR {
				c.buf = append(c.buf, '\r')
			}
			c.buf = append(c.buf, b)
			c.lastCR = b == '\r'
		}
		_, _ = c.r.Discard(len(piece)) // it is there
		c.out = c.buf
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}

// bareLF reports whether the first line that ends in head ends in a plain LF.
func bareLF(head []byte) bool {
	i := bytes.IndexByte(head, '\n')
	return i == 0 || i > 0 && head[i-1] != '\r'
}

// survey is what a writer has to know of a message before it begins.
type survey struct {
	size    int64
	bareLF  bool // the first line ends in a plain LF: a reader would change it
	allCRLF bool // there is no plain LF
	open    bool // the last line has no end
}

// look reads a message from its beginning to its end. A body that is damaged
// shows here, before anything has been written of it.
func look(r io.Reader) (survey, error) {
	s := survey{allCRLF: true}
	buf := make([]byte, lineBuffer)
	first := true
	var last byte
	for {
		n, err := r.Read(buf)
		piece := buf[:n]
		s.size += int64(n)
		for len(piece) > 0 {
			i := bytes.IndexByte(piece, '\n')
			if i < 0 {
				last = piece[len(piece)-1]
				break
			}
			if i > 0 {
				last = piece[i-1]
			}
			if last != '\r' {
				s.allCRLF = false
				s.bareLF = s.bareLF || first
			}
			first = false
			last, piece = '\n', piece[i+1:]
		}
		if err == io.EOF {
			s.open = s.size > 0 && last != '\n'
			return s, nil
		}
		if err != nil {
			return s, err
		}
	}
}
