package message

import (
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxTraceWord is the most that is copied of one thing that a client said: long
// enough for any domain, short enough for one header line.
const maxTraceWord = mail.MaxDomain

// WriteReceived writes the Received field (RFC 5321 §4.4) of a message that host
// took in: one field, lines of at most 78 characters where words allow, CRLF at
// the end. Everything that a client chose is cut and cleaned first. The
// recipient is named only if there is just one: a list would tell each of the
// others.
func WriteReceived(w io.Writer, host string, env *mail.Envelope) error {
	var f folder
	f.word("Received: from")
	f.word(traceDomain(env.Peer.Helo))
	if env.Peer.Addr.IsValid() {
		f.word("(" + addressLiteral(env.Peer.Addr) + ")")
	}
	f.word("by")
	f.word(traceDomain(host))
	if env.Peer.Protocol != "" {
		f.word("with")
		f.word(traceAtom(env.Peer.Protocol))
	}
	if env.Peer.TLS != "" {
		for word := range strings.FieldsSeq("(" + traceComment(env.Peer.TLS) + ")") {
			f.word(word)
		}
	}
	f.word("id")
	f.word(env.ID.String())
	if len(env.To) == 1 {
		f.word("for")
		f.word("<" + env.To[0].String() + ">")
	}
	f.join(";")
	f.word(FormatDate(env.Received))
	f.text.WriteString("\r\n")
	_, err := io.WriteString(w, f.text.String())
	return err
}

// maxLine is the line length that RFC 5322 §2.1.1 asks for.
const maxLine = 78

// folder puts words in lines of at most maxLine characters where they fit, CRLF
// and tab between lines.
type folder struct {
	text   strings.Builder
	length int // of the line in hand
}

func (f *folder) word(s string) {
	switch {
	case f.length == 0:
	case f.length+1+len(s) >= maxLine:
		f.text.WriteString("\r\n\t")
		f.length = 1
	default:
		f.text.WriteByte(' ')
		f.length++
	}
	f.join(s)
}

// join puts s behind the last word without a space.
func (f *folder) join(s string) {
	f.text.WriteString(s)
	f.length += len(s)
}

// addressLiteral is RFC 5321 §4.1.3.
func addressLiteral(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return "[" + a.String() + "]"
	}
	return "[IPv6:" + a.String() + "]"
}

// traceDomain is what a client calls itself, if that could be a domain or an
// address literal; a name that isn't must not bring syntax into the field.
func traceDomain(s string) string {
	ok := s != "" && len(s) <= maxTraceWord
	for i, r := range s {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '-', r == '.', r == '_', r > 0x9f && r != 0xfffd:
		case r == '[' && i == 0, r == ']' && i == len(s)-1, r == ':' && s[0] == '[':
		default:
			ok = false
		}
	}
	if !ok {
		return "unknown"
	}
	return s
}

// traceAtom keeps the letters, digits and hyphens of a protocol name.
func traceAtom(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' {
			return r
		}
		return -1
	}, s[:min(len(s), maxTraceWord)])
}

// traceComment takes out what would end or nest a comment, or leave the line.
func traceComment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '(' || r == ')' || r == '\\' || r == ';' {
			return -1
		}
		return r
	}, s[:min(len(s), maxTraceWord)])
}

// FormatDate writes a Date field's value (RFC 5322 §3.3).
func FormatDate(t time.Time) string { return t.Format("Mon, 2 Jan 2006 15:04:05 -0700") }
