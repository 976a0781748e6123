package search

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// plain is a folded term as people type it who leave the marks away: ë is e, ç is
// c, ß is ss. It goes rune by rune, so a term's beginning stays its beginning.
func plain(b []byte, term []byte) []byte {
	for len(term) > 0 {
		if term[0] < utf8.RuneSelf {
			b = append(b, term[0])
			term = term[1:]
			continue
		}
		r, size := utf8.DecodeRune(term)
		b = plainRune(b, r, term[:size])
		term = term[size:]
	}
	return b
}

func plainRune(b []byte, r rune, raw []byte) []byte {
	switch r {
	case 'ß':
		return append(b, "ss"...)
	case 'æ':
		return append(b, "ae"...)
	case 'œ':
		return append(b, "oe"...)
	case 'ø':
		return append(b, 'o')
	case 'đ', 'ð':
		return append(b, 'd')
	case 'ł':
		return append(b, 'l')
	case 'ı':
		return append(b, 'i')
	}
	if kindOf(r) == dense {
		return append(b, raw...) // a kana's voicing mark makes another letter
	}
	if unicode.Is(unicode.Mn, r) {
		return b
	}
	if d := norm.NFD.Properties(raw).Decomposition(); len(d) > 0 {
		for len(d) > 0 {
			r, size := utf8.DecodeRune(d)
			if !unicode.Is(unicode.Mn, r) {
				b = utf8.AppendRune(b, r)
			}
			d = d[size:]
		}
		return b
	}
	return append(b, raw...)
}
