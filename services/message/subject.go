package message

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// BaseSubject is what remains of a decoded subject when marks of replies and
// forwards are taken off (RFC 5256 §2.1), in the form in which two subjects are
// compared: title case and decomposed, as RFC 5051's i;unicode-casemap has it.
// The second result says whether such a mark was taken off.
func BaseSubject(subject string) (base string, isReply bool) {
	// Step 1: one space for all space.
	s := strings.Join(strings.FieldsFunc(subject, isSpace), " ")
	for {
		var changed bool
		s, changed = cutTrailer(s) // step 2
		isReply = isReply || changed
		for {
			before := s
			s, changed = cutLeader(s) // step 3
			isReply = isReply || changed
			// Step 4: a blob goes too, unless it is all that there is.
			if rest, ok := cutBlob(s); ok && rest != "" {
				s = rest
			}
			if s == before { // step 5
				break
			}
		}
		inner, ok := cutForward(s) // step 6
		if !ok {
			break
		}
		s, isReply = inner, true
	}
	return Casemap(s), isReply
}

// Casemap is a text in the form in which i;unicode-casemap (RFC 5051) compares
// texts, byte by byte: title case, decomposed.
func Casemap(s string) string { return norm.NFKD.String(strings.Map(unicode.ToTitle, s)) }

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }

// cutTrailer takes "(fwd)" and space off the end, as often as it goes:
// subj-trailer.
func cutTrailer(s string) (string, bool) {
	found := false
	for {
		s = strings.TrimRight(s, " ")
		if len(s) < 5 || !strings.EqualFold(s[len(s)-5:], "(fwd)") {
			return s, found
		}
		s, found = s[:len(s)-5], true
	}
}

// cutLeader takes one subj-leader off the front: space, or any blobs with a
// "Re:" or "Fwd:" behind them.
func cutLeader(s string) (string, bool) {
	s = strings.TrimLeft(s, " ")
	rest := s
	for {
		after, ok := cutBlob(rest)
		if !ok {
			break
		}
		rest = after
	}
	for _, mark := range []string{"fwd", "re", "fw"} {
		if len(rest) < len(mark) || !strings.EqualFold(rest[:len(mark)], mark) {
			continue
		}
		after := strings.TrimLeft(rest[len(mark):], " ")
		if unblobbed, ok := cutBlob(after); ok {
			after = unblobbed
		}
		if after, ok := strings.CutPrefix(after, ":"); ok {
			return after, true
		}
	}
	return s, false
}

// cutBlob takes one subj-blob off the front: "[...]" without brackets inside,
// and the space behind it.
func cutBlob(s string) (string, bool) {
	if !strings.HasPrefix(s, "[") {
		return s, false
	}
	i := strings.IndexAny(s[1:], "[]")
	if i < 0 || s[1+i] != ']' {
		return s, false
	}
	return strings.TrimLeft(s[1+i+1:], " "), true
}

// cutForward takes "[fwd:" and the "]" that ends it off: subj-fwd.
func cutForward(s string) (string, bool) {
	const head = "[fwd:"
	if len(s) < len(head)+1 || !strings.EqualFold(s[:len(head)], head) || !strings.HasSuffix(s, "]") {
		return s, false
	}
	return s[len(head) : len(s)-1], true
}
