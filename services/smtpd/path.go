package smtpd

import (
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// parameter is one ESMTP parameter of MAIL or RCPT, its keyword in upper case.
type parameter struct {
	keyword, value string
	hasValue       bool
}

// cutPath reads `FROM:<path> parameters` or the same with TO (RFC 5321
// §4.1.1.2 and §4.1.1.3), and returns what stands between the angle brackets. A
// blank behind the colon is forgiven: old clients and people put one there.
func cutPath(arguments, word string) (path string, parameters []parameter, err error) {
	if len(arguments) < len(word) || !strings.EqualFold(arguments[:len(word)], word) {
		return "", nil, errPath(word)
	}
	rest := strings.TrimLeft(arguments[len(word):], " ")
	if !strings.HasPrefix(rest, "<") {
		return "", nil, errPath(word)
	}
	end := closingBracket(rest)
	if end < 0 {
		return "", nil, errPath(word)
	}
	path, rest = rest[1:end], rest[end+1:]
	if rest != "" && rest[0] != ' ' {
		return "", nil, errPath(word)
	}
	for text := range strings.FieldsSeq(rest) {
		keyword, value, hasValue := strings.Cut(text, "=")
		p := parameter{strings.ToUpper(keyword), value, hasValue}
		if slices.ContainsFunc(parameters, func(other parameter) bool { return other.keyword == p.keyword }) {
			// RFC 5321 §4.1.1.11: which one would count?
			return "", nil, &Error{Code: 501, Status: mail.Status5_5_4BadParameter, Text: "The parameter " + printable(p.keyword) + " is given twice"}
		}
		parameters = append(parameters, p)
	}
	return path, parameters, nil
}

// errPath says how a path is to be written.
func errPath(word string) error {
	return &Error{Code: 501, Status: mail.Status5_5_2BadSyntax, Text: "Write " + word + "<address>"}
}

// closingBracket finds the ">" that is not inside a quoted local part.
func closingBracket(s string) int {
	quoted := false
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '>' && !quoted:
			return i
		}
	}
	return -1
}

// parsePath reads a path. A source route is passed over (RFC 5321 §4.1.1.3
// and appendix C: accepted, not used).
func parsePath(path string) (mail.Address, error) {
	if strings.HasPrefix(path, "@") {
		_, rest, found := strings.Cut(path, ":")
		if !found {
			return mail.Address{}, mail.ErrAddress
		}
		path = rest
	}
	return mail.ParseAddress(path)
}

// errParameter refuses an unknown or unwanted ESMTP parameter (RFC 5321 §4.1.1.11).
func errParameter(p parameter) error {
	return &Error{Code: 555, Status: mail.Status5_5_4BadParameter, Text: "The parameter " + printable(p.keyword) + " is not supported"}
}

// printable keeps a client's own words from breaking a reply: letters, digits
// and hyphens only, and not many.
func printable(s string) string {
	const longest = 32
	s = strings.Map(func(r rune) rune {
		if r == '-' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '?'
	}, s)
	return s[:min(len(s), longest)]
}
