package search

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of what a person may ask.
const (
	// MaxAsk is the longest text, in bytes: a long sentence.
	MaxAsk = 1000
	// maxWords is how many words and phrases are looked for.
	maxWords = 16
	// maxNumber is how many digits a number has that is written in thousands too.
	maxNumber = 15
	// maxPhrase is how many tokens one of them may have.
	maxPhrase = 32
)

// ErrAsk says that a text is too long, or that there is nothing in it to look for.
var ErrAsk = errors.New("nothing to search for")

// asked is what a person looks for: everything of it must be so.
type asked struct {
	words         []wanted
	attachment    bool
	after, before uint32 // days since 1970; 0 and the highest if not asked
}

// wanted is a word, or several that stand side by side, in their plain form.
type wanted struct {
	tokens []string
	in     field
	prefix bool // the last one may go on: it is perhaps not all typed yet
	// misspelled: it was found so rarely that words like it count too.
	misspelled bool
	// umlaut: only terms with one count.
	umlaut bool
	also   []wanted // other ways to write the same
}

// all are the words with the other ways to write them.
func (q *asked) all() (list []wanted) {
	for _, w := range q.words {
		list = append(append(list, w), w.also...)
	}
	return list
}

// parseAsk reads what a person has typed: words, "phrases", and from: to:
// subject: has:attachment before: after: with a word, a phrase or a date. What
// looks like one of these but isn't is taken for words. It fails only with
// ErrAsk.
func parseAsk(text string) (*asked, error) {
	if len(text) > MaxAsk {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrAsk, MaxAsk)
	}
	q := &asked{before: 1<<32 - 1}
	for rest := strings.ToValidUTF8(text, " "); ; {
		rest = strings.TrimLeftFunc(rest, unicode.IsSpace)
		if rest == "" {
			break
		}
		var word string
		var operator string
		if op, after, ok := strings.Cut(rest, ":"); ok && isOperator(op) {
			operator, rest = strings.ToLower(op), after
		}
		quoted := strings.HasPrefix(rest, `"`)
		if quoted {
			word, rest, _ = strings.Cut(rest[1:], `"`)
		} else if i := strings.IndexFunc(rest, unicode.IsSpace); i >= 0 {
			word, rest = rest[:i], rest[i:]
		} else {
			word, rest = rest, ""
		}
		q.take(operator, word, rest == "" && !quoted)
	}
	if len(q.words) == 0 && !q.attachment && q.after == 0 && q.before == 1<<32-1 {
		return nil, ErrAsk
	}
	return q, nil
}

func isOperator(s string) bool {
	return slices.Contains([]string{"from", "to", "subject", "has", "before", "after"}, strings.ToLower(s))
}

// take notes one word or phrase, with what stood before it.
func (q *asked) take(operator, word string, last bool) {
	in := inPeople | inBody | inAttached
	switch operator {
	case "from":
		in = inFrom
	case "to":
		in = inTo | inCc | inBcc
	case "subject":
		in = inSubject
	case "has":
		if strings.HasPrefix(strings.ToLower(word), "attach") {
			q.attachment = true
			return
		}
		word = operator + " " + word
	case "before", "after":
		if day, ok := parseDay(word); ok {
			if operator == "before" {
				q.before = min(q.before, day)
			} else {
				q.after = max(q.after, day)
			}
			return
		}
		word = operator + " " + word
	}
	if len(q.words) == maxWords {
		return
	}
	w := wanted{in: in, prefix: last, tokens: plainTokens(word)}
	if len(w.tokens) > 0 {
		w.tokens = w.tokens[:min(len(w.tokens), maxPhrase)]
		w.also = w.otherForms(foldText(word))
		q.words = append(q.words, w)
	}
}

// otherForms are those in which a word, given folded, is written too: umlauts as
// two letters and the other way round, numbers with and without something between
// the thousands.
func (w *wanted) otherForms(word string) (list []wanted) {
	form := func(umlaut bool, tokens ...string) {
		list = append(list, wanted{tokens: tokens, in: w.in, prefix: w.prefix, umlaut: umlaut})
	}
	if spread := strings.NewReplacer("\u00e4", "ae", "\u00f6", "oe", "\u00fc", "ue").Replace(word); spread != word {
		form(false, plainTokens(spread)...)
	}
	if len(w.tokens) == 1 {
		token := w.tokens[0]
		if closed := strings.NewReplacer("ae", "a", "oe", "o", "ue", "u").Replace(token); closed != token {
			form(true, closed)
		}
		if n := len(token); n > 3 && n <= maxNumber && token == word && isNumber(token) {
			var groups []string
			for first := (n+2)%3 + 1; token != ""; first = 3 {
				groups, token = append(groups, token[:first]), token[first:]
			}
			form(false, groups...)
		}
		return list
	}
	for i, token := range w.tokens {
		if !isNumber(token) || i == 0 && len(token) > 3 || i > 0 && len(token) != 3 {
			return list
		}
	}
	if joined := strings.Join(w.tokens, ""); len(joined) <= maxNumber {
		form(false, joined)
	}
	return list
}

func isNumber(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// plainTokens are the tokens of a text in their plain form.
func plainTokens(text string) (tokens []string) {
	t := tokenizer{emit: func(term []byte, _ joint) { tokens = append(tokens, string(plain(nil, term))) }}
	t.write([]byte(text))
	t.end()
	// The last character of a text without spaces stands alone as well; that it is
	// the last one is not asked for.
	if n := len(tokens); n > 1 && utf8.RuneCountInString(tokens[n-1]) == 1 && strings.HasSuffix(tokens[n-2], tokens[n-1]) && denseOnly(tokens[n-2]) {
		tokens = tokens[:n-1]
	}
	return slices.DeleteFunc(tokens, func(s string) bool { return s == "" })
}

func denseOnly(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return kindOf(r) != dense })
}

// parseDay reads a day, a month or a year: 2026-03-01, 1.3.2026, 2026-03, 2026.
func parseDay(s string) (uint32, bool) {
	for _, layout := range []string{"2006-1-2", "2.1.2006", "2/1/2006", "2006-1", "2006"} {
		if t, err := time.Parse(layout, s); err == nil && t.Unix() > 0 {
			return uint32(t.Unix() / 86400), true
		}
	}
	return 0, false
}
