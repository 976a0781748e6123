package search

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/message"
)

const (
	// snippetText is how many bytes of a message a snippet is looked for in.
	snippetText = 256 << 10
	// snippetLen is how many characters it has, about: two lines on a page.
	snippetLen = 180
	// snippetLead is how many of them stand before the first word found.
	snippetLead = 40
)

// Piece is a part of a text that is shown; Hit says that it is what was found.
type Piece struct {
	Text string
	Hit  bool
}

// span is a token's place in a text, in bytes.
type span struct{ from, to int }

// spans are the tokens of a text that were asked for.
func (q *asked) spans(text string, in field) (list []span) {
	words := q.all()
	first := firstLetters(words, in)
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		kind := kindOf(foldRune(r))
		if kind == between {
			at += size
			continue
		}
		end := at + size
		for end < len(text) {
			r, size := utf8.DecodeRuneInString(text[end:])
			if kindOf(foldRune(r)) != kind {
				break
			}
			end += size
		}
		if c := text[at]; c >= utf8.RuneSelf || first[foldRune(rune(c))] {
			list = append(list, within(words, text[at:end], kind, at, in)...)
		}
		at = end
	}
	return list
}

// firstLetters are those ASCII letters with which a token may begin that was
// asked for: most of a text is passed over without being folded.
func firstLetters(words []wanted, in field) (first [utf8.RuneSelf]bool) {
	for _, w := range words {
		for _, token := range w.tokens {
			if c := token[0]; w.in&in != 0 && c < utf8.RuneSelf {
				first[c] = true // a misspelled word keeps its first letter
			}
		}
	}
	return first
}

// within are the places in one token that were asked for: all of it, or some
// characters of a text without spaces.
func within(words []wanted, token string, kind runeKind, at int, in field) (list []span) {
	if kind == dense {
		for _, w := range words {
			word := strings.Join(w.tokens[:1], "")
			for _, t := range w.tokens[1:] { // neighbours share a character
				_, size := utf8.DecodeRuneInString(t)
				word += t[min(size, len(t)):]
			}
			if i := strings.Index(token, word); i >= 0 && word != "" && w.in&in != 0 {
				return append(list, span{at + i, at + i + len(word)})
			}
		}
		return nil
	}
	key := string(plain(nil, []byte(foldText(token))))
	for _, w := range words {
		if w.in&in == 0 {
			continue
		}
		for i, want := range w.tokens {
			last := i == len(w.tokens)-1
			if key == want || w.prefix && last && strings.HasPrefix(key, want) ||
				w.misspelled && distance([]rune(want), []rune(key), typos(want)) <= typos(want) {
				return append(list, span{at, at + len(token)})
			}
		}
	}
	return nil
}

func foldText(s string) string { return strings.Map(foldRune, s) }

// mark cuts a text into pieces that were asked for and others.
func (q *asked) mark(text string, in field) []Piece {
	return pieces(text, q.spans(text, in), 0, len(text))
}

// pieces cuts text[from:to], with all space in it made one.
func pieces(text string, spans []span, from, to int) (list []Piece) {
	add := func(s string, hit bool) {
		var b strings.Builder
		space := false
		for _, r := range s {
			if unicode.IsSpace(r) || unicode.IsControl(r) {
				space = true
				continue
			}
			if space {
				b.WriteByte(' ')
				space = false
			}
			b.WriteRune(r)
		}
		if space {
			b.WriteByte(' ')
		}
		if b.Len() > 0 {
			list = append(list, Piece{b.String(), hit})
		}
	}
	at := from
	for _, s := range spans {
		if s.from < at || s.to > to {
			continue
		}
		add(text[at:s.from], false)
		add(text[s.from:s.to], true)
		at = s.to
	}
	add(text[at:to], false)
	return list
}

// snippet is the part of a message's text in which most of what was asked for
// stands, or its beginning.
func (q *asked) snippet(m *message.Stored, d *message.Digest) ([]Piece, error) {
	var beginning []Piece
	left := int64(snippetText)
	for _, p := range d.Root.All() {
		if !p.IsText() || left <= 0 {
			continue
		}
		text, err := message.Text(p, m, left)
		if err != nil {
			return nil, err
		}
		left -= int64(len(text))
		spans := q.spans(text, inBody)
		if len(spans) > 0 {
			from, to := window(text, spans)
			return pieces(text, spans, from, to), nil
		}
		if beginning == nil {
			beginning = pieces(text, nil, 0, forward(text, 0, snippetLen))
		}
	}
	return beginning, nil
}

// window is the stretch of the text with the most spans in it, the first of
// those that have as many.
func window(text string, spans []span) (from, to int) {
	best, most := 0, 0
	for i, j := 0, 0; i < len(spans); i++ {
		end := forward(text, spans[i].from, snippetLen-snippetLead)
		for j < len(spans) && spans[j].to <= end {
			j++
		}
		if j-i > most {
			best, most = i, j-i
		}
	}
	first := spans[best].from
	from = backward(text, first, snippetLead)
	return from, max(spans[best].to, forward(text, first, snippetLen-snippetLead))
}

// forward is n characters behind at; it does not end within a word if a word's
// end is near.
func forward(text string, at, n int) int {
	end := at
	for ; n > 0 && end < len(text); n-- {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
	}
	if end < len(text) {
		if i := strings.LastIndexFunc(text[at:end], unicode.IsSpace); i > (end-at)/2 {
			return at + i
		}
	}
	return end
}

// backward is up to n characters before at, where a word begins.
func backward(text string, at, n int) int {
	start := at
	for ; n > 0 && start > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(text[:start])
		start -= size
	}
	if start > 0 {
		if i := strings.IndexFunc(text[start:at], unicode.IsSpace); i >= 0 {
			_, size := utf8.DecodeRuneInString(text[start+i:])
			return start + i + size
		}
	}
	return start
}
