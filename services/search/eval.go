package search

import (
	"bytes"
	"context"
	"math/bits"
	"slices"
	"sort"
	"strings"
)

// set is some of a segment's documents.
type set []uint64

func newSet(docs int) set { return make(set, (docs+63)/64) }

func (s set) add(doc uint32)      { s[doc/64] |= 1 << (doc % 64) }
func (s set) has(doc uint32) bool { return s[doc/64]&(1<<(doc%64)) != 0 }

func (s set) and(other set) {
	for i := range s {
		s[i] &= other[i]
	}
}

func (s set) or(other set) {
	for i := range s {
		s[i] |= other[i]
	}
}

func (s set) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// asker asks one segment one question after the other.
type asker struct {
	*segment
	ctx          context.Context
	words, lists *cursor
	blockBuf     []byte
	listBuf      []byte
}

func (s *segment) ask(ctx context.Context) *asker {
	return &asker{segment: s, ctx: ctx, words: s.words.cursor(), lists: s.lists.cursor()}
}

// blocks are those in which terms stand whose plain form begins with prefix; all
// for "".
func (d *dictDirectory) with(prefix []byte) []block {
	if len(prefix) == 0 {
		return d.blocks
	}
	from := sort.Search(len(d.blocks), func(i int) bool { return bytes.Compare(d.blocks[i].first, prefix) >= 0 })
	to := from
	for to < len(d.blocks) && bytes.HasPrefix(d.blocks[to].first, prefix) {
		to++
	}
	return d.blocks[max(0, from-1):to] // the block before may end with them
}

// terms calls do for each term of a dictionary that holds the pattern, in which
// a NUL stands for the beginning or end of the term. Only the blocks given are
// read. What do gets is good until it returns.
func (a *asker) terms(blocks []block, pattern []byte, do func(term []byte, i info) error) error {
	var o openBlock
	for _, k := range blocks {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		var err error
		if o, a.blockBuf, err = a.block(a.words, k, a.blockBuf); err != nil {
			return err
		}
		n, counted := -1, 0 // terms that begin before counted, less one
		for pos := 0; ; {
			i := bytes.Index(o.text[pos:], pattern)
			if i < 0 {
				break
			}
			at := pos + i
			if pattern[0] == 0 {
				at++ // in the term
			}
			// The term around at.
			n += bytes.Count(o.text[counted:at], []byte{0})
			counted = at
			start := bytes.LastIndexByte(o.text[:at], 0) + 1
			length := bytes.IndexByte(o.text[start:], 0)
			if n >= o.count || length < 0 {
				break
			}
			info, err := o.info(n)
			if err != nil {
				return err
			}
			if err := do(o.text[start:start+length], info); err != nil {
				return err
			}
			pos = start + length // the NUL behind it
			if pos == len(o.text)-1 {
				break
			}
		}
	}
	return nil
}

// element is what one token of a phrase must be.
type element struct {
	text     string // folded
	from, to bool   // its token begins, ends here
	joint    joint  // before it; not asked of the first
}

// blind says how little is known of the terms that the element allows.
func (e element) blind() int {
	switch {
	case e.from && e.to:
		return 0
	case e.from:
		return 1
	}
	return 2
}

func (e element) pattern() []byte {
	var p []byte
	if e.from {
		p = append(p, 0)
	}
	p = append(p, e.text...)
	if e.to {
		p = append(p, 0)
	}
	return p
}

// blocks are those in which the element's terms stand.
func (a *asker) blocks(dict part, e element) []block {
	if !e.from {
		return a.dicts[dict].blocks
	}
	return a.dicts[dict].with(plain(nil, []byte(e.text)))
}

// needle is a folded text cut into elements.
type needle struct {
	text     string
	elements []element
	// exact: where the elements stand in a row, with their joints, there the text
	// is. Otherwise it only may be.
	exact bool
	// loose: the elements can't be asked to stand in a row.
	loose bool
}

// cutNeedle cuts a folded text as the tokenizer cuts a text that contains it.
func cutNeedle(text string) needle {
	n := needle{text: text, exact: true}
	gap, at := "", 0
	for at < len(text) {
		kind, end := run(text, at)
		piece := text[at:end]
		if kind == between {
			gap, at = piece, end
			continue
		}
		j := jointOf(gap)
		if j == jointOther && len(n.elements) > 0 {
			n.exact = false
		}
		first, last := at == 0, end == len(text)
		if at > 0 && len(n.elements) == 0 {
			n.exact = false // it begins with what no token holds
		}
		if kind == dense {
			n.dense(piece, j, last)
		} else {
			n.letters(piece, j, !first, !last)
		}
		gap, at = "", end
	}
	if gap != "" {
		n.exact = false
	}
	return n
}

// run is how far the runes from at on are of one kind.
func run(text string, at int) (runeKind, int) {
	kind := between
	for i, r := range text[at:] {
		k := kindOf(r)
		if i == 0 {
			kind = k
		} else if k != kind {
			return kind, at + i
		}
	}
	return kind, len(text)
}

func (n *needle) letters(piece string, j joint, from, to bool) {
	if runes := []rune(piece); len(runes) > termStep {
		// Some term holds its first termStep runes; where the token begins and ends
		// can't be said.
		n.exact, n.loose = false, true
		piece, from, to = string(runes[:termStep]), false, false
	}
	n.elements = append(n.elements, element{piece, from, to, j})
}

// dense adds a run of a script without spaces: every two runes are a term, at
// each rune's place, and the run's last rune one of its own.
func (n *needle) dense(piece string, j joint, last bool) {
	runes := []rune(piece)
	for i := range runes {
		switch {
		case i+1 < len(runes):
			n.elements = append(n.elements, element{string(runes[i : i+2]), true, true, j})
		case !last:
			n.elements = append(n.elements, element{string(runes[i:]), true, true, j})
		case len(runes) == 1:
			n.elements = append(n.elements, element{string(runes[i:]), true, false, j})
		}
		j = jointNone
	}
}

