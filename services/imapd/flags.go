package imapd

import (
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// systemFlags are the names of the system flags in the order of their bits.
func systemFlags() [5]string {
	return [5]string{`\Seen`, `\Answered`, `\Flagged`, `\Deleted`, `\Draft`}
}

// commonKeywords are offered in every mailbox: those of RFC 9051 §2.3.2 that
// mail programs set.
func commonKeywords() []string {
	return []string{"$Forwarded", "$MDNSent", "$Junk", "$NotJunk", "$Phishing"}
}

// flagsResponse tells which flags there are and which can be kept (RFC 9051
// §7.3.5, §7.1 PERMANENTFLAGS): all, and new keywords too, unless read-only; in a mailbox
// of somebody else those that the rights allow (RFC 4314 §5.1.1).
func (s *session) flagsResponse() {
	system := systemFlags()
	names := strings.Join(append(system[:], s.view.keywords...), " ")
	s.w.Raw("* FLAGS (" + names + ")\r\n")
	if s.view.readOnly || s.view.rights&flagRights == 0 {
		s.untagged("PERMANENTFLAGS ()", "No flags can be changed here")
		return
	}
	kept := flagsAllowed(s.view.rights)
	if s.view.rights.Has(mail.RightWrite) {
		kept = append(append(kept, s.view.keywords...), `\*`)
	}
	s.untagged("PERMANENTFLAGS ("+strings.Join(kept, " ")+")", "These flags are kept")
}

// tellKeywords names keywords that the client has not heard of in a new FLAGS
// response, before a FETCH response uses them (RFC 9051 §7.3.5).
func (s *session) tellKeywords(f mail.Flags) {
	if len(f.Keywords) > 0 && s.view.learnKeywords(f) {
		s.flagsResponse()
	}
}

// writeFlags writes a message's flags as a list.
func (s *session) writeFlags(row *mail.Row) {
	separator := byte('(')
	put := func(name string) {
		s.w.Byte(separator)
		s.w.Raw(name)
		separator = ' '
	}
	for i, name := range systemFlags() {
		if row.Flags.System&(1<<i) != 0 {
			put(name)
		}
	}
	for _, name := range row.Flags.Keywords {
		put(name)
	}
	if !s.rev2 && s.view.recent.Contains(row.UID) {
		put(`\Recent`)
	}
	if separator == '(' {
		s.w.Byte('(')
	}
	s.w.Byte(')')
}

// flagList reads a parenthesised list of flags.
func (p *parser) flagList() mail.Flags {
	var names []string
	p.List(func() { names = p.flag(names) })
	return mail.NewFlags(names...)
}

// flags reads the flags of STORE: a list, or bare flags with spaces between them.
func (p *parser) flags() mail.Flags {
	if p.Peek() == '(' {
		return p.flagList()
	}
	names := p.flag(nil)
	for p.Accept(' ') {
		names = p.flag(names)
	}
	return mail.NewFlags(names...)
}

// flag reads one flag that a client may set. \Recent is the server's own.
func (p *parser) flag(names []string) []string {
	name := p.Flag()
	if p.Err() != nil {
		return names
	}
	switch {
	case len(names) >= mail.MaxKeywords:
		p.Failf("more than %d flags", mail.MaxKeywords)
	case len(name) > mail.MaxKeyword:
		p.Failf("a keyword can have %d characters at most", mail.MaxKeyword)
	case strings.EqualFold(name, `\Recent`):
		p.Failf(`\Recent can't be set by a client`)
	case strings.HasPrefix(name, `\`) && mail.NewFlags(name).System == 0:
		p.Failf("there is no flag %s", name)
	}
	return append(names, name)
}
