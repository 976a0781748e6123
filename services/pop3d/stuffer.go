package pop3d

import (
	"bufio"
	"bytes"
	"io"
)

// stuffer writes text as the lines of a multi-line reply (RFC 1939 §3): every
// line ends in CRLF, whatever it ended in, and one that begins with a dot gets
// another in front.
type stuffer struct {
	out   *bufio.Writer
	fresh bool // at the beginning of a line
	cr    bool // the last byte was a CR
}

// Write takes the next bytes; lines may be cut anywhere.
func (s *stuffer) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if s.fresh && p[0] == '.' {
			_ = s.out.WriteByte('.') // errors stick to a bufio.Writer
		}
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			s.fresh, s.cr = false, p[len(p)-1] == '\r'
			_, err := s.out.Write(p)
			return n, err
		}
		if i > 0 {
			s.cr = p[i-1] == '\r'
			_, _ = s.out.Write(p[:i]) // as above
		}
		if !s.cr {
			_ = s.out.WriteByte('\r') // as above
		}
		if err := s.out.WriteByte('\n'); err != nil {
			return n, err
		}
		s.fresh, s.cr = true, false
		p = p[i+1:]
	}
	return n, nil
}

// line writes one line, given without its end.
func (s *stuffer) line(text string) {
	_, _ = io.WriteString(s, text+"\r\n") // errors stick to a bufio.Writer
}

// close ends the last line, if need be, and the reply.
func (s *stuffer) close() error {
	if !s.fresh {
		_, _ = s.out.WriteString("\r\n") // errors stick to a bufio.Writer
	}
	_, err := s.out.WriteString(".\r\n")
	return err
}