// contains finds the documents in which one of the fields of a dictionary
// contains the needle: surely, and perhaps.
func (a *asker) contains(dict part, n needle, in field) (yes, maybe set, err error) {
	docs := len(a.docs)
	yes, maybe = newSet(docs), newSet(docs)
	if len(n.elements) == 0 {
		for i := range docs {
			maybe.add(uint32(i))
		}
		return yes, maybe, nil
	}
	// Those first of which it is known how they begin: few blocks are read.
	order := slices.SortedStableFunc(slices.Values(n.elements), func(a, b element) int { return a.blind() - b.blind() })
	var all set
	for _, e := range order {
		found, err := a.element(dict, e, in)
		if err != nil {
			return nil, nil, err
		}
		if all == nil {
			all = found
		} else {
			all.and(found)
		}
		if all.count() == 0 {
			return yes, maybe, nil
		}
	}
	switch {
	case len(n.elements) > 1 && !n.loose:
		phrase, whole, err := a.phrase(dict, n, in, all)
		if err != nil {
			return nil, nil, err
		}
		if n.exact && whole {
			return phrase, maybe, nil
		}
		return yes, phrase, nil
	case n.exact:
		return all, maybe, nil
	}
	return yes, all, nil
}

// element finds the documents with a term that the element allows.
func (a *asker) element(dict part, e element, in field) (set, error) {
	found := newSet(len(a.docs))
	err := a.terms(a.blocks(dict, e), e.pattern(), func(_ []byte, i info) error {
		return a.collect(i, in, found)
	})
	return found, err
}

// collect adds the documents of a list to found.
func (a *asker) collect(i info, in field, found set) error {
	b, err := a.docList(a.lists, i, a.listBuf)
	if err != nil {
		return err
	}
	if i.inline == nil {
		a.listBuf = b
	}
	p := postings{b: b, docs: uint32(len(a.docs))}
	for p.next() {
		if p.p.fields&in != 0 {
			found.add(p.p.doc)
		}
	}
	return p.err
}

// collectBoth is collect for two fields at once.
func (a *asker) collectBoth(i info, in field, found set, also field, alsoFound set) error {
	b, err := a.docList(a.lists, i, a.listBuf)
	if err != nil {
		return err
	}
	if i.inline == nil {
		a.listBuf = b
	}
	p := postings{b: b, docs: uint32(len(a.docs))}
	for p.next() {
		if p.p.fields&in != 0 {
			found.add(p.p.doc)
		}
		if p.p.fields&also != 0 {
			alsoFound.add(p.p.doc)
		}
	}
	return p.err
}

// maxPlaces is how many places of one element are held to find a phrase; beyond
// them its documents are only likely. Each is 8 bytes.
const maxPlaces = 2 << 20

// phrase finds the documents among those given in which the elements stand in a
// row. If there were too many places, it gives the documents as they are, and
// false.
func (a *asker) phrase(dict part, n needle, in field, among set) (found set, whole bool, err error) {
	var row []uint64 // where the elements so far have been found in a row: document, place of the last
	for i, e := range n.elements {
		places, err := a.places(dict, e, in, among)
		if err != nil {
			return nil, false, err
		}
		if len(places) > maxPlaces {
			return among, false, nil
		}
		slices.Sort(places)
		if i == 0 {
			row = places
			continue
		}
		row = follow(row, places, e.joint)
	}
	found = newSet(len(a.docs))
	for _, p := range row {
		found.add(uint32(p >> 32))
	}
	return found, true, nil
}

// follow are the places that come right behind one of row, with the joint
// between. A place is the document, the position and the joint before it.
func follow(row, places []uint64, j joint) []uint64 {
	var next []uint64
	for len(row) > 0 && len(places) > 0 {
		want := row[0]>>jointBits + 1
		switch have := places[0] >> jointBits; {
		case have < want:
			places = places[1:]
		case have > want:
			row = row[1:]
		default:
			if joint(places[0]&(1<<jointBits-1)) == j {
				next = append(next, places[0])
			}
			places = places[1:]
		}
	}
	return next
}

// places are those of the terms that the element allows, in the documents given.
func (a *asker) places(dict part, e element, in field, among set) (found []uint64, err error) {
	err = a.terms(a.blocks(dict, e), e.pattern(), func(_ []byte, i info) error { return a.placesOf(dict, i, in, among, &found) })
	return found, err
}

// placesOf adds the places of one list, until there are too many.
func (a *asker) placesOf(dict part, i info, in field, among set, found *[]uint64) error {
	if len(*found) > maxPlaces {
		return nil
	}
	docs, positions, err := a.all(a.lists, i, a.listBuf)
	if err != nil {
		return err
	}
	if i.inline == nil {
		a.listBuf = docs[:0]
	}
	p := postings{b: docs, docs: uint32(len(a.docs))}
	for p.next() {
		if p.p.fields&dict.placed() == 0 {
			continue
		}
		take := p.p.fields&in != 0 && among.has(p.p.doc)
		positions, err = places(positions, p.p.count, func(at place) {
			if take {
				*found = append(*found, uint64(p.p.doc)<<32|uint64(at.position)<<jointBits|uint64(at.joint))
			}
		})
		if err != nil {
			return err
		}
	}
	return p.err
}

// peopleField is the field of a header name that people look at.
func peopleField(name string) field {
	switch strings.ToLower(name) {
	case "subject":
		return inSubject
	case "from":
		return inFrom
	case "to":
		return inTo
	case "cc":
		return inCc
	case "bcc":
		return inBcc
	}
	return 0
}
