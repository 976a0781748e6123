package search

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
)

// segment is a finished piece of an account's index, open for reading.
type segment struct {
	name         segmentName
	words, lists pages
	dicts        [parts]dictDirectory
	docs         []doc
	byEmail      []uint32 // places in docs, by email; nil if docs are in that order
	tokens       uint64   // of all documents' bodies
	close        func() error
}

// Bounds on what a segment may say of itself.
const (
	maxDocs  = 1 << 30
	maxFirst = 4 << 10 // a term or value is never longer
)

// openSegment reads the directory of a segment whose files are open.
func openSegment(words, lists io.ReaderAt, wordsLength int64, salt uint64) (*segment, error) {
	s := &segment{words: pages{words, salt, wordsLength}, close: func() error { return nil }}
	var tail [8]byte
	if err := s.words.read(tail[:], wordsLength-8); err != nil {
		return nil, err
	}
	at := binary.LittleEndian.Uint64(tail[:])
	if at > uint64(wordsLength-8) {
		return nil, fmt.Errorf("%w: no directory", errDamage)
	}
	b := make([]byte, uint64(wordsLength-8)-at)
	if err := s.words.read(b, int64(at)); err != nil {
		return nil, err
	}
	d := reader{b: b}
	if v := d.byte(); v != segmentVersion {
		return nil, fmt.Errorf("%w: segment of version %d", errDamage, v)
	}
	s.lists = pages{lists, ^salt, int64(d.uvarint(1 << 50))}
	offset := int64(0)
	for p := range s.dicts {
		s.dicts[p].terms = d.uvarint(1 << 40)
		for range d.uvarint(uint64(len(b))) {
			k := block{offset: offset, length: int(d.uvarint(at))}
			k.first = bytes.Clone(d.bytes(d.uvarint(maxFirst)))
			offset += int64(k.length)
			if d.err != nil || uint64(offset) > at {
				return nil, fmt.Errorf("%w: directory", errDamage)
			}
			s.dicts[p].blocks = append(s.dicts[p].blocks, k)
		}
	}
	s.readDocs(&d)
	if d.err != nil || len(d.b) > 0 {
		return nil, fmt.Errorf("%w: directory", errDamage)
	}
	return s, nil
}

func (s *segment) readDocs(d *reader) {
	n := d.uvarint(min(maxDocs, uint64(len(d.b))/9))
	s.docs = make([]doc, 0, n)
	email, sorted := int64(0), true
	for range n {
		delta := d.varint()
		sorted = sorted && delta > 0
		email += delta
		check := d.uint32()
		tokens := d.uvarint(1 << 34)
		mailbox, uid, day := d.uvarint(math.MaxUint32), d.uvarint(math.MaxUint32), d.uvarint(math.MaxUint32)
		if email < 0 || email > 1<<32-1 {
			d.fail()
			return
		}
		s.docs = append(s.docs, doc{uint32(email), check, uint32(tokens >> 2), cut(tokens & 3), uint32(mailbox), uint32(uid), uint32(day)})
		s.tokens += tokens >> 2
	}
	if sorted {
		return
	}
	s.byEmail = make([]uint32, n)
	for i := range s.byEmail {
		s.byEmail[i] = uint32(i)
	}
	slices.SortFunc(s.byEmail, func(a, b uint32) int { return int(int64(s.docs[a].email) - int64(s.docs[b].email)) })
}

// find gives the place of an email in docs. near is where one might look first,
// and where the one found was.
func (s *segment) find(email, check uint32, near *int) (uint32, bool) {
	at := func(i int) uint32 {
		if s.byEmail != nil {
			return s.byEmail[i]
		}
		return uint32(i)
	}
	i := *near + 1
	if i >= len(s.docs) || s.docs[at(i)].email != email {
		i = sort.Search(len(s.docs), func(i int) bool { return s.docs[at(i)].email >= email })
	}
	// One email can stand here twice when the log was put back to an earlier state.
	for ; i < len(s.docs) && s.docs[at(i)].email == email; i++ {
		if s.docs[at(i)].check == check {
			*near = i
			return at(i), true
		}
	}
	return 0, false
}

