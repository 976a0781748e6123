package message

import (
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// parseAddresses reads the address list of a header field (RFC 5322 §3.4, with
// the obsolete forms of §4.4), at most limit entries. It takes what it finds:
// names without quotes, addresses without brackets or without a domain, quotes
// that never close.
func parseAddresses(s string, limit int) []EnvelopeAddress {
	p := addressParser{lexer: lexer{text: s}, limit: limit}
	p.list()
	return p.out
}

// tokenKind says what a token of a structured header field is (RFC 5322 §3.2).
type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenAtom
	tokenQuoted
	tokenLiteral // a domain literal with its brackets
	tokenComment
	tokenSpecial // one of , : ; < > @ .
)

type token struct {
	kind  tokenKind
	text  string // without quoting
	space bool   // white space or a comment stood in front of it
}

func (t token) is(special string) bool { return t.kind == tokenSpecial && t.text == special }

// lexer splits a value into tokens, in linear time whatever the value is.
type lexer struct {
	text    string
	noQuote bool // no closing quote ahead
}

func (l *lexer) next() token {
	trimmed := strings.TrimLeft(l.text, " \t\r\n")
	space := len(trimmed) < len(l.text)
	l.text = trimmed
	if trimmed == "" {
		return token{kind: tokenEnd, space: space}
	}
	switch c := trimmed[0]; c {
	case ',', ':', ';', '<', '>', '@', '.':
		l.text = trimmed[1:]
		return token{tokenSpecial, trimmed[:1], space}
	case '(':
		return token{tokenComment, l.comment(), space}
	case '"':
		if l.noQuote {
			break
		}
		value, rest, ok := cutQuoted(trimmed)
		if ok {
			l.text = rest
			return token{tokenQuoted, value, space}
		}
		l.noQuote = true
	case '[':
		i := strings.IndexByte(trimmed[:min(len(trimmed), mail.MaxDomain)], ']')
		if i > 0 && !strings.ContainsAny(trimmed[1:i], "[,<>") {
			l.text = trimmed[i+1:]
			return token{tokenLiteral, trimmed[:i+1], space}
		}
	}
	return token{tokenAtom, l.atom(), space}
}

// atom takes a run of ordinary characters. An encoded word is one, whatever it
// holds: some senders leave commas and dots in it unencoded.
func (l *lexer) atom() string {
	s := l.text
	n := 0
	if strings.HasPrefix(s, "=?") {
		if _, size, ok := parseWord(s); ok {
			n = size
		}
	}
	if n == 0 {
		n = 1 // also of what has no place here, such as a lone quote
	}
	for n < len(s) && !strings.ContainsRune(" \t\r\n,:;<>@.(\"[", rune(s[n])) {
		n++
	}
	l.text = s[n:]
	return s[:n]
}

// comment takes a comment and gives its text without the outer parentheses.
func (l *lexer) comment() string {
	s := l.text
	var out strings.Builder
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
		case c == '(':
			if depth++; depth == 1 {
				continue
			}
		case c == ')':
			if depth--; depth == 0 {
				l.text = s[i+1:]
				return out.String()
			}
		}
		out.WriteByte(s[i])
	}
	l.text = ""
	return out.String()
}

// maxEntryWords bounds the words of one entry: a whole domain of dots, several
// times over. More words than that are passed over.
const maxEntryWords = 1000

// addressParser turns tokens into the entries of a list.
type addressParser struct {
	lexer lexer
	limit int
	out   []EnvelopeAddress
	group bool // between GroupStart and GroupEnd

	// The entry in hand.
	words   []token // outside of angle brackets
	comment string  // the last one
	angle   bool    // angle brackets were seen
	address EnvelopeAddress
}

func (p *addressParser) list() {
	for len(p.out) < p.limit {
		t := p.lexer.next()
		switch {
		case t.kind == tokenEnd:
			p.endEntry()
			p.endGroup()
			return
		case t.is(","):
			p.endEntry()
		case t.is(";"):
			p.endEntry()
			p.endGroup()
		case t.is(":") && !p.group && !p.angle && !slices.ContainsFunc(p.words, func(t token) bool { return t.is("@") }):
			p.emit(EnvelopeAddress{Kind: GroupStart, Mailbox: phrase(p.words)})
			p.group = true
			p.reset()
		case t.is("<") && !p.angle:
			p.angle = true
			p.angleAddress()
		case t.kind == tokenComment:
			p.comment = t.text
		case !t.is(">") && !t.is("<") && len(p.words) < maxEntryWords:
			p.words = append(p.words, t)
		}
	}
	// The limit is reached: an open group is closed all the same.
	p.endGroup()
}

