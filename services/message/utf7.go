package message

import (
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"
)

// utf7Encoding reads UTF-7 (RFC 2152), which some old senders still write and
// golang.org/x/text does not know. It only decodes.
type utf7Encoding struct{ encoding.Encoding }

func (utf7Encoding) NewDecoder() *encoding.Decoder {
	return &encoding.Decoder{Transformer: new(utf7Decoder)}
}

// utf7Decoder is between characters: inside a base64 run bits holds the number
// of bits that are read but not yet a UTF-16 unit.
type utf7Decoder struct {
	inside  bool
	empty   bool // nothing since the "+": "+-" is a plus sign
	acc     uint32
	bits    uint
	highest rune // a high surrogate that waits for its low one
}

func (d *utf7Decoder) Reset() { *d = utf7Decoder{} }

func (d *utf7Decoder) Transform(dst, src []byte, _ bool) (nDst, nSrc int, err error) {
	for ; nSrc < len(src); nSrc++ {
		// One byte gives at most one character.
		if len(dst)-nDst < utf8.UTFMax {
			return nDst, nSrc, transform.ErrShortDst
		}
		if r := d.step(src[nSrc]); r >= 0 {
			nDst += utf8.EncodeRune(dst[nDst:], r)
		}
	}
	return nDst, nSrc, nil
}

// step takes one byte and gives the character that it completes, or -1.
func (d *utf7Decoder) step(c byte) rune {
	if !d.inside {
		switch {
		case c == '+':
			*d = utf7Decoder{inside: true, empty: true}
			return -1
		case c >= utf8.RuneSelf:
			return utf8.RuneError
		}
		return rune(c)
	}
	v := base64Value(c)
	if v < 0 {
		wasEmpty := d.empty
		*d = utf7Decoder{}
		switch {
		case c == '-' && wasEmpty:
			return '+'
		case c == '-':
			return -1
		case c >= utf8.RuneSelf:
			return utf8.RuneError
		}
		return rune(c)
	}
	d.empty = false
	d.acc, d.bits = d.acc<<6|uint32(v), d.bits+6
	if d.bits < 16 {
		return -1
	}
	d.bits -= 16
	unit := rune(d.acc >> d.bits & 0xffff)
	high := d.highest
	d.highest = 0
	switch {
	case unit >= 0xd800 && unit < 0xdc00:
		d.highest = unit
		return -1
	case unit >= 0xdc00 && unit < 0xe000:
		return utf16.DecodeRune(high, unit) // U+FFFD without a high half
	}
	return unit
}

// base64Value is the value of a character of base64's alphabet, -1 of others.
func base64Value(c byte) int {
	switch {
	case c >= 'A' && c <= 'Z':
		return int(c - 'A')
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 26
	case c >= '0' && c <= '9':
		return int(c-'0') + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return -1
}
