package trace

import (
	"hash/fnv"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shortToken is how many characters somebody must type of a word.
const shortToken = 3

// tokenLengths are how much of a word is in its tokens: enough for a beginning that
// somebody types, and for most words and addresses to have tokens of their own.
func tokenLengths() []int { return []int{shortToken, 6, 12} }

const (
	// maxWords of one step have tokens: all recipients that fit into one, each whole, by
	// his domain and by the words of both, and a subject.
	maxWords = 4096
)

// fold makes letters that differ in case alone the same.
func fold(s string) string { return strings.ToLower(strings.ToUpper(s)) }

// token is a hash of the beginning of a word.
type token uint32

// searched says whether people look for a message by the values of a name.
func searched(name string) bool {
	switch name {
	case "from", "to", "login", "account", "subject", "message_id", "author", "peer", "hop", "item":
		return true
	}
	return false
}

// words are those that a value can be found by, folded: an address whole, by its parts
// and by their words; other text by its words.
func words(value string) (list []string) {
	value = strings.Trim(fold(value), "<>")
	if !strings.ContainsAny(value, " \t") {
		_, domain, isAddress := strings.Cut(value, "@")
		if isAddress || strings.ContainsAny(value, ".:") { // or a host, a network address
			list = append(list, value)
		}
		if isAddress {
			list = append(list, domain)
		}
	}
	return append(list, strings.FieldsFunc(value, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })...)
}

// beginning is a word's first n characters, "" if it has fewer.
func beginning(word string, n int) string {
	at := 0
	for range n {
		_, size := utf8.DecodeRuneInString(word[at:])
		if size == 0 {
			return ""
		}
		at += size
	}
	return word[:at]
}

func hash(text string) token {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text)) // a hash doesn't fail
	return token(h.Sum32())
}

// tokens are those of a step, sorted, each once: its message's ID, and of each word
// that it can be found by the beginnings, or the whole of a shorter one.
func (s *Step) tokens() []token {
	if len(s.Of) > 0 {
		return s.ofTokens()
	}
	list := []token{hash(string(s.ID[:]))}
	n := 0
	for _, p := range s.Pairs {
		if !searched(p.Name) {
			continue
		}
		for _, w := range words(p.Value) {
			if n++; n > maxWords {
				break
			}
			known := false
			for _, n := range tokenLengths() {
				if text := beginning(w, n); text != "" {
					list, known = append(list, hash(text)), true
				}
			}
			if !known {
				list = append(list, hash("\x00"+w)) // "ab" alone, and not what begins so
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// ofTokens are the IDs of the messages that a step is of, and nothing else.
func (s *Step) ofTokens() []token {
	list := make([]token, len(s.Of))
	for i := range s.Of {
		list[i] = hash(string(s.Of[i].ID[:]))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// term is one word that is looked for.
type term string

// token has all steps in whose words one begins with the term, and others.
func (t term) token() token {
	for _, n := range slices.Backward(tokenLengths()) {
		if text := beginning(string(t), n); text != "" {
			return hash(text)
		}
	}
	return hash("\x00" + string(t))
}

// isIn says whether a word of the step begins with the term. One of one or two
// characters must be the whole word.
func (t term) isIn(s *Step) bool {
	whole := utf8.RuneCountInString(string(t)) < shortToken
	for _, p := range s.Pairs {
		if searched(p.Name) && slices.ContainsFunc(words(p.Value), func(w string) bool {
			return w == string(t) || !whole && strings.HasPrefix(w, string(t))
		}) {
			return true
		}
	}
	return false
}

// terms are what somebody has typed, at most maxTerms.
func terms(text string) (list []term) {
	for _, word := range strings.Fields(fold(text)) {
		word = strings.Trim(word, "<>,;\"'()[]“”„")
		if strings.ContainsAny(word, "@.:") {
			list = append(list, term(word)) // an address, a domain, a host: as it is
			continue
		}
		for _, w := range words(word) {
			list = append(list, term(w))
		}
	}
	list = slices.DeleteFunc(list, func(t term) bool { return t == "" })
	return list[:min(len(list), maxTerms)]
}
