package search

import (
	"unicode"
	"unicode/utf8"
)

const (
	// maxTerm is how many runes of a token one term holds. A longer one (base64,
	// a hash) becomes several, each beginning termStep after the one before: so
	// every piece of up to termStep runes lies wholly in one of them.
	maxTerm  = 64
	termStep = 32
)

// joint says what stands between a token and the one before it, in the same text.
type joint uint8

// The joints, as they stand in a segment. Those but jointOther say exactly which
// characters there are, so a phrase with them needs no look at the text.
const (
	jointOther joint = iota
	jointSpace
	jointApostrophe
	jointHyphen
	jointDot
	jointAt
	jointNone // nothing: the two are pieces of one word, or of a text without spaces
	jointComma
)

func jointOf(between string) joint {
	switch between {
	case "":
		return jointNone
	case " ":
		return jointSpace
	case "'":
		return jointApostrophe
	case "-":
		return jointHyphen
	case ".":
		return jointDot
	case "@":
		return jointAt
	case ", ":
		return jointComma
	}
	return jointOther
}

// runeKind says how a folded rune takes part in tokens.
type runeKind uint8

const (
	between runeKind = iota // stands between tokens
	letter                  // letters, digits and marks: runs of them are tokens
	dense                   // of a script that puts no spaces between words: every two of them are a token
)

func kindOf(r rune) runeKind {
	switch {
	case r < utf8.RuneSelf:
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' {
			return letter
		}
		return between
	case r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar):
		return dense
	case unicode.IsLetter(r), unicode.IsNumber(r), unicode.IsMark(r):
		return letter
	}
	return between
}

// foldRune is match.Fold of one rune.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}
	return unicode.ToLower(unicode.ToUpper(r))
}

// tokenizer cuts one text, written to it in pieces of any size, into terms.
type tokenizer struct {
	// emit gets each term, which it must copy, and what stands before it.
	emit func(term []byte, j joint)

	rest    [utf8.UTFMax]byte // a rune that was cut by the end of a piece
	restLen int
	kind    runeKind // of the token in hand; between: none
	token   []rune   // the token in hand, from where its last term began
	joint   joint    // before that term
	gap     []byte   // what has stood since the last token, the first few bytes
	begun   bool     // there was a token in this text
	term    []byte
}

// write takes more of the text.
func (t *tokenizer) write(p []byte) {
	if t.restLen > 0 {
		n := copy(t.rest[t.restLen:], p)
		whole := t.rest[:t.restLen+n]
		if !utf8.FullRune(whole) {
			t.restLen += n
			return
		}
		r, size := utf8.DecodeRune(whole)
		p = p[max(0, size-t.restLen):]
		t.restLen = 0
		t.rune(foldRune(r))
	}
	for len(p) > 0 {
		if p[0] < utf8.RuneSelf {
			t.rune(foldRune(rune(p[0])))
			p = p[1:]
			continue
		}
		if !utf8.FullRune(p) {
			t.restLen = copy(t.rest[:], p)
			return
		}
		r, size := utf8.DecodeRune(p)
		p = p[size:]
		t.rune(foldRune(r))
	}
}

// end says that the text is over; the next write begins another one.
func (t *tokenizer) end() {
	t.flush()
	t.kind, t.restLen, t.begun, t.gap = between, 0, false, t.gap[:0]
}

func (t *tokenizer) rune(r rune) {
	kind := kindOf(r)
	if kind == between {
		t.flush()
		t.kind = between
		if len(t.gap) < 4 {
			t.gap = utf8.AppendRune(t.gap, r)
		}
		return
	}
	if kind != t.kind {
		t.flush()
		t.kind = kind
		t.joint = jointOther
		if t.begun {
			t.joint = jointOf(string(t.gap))
		}
		t.begun, t.gap = true, t.gap[:0]
	}
	t.token = append(t.token, r)
	switch {
	case kind == dense && len(t.token) == 2:
		t.put(t.token)
		t.token = append(t.token[:0], r)
		t.joint = jointNone
	case len(t.token) == maxTerm+1:
		t.put(t.token[:maxTerm])
		t.token = append(t.token[:0], t.token[termStep:]...)
		t.joint = jointNone
	}
}

// flush ends the token in hand.
func (t *tokenizer) flush() {
	if len(t.token) > 0 {
		t.put(t.token)
		t.token = t.token[:0]
	}
}

func (t *tokenizer) put(token []rune) {
	t.term = t.term[:0]
	for _, r := range token {
		t.term = utf8.AppendRune(t.term, r)
	}
	t.emit(t.term, t.joint)
}