func (p *addressParser) reset() {
	p.words, p.comment, p.angle, p.address = p.words[:0], "", false, EnvelopeAddress{}
}

func (p *addressParser) emit(a EnvelopeAddress) {
	if len(p.out) < p.limit {
		p.out = append(p.out, a)
	}
}

func (p *addressParser) endGroup() {
	if !p.group {
		return
	}
	p.group = false
	if last := len(p.out) - 1; last+1 == p.limit {
		// What begins a group must end it: the last member makes room.
		if p.out[last].Kind == GroupStart {
			p.out = p.out[:last]
			return
		}
		p.out = p.out[:last]
	}
	p.emit(EnvelopeAddress{Kind: GroupEnd})
}

// endEntry ends the entry in hand, if there is one.
func (p *addressParser) endEntry() {
	defer p.reset()
	a := p.address
	switch {
	case p.angle:
		a.Name = phrase(p.words)
	case len(p.words) == 0:
		return
	default:
		a.Name, a.Mailbox, a.Host = bareAddress(p.words)
	}
	if a.Name == "" {
		a.Name = strings.TrimSpace(p.comment)
	}
	p.emit(a)
}

// angleAddress reads what stands between angle brackets: an address, perhaps
// with a source route in front. A comma ends it if the bracket was not closed.
func (p *addressParser) angleAddress() {
	var words []token
	for {
		before := p.lexer
		t := p.lexer.next()
		inRoute := len(words) > 0 && words[0].is("@") || len(words) == 0 && t.is("@")
		if t.kind == tokenEnd || t.is(";") && !inRoute || t.is(",") && !inRoute {
			p.lexer = before
			break
		}
		if t.is(">") {
			break
		}
		if t.is(":") && inRoute {
			p.address.Route = glue(words)
			words = words[:0]
			continue
		}
		if t.kind != tokenComment && len(words) < maxEntryWords {
			words = append(words, t)
		}
	}
	at := lastAt(words)
	if at < 0 {
		p.address.Mailbox = glue(words)
		return
	}
	p.address.Mailbox, p.address.Host = glue(words[:at]), glue(words[at+1:])
}

// bareAddress splits an entry without angle brackets: "a.b@c.d", also with words
// around it. Without an "@" all of it is the mailbox.
func bareAddress(words []token) (name, mailbox, host string) {
	at := lastAt(words)
	if at < 0 {
		return "", phrase(words), ""
	}
	// What hangs together with the "@" by dots or without space is the address;
	// RFC 5322 §4.4 allows space around the dots and the "@".
	begin, end := at, at+1
	for begin > 0 && (begin == at || !words[begin].space || words[begin].is(".") || words[begin-1].is(".")) {
		begin--
	}
	for end < len(words) && (end == at+1 || !words[end].space || words[end].is(".") || words[end-1].is(".")) {
		end++
	}
	return phrase(slices.Concat(words[:begin], words[end:])), glue(words[begin:at]), glue(words[at+1 : end])
}

func lastAt(words []token) int {
	for i := len(words) - 1; i >= 0; i-- {
		if words[i].is("@") {
			return i
		}
	}
	return -1
}

// phrase joins words as a display name: one space where there was any.
func phrase(words []token) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 && w.space {
			b.WriteByte(' ')
		}
		b.WriteString(w.text)
	}
	return b.String()
}

// glue joins words as an address: without space.
func glue(words []token) string {
	var b strings.Builder
	for _, w := range words {
		b.WriteString(w.text)
	}
	return b.String()
}

// AddressText is an address list as people read it, for search and for pages:
// names decoded, "Name <address>" or the address alone, separated by ", ".
// Group marks are left out.
func AddressText(list []EnvelopeAddress) string {
	var b strings.Builder
	for _, a := range list {
		if a.Kind != Mailbox {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		address := DecodeHeader(a.Mailbox)
		if a.Host != "" {
			address += "@" + DecodeHeader(a.Host)
		}
		switch name := DecodeHeader(a.Name); {
		case name == "":
			b.WriteString(address)
		default:
			b.WriteString(name + " <" + address + ">")
		}
	}
	return b.String()
}
