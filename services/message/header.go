package message

import (
	"bytes"
	"strings"
)

// header is the state of reading one entity's header.
type header struct {
	active bool
	first  bool   // no line has been seen
	budget int    // bytes that may still be looked at
	used   int    // bytes that have been
	name   string // of the field in hand, lower case; "" if it does not matter
	value  []byte // its text so far, folded
}

func (h *header) begin(budget int) {
	*h = header{active: true, first: true, budget: max(0, budget), value: h.value[:0]}
	if cap(h.value) > maxKeptLine {
		h.value = nil
	}
}

// headerLine takes one line of the header in hand. It reports false if the line
// shows that there is no header.
func (s *Scanner) headerLine(line []byte) bool {
	h := &s.header
	first := h.first
	h.first = false
	text := bytes.TrimRight(line, "\r\n")
	if len(text) == 0 {
		s.endHeader(s.offset, s.lines+1)
		return true
	}
	folded := line[0] == ' ' || line[0] == '\t'
	if folded && !first {
		s.addToField(line)
		return true
	}
	name := fieldName(text)
	if first && name == "" && !bytes.HasPrefix(text, []byte("From ")) && !bytes.HasPrefix(text, []byte(">From ")) {
		return false
	}
	s.endField()
	// A line further on that is no field is passed over: it is far more often a
	// field that someone folded badly than a body without its blank line.
	h.name = strings.ToLower(name)
	if h.name == "received" && len(s.stack) == 1 {
		s.hops++
	}
	if !s.wants(h.name) {
		h.name = ""
	}
	s.addToField(line)
	return true
}

func (s *Scanner) addToField(line []byte) {
	h := &s.header
	n := min(len(line), h.budget)
	h.budget -= n
	h.used += n
	if h.name != "" {
		h.value = append(h.value, line[:n]...)
	}
}

// endField hands the field in hand to whom it concerns.
func (s *Scanner) endField() {
	h := &s.header
	if h.name == "" {
		return
	}
	_, raw, found := bytes.Cut(h.value, []byte{':'})
	if found {
		value := unfold(raw[:0], raw)
		f := &s.stack[len(s.stack)-1]
		if !f.part.setField(h.name, value) && f.envelope != nil {
			s.setEnvelopeField(f.envelope, h.name, value)
		}
	}
	h.name, h.value = "", h.value[:0]
}

// wants reports whether the field of this name is kept, of the entity in hand.
func (s *Scanner) wants(name string) bool {
	switch name {
	case "content-type", "content-transfer-encoding", "content-disposition", "content-id",
		"content-description", "content-md5", "content-language", "content-location":
		return true
	case "date", "subject", "from", "sender", "reply-to", "to", "cc", "bcc", "in-reply-to", "message-id":
		return s.stack[len(s.stack)-1].envelope != nil
	case "references":
		return len(s.stack) == 1
	}
	return false
}

// setField keeps a Content field. Where a field stands twice, the first counts.
func (p *Part) setField(name string, value []byte) bool {
	set := func(field *string, v string) {
		if *field == "" {
			*field = v
		}
	}
	switch name {
	case "content-type":
		if p.Type == "" {
			p.setType(cut(value))
		}
	case "content-transfer-encoding":
		set(&p.Encoding, parseToken(cut(value)))
	case "content-disposition":
		if p.Disposition == "" {
			p.Disposition, p.DispositionParams = parseDisposition(cut(value))
		}
	case "content-id":
		set(&p.ID, cut(value))
	case "content-description":
		set(&p.Description, cut(value))
	case "content-md5":
		set(&p.MD5, cut(value))
	case "content-language":
		if p.Language == nil {
			p.Language = parseLanguages(cut(value))
		}
	case "content-location":
		set(&p.Location, strings.ReplaceAll(cut(value), " ", ""))
	default:
		return false
	}
	return true
}

// cut is a value as it is kept, at most maxValue bytes.
func cut(value []byte) string { return string(value[:min(len(value), maxValue)]) }

// setEnvelopeField keeps a field of a message. Of the lists of recipients every
// field counts, of the others the first (RFC 5322 §3.6 allows one of each, §4.5
// allowed more).
func (s *Scanner) setEnvelopeField(e *Envelope, name string, value []byte) {
	set := func(field *string) {
		if *field == "" {
			*field = cut(value)
		}
	}
	setAddresses := func(list *[]EnvelopeAddress) {
		if len(*list) == 0 {
			*list = s.addressList(value)
		}
	}
	switch name {
	case "date":
		set(&e.Date)
	case "subject":
		set(&e.Subject)
	case "from":
		setAddresses(&e.From)
	case "sender":
		setAddresses(&e.Sender)
	case "reply-to":
		setAddresses(&e.ReplyTo)
	case "to":
		e.To = append(e.To, s.addressList(value)...)
	case "cc":
		e.Cc = append(e.Cc, s.addressList(value)...)
	case "bcc":
		e.Bcc = append(e.Bcc, s.addressList(value)...)
	case "in-reply-to":
		set(&e.InReplyTo)
	case "message-id":
		set(&e.MessageID)
	case "references":
		s.references = lastOf(append(s.references, messageIDs(string(value))...))
	}
}

func (s *Scanner) addressList(value []byte) []EnvelopeAddress {
	list := parseAddresses(string(value), s.limits.Addresses-s.addresses)
	s.addresses += len(list)
	return list
}
