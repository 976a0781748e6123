package search

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// part is one of a segment's dictionaries.
type part int

// The dictionaries of a segment, in their order.
const (
	partText   part = iota // terms of the body, of the fields people look at, of attachments
	partHeader             // terms of all other header fields, their names with them
	partValue              // whole folded values of the fields people look at
	partName               // folded names of all other header fields
	partLine               // whole folded "Name: value" of fields that only programs read
	parts
)

// placed are the fields of whose terms the places are kept.
func (p part) placed() field {
	switch p {
	case partText:
		return inBody
	case partHeader:
		return inOther
	}
	return 0
}

// doc is what a segment knows of one document, an email.
type doc struct {
	email  uint32 // mail.EmailID: the store's rows have no more room for it either
	check  uint32 // see checkOf
	tokens uint32 // of the body
	cut    cut
	// Where it stood when it was indexed or last merged: where to look first.
	mailbox uint32
	uid     uint32
	day     uint32 // of its internal date, since 1970
}

// id is what a document is recognised by.
func (d *doc) id() [2]uint32 { return [2]uint32{d.email, d.check} }

func (d *doc) key() uint64 { return uint64(d.email)<<32 | uint64(d.check) }

// docOf is what a row says of a document.
func docOf(row *mail.Row, mailbox mail.MailboxID) doc {
	return doc{
		email: uint32(row.Email), check: checkOf(row), mailbox: uint32(mailbox), uid: uint32(row.UID),
		day: uint32(min(max(row.Internal.Unix()/86400, 0), math.MaxUint32)),
	}
}

// cut says that a message has more than the index has of it.
type cut uint8

const (
	cutBody cut = 1 << iota
	cutHeader
)

// builder gathers documents until they are written as a segment.
type builder struct {
	docs  []doc
	has   map[[2]uint32]bool // emails and checks of docs
	dicts [parts]map[string]*building
	size  int // bytes of memory, about
}

// building is the list of a term, with the document in hand.
type building struct {
	list
	open     bool // cur has not been added yet
	cur      posting
	position uint32 // the last one in the document in hand
}

// termCost is what a term costs in memory besides its letters and postings.
const termCost = 200

func newBuilder() *builder {
	b := &builder{has: map[[2]uint32]bool{}}
	for p := range b.dicts {
		b.dicts[p] = map[string]*building{}
	}
	return b
}

// begin begins a document.
func (b *builder) begin(d doc) {
	b.docs = append(b.docs, d)
	b.has[d.id()] = true
}

func (b *builder) doc() *doc { return &b.docs[len(b.docs)-1] }

// add notes a term of the document in hand; at is nil if its place is not kept.
func (b *builder) add(dict part, term []byte, in field, at *place) {
	l := b.dicts[dict][string(term)]
	if l == nil {
		l = &building{}
		b.dicts[dict][string(term)] = l
		b.size += len(term) + termCost
	}
	n := uint32(len(b.docs) - 1)
	if !l.open || l.cur.doc != n {
		l.flush()
		l.open, l.cur, l.position = true, posting{doc: n}, 0
		b.size += 3
	}
	l.cur.fields |= in
	if at != nil {
		l.positions = appendPlace(l.positions, l.position, *at)
		l.position = at.position
		l.cur.count++
		b.size += 2
	}
}

func (l *building) flush() {
	if l.open {
		l.cur.count = max(l.cur.count, 1)
		l.list.add(l.cur)
	}
}

// write writes what was gathered as a segment.
func (b *builder) write(w *segmentWriter) error {
	for p, dict := range b.dicts {
		terms := slices.Collect(maps.Keys(dict))
		keys := make(map[string]string, len(terms))
		for _, t := range terms {
			keys[t] = string(plain(nil, []byte(t)))
		}
		slices.SortFunc(terms, func(a, b string) int { return cmp.Or(strings.Compare(keys[a], keys[b]), strings.Compare(a, b)) })
		for _, t := range terms {
			l := dict[t]
			l.flush()
			l.open = false
			if err := w.term(part(p), []byte(t), []byte(keys[t]), &l.list); err != nil {
				return err
			}
		}
	}
	return w.finish(b.docs)
}
