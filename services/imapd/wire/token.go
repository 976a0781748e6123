package wire

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// IsAtomChar is the ATOM-CHAR of RFC 9051 §9.
func IsAtomChar(c byte) bool {
	return c > ' ' && c < 0x7f && strings.IndexByte(`(){%*"\]`, c) < 0
}

// isAStringChar adds "]" (RFC 9051 §9, ASTRING-CHAR).
func isAStringChar(c byte) bool { return IsAtomChar(c) || c == ']' }

// isTagChar leaves out "+" (RFC 9051 §9, tag).
func isTagChar(c byte) bool { return isAStringChar(c) && c != '+' }

// isListChar is the list-char of a mailbox pattern, with UTF-8.
func isListChar(c byte) bool {
	return isAStringChar(c) || c == '%' || c == '*' || c >= utf8.RuneSelf
}

// run reads at least one byte for which is holds.
func (r *Reader) run(what string, is func(byte) bool) string {
	var small [64]byte
	text := small[:0]
	for c := r.Peek(); c != 0 && is(c); c = r.Peek() {
		r.next()
		text = append(text, c)
	}
	if r.err == nil && len(text) == 0 {
		r.Failf("expected %s%s", what, r.here())
	}
	if r.err != nil {
		return ""
	}
	return string(text)
}

// Tag reads a command's tag.
func (r *Reader) Tag() string { return r.run("a tag", isTagChar) }

// Atom reads an atom.
func (r *Reader) Atom() string { return r.run("an atom", IsAtomChar) }

// Keyword reads an atom and makes it upper case: names of commands and items.
func (r *Reader) Keyword() string { return strings.ToUpper(r.Atom()) }

// Word reads letters, digits, "." and "-" and makes them upper case: the name
// of a FETCH item, which may be followed by "[" or "<".
func (r *Reader) Word() string {
	return strings.ToUpper(r.run("a name", func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-'
	}))
}

// AString reads an atom or a string.
func (r *Reader) AString() string {
	switch r.Peek() {
	case '"', '{', '~':
		if r.Peek() != '~' {
			return r.String()
		}
	}
	return r.run("an atom or a string", func(c byte) bool { return isAStringChar(c) || c >= utf8.RuneSelf })
}

// String reads a quoted string or a literal.
func (r *Reader) String() string {
	switch r.Peek() {
	case '"':
		return r.quoted()
	case '{':
		return r.literalString()
	}
	r.Failf("expected a string%s", r.here())
	return ""
}

// NString reads a string or NIL; nil is NIL.
func (r *Reader) NString() *string {
	if c := r.Peek(); c == '"' || c == '{' {
		s := r.String()
		return &s
	}
	if atom := r.Keyword(); r.err == nil && atom != "NIL" {
		r.Failf("expected a string or NIL, not %s", atom)
	}
	return nil
}

// NString8 reads a string, a literal8 or NIL; nil is NIL (RFC 5464 §5, value).
func (r *Reader) NString8() *string {
	if r.Peek() != '~' {
		return r.NString()
	}
	s := r.literalString()
	return &s
}

// ListPattern reads a mailbox name with wildcards (RFC 9051 §9, list-mailbox).
func (r *Reader) ListPattern() string {
	if c := r.Peek(); c == '"' || c == '{' {
		return r.String()
	}
	return r.run("a mailbox pattern", isListChar)
}

// quoted reads a quoted string. UTF-8 is taken in any session: RFC 3501 had no
// place for it, RFC 9051 §4.3 has.
func (r *Reader) quoted() string {
	r.Expect('"')
	var small [128]byte
	text := small[:0]
	for {
		c := r.Peek()
		switch {
		case errors.Is(r.err, ErrLineTooLong) && bytes.IndexByte(text[max(0, len(text)-tailSize):], '{') >= 0:
			r.err = &FatalError{"a quoted string is too long"} // as below
			return ""
		case r.err != nil:
			return ""
		case c == 0:
			if len(text) > 0 && text[len(text)-1] == '}' {
				// Did a literal begin here? Its bytes must not become commands.
				r.Fail(&FatalError{"a quoted string ends with its line"})
			}
			r.Failf("a quoted string does not end on its line")
			return ""
		case c == '"':
			r.next()
			if !utf8.Valid(text) {
				r.Failf("a quoted string is not UTF-8")
				return ""
			}
			return string(text)
		case c == '\\':
			r.next()
			if c = r.Peek(); c != '"' && c != '\\' {
				r.Failf(`only " and \ can follow a \ in a quoted string`)
				return ""
			}
		}
		r.next()
		text = append(text, c)
	}
}

// Number reads a number of 32 bits.
func (r *Reader) Number() uint32 {
	n := r.number(math.MaxUint32)
	return uint32(n)
}

// Number64 reads a number of 63 bits (RFC 9051 §9, number64).
func (r *Reader) Number64() int64 { return int64(r.number(math.MaxInt64)) }

func (r *Reader) number(limit uint64) uint64 {
	digits := r.run("a number", func(c byte) bool { return c >= '0' && c <= '9' })
	if r.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n > limit {
		r.Failf("the number %.20s is too large", digits)
		return 0
	}
	return n
}

// List reads a parenthesised list, calling item for each element, which must
// consume it. An empty list is allowed.
func (r *Reader) List(item func()) {
	r.Expect('(')
	if r.Accept(')') {
		return
	}
	for r.err == nil {
		item()
		if r.Accept(')') {
			return
		}
		r.SP()
	}
}

// Flag reads a flag: an atom, or a backslash and an atom (RFC 9051 §9).
func (r *Reader) Flag() string {
	prefix := ""
	if r.Accept('\\') {
		prefix = `\`
	}
	return prefix + r.Atom()
}

// Date reads a day such as 1-Feb-2026, quoted or not (RFC 9051 §9, date). It is
// midnight UTC; only the day counts.
func (r *Reader) Date() time.Time {
	var text string
	if r.Peek() == '"' {
		text = r.quoted()
	} else {
		text = r.Atom()
	}
	if r.err != nil {
		return time.Time{}
	}
	day, err := time.Parse("2-Jan-2006", text)
	if err != nil || len(text) < len("1-Jan-2006") {
		r.Failf("%+q is not a date such as 1-Feb-2026", clip(text))
	}
	return day
}

// DateTime reads a moment such as "01-Feb-2026 10:00:00 +0100" (RFC 9051 §9, date-time).
func (r *Reader) DateTime() time.Time {
	text := r.quoted()
	if r.err != nil {
		return time.Time{}
	}
	moment, err := time.Parse("_2-Jan-2006 15:04:05 -0700", text)
	if err != nil {
		r.Failf("%+q is not a date and time such as \"01-Feb-2026 10:00:00 +0100\"", clip(text))
	}
	return moment
}

// clip shortens what a client sent for an error text.
func clip(s string) string {
	const longest = 40
	if len(s) > longest {
		s = s[:longest]
	}
	return s
}
