package search

import (
	"encoding/binary"
	"io"
)

const (
	// segmentVersion is the version of the format that doc.go describes.
	segmentVersion = 2
	// blockSize is from how many bytes of letters on a block of the vocabulary is
	// full.
	blockSize = 16 << 10
	// inlineList is how long a list may be to stand beside its term: most terms
	// are in one document.
	inlineList = 24
)

// segmentWriter writes one segment: terms of all dictionaries in order, then the
// documents.
type segmentWriter struct {
	words, lists pageWriter
	part         part
	dicts        [parts]dictDirectory

	// The block in hand.
	count int
	text  []byte
	infos []byte
	base  int64 // of its first list
	first []byte
	buf   []byte
}

// dictDirectory says where the blocks of a dictionary are.
type dictDirectory struct {
	terms  uint64
	blocks []block
}

// block is one block of a vocabulary.
type block struct {
	offset int64
	length int
	first  []byte // plain form of its first term
}

func newSegmentWriter(words, lists io.Writer, salt uint64) *segmentWriter {
	return &segmentWriter{words: pageWriter{w: words, salt: salt}, lists: pageWriter{w: lists, salt: ^salt}}
}

// term adds a term with its list. Parts come in order, terms by their plain form
// and then by themselves.
func (w *segmentWriter) term(p part, term, plain []byte, l *list) error {
	if p != w.part || len(w.text) >= blockSize {
		if err := w.endBlock(); err != nil {
			return err
		}
		w.part = p
	}
	if w.count == 0 {
		w.base, w.first = w.lists.length, append([]byte(nil), plain...)
		w.text = append(w.text, 0)
	}
	w.count++
	w.dicts[p].terms++
	w.text = append(append(w.text, term...), 0)
	inline := len(l.docs)+len(l.positions) <= inlineList
	flag := uint64(0)
	if inline {
		flag = 1
	}
	w.infos = binary.AppendUvarint(w.infos, uint64(l.count))
	w.infos = binary.AppendUvarint(w.infos, uint64(len(l.docs))<<1|flag)
	w.infos = binary.AppendUvarint(w.infos, uint64(len(l.positions)))
	if inline {
		w.infos = append(append(w.infos, l.docs...), l.positions...)
		return nil
	}
	if _, err := w.lists.Write(l.docs); err != nil {
		return err
	}
	_, err := w.lists.Write(l.positions)
	return err
}

func (w *segmentWriter) endBlock() error {
	if w.count == 0 {
		return nil
	}
	b := block{offset: w.words.length, first: w.first}
	head := binary.AppendUvarint(w.buf[:0], uint64(w.count))
	head = binary.AppendUvarint(head, uint64(len(w.text)))
	head = binary.AppendUvarint(head, uint64(w.base))
	w.buf = head
	for _, p := range [][]byte{head, w.text, w.infos} {
		if _, err := w.words.Write(p); err != nil {
			return err
		}
	}
	b.length = int(w.words.length - b.offset)
	w.dicts[w.part].blocks = append(w.dicts[w.part].blocks, b)
	w.count, w.text, w.infos = 0, w.text[:0], w.infos[:0]
	return nil
}

// finish writes the documents and the directory, and the last pages.
func (w *segmentWriter) finish(docs []doc) error {
	if err := w.endBlock(); err != nil {
		return err
	}
	b := []byte{segmentVersion}
	b = binary.AppendUvarint(b, uint64(w.lists.length))
	for p := range w.dicts {
		d := &w.dicts[p]
		b = binary.AppendUvarint(b, d.terms)
		b = binary.AppendUvarint(b, uint64(len(d.blocks)))
		for _, k := range d.blocks {
			b = binary.AppendUvarint(b, uint64(k.length))
			b = binary.AppendUvarint(b, uint64(len(k.first)))
			b = append(b, k.first...)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(docs)))
	last := int64(0)
	for _, d := range docs {
		b = binary.AppendVarint(b, int64(d.email)-last)
		last = int64(d.email)
		b = binary.LittleEndian.AppendUint32(b, d.check)
		b = binary.AppendUvarint(b, uint64(d.tokens)<<2|uint64(d.cut))
		b = binary.AppendUvarint(b, uint64(d.mailbox))
		b = binary.AppendUvarint(b, uint64(d.uid))
		b = binary.AppendUvarint(b, uint64(d.day))
	}
	directory := w.words.length
	if _, err := w.words.Write(b); err != nil {
		return err
	}
	// Behind everything: where the directory begins.
	if _, err := w.words.Write(binary.LittleEndian.AppendUint64(nil, uint64(directory))); err != nil {
		return err
	}
	if err := w.words.flush(); err != nil {
		return err
	}
	return w.lists.flush()
}
