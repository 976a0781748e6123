package message

import (
	"bytes"
	"strings"
)

// frame is an entity whose end has not been seen.
type frame struct {
	part     Part
	envelope *Envelope // of a message; nil of a body part
	boundary string    // of a multipart whose closing line has not been seen
	lines    int64     // Scanner.lines where the body begins
	inDigest bool      // stands in a multipart/digest: is a message unless it says otherwise
	opaque   bool      // the last part that the limits allow
}

// push begins an entity at the current offset.
func (s *Scanner) push(f frame) {
	s.parts++
	f.part.HeaderOffset = s.offset
	budget := s.limits.Header
	if len(s.stack) > 0 {
		budget = min(s.limits.PartHeader, s.limits.PartHeaders-s.nested)
	}
	if s.parts >= s.limits.Parts {
		f.opaque = true
		for i := range s.stack {
			s.stack[i].boundary = ""
		}
		s.open = 0
	}
	s.stack = append(s.stack, f)
	s.header.begin(budget)
}

// lookAt looks at a gathered line, which has been taken but not yet counted.
func (s *Scanner) lookAt(line []byte) {
	if i, closing, ok := s.boundaryAt(line); ok {
		s.boundary(i, closing)
		return
	}
	for s.header.active {
		if s.headerLine(line) {
			return
		}
		// The line is no header line, so the body begins with it (and may be a
		// message that begins with it, in a multipart/digest).
		s.endHeader(s.lineAt, s.lines)
	}
	s.collect(line)
}

// boundaryAt says whose boundary line this is. RFC 2046 §5.1.1 would have a line
// that only begins with the boundary count too; but then one multipart's "ab"
// would end at the "abc" of another within it, and senders do write such pairs.
// So the whole line must fit, except for space at its end.
func (s *Scanner) boundaryAt(line []byte) (i int, closing, ok bool) {
	rest, found := bytes.CutPrefix(line, []byte("--"))
	if !found || s.open == 0 {
		return 0, false, false
	}
	rest = bytes.TrimRight(rest, " \t\r\n")
	for i := len(s.stack) - 1; i >= 0; i-- {
		b := s.stack[i].boundary
		if b == "" || len(rest) < len(b) || string(rest[:len(b)]) != b {
			continue
		}
		switch string(rest[len(b):]) {
		case "":
			return i, false, true
		case "--":
			return i, true, true
		}
	}
	return 0, false, false
}

// boundary ends everything within the multipart stack[i], at the line end in
// front of its boundary line, and begins its next part.
func (s *Scanner) boundary(i int, closing bool) {
	for s.header.active {
		s.endHeader(s.lineAt, s.lines)
	}
	if len(s.stack) > i+1 {
		// RFC 2046 §5.1.1: the line end belongs to the boundary.
		end := max(s.lineAt-s.eol, s.stack[i+1].part.HeaderOffset)
		for len(s.stack) > i+1 {
			s.pop(end)
		}
	}
	s.source = source{} // a preamble was no text, an epilogue won't be
	f := &s.stack[i]
	if closing {
		f.boundary = ""
		s.open--
		return
	}
	s.push(frame{inDigest: f.part.Subtype == "digest"})
}

// endHeader ends the header in hand; the body begins at the offset bodyAt, with
// the given number of lines in front of it.
func (s *Scanner) endHeader(bodyAt, lines int64) {
	s.endField()
	if len(s.stack) > 1 {
		s.nested += s.header.used
	}
	s.header.active = false
	f := &s.stack[len(s.stack)-1]
	f.part.HeaderLen = bodyAt - f.part.HeaderOffset
	f.part.BodyOffset = bodyAt
	f.lines = lines
	s.classify(f)
	if isMessage(&f.part) {
		at := s.offset
		s.offset = bodyAt
		s.push(frame{envelope: new(Envelope)})
		s.offset = at
		return
	}
	s.startSource(f)
}

// classify settles what the entity is, now that its header is known.
func (s *Scanner) classify(f *frame) {
	p := &f.part
	if p.Encoding == "" {
		p.Encoding = "7bit"
	}
	if p.Type == "" && f.inDigest {
		p.Type, p.Subtype = "message", "rfc822" // RFC 2046 §5.1.5
	}
	if p.Type == "" {
		asPlainText(p)
	}
	container := p.Type == "multipart" || isMessage(p)
	switch {
	case f.opaque, container && len(s.stack) > s.limits.Depth:
		asOpaque(p)
	case p.Type == "multipart":
		boundary, ok := rawParam(p.Params, "boundary")
		if !ok {
			boundary, _ = extendedParam(p.Params, "boundary")
		}
		boundary = strings.TrimRight(boundary, " \t")
		if boundary == "" || len(boundary) > maxBoundary {
			asPlainText(p)
			return
		}
		f.boundary = boundary
		s.open++
	case isMessage(p) && (!isIdentity(p.Encoding) || s.parts >= s.limits.Parts):
		// RFC 2046 §5.2.1 forbids to encode it. RFC 6532 §3.7 allows it for
		// message/global, but then its structure can't be addressed in IMAP.
		asOpaque(p)
	}
}

// asPlainText makes p what RFC 2045 §5.2 makes of an entity without a type that
// can be used.
func asPlainText(p *Part) {
	p.Type, p.Subtype = "text", "plain"
	p.Params = []Param{{"charset", "us-ascii"}}
}

// asOpaque makes p bytes of which nothing is known.
func asOpaque(p *Part) {
	p.Type, p.Subtype, p.Params = "application", "octet-stream", nil
}

// isIdentity reports whether the transfer encoding leaves the bytes as they are.
func isIdentity(encoding string) bool {
	return encoding == "7bit" || encoding == "8bit" || encoding == "binary"
}

// pop ends the innermost entity at the given offset and hands it to the one
// that it stands in.
func (s *Scanner) pop(end int64) {
	last := len(s.stack) - 1
	f := &s.stack[last]
	s.end(f, end)
	parent := &s.stack[last-1].part
	if f.envelope != nil {
		parent.Message = &Enclosed{Envelope: *f.envelope, Root: f.part}
	} else {
		parent.Children = append(parent.Children, f.part)
	}
	s.stack[last] = frame{}
	s.stack = s.stack[:last]
}

// end completes the entity f, the innermost one.
func (s *Scanner) end(f *frame, end int64) {
	p := &f.part
	// Without a body, the line end that the boundary takes is the header's.
	p.HeaderOffset = min(p.HeaderOffset, end)
	p.BodyOffset = min(p.BodyOffset, end)
	p.HeaderLen = p.BodyOffset - p.HeaderOffset
	p.BodyLen = end - p.BodyOffset
	if p.BodyLen > 0 {
		p.Lines = s.lines - f.lines
		if s.eol > 0 && s.emptied {
			p.Lines-- // the boundary took the whole of the last line
		}
	}
	if p.Type == "multipart" && len(p.Children) == 0 {
		asPlainText(p)
	}
	if f.boundary != "" {
		s.open--
	}
	s.endSource(p)
	if e := f.envelope; e != nil {
		if len(e.Sender) == 0 {
			e.Sender = e.From
		}
		if len(e.ReplyTo) == 0 {
			e.ReplyTo = e.From
		}
	}
}
