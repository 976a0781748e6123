package imapd

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Mailbox reads a mailbox name: modified UTF-7 until UTF-8 is enabled.
func (p *parser) Mailbox() string { return p.mailboxName(p.AString()) }

// mailboxName decodes a name and gives it its one spelling: Unicode's form C
// (RFC 9051 §5.1), INBOX in capitals.
func (p *parser) mailboxName(text string) string {
	if p.Err() != nil {
		return ""
	}
	name := text
	if isASCII(text) && !p.utf8 {
		decoded, err := wire.DecodeUTF7(text)
		if err != nil {
			p.Failf("the mailbox name is not modified UTF-7")
			return ""
		}
		name = decoded
	}
	if !utf8.ValidString(name) {
		p.Failf("the mailbox name is not UTF-8")
		return ""
	}
	return canonicalName(norm.NFC.String(name))
}

// canonicalName spells INBOX as everyone else does (RFC 9051 §5.1).
func canonicalName(name string) string {
	if strings.EqualFold(name, mail.Inbox) && len(name) == len(mail.Inbox) {
		return mail.Inbox
	}
	return name
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// matches reports whether a mailbox name fits a LIST pattern: "*" stands for
// anything, "%" for anything within one level (RFC 9051 §6.3.9). INBOX is found
// in any case (§5.1), as in "inbox/%". It takes time in proportion to both
// lengths, whatever the pattern.
func matches(pattern, name string) bool {
	anyCase := 0 // so many bytes of name
	if name == mail.Inbox || strings.HasPrefix(name, mail.Inbox+string(mail.Delimiter)) {
		anyCase = len(mail.Inbox)
	}
	// at[i] says that name so far fits pattern[:i].
	at := make([]bool, len(pattern)+1)
	at[0] = true
	skipWildcards(pattern, at)
	for i := range len(name) {
		last := at[0] // what at[j] was before this byte
		at[0] = false
		for j := range len(pattern) {
			var now bool
			switch pattern[j] {
			case '*':
				now = at[j+1] // takes one more byte
			case '%':
				now = at[j+1] && name[i] != mail.Delimiter
			default:
				now = last && (pattern[j] == name[i] || i < anyCase && pattern[j] == name[i]|0x20) // a small letter
			}
			last, at[j+1] = at[j+1], now
		}
		skipWildcards(pattern, at)
	}
	return at[len(pattern)]
}

// skipWildcards lets every wildcard stand for nothing.
func skipWildcards(pattern string, at []bool) {
	for j := range len(pattern) {
		if at[j] && (pattern[j] == '*' || pattern[j] == '%') {
			at[j+1] = true
		}
	}
}
