package message

import "bytes"

// Scanner makes a Digest of the bytes written to it, in one pass. Of the
// message it keeps only the line or header field in hand, as far as limits
// allow, and the beginning of one text part for the preview.
//
// However the bytes are cut into Writes, the digest is the same.
type Scanner struct {
	limits Limits

	// Where we are.
	offset   int64 // bytes taken
	lines    int64 // lines that have ended
	lineAt   int64 // where the line in hand begins
	eol      int64 // length of the line end in front of lineAt: 0, 1 or 2
	emptied  bool  // the line in front of lineAt was empty
	cr       bool  // the byte in front of offset is a CR of the line in hand
	gathers  bool  // the line in hand is kept in line
	line     []byte
	finished *Digest

	// What is open.
	stack  []frame // entities whose end has not been seen, the message first
	open   int     // how many of them have a boundary
	header header  // the header in hand

	// What has been used up of the limits.
	parts     int // entities begun
	nested    int // bytes read of part headers
	addresses int // address list entries kept

	hops int // Received fields of the message itself

	// What Finish needs.
	references []string
	source     source // the text being gathered for the preview
	plain      string // preview of the first text/plain that has one
	markup     string // preview of the first text/html that has one
}

// NewScanner gives a Scanner for one message.
func NewScanner(l Limits) *Scanner {
	s := &Scanner{limits: l.withDefaults()}
	s.push(frame{envelope: new(Envelope)})
	return s
}

// maxCandidate is how much of a body line is looked at to see whether it is a
// boundary line: the boundary, two hyphens on either side, some space behind.
const maxCandidate = maxBoundary + 100

// Write takes the next bytes of the message; it never fails. After Finish it
// ignores them.
func (s *Scanner) Write(p []byte) (int, error) {
	n := len(p)
	if s.finished != nil {
		return n, nil
	}
	for len(p) > 0 {
		switch {
		case s.gathers, s.header.active, s.open > 0 && s.offset == s.lineAt && p[0] == '-':
			p = s.gather(p)
		case s.open > 0:
			p = s.skipLine(p)
		default:
			s.skipAll(p)
			p = nil
		}
	}
	return n, nil
}

// skipAll takes bytes of a body in which there is nothing left to find.
func (s *Scanner) skipAll(p []byte) {
	s.collect(p)
	s.offset += int64(len(p))
	s.lines += int64(bytes.Count(p, []byte{'\n'}))
	if i := bytes.LastIndexByte(p, '\n'); i >= 0 {
		s.lineAt = s.offset - int64(len(p)-i-1)
	}
}

// skipLine takes the rest of a body line that is no boundary line.
func (s *Scanner) skipLine(p []byte) []byte {
	i := bytes.IndexByte(p, '\n')
	if i < 0 {
		s.collect(p)
		s.take(p)
		return nil
	}
	s.collect(p[:i+1])
	s.take(p[:i+1])
	s.endLine()
	return p[i+1:]
}

// gather takes bytes of a line that must be seen whole, and has it looked at
// when its end is there.
func (s *Scanner) gather(p []byte) []byte {
	line := p
	i := bytes.IndexByte(p, '\n')
	if i >= 0 {
		line = p[:i+1]
	}
	limit := maxCandidate
	if s.header.active {
		limit = max(limit, s.header.budget)
	} else if s.offset-s.lineAt+int64(len(line)) > maxCandidate {
		s.collect(s.line) // too long for a boundary line: ordinary text
		s.drop()
		return s.skipLine(p)
	}
	s.take(line)
	if i < 0 || s.gathers {
		s.gathers = true
		s.keep(line, limit)
		line = s.line
	}
	if i < 0 {
		return nil
	}
	s.lookAt(line[:min(len(line), limit)])
	s.drop()
	s.endLine()
	return p[i+1:]
}

func (s *Scanner) keep(p []byte, limit int) {
	s.line = append(s.line, p[:max(0, min(len(p), limit-len(s.line)))]...)
}

// maxKeptLine is how much memory for lines a Scanner holds on to.
const maxKeptLine = 4 << 10

func (s *Scanner) drop() {
	s.gathers, s.line = false, s.line[:0]
	if cap(s.line) > maxKeptLine {
		s.line = nil
	}
}

// take counts bytes of the line in hand; only the last may be a line end.
func (s *Scanner) take(p []byte) {
	s.offset += int64(len(p))
	last := len(p) - 1
	if p[last] == '\n' {
		last--
	}
	if last >= 0 {
		s.cr = p[last] == '\r'
	}
}

// endLine ends the line in hand, whose line end has been taken.
func (s *Scanner) endLine() {
	s.eol = 1
	if s.cr {
		s.eol = 2
	}
	s.emptied = s.offset-s.lineAt == s.eol
	s.lines++
	s.lineAt = s.offset
	s.cr = false
}

// Hops is how many servers say that they have handled the message: its Received
// fields (RFC 5321 §6.3), as far as its header has been written.
func (s *Scanner) Hops() int { return s.hops }

// What an address or an entity of the tree costs in memory, about.
const (
	addressCost = 128
	partCost    = 512
)

// Held is how many bytes of memory the message takes up in the Scanner, about: a
// line or field in hand, and what the digest will have.
func (s *Scanner) Held() int {
	return cap(s.line) + cap(s.header.value) + cap(s.source.bytes) + s.nested + s.addresses*addressCost + s.parts*partCost
}

// Finish ends the message and gives the digest of everything written. A second
// call gives the same digest.
func (s *Scanner) Finish() *Digest {
	if s.finished != nil {
		return s.finished
	}
	if s.gathers {
		s.lookAt(s.line)
		s.drop()
	}
	for s.header.active {
		s.endHeader(s.offset, s.lines)
	}
	s.eol, s.emptied = 0, true
	if s.offset > s.lineAt {
		s.lines++ // the last line has no end
		s.lineAt = s.offset
	}
	for len(s.stack) > 1 {
		s.pop(s.offset)
	}
	s.finished = s.digest()
	s.stack, s.line, s.source = nil, nil, source{}
	return s.finished
}

func (s *Scanner) digest() *Digest {
	f := &s.stack[0]
	s.end(f, s.offset)
	d := &Digest{
		Envelope:   *f.envelope,
		Root:       f.part,
		HeaderLen:  f.part.HeaderLen,
		Size:       s.offset,
		Lines:      s.lines,
		Preview:    s.plain,
		References: s.references,
		Date:       parseDate(f.envelope.Date),
		Attachment: hasAttachment(&f.part),
	}
	if d.Preview == "" {
		d.Preview = s.markup
	}
	if ids := messageIDs(f.envelope.MessageID); len(ids) > 0 {
		d.MessageID = ids[0]
	}
	d.InReplyTo = lastOf(messageIDs(f.envelope.InReplyTo))
	d.BaseSubject, d.IsReply = BaseSubject(d.Subject())
	return d
}
