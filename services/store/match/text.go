package match

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/message"
)

// MaxHeader is how much of a header is searched, in bytes. It is what the
// digest's scanner reads of one, so nothing is found here that the index doesn't
// know.
const MaxHeader = message.DefaultHeader

// window is how much of a body is read and folded at a time.
const window = 32 << 10

// header asks for text in the decoded value of the message's own fields of a
// name. An empty name means the decoded headers of the message and all its parts,
// as RFC 9051 §6.4.4 has TEXT look through them, and the decoded parameters in
// them (RFC 2231).
type header struct {
	name, text string
	place      int // in Matcher.Texts
}

// body asks for text in the decoded text parts.
type body struct {
	text  string
	place int // in Matcher.Texts
}

func (header) cost() cost { return costHeader }
func (body) cost() cost   { return costBody }

func (n header) holds(c *candidate) (bool, error) {
	if v := c.verdict(n.place); v != Unknown {
		return v == Yes, nil
	}
	m, err := c.message()
	if err != nil {
		return false, err
	}
	d, err := m.Digest()
	if err != nil {
		return false, err
	}
	if n.name != "" {
		return n.in(d.Root.Header(m))
	}
	for _, p := range d.Root.All() {
		if ok, err := n.in(p.Header(m)); ok || err != nil {
			return ok, err
		}
		for value := range p.Extended() {
			if strings.Contains(Fold(value), n.text) {
				return true, nil
			}
		}
	}
	return false, nil
}

// in looks through one header.
func (n header) in(r io.Reader) (bool, error) {
	for f, err := range message.Fields(r, MaxHeader) {
		if errors.Is(err, message.ErrHeaderTooLong) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		switch {
		case n.name == "":
			if strings.Contains(Fold(f.Name+": "+message.DecodeHeader(f.Value())), n.text) {
				return true, nil
			}
		case strings.EqualFold(f.Name, n.name):
			if n.text == "" || strings.Contains(Fold(message.DecodeHeader(f.Value())), n.text) {
				return true, nil
			}
		}
	}
	return false, nil
}

func (n body) holds(c *candidate) (bool, error) {
	if n.text == "" {
		return true, nil // every text contains the empty one
	}
	if v := c.verdict(n.place); v != Unknown {
		return v == Yes, nil
	}
	m, err := c.message()
	if err != nil {
		return false, err
	}
	d, err := m.Digest()
	if err != nil {
		return false, err
	}
	for _, p := range d.Root.All() {
		if !p.IsText() {
			continue
		}
		if ok, err := contains(c.ctx, message.NewTextReader(p, m), n.text); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// contains looks for the folded text in what r gives, folding it on the way.
func contains(ctx context.Context, r io.Reader, text string) (bool, error) {
	buf := make([]byte, 0, window+utf8.UTFMax)
	var tail []byte // end of what was folded already: the text may begin in it
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		n, err := io.ReadFull(r, buf[len(buf):window])
		buf = buf[:len(buf)+n]
		whole := len(buf)
		if err == nil {
			whole = wholeRunes(buf)
		}
		tail = append(tail, Fold(string(buf[:whole]))...)
		if bytes.Contains(tail, []byte(text)) {
			return true, nil
		}
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return false, nil
		case err != nil:
			return false, err
		}
		tail = append(tail[:0], tail[max(0, len(tail)-len(text)+1):]...)
		buf = append(buf[:0], buf[whole:]...)
	}
}

// wholeRunes is the length of b without a rune cut off at its end.
func wholeRunes(b []byte) int {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return len(b) - i
			}
			break
		}
	}
	return len(b)
}
