package message

import (
	"net/netip"
	"strings"
)

// maxReceived is how long a Received field may be to be read: real ones have 300
// characters.
const maxReceived = 4 << 10

// ReceivedFrom reads a Received field's value (RFC 5321 §4.4): what the client of the
// server that wrote it called itself, and its address as that server saw it. It knows
// the ways of Postfix, Sendmail, OpenSMTPD, Exim and Exchange. Believe it only of a
// field that a trusted server has written: a client chooses its name, and what follows
// below the topmost fields. ok is false if there is no address.
func ReceivedFrom(value string) (helo string, addr netip.Addr, ok bool) {
	rest, found := cutWord(value, "from")
	if !found || len(value) > maxReceived {
		return "", addr, false
	}
	words, comments := fromClause(rest)
	if len(words) == 0 {
		return "", addr, false
	}
	helo = words[0]
	for _, c := range comments {
		for word := range strings.FieldsSeq(c) {
			if name, is := strings.CutPrefix(strings.ToLower(word), "helo="); is { // Exim
				helo = name
			}
		}
	}
	// The last comment with an address is the server's: it stands right before "by".
	for i := len(comments) - 1; i >= 0; i-- {
		if addr, ok = addressIn(comments[i]); ok {
			return helo, addr, true
		}
	}
	if len(comments) > 0 && strings.Contains(strings.ToLower(strings.Join(comments, " ")), "helo=") {
		addr, ok = addressIn(words[0]) // Exim: the address stands in place of a name
	}
	return helo, addr, ok
}

// cutWord takes a word off the front, in any case.
func cutWord(s, word string) (rest string, found bool) {
	s = strings.TrimLeft(s, " \t\r\n")
	if len(s) <= len(word) || !strings.EqualFold(s[:len(word)], word) || !strings.ContainsRune(" \t\r\n", rune(s[len(word)])) {
		return s, false
	}
	return s[len(word):], true
}

// fromClause splits what stands between "from" and "by" (or the end) in words and
// comments. A comment in a comment belongs to the outer one.
func fromClause(s string) (words, comments []string) {
	for s != "" {
		switch c := s[0]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			s = s[1:]
		case c == ';':
			return words, comments
		case c == '(':
			end := commentEnd(s)
			comments = append(comments, s[1:end])
			s = s[min(end+1, len(s)):]
		default:
			n := strings.IndexAny(s, " \t\r\n(;")
			if n < 0 {
				n = len(s)
			}
			if strings.EqualFold(s[:n], "by") && len(words) > 0 {
				return words, comments
			}
			words, s = append(words, s[:n]), s[n:]
		}
	}
	return words, comments
}

// commentEnd is where the comment at the beginning of s is closed, or s ends.
func commentEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(s)
}

// addressIn finds an address: [192.0.2.1], [IPv6:2001:db8::1], or as a word of its own.
func addressIn(text string) (netip.Addr, bool) {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,()", r) }) {
		inner := word
		if i := strings.IndexByte(word, '['); i >= 0 {
			inner = word[i+1:]
			if j := strings.IndexByte(inner, ']'); j >= 0 {
				inner = inner[:j]
			}
		}
		if len(inner) > 5 && strings.EqualFold(inner[:5], "ipv6:") {
			inner = inner[5:]
		}
		if a, err := netip.ParseAddr(inner); err == nil && a.Zone() == "" {
			return a.Unmap(), true
		}
	}
	return netip.Addr{}, false
}
