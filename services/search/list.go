package search

import (
	"encoding/binary"
	"fmt"
)

// field says in which parts of a message a term stands.
type field uint8

// The fields, as they stand in a segment.
const (
	inSubject field = 1 << iota
	inFrom
	inTo
	inCc
	inBcc
	inOther // header fields that people don't look at
	inBody
	inAttached // names of attachments, text of attached documents

	inPeople = inSubject | inFrom | inTo | inCc | inBcc
)

// posting is one document in a term's list.
type posting struct {
	doc    uint32
	fields field
	count  uint32 // how often, where positions are kept: in the body, or in other fields
}

// Bits of a posting's first number.
const (
	postingFields = 1 << iota // the fields follow: they are not those of the posting before
	postingMany               // the count follows: it is not 1
	postingShift  = 2
)

// list is a term's postings as bytes.
type list struct {
	docs, positions []byte
	count           uint32 // postings
	last            posting
}

// add appends a posting. Documents come in ascending order.
func (l *list) add(p posting) {
	head := uint64(p.doc-l.last.doc) << postingShift
	if p.fields != l.last.fields {
		head |= postingFields
	}
	if p.count != 1 {
		head |= postingMany
	}
	l.docs = binary.AppendUvarint(l.docs, head)
	if p.fields != l.last.fields {
		l.docs = append(l.docs, byte(p.fields))
	}
	if p.count != 1 {
		l.docs = binary.AppendUvarint(l.docs, uint64(p.count))
	}
	l.last = p
	l.count++
}

// postings walks the first part of a list.
type postings struct {
	b     []byte
	docs  uint32 // of the segment
	p     posting
	begun bool
	err   error
}

// next goes to the next posting.
func (s *postings) next() bool {
	if len(s.b) == 0 || s.err != nil {
		return false
	}
	head := s.uvarint()
	delta := head >> postingShift
	if s.begun && delta == 0 || delta+uint64(s.p.doc) >= uint64(s.docs) {
		s.fail("document")
	}
	s.begun = true
	s.p.doc += uint32(delta)
	if head&postingFields != 0 {
		if len(s.b) == 0 {
			s.fail("fields")
			return false
		}
		s.p.fields, s.b = field(s.b[0]), s.b[1:]
	}
	s.p.count = 1
	if head&postingMany != 0 {
		n := s.uvarint()
		if n > maxTokens {
			s.fail("count")
		}
		s.p.count = uint32(n)
	}
	return s.err == nil
}

func (s *postings) uvarint() uint64 {
	if len(s.b) > 0 && s.b[0] < 0x80 {
		n := uint64(s.b[0])
		s.b = s.b[1:]
		return n
	}
	n, w := binary.Uvarint(s.b)
	if w <= 0 {
		s.fail("number")
		return 0
	}
	s.b = s.b[w:]
	return n
}

func (s *postings) fail(what string) {
	if s.err == nil {
		s.err = fmt.Errorf("%w: %s in a list", errDamage, what)
	}
}

// place is one place of a term in a document: where, and what is before it.
type place struct {
	position uint32
	joint    joint
}

const jointBits = 3

func appendPlace(b []byte, last uint32, p place) []byte {
	return binary.AppendUvarint(b, uint64(p.position-last)<<jointBits|uint64(p.joint))
}

// places reads the count places of one document from b and gives the rest of it.
func places(b []byte, count uint32, do func(place)) ([]byte, error) {
	position := uint64(0)
	for range count {
		n, w := binary.Uvarint(b)
		if w <= 0 {
			return nil, fmt.Errorf("%w: positions in a list", errDamage)
		}
		b = b[w:]
		if position += n >> jointBits; position > maxTokens*2 {
			return nil, fmt.Errorf("%w: position in a list", errDamage)
		}
		if do != nil {
			do(place{uint32(position), joint(n & (1<<jointBits - 1))})
		}
	}
	return b, nil
}
