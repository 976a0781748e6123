package run

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// console passes the box's serial port on, but for lines that begin with "setup: https://": they have the box's own
// address, which is not reachable from here, and the address that is gets a line of its own. Messages of ours go
// between the box's lines. It may be used by several goroutines.
type console struct {
	mu   sync.Mutex
	out  io.Writer
	line []byte // held back: may become a line to hide
	mid  bool   // the line so far has been passed on
	wait []byte // messages for the end of the line
}

const hidden = "setup: https://"

func newConsole(out io.Writer) *console { return &console{out: out} }

// Write never holds back more than the beginning of a line that looks like one to hide.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []byte
	for _, b := range p {
		switch {
		case b == '\n':
			if c.mid {
				out = append(out, b)
			} else if !bytes.HasPrefix(c.line, []byte(hidden)) {
				out = append(append(out, c.line...), b)
			}
			c.line, c.mid = c.line[:0], false
			out = append(out, c.wait...)
			c.wait = c.wait[:0]
		case c.mid:
			out = append(out, b)
		default:
			c.line = append(c.line, b)
			if !bytes.HasPrefix([]byte(hidden), c.line) && !bytes.HasPrefix(c.line, []byte(hidden)) {
				out = append(out, c.line...)
				c.line, c.mid = c.line[:0], true
			}
		}
	}
	if len(out) > 0 {
		if _, err := c.out.Write(out); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// say writes a line of ours: at once, or when the box has ended the line it is in.
func (c *console) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wait = fmt.Appendf(c.wait, format+"\n", args...)
	if !c.mid {
		_, _ = c.out.Write(c.wait) // with nobody to read it there is nobody to tell
		c.wait = c.wait[:0]
	}
}

// end writes what waits: the box says nothing more.
func (c *console) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mid {
		_, _ = c.out.Write([]byte{'\n'}) // as in say
		c.mid = false
	}
	_, _ = c.out.Write(c.wait)
	c.wait = c.wait[:0]
}
