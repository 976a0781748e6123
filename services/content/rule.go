package content

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Bounds of rules, so that no message waits long for them.
const (
	MaxRules   = 50
	maxPattern = 1000 // bytes
	maxWords   = 500
	maxWord    = 100 // characters
	maxName    = 100 // characters
	maxLeast   = 1000
)

// matcher finds one kind of thing in a text.
type matcher struct {
	re    *regexp.Regexp
	group int                        // of re, that is the match
	trim  func(found string) (n int) // how many bytes of the match are really one; 0: none. nil: all
	what  string                     // in words
}

// rule is a compiled mail.ContentRule.
type rule struct {
	mail.ContentRule
	matchers []matcher
}

// Set is rules ready for use.
type Set struct {
	rules []rule
	slot  chan struct{} // held by who has a document open
}

// Compile makes rules ready. The error is a *mail.RuleError that says in words what is
// wrong with which of them.
func Compile(rules []mail.ContentRule) (*Set, error) {
	if len(rules) > MaxRules {
		return nil, &mail.RuleError{Field: "rules", Text: fmt.Sprintf("A domain can have %d rules at most", MaxRules), Err: mail.ErrTooMany}
	}
	s := &Set{slot: make(chan struct{}, 1)}
	names := map[string]bool{}
	for _, r := range rules {
		c, err := compile(r)
		if err == nil && names[r.Name] {
			err = errors.New("another rule has the same name")
		}
		if err != nil {
			return nil, &mail.RuleError{Field: "rules", Text: fmt.Sprintf("Rule “%s”: %v", r.Name, err)}
		}
		names[r.Name] = true
		s.rules = append(s.rules, c)
	}
	return s, nil
}

func compile(r mail.ContentRule) (rule, error) {
	c := rule{ContentRule: r}
	if c.Least == 0 {
		c.Least = 1
	}
	if !c.Text && !c.Header && !c.Names {
		c.Text, c.Header, c.Names = true, true, true
	}
	switch {
	case strings.TrimSpace(r.Name) == "" || utf8.RuneCountInString(r.Name) > maxName || strings.ContainsFunc(r.Name, func(c rune) bool { return unicode.IsControl(c) || c == utf8.RuneError }):
		return c, fmt.Errorf("it needs a name that people understand, of at most %d characters", maxName)
	case !r.In && !r.Out && !r.Internal:
		return c, errors.New("say whether it holds for mail that comes in, goes out or stays inside")
	case r.Action == mail.ContentRedact && r.In:
		return c, errors.New("what others have written is not changed: hold or refuse it")
	case r.Action != mail.ContentHold && r.Action != mail.ContentRedact && r.Action != mail.ContentRefuse:
		return c, errors.New("say what is done: hold, redact or refuse")
	case r.Unreadable != "" && r.Unreadable != mail.ContentPass && r.Unreadable != mail.ContentHold:
		return c, errors.New("say what is done when an attached document can't be read: hold or pass")
	case r.Unreadable == mail.ContentHold && !c.Text:
		return c, errors.New("it does not look into documents: only rules on text do")
	case c.Least < 1 || c.Least > maxLeast:
		return c, fmt.Errorf("the least number of places is from 1 to %d", maxLeast)
	case len(r.Words) > maxWords:
		return c, fmt.Errorf("it has more than %d words", maxWords)
	}
	for _, ready := range r.Ready {
		m, ok := readyMade(ready)
		if !ok {
			return c, fmt.Errorf("there is no ready-made pattern “%s”: there are card and iban", ready)
		}
		c.matchers = append(c.matchers, m)
	}
	if r.Pattern != "" {
		m, err := own(r.Pattern)
		if err != nil {
			return c, err
		}
		c.matchers = append(c.matchers, m)
	}
	if len(r.Words) > 0 {
		m, err := anyOf(r.Words)
		if err != nil {
			return c, err
		}
		c.matchers = append(c.matchers, m)
	}
	if len(c.matchers) == 0 {
		return c, errors.New("say what it looks for: a ready-made pattern, a pattern of your own, or words")
	}
	return c, nil
}

// own is an administrator's pattern.
func own(pattern string) (matcher, error) {
	if len(pattern) > maxPattern {
		return matcher{}, fmt.Errorf("the pattern is longer than %d bytes", maxPattern)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return matcher{}, fmt.Errorf("the pattern is no regular expression (RE2): %v", err)
	}
	if re.MatchString("") {
		return matcher{}, errors.New("the pattern is found in every text: it matches nothing at all")
	}
	return matcher{re: re, what: "the pattern"}, nil
}

// anyOf finds whole words, in any case, with any white space between those of one.
func anyOf(words []string) (matcher, error) {
	var alternatives []string
	for _, w := range words {
		fields := strings.Fields(w)
		if len(fields) == 0 || utf8.RuneCountInString(w) > maxWord || !utf8.ValidString(w) {
			return matcher{}, fmt.Errorf("“%s” is no word of at most %d characters", w, maxWord)
		}
		for i := range fields {
			fields[i] = regexp.QuoteMeta(fields[i])
		}
		alternatives = append(alternatives, strings.Join(fields, `\s+`))
	}
	slices.SortFunc(alternatives, func(a, b string) int { return len(b) - len(a) }) // the longest first: RE2 takes the first that fits
	re, err := regexp.Compile(`(?i)(?:^|[^\pL\pN_])(` + strings.Join(alternatives, "|") + `)(?:$|[^\pL\pN_])`)
	if err != nil {
		return matcher{}, fmt.Errorf("the words are too many together: %v", err)
	}
	return matcher{re: re, group: 1, what: "a word"}, nil
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

// find gives the places in text, each the bytes from..to.
func (m *matcher) find(text string, most int) [][2]int {
	var places [][2]int
	for at := 0; len(places) < most; {
		found := m.re.FindStringSubmatchIndex(text[at:])
		if found == nil {
			break
		}
		from, to := at+found[2*m.group], at+found[2*m.group+1]
		next := to // what ends a word may begin the next
		if m.trim != nil {
			n := m.trim(text[from:to])
			to = from + n
			for next = to; n == 0 && (next == from || next < len(text) && isWord(text[next])); {
				next++ // a place inside a word is none to begin at
			}
		}
		if to > from {
			places = append(places, [2]int{from, to})
		}
		if next <= at { // an empty match
			_, size := utf8.DecodeRuneInString(text[at:])
			next = at + max(size, 1)
		}
		at = next
	}
	return places
}
