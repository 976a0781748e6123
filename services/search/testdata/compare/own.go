package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// postings are the texts in which something stands: differences as varints.
type postings struct {
	bytes []byte
	last  int
	count int
}

func (p *postings) add(n int) {
	if p.count > 0 && p.last == n {
		return
	}
	p.bytes = binary.AppendUvarint(p.bytes, uint64(n-p.last))
	p.last, p.count = n, p.count+1
}

func decode(b []byte) (list []int) {
	for n := 0; len(b) > 0; {
		d, w := binary.Uvarint(b)
		n, b = n+int(d), b[w:]
		list = append(list, n)
	}
	return list
}

// dictionary is what both own engines write: keys in one text, postings in
// another file, read again from disk for each query.
type dictionary struct {
	dir   string
	terms map[string]*postings
	keys  []byte   // sorted, each behind a NUL
	at    []uint32 // where each begins in keys
	where []uint64 // where its postings begin; one more
	file  *os.File
}

func (d *dictionary) add(key string, n int) {
	p := d.terms[key]
	if p == nil {
		p = &postings{}
		d.terms[strings.Clone(key)] = p
	}
	p.add(n)
}

func (d *dictionary) finish() (err error) {
	var keys []string
	for k := range d.terms {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var data, head []byte
	for _, k := range keys {
		d.at = append(d.at, uint32(len(d.keys)))
		d.keys = append(append(d.keys, k...), 0)
		d.where = append(d.where, uint64(len(data)))
		data = append(data, d.terms[k].bytes...)
		head = binary.AppendUvarint(head, uint64(len(d.terms[k].bytes)))
	}
	d.where = append(d.where, uint64(len(data)))
	d.terms = nil
	if err := os.WriteFile(filepath.Join(d.dir, "keys"), append(slices.Clone(d.keys), head...), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.dir, "postings"), data, 0o600); err != nil {
		return err
	}
	d.file, err = os.Open(filepath.Join(d.dir, "postings"))
	return err
}

func (d *dictionary) list(i int) ([]int, error) {
	b := make([]byte, d.where[i+1]-d.where[i])
	if _, err := d.file.ReadAt(b, int64(d.where[i])); err != nil {
		return nil, err
	}
	return decode(b), nil
}

func (d *dictionary) key(i int) string {
	k := d.keys[d.at[i]:]
	return string(k[:bytes.IndexByte(k, 0)])
}

func (d *dictionary) find(key string) (int, bool) {
	lo, hi := 0, len(d.at)
	for lo < hi {
		if mid := (lo + hi) / 2; d.key(mid) < key {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(d.at) && d.key(lo) == key
}

// trigrams is an index of every three characters that follow each other.
type trigrams struct {
	dictionary
	texts *texts
}

func openTrigram(dir string, t *texts) (engine, error) {
	return &trigrams{dictionary{dir: dir, terms: map[string]*postings{}}, t}, nil
}

func gramsOf(s string) (grams []string) {
	s = fold(s)
	var starts []int
	for i := range s {
		starts = append(starts, i)
	}
	starts = append(starts, len(s))
	for i := 0; i+3 < len(starts); i++ {
		grams = append(grams, s[starts[i]:starts[i+3]])
	}
	return grams
}

func (e *trigrams) add(n int, text string) error {
	for _, g := range gramsOf(text) {
		e.dictionary.add(g, n)
	}
	return nil
}

func (e *trigrams) word(w string) ([]int, error) { return e.substring(w) }

func (e *trigrams) substring(s string) ([]int, error) {
	var candidates []int
	grams := gramsOf(s)
	if len(grams) == 0 {
		return scan{e.texts}.substring(s)
	}
	for i, g := range grams {
		at, ok := e.find(g)
		if !ok {
			return nil, nil
		}
		list, err := e.list(at)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			list = intersect(candidates, list)
		}
		candidates = list
	}
	return e.texts.verified(candidates, s)
}

// words is an index of words whose vocabulary is scanned for substrings.
type words struct {
	dictionary
	texts *texts
}

func openWords(dir string, t *texts) (engine, error) {
	return &words{dictionary{dir: dir, terms: map[string]*postings{}}, t}, nil
}

func notWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) }

func (e *words) add(n int, text string) error {
	for w := range strings.FieldsFuncSeq(fold(text), notWord) {
		e.dictionary.add(w, n)
	}
	return nil
}

func (e *words) word(w string) ([]int, error) {
	at, ok := e.find(fold(w))
	if !ok {
		return nil, nil
	}
	return e.list(at)
}

func (e *words) substring(s string) ([]int, error) {
	pieces := strings.FieldsFunc(fold(s), notWord)
	if len(pieces) == 0 {
		return scan{e.texts}.substring(s)
	}
	var candidates []int
	for i, p := range pieces {
		found, err := e.containing([]byte(p))
		if err != nil {
			return nil, err
		}
		if i > 0 {
			found = intersect(candidates, found)
		}
		candidates = found
	}
	if len(pieces) == 1 && pieces[0] == fold(s) {
		return candidates, nil // without anything between words it lies within one
	}
	return e.texts.verified(candidates, s)
}

// containing is the texts with a word that has the piece in it.
func (e *words) containing(piece []byte) (found []int, err error) {
	seen := make([]bool, len(e.texts.start))
	for pos := 0; ; {
		i := bytes.Index(e.keys[pos:], piece)
		if i < 0 {
			break
		}
		at, ok := slices.BinarySearch(e.at, uint32(pos+i))
		if !ok {
			at--
		}
		list, err := e.list(at)
		if err != nil {
			return nil, err
		}
		for _, n := range list {
			seen[n] = true
		}
		pos = len(e.keys)
		if at+1 < len(e.at) {
			pos = int(e.at[at+1])
		}
	}
	for n, ok := range seen {
		if ok {
			found = append(found, n)
		}
	}
	return found, nil
}
