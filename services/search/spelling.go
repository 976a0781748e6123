package search

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// spelled calls do for the terms that are a word, with what they are worth.
func (a *asker) spelled(word string, prefix bool, s spelling, do func(term []byte, i info, worth float64) error) error {
	if s == misspelled {
		return a.misspelled(word, do)
	}
	pattern := []byte{0}
	if denseOnly(word) {
		// Such letters are their own plain form (see plain): the term is looked for as
		// it is, not every term of the block.
		pattern = element{text: word, from: true, to: !prefix}.pattern()
	}
	var key []byte
	return a.terms(a.dicts[partText].with([]byte(word)), pattern, func(term []byte, i info) error {
		key = plain(key[:0], term)
		switch {
		case string(key) == word:
			return do(term, i, 1)
		case prefix && bytes.HasPrefix(key, []byte(word)):
			return do(term, i, weightPrefix)
		}
		return nil
	})
}

// misspelled calls do for the terms that are a word with some letters amiss.
func (a *asker) misspelled(word string, do func(term []byte, i info, worth float64) error) error {
	most := typos(word)
	if most == 0 {
		return nil
	}
	// The first letter is right: few people miss that one, and a twentieth of
	// the vocabulary is read instead of all.
	_, size := utf8.DecodeRuneInString(word)
	var key []byte
	var d distances
	runes, other := []rune(word), []rune(nil)
	return a.terms(a.dicts[partText].with([]byte(word[:size])), []byte{0}, func(term []byte, i info) error {
		if key = plain(key[:0], term); len(key) < len(word)-8 || len(key) > len(word)+8 || string(key) == word {
			return nil
		}
		other = other[:0]
		for _, r := range string(key) {
			other = append(other, r)
		}
		if n := d.between(runes, other, most); n <= most {
			return do(term, i, weightTypo/float64(n))
		}
		return nil
	})
}

// typos is how many letters of a word may be amiss. One with digits is a number of
// something: the next one is another thing.
func typos(word string) int {
	if strings.ContainsAny(word, "0123456789") {
		return 0
	}
	switch n := utf8.RuneCountInString(word); {
	case n >= 8:
		return 2
	case n >= 4:
		return 1
	}
	return 0
}

// distance is how many letters must be changed, put in, taken out or exchanged
// with their neighbour to make b of a; more than most is as good as most+1.
func distance(a, b []rune, most int) int {
	var d distances
	return d.between(a, b, most)
}

// distances is the memory for one distance after the other.
type distances struct{ rows [3][]int }

// between is distance.
func (d *distances) between(a, b []rune, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	for i := range d.rows {
		d.rows[i] = slices.Grow(d.rows[i][:0], len(b)+1)[:len(b)+1]
	}
	before, last, row := d.rows[0], d.rows[1], d.rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > most {
			return most + 1
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
