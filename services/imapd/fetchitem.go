package imapd

import (
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// itemName is a FETCH item as the response names it, in upper case.
type itemName string

// fetchItem is one thing that FETCH is asked for.
type fetchItem struct {
	name    itemName
	peek    bool     // does not set \Seen
	section *section // of BODY[], BINARY[] and RFC822: the bytes to send
}

// needs says what an item takes beyond the index row: the digest, and whether it
// sends the message's own bytes.
func (it fetchItem) needs() (digest, body bool) {
	switch it.name {
	case "ENVELOPE", "BODYSTRUCTURE", "PREVIEW":
		return true, false
	case "BODY":
		if it.section == nil {
			return true, false
		}
	}
	return it.section != nil && it.section.needsDigest(), it.section != nil
}

// isText says whether the item has text of messages, and not of their headers alone.
func (it fetchItem) isText() bool {
	if it.section == nil || it.name == "BINARY.SIZE" {
		return false
	}
	return it.section.part == "" || it.section.part == "TEXT"
}

// fetchItems reads a macro, one item, or a list of items.
func (p *parser) fetchItems() []fetchItem {
	if p.Peek() == '(' {
		var items []fetchItem
		p.List(func() {
			switch n := len(items); {
			case n >= maxFetchItems:
				p.Failf("more than %d items", maxFetchItems)
			case n > 0 && p.Peek() == '(' && items[n-1].name == "PREVIEW":
				p.List(p.previewModifier)
			default:
				items = append(items, p.fetchItem(p.Word()))
			}
		})
		if p.Err() == nil && len(items) == 0 {
			p.Failf("the list of items is empty")
		}
		return items
	}
	name := p.Word()
	macro := []fetchItem{{name: "FLAGS"}, {name: "INTERNALDATE"}, {name: "RFC822.SIZE"}, {name: "ENVELOPE"}, {name: "BODY"}}
	switch name {
	case "FAST":
		return macro[:3]
	case "ALL":
		return macro[:4]
	case "FULL":
		return macro
	}
	return []fetchItem{p.fetchItem(name)}
}

// fetchItem reads what follows an item's name.
func (p *parser) fetchItem(name string) fetchItem {
	switch name {
	case "FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODYSTRUCTURE", "MODSEQ", "EMAILID", "THREADID", "SAVEDATE", "PREVIEW":
		return fetchItem{name: itemName(name)}
	case "RFC822":
		return fetchItem{name: "RFC822", section: &section{}}
	case "RFC822.HEADER":
		return fetchItem{name: "RFC822.HEADER", peek: true, section: &section{part: "HEADER"}}
	case "RFC822.TEXT":
		return fetchItem{name: "RFC822.TEXT", section: &section{part: "TEXT"}}
	case "BODY":
		if p.Peek() != '[' {
			return fetchItem{name: "BODY"}
		}
		return fetchItem{name: "BODY", section: p.section()}
	case "BODY.PEEK":
		return fetchItem{name: "BODY", peek: true, section: p.section()}
	case "BINARY", "BINARY.PEEK":
		return fetchItem{name: "BINARY", peek: name != "BINARY", section: p.binarySection(true)}
	case "BINARY.SIZE":
		return fetchItem{name: "BINARY.SIZE", peek: true, section: p.binarySection(false)}
	}
	p.Failf("FETCH has no item %.30s", name)
	return fetchItem{}
}

// previewModifier reads the one modifier of PREVIEW (RFC 8970 §3.1). Ours is
// always at hand, so LAZY changes nothing.
func (p *parser) previewModifier() {
	if word := p.Keyword(); p.Err() == nil && word != "LAZY" {
		p.Failf("PREVIEW has no modifier %.30s", word)
	}
}

// section is which bytes of a message are meant (RFC 9051 §6.4.5.1).
type section struct {
	path    []int    // part numbers
	part    string   // "", HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT or MIME
	fields  []string // of HEADER.FIELDS and its NOT
	partial bool     // only length bytes from offset
	offset  int64
	length  int64
}

// needsDigest is false where the whole message is meant.
func (sec *section) needsDigest() bool { return len(sec.path) > 0 || sec.part != "" }

// section reads "[" section "]" and the partial behind it.
func (p *parser) section() *section {
	sec := new(section)
	p.Expect('[')
	if p.Peek() != ']' {
		p.sectionSpec(sec)
	}
	p.Expect(']')
	p.partial(sec)
	return sec
}

// sectionSpec reads part numbers and the word behind them.
func (p *parser) sectionSpec(sec *section) {
	for c := p.Peek(); c >= '0' && c <= '9'; c = p.Peek() {
		p.partNumber(sec)
		if !p.Accept('.') {
			return
		}
	}
	if sec.part = p.Word(); p.Err() != nil {
		return
	}
	switch sec.part {
	case "HEADER", "TEXT":
	case "MIME":
		if len(sec.path) == 0 {
			p.Failf("MIME needs a part number before it")
		}
	case "HEADER.FIELDS", "HEADER.FIELDS.NOT":
		p.SP()
		p.List(func() {
			if len(sec.fields) >= maxHeaderNames {
				p.Failf("more than %d header fields", maxHeaderNames)
			}
			sec.fields = append(sec.fields, p.AString())
		})
		if p.Err() == nil && len(sec.fields) == 0 {
			p.Failf("the list of header fields is empty")
		}
	default:
		p.Failf("a message has no section %.30s", sec.part)
	}
}

func (p *parser) partNumber(sec *section) {
	n := p.Number()
	switch {
	case p.Err() != nil:
	case n == 0:
		p.Failf("parts are counted from 1")
	case len(sec.path) >= maxSectionDepth:
		p.Failf("more than %d part numbers", maxSectionDepth)
	}
	sec.path = append(sec.path, int(n))
}

// partial reads "<" offset "." length ">".
func (p *parser) partial(sec *section) {
	if !p.Accept('<') {
		return
	}
	sec.partial = true
	sec.offset = p.Number64()
	p.Expect('.')
	sec.length = p.Number64()
	p.Expect('>')
	if p.Err() == nil && sec.length == 0 {
		p.Failf("the length of a partial is 1 at least")
	}
}

// binarySection reads the section of BINARY, which has part numbers alone.
func (p *parser) binarySection(partial bool) *section {
	sec := new(section)
	p.Expect('[')
	if p.Peek() != ']' {
		p.partNumber(sec)
		for p.Accept('.') {
			p.partNumber(sec)
		}
	}
	p.Expect(']')
	if partial {
		p.partial(sec)
	}
	return sec
}

// writeSection names a section in a response.
func (s *session) writeSection(sec *section, withPartial bool) {
	s.w.Byte('[')
	for i, n := range sec.path {
		if i > 0 {
			s.w.Byte('.')
		}
		s.w.Number(uint64(n))
	}
	if sec.part != "" {
		if len(sec.path) > 0 {
			s.w.Byte('.')
		}
		s.w.Raw(sec.part)
	}
	for i, name := range sec.fields {
		if i == 0 {
			s.w.Raw(" (")
		} else {
			s.w.SP()
		}
		s.w.AString(name)
	}
	if len(sec.fields) > 0 {
		s.w.Byte(')')
	}
	s.w.Byte(']')
	if sec.partial && withPartial {
		s.w.Byte('<')
		s.w.Number(uint64(sec.offset))
		s.w.Byte('>')
	}
}

// write writes one item of a FETCH response. An error means that a literal has
// been begun and can't be ended.
func (s *session) write(it fetchItem, row *mail.Row, opened fetched, i int) error {
	if it.section != nil {
		return s.writeContent(it, opened.contents[i])
	}
	s.w.Raw(string(it.name))
	s.w.SP()
	switch it.name {
	case "FLAGS":
		s.writeFlags(row)
	case "UID":
		s.w.Number(uint64(row.UID))
	case "INTERNALDATE":
		s.w.DateTime(row.Internal)
	case "RFC822.SIZE":
		s.w.Number(uint64(row.Size))
	case "MODSEQ":
		s.w.Raw("(" + decimal(row.ModSeq) + ")")
	case "EMAILID":
		s.w.Raw("(" + row.Email.String() + ")")
	case "THREADID":
		if row.Thread == 0 {
			s.w.Raw("NIL")
		} else {
			s.w.Raw("(" + row.Thread.String() + ")")
		}
	case "SAVEDATE":
		if row.Saved.IsZero() {
			s.w.Raw("NIL")
		} else {
			s.w.DateTime(row.Saved)
		}
	case "PREVIEW":
		s.w.String(strings.ToValidUTF8(opened.digest.Preview, "")) // "" is: nothing to show (RFC 8970 §3.2)
	case "ENVELOPE":
		s.writeEnvelope(&opened.digest.Envelope)
	case "BODY":
		s.writeBody(&opened.digest.Root, false)
	case "BODYSTRUCTURE":
		s.writeBody(&opened.digest.Root, true)
	}
	return nil
}
