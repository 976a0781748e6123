package mail

import (
	"strings"
	"unicode/utf8"
)

// Bounds of a mailbox name.
const (
	// MaxMailboxName is in bytes: clients keep names in paths of their own, and
	// a LIST line with one must stay well under the 8 KiB that clients read.
	MaxMailboxName = 1000
	// MaxMailboxDepth is in levels: every level above a new mailbox is made with
	// it, so it also bounds what one command may create.
	MaxMailboxDepth = 32
)

// MailboxName is the one spelling under which a mailbox is kept: a first level
// that reads inbox in any case is INBOX (RFC 9051 §5.1), all else stays as it
// is. A name with an empty level, a control character, a line or paragraph
// separator (RFC 5198 §2), broken UTF-8 or over the bounds is ErrMailboxName.
func MailboxName(s string) (string, error) {
	if s == "" || len(s) > MaxMailboxName || !utf8.ValidString(s) || strings.ContainsFunc(s, notInName) {
		return "", ErrMailboxName
	}
	depth := 0
	for level := range strings.SplitSeq(s, string(Delimiter)) {
		if depth++; level == "" || depth > MaxMailboxDepth {
			return "", ErrMailboxName
		}
	}
	first, rest, nested := strings.Cut(s, string(Delimiter))
	switch {
	case !strings.EqualFold(first, Inbox):
		return s, nil
	case nested:
		return Inbox + string(Delimiter) + rest, nil
	}
	return Inbox, nil
}

func notInName(r rune) bool {
	return r < ' ' || r >= 0x7f && r <= 0x9f || r == '\u2028' || r == '\u2029'
}
