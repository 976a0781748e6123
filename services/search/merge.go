package search

import (
	"bytes"
	"context"
)

// tierBase is how many segments of about one size become one.
const tierBase = 4

// tierSmallest is how many documents the smallest size has at most.
const tierSmallest = 256

// tierLargest is the size of which no more become one: up to 262,144 documents.
// Beyond that a merge would hold too much at a time: what documents there are, and
// the places of the most frequent words.
const tierLargest = 5

// tier is the size of a segment, in powers of tierBase.
func (s *segment) tier() int {
	t := 0
	for n := len(s.docs); n > tierSmallest; n /= tierBase {
		t++
	}
	return t
}

// overfull gives the segments that are to become one, at the end of the list; nil if
// there are too few of a size.
func overfull(segments []*segment) []*segment {
	for i := range segments {
		from := len(segments) - 1 - i
		// All behind from are smaller or as large.
		if i+1 >= tierBase && segments[from].tier() < tierLargest && segments[from].tier() == segments[len(segments)-tierBase].tier() && (from == 0 || segments[from-1].tier() > segments[from].tier()) {
			return segments[from:]
		}
	}
	return nil
}

// merging reads the terms of one segment's dictionary in order.
type merging struct {
	*asker
	dict   part
	number []int64 // of each document in the new segment; -1: dropped
	block  int
	open   openBlock
	at     int // in open.text: the term in hand
	n      int // its number in the block
	length int
	plain  []byte
	buf    []byte
	done   bool
}

func (m *merging) term() []byte { return m.open.text[m.at : m.at+m.length] }

// begin goes to the dictionary's first term.
func (m *merging) begin(dict part) error {
	m.dict, m.block, m.done, m.open = dict, 0, false, openBlock{}
	m.n, m.at, m.length = -1, 0, 0
	return m.next()
}

// next goes to the next term.
func (m *merging) next() error {
	m.n++
	if m.n >= m.open.count {
		if m.block == len(m.dicts[m.dict].blocks) {
			m.done = true
			return nil
		}
		var err error
		if m.open, m.blockBuf, err = m.segment.block(m.words, m.dicts[m.dict].blocks[m.block], m.blockBuf); err != nil {
			return err
		}
		if m.open.count == 0 {
			return errDamage
		}
		m.block++
		m.n, m.at = 0, 1
	} else {
		m.at += m.length + 1
	}
	if m.at >= len(m.open.text) {
		return errDamage
	}
	if m.length = bytes.IndexByte(m.open.text[m.at:], 0); m.length < 0 {
		return errDamage
	}
	m.plain = plain(m.plain[:0], m.term())
	return nil
}

func (m *merging) compare(other *merging) int {
	if c := bytes.Compare(m.plain, other.plain); c != 0 {
		return c
	}
	return bytes.Compare(m.term(), other.term())
}

// appendTo adds the list of the term in hand to l, under the new numbers.
func (m *merging) appendTo(l *list) error {
	i, err := m.open.info(m.n)
	if err != nil {
		return err
	}
	docs, positions, err := m.all(m.lists, i, m.buf)
	if err != nil {
		return err
	}
	if i.inline == nil {
		m.buf = docs[:0]
	}
	p := postings{b: docs, docs: uint32(len(m.docs))}
	for p.next() {
		placed := positions
		if p.p.fields&m.dict.placed() != 0 {
			if positions, err = places(positions, p.p.count, nil); err != nil {
				return err
			}
		}
		placed = placed[:len(placed)-len(positions)]
		if n := m.number[p.p.doc]; n >= 0 {
			l.add(posting{uint32(n), p.p.fields, p.p.count})
			l.positions = append(l.positions, placed...)
		}
	}
	return p.err
}

// merge writes the segments as one, without the documents that keep refuses;
// rest is called often, to let others work.
func merge(ctx context.Context, w *segmentWriter, segments []*segment, keep func(*doc) bool, rest func()) error {
	var docs []doc
	var inputs []*merging
	for n, s := range segments {
		m := &merging{asker: s.ask(ctx), number: make([]int64, len(s.docs))}
		for i, d := range s.docs {
			m.number[i] = -1
			if d.email != 0 && !stands(segments[:n], &d) && keep(&d) {
				m.number[i] = int64(len(docs))
				docs = append(docs, d)
			}
		}
		inputs = append(inputs, m)
	}
	for p := part(0); p < parts; p++ {
		if err := mergePart(ctx, w, p, inputs, rest); err != nil {
			return err
		}
	}
	return w.finish(docs)
}

// stands says whether one of the segments has the document: it is in two if two
// runs have found it.
func stands(segments []*segment, d *doc) bool {
	for _, s := range segments {
		near := -1
		if _, ok := s.find(d.email, d.check, &near); ok {
			return true
		}
	}
	return false
}

func mergePart(ctx context.Context, w *segmentWriter, p part, inputs []*merging, rest func()) error {
	for _, m := range inputs {
		if err := m.begin(p); err != nil {
			return err
		}
	}
	var l list
	for n := 0; ; n++ {
		if n%256 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			rest()
		}
		var least *merging
		for _, m := range inputs {
			if !m.done && (least == nil || m.compare(least) < 0) {
				least = m
			}
		}
		if least == nil {
			return nil
		}
		l = list{docs: l.docs[:0], positions: l.positions[:0]}
		term, key := bytes.Clone(least.term()), bytes.Clone(least.plain)
		for _, m := range inputs { // in order, so that documents come in order
			if m.done || !bytes.Equal(m.term(), term) {
				continue
			}
			if err := m.appendTo(&l); err != nil {
				return err
			}
			if err := m.next(); err != nil {
				return err
			}
		}
		if l.count == 0 {
			continue
		}
		if err := w.term(p, term, key, &l); err != nil {
			return err
		}
	}
}
