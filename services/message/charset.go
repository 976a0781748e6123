package message

import (
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"
)

// charset finds an encoding by the name that mail gives it; nil if it is not
// known. The WHATWG's list (htmlindex) comes first because senders write
// "iso-8859-1" and mean windows-1252, as that list says.
func charset(name string) encoding.Encoding {
	if isUTF8(name) {
		return textOrLatin{}
	}
	name = strings.ToLower(strings.TrimSpace(name))
	switch name {
	case "utf-7", "unicode-1-1-utf-7":
		return utf7Encoding{}
	case "utf-32":
		return utf32.UTF32(utf32.BigEndian, utf32.UseBOM)
	}
	if e, err := htmlindex.Get(name); err == nil {
		return e
	}
	if e, err := ianaindex.MIME.Encoding(name); err == nil && e != nil {
		return e
	}
	if rest, ok := strings.CutPrefix(name, "cp"); ok {
		return charset("windows-" + rest)
	}
	return nil
}

// isUTF8 reports whether the charset of this name is UTF-8 or a part of it.
func isUTF8(name string) bool {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "", "us-ascii", "ascii", "utf8", "utf-8", "ansi_x3.4-1968":
		return true
	}
	return false
}

// decodeCharset converts b to UTF-8. What can't be converted becomes U+FFFD;
// of an unknown charset the ASCII and the valid UTF-8 is kept.
func decodeCharset(name string, b []byte) string {
	e := charset(name)
	if e == nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	out, err := e.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}

// newCharsetReader is decodeCharset for a stream.
func newCharsetReader(name string, r io.Reader) io.Reader {
	e := charset(name)
	if e == nil {
		return transform.NewReader(r, validUTF8{})
	}
	return transform.NewReader(r, e.NewDecoder())
}

// textOrLatin reads what claims to be ASCII or UTF-8, or claims nothing: valid
// UTF-8 stays, any other byte is read as windows-1252, which is what old
// senders mean by it.
type textOrLatin struct{ encoding.Encoding }

func (textOrLatin) NewDecoder() *encoding.Decoder {
	return &encoding.Decoder{Transformer: latinFallback{}}
}

type latinFallback struct{ transform.NopResetter }

func (latinFallback) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	return transformUTF8(dst, src, atEOF, func(b byte) rune { return charmap.Windows1252.DecodeByte(b) })
}

// validUTF8 turns bytes that are not UTF-8 into U+FFFD.
type validUTF8 struct{ transform.NopResetter }

func (validUTF8) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	return transformUTF8(dst, src, atEOF, func(byte) rune { return utf8.RuneError })
}

// transformUTF8 copies valid UTF-8 and puts instead(b) for every other byte.
func transformUTF8(dst, src []byte, atEOF bool, instead func(byte) rune) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		if c := src[nSrc]; c < utf8.RuneSelf {
			if nDst == len(dst) {
				return nDst, nSrc, transform.ErrShortDst
			}
			dst[nDst] = c
			nDst++
			nSrc++
			continue
		}
		r, size := utf8.DecodeRune(src[nSrc:])
		if r == utf8.RuneError && size <= 1 {
			if !atEOF && !utf8.FullRune(src[nSrc:]) {
				return nDst, nSrc, transform.ErrShortSrc
			}
			r, size = instead(src[nSrc]), 1
		}
		if len(dst)-nDst < utf8.RuneLen(r) {
			return nDst, nSrc, transform.ErrShortDst
		}
		nDst += utf8.EncodeRune(dst[nDst:], r)
		nSrc += size
	}
	return nDst, nSrc, nil
}
