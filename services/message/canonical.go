package message

import "bytes"

// Canonical counts the octets of what is written to it as they are when every
// line ends in CRLF: bare LFs get a CR, and a last line without end gets one. It
// is how POP3 sends messages and what it says their size is (RFC 1939 §11; dots
// that are doubled on the way don't count). The zero value has counted nothing.
//
// What ends in whole lines can be counted apart from what comes behind it.
type Canonical struct {
	octets int64
	cr     bool // the last octet was a CR
	open   bool // it was no LF
}

// Write takes the next bytes; it never fails.
func (c *Canonical) Write(p []byte) (int, error) {
	n := len(p)
	c.octets += int64(n)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			c.cr, c.open = p[len(p)-1] == '\r', true
			break
		}
		if i > 0 {
			c.cr = p[i-1] == '\r'
		}
		if !c.cr {
			c.octets++
		}
		c.cr, c.open = false, false
		p = p[i+1:]
	}
	return n, nil
}

// Size is how many octets it comes to, if this was all.
func (c *Canonical) Size() int64 {
	if c.open {
		return c.octets + 2
	}
	return c.octets
}
