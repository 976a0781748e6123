package wire

import (
	"bytes"
	"io"
	"strconv"
)

// LiteralDigits is the longest size of a literal that is read as a number: one
// byte less than 10^18 is more than anyone has.
const LiteralDigits = 18

// Literal is a literal that is about to be read, byte by byte from the
// connection. It must be read to its end, or Skip called, before the next token.
type Literal struct {
	Size   int64
	Binary bool // ~{n}: may hold NUL bytes (RFC 3516)
	sync   bool
	r      *Reader
	left   int64
}

// literalHeader recognises the header of a literal at the end of a line, of
// which tail is all or the last bytes. Its error says that there is one whose
// size can't be told: what follows it might be taken for commands.
func literalHeader(tail []byte) (size int64, sync, ok bool, err error) {
	body, found := bytes.CutSuffix(tail, []byte("}"))
	if !found {
		return 0, false, false, nil
	}
	body, plus := bytes.CutSuffix(body, []byte("+"))
	before := bytes.TrimRight(body, "0123456789")
	digits := body[len(before):]
	switch {
	case len(digits) == 0:
		return 0, false, false, nil
	case len(digits) > LiteralDigits, len(before) == 0:
		return 0, false, false, &FatalError{"literal is too large"}
	case before[len(before)-1] != '{':
		return 0, false, false, nil
	}
	size, _ = strconv.ParseInt(string(digits), 10, 64) // at most LiteralDigits digits
	return size, !plus, true, nil
}

// Literal reads the header of a literal of at most limit bytes, up to the
// end of its line. For a synchronising literal it does not ask for the bytes
// yet: Open does. Nil means an error: see Err. A literal over the limit is a
// TooLargeError; sent unasked it is skipped first, as far as Limits.Discard goes.
func (r *Reader) Literal(limit int64) *Literal {
	lit := r.literalStart()
	if lit == nil {
		return nil
	}
	if lit.Size <= limit {
		return lit
	}
	tooLarge := &TooLargeError{Size: lit.Size, Limit: limit}
	if lit.sync {
		r.ended = true // the client gets its answer instead of leave to send
		r.Fail(tooLarge)
		return nil
	}
	if lit.Size > r.limits.Discard {
		r.Fail(&FatalError{"literal is too large"})
		return nil
	}
	if err := lit.Skip(); err == nil {
		r.Fail(tooLarge)
	}
	return nil
}

// literalStart reads [~] "{" digits ["+"] "}" CRLF.
func (r *Reader) literalStart() *Literal {
	lit := &Literal{r: r, Binary: r.Accept('~'), sync: true}
	if r.Peek() == '{' && r.lineLeft < tailSize {
		// Discard has to find the header whole.
		r.Fail(ErrLineTooLong)
		return nil
	}
	r.Expect('{')
	var digits []byte
	for {
		c := r.Peek()
		if c < '0' || c > '9' {
			break
		}
		if len(digits) == LiteralDigits {
			r.Fail(&FatalError{"literal is too large"})
			return nil
		}
		digits = append(digits, c)
		r.next()
	}
	if r.err == nil && len(digits) == 0 {
		r.Failf("a literal needs its size in bytes%s", r.here())
	}
	if r.Accept('+') {
		lit.sync = false
	}
	r.Expect('}')
	if r.err == nil && r.Peek() != 0 {
		r.Failf("a literal's header must end its line%s", r.here())
	}
	if r.err != nil {
		return nil
	}
	if r.lineEnd(); r.err != nil {
		return nil
	}
	r.ended = false
	lit.Size, _ = strconv.ParseInt(string(digits), 10, 64) // at most LiteralDigits digits
	lit.left = lit.Size
	return lit
}

// Open asks the client for the bytes of a synchronising literal.
func (l *Literal) Open() error {
	if !l.sync {
		return nil
	}
	l.sync = false
	if err := l.r.cont(); err != nil {
		l.r.broken = true
		l.r.Fail(err)
		return err
	}
	return nil
}

// Refuse ends the command at a literal that the server doesn't want: one that
// has not been asked for will not come, one that comes unasked is skipped.
func (l *Literal) Refuse() error {
	if l.sync {
		l.r.ended = true
		return nil
	}
	return l.Skip()
}

// Read reads the literal's bytes; io.EOF at its end.
func (l *Literal) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, io.EOF
	}
	if l.r.broken {
		return 0, l.r.err // nobody waits for the same silence twice
	}
	if int64(len(p)) > l.left {
		p = p[:l.left]
	}
	n, err := rawReader{l.r}.Read(p)
	l.left -= int64(n)
	if err != nil {
		l.r.Fail(err)
	}
	return n, err
}

// Skip reads over what is left of the literal.
func (l *Literal) Skip() error {
	_, err := io.Copy(io.Discard, struct{ io.Reader }{l})
	return err
}

// literalString reads a literal into memory, within the command's budget.
func (r *Reader) literalString() string {
	lit := r.Literal(r.literalLeft)
	if lit == nil {
		return ""
	}
	r.literalLeft -= lit.Size
	if lit.Open() != nil {
		return ""
	}
	text := make([]byte, lit.Size)
	if _, err := io.ReadFull(lit, text); err != nil {
		return ""
	}
	if !lit.Binary && bytes.IndexByte(text, 0) >= 0 {
		r.Failf("a NUL byte is only allowed in a literal8")
		return ""
	}
	return string(text)
}