// memory is about how many bytes the open segment holds.
func (s *segment) memory() int {
	n := len(s.docs)*28 + len(s.byEmail)*4
	for p := range s.dicts {
		n += len(s.dicts[p].blocks) * 96
	}
	return n
}

// info is where the list of a term is.
type info struct {
	count          uint32
	docs, position int // lengths
	inline         []byte
	offset         int64 // in lists, when there is no inline
}

// docList and all read a term's list; c is a cursor of the segment's lists. What
// they give is good until the next call.
func (s *segment) docList(c *cursor, i info, buf []byte) (docs []byte, err error) {
	if i.inline != nil {
		return i.inline[:i.docs], nil
	}
	if int64(i.docs) > c.length {
		return nil, fmt.Errorf("%w: list", errDamage)
	}
	buf = slices.Grow(buf[:0], i.docs)[:i.docs]
	return buf, c.read(buf, i.offset)
}

func (s *segment) all(c *cursor, i info, buf []byte) (docs, positions []byte, err error) {
	if i.inline != nil {
		return i.inline[:i.docs], i.inline[i.docs:], nil
	}
	n := i.docs + i.position
	if int64(n) > c.length {
		return nil, nil, fmt.Errorf("%w: list", errDamage)
	}
	buf = slices.Grow(buf[:0], n)[:n]
	if err := c.read(buf, i.offset); err != nil {
		return nil, nil, err
	}
	return buf[:i.docs], buf[i.docs:], nil
}

// openBlock is a block of a vocabulary in memory.
type openBlock struct {
	count int
	text  []byte // NUL, and after each term another one
	infos reader
	next  int   // the term whose info comes next in infos
	lists int64 // where that one's list begins, if it is not inline
}

func (s *segment) block(c *cursor, k block, buf []byte) (openBlock, []byte, error) {
	buf = slices.Grow(buf[:0], k.length)[:k.length]
	if err := c.read(buf, k.offset); err != nil {
		return openBlock{}, buf, err
	}
	d := reader{b: buf}
	o := openBlock{count: int(d.uvarint(uint64(len(buf))))}
	text := d.uvarint(uint64(len(buf)))
	o.lists = int64(d.uvarint(1 << 50))
	o.text = d.bytes(text)
	o.infos = d
	if d.err != nil || len(o.text) == 0 || o.text[0] != 0 || o.text[len(o.text)-1] != 0 {
		return openBlock{}, buf, fmt.Errorf("%w: block", errDamage)
	}
	return o, buf, nil
}

// info reads on to the info of the nth term.
func (o *openBlock) info(n int) (info, error) {
	for {
		count := o.infos.uvarint(maxDocs)
		docs := o.infos.uvarint(1 << 40)
		i := info{count: uint32(count), docs: int(docs >> 1), position: int(o.infos.uvarint(1 << 40)), offset: o.lists}
		if docs&1 != 0 {
			if i.docs+i.position > inlineList {
				o.infos.fail()
			}
			i.inline = o.infos.bytes(uint64(i.docs + i.position))
		} else {
			o.lists += int64(i.docs + i.position)
		}
		if o.infos.err != nil {
			return info{}, o.infos.err
		}
		if o.next++; o.next > n {
			return i, nil
		}
	}
}

// reader takes numbers off bytes that are not to be trusted.
type reader struct {
	b   []byte
	err error
}

func (d *reader) fail() {
	if d.err == nil {
		d.err = fmt.Errorf("%w: number", errDamage)
	}
	d.b = nil
}

func (d *reader) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

// uvarint is at most limit.
func (d *reader) uvarint(limit uint64) uint64 {
	n, w := binary.Uvarint(d.b)
	if w <= 0 || n > limit {
		d.fail()
		return 0
	}
	d.b = d.b[w:]
	return n
}

func (d *reader) varint() int64 {
	n, w := binary.Varint(d.b)
	if w <= 0 || n > 1<<40 || n < -1<<40 {
		d.fail()
		return 0
	}
	d.b = d.b[w:]
	return n
}

func (d *reader) uint32() uint32 {
	if b := d.bytes(4); len(b) == 4 {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (d *reader) bytes(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	b := d.b[:n:n]
	d.b = d.b[n:]
	return b
}
