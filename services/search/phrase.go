package search

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// wantedPhrase finds the documents in which the tokens stand in a row, whatever
// stands between them.
func (a *asker) wantedPhrase(w wanted, h *hits) error {
	if w.in&(inBody|inAttached) != 0 {
		if err := a.textPhrase(w, h); err != nil {
			return err
		}
	}
	if w.in&inPeople == 0 {
		return nil
	}
	// A field's value is short: it is cut again and compared. Letters of scripts
	// without spaces have no marks that may be left out: the values without them
	// need not be looked at.
	pattern := []byte{0}
	if run := denseRun(w.tokens); run != "" {
		pattern = []byte(run)
	}
	var key []byte
	return a.terms(a.dicts[partValue].blocks, pattern, func(value []byte, i info) error {
		key = plain(key[:0], value)
		if !bytes.Contains(key, []byte(w.tokens[0])) || !inRow(plainTokens(string(key)), w.tokens, w.prefix) {
			return nil
		}
		return a.weigh(i, w.in&inPeople, 1, 1, h)
	})
}

// denseRun is what must stand in a text as it is for the tokens to stand there in
// a row, where they begin in a script without spaces; else "". Two tokens that
// share a character come from one run: behind a run's end its last character
// stands alone.
func denseRun(tokens []string) string {
	if !denseOnly(tokens[0]) {
		return ""
	}
	run := tokens[0]
	for i, token := range tokens[1:] {
		_, first := utf8.DecodeRuneInString(tokens[i])
		_, shared := utf8.DecodeRuneInString(token)
		if first == len(tokens[i]) || shared == len(token) || tokens[i][first:] != token[:shared] || !denseOnly(token) {
			break
		}
		run += token[shared:]
	}
	return run
}

func inRow(tokens, want []string, prefix bool) bool {
	for i := 0; i+len(want) <= len(tokens); i++ {
		last := len(want) - 1
		if slices.Equal(tokens[i:i+last], want[:last]) && (tokens[i+last] == want[last] || prefix && strings.HasPrefix(tokens[i+last], want[last])) {
			return true
		}
	}
	return false
}

// textPhrase finds the documents with the tokens in a row in the body, and those
// with all of them in what is attached: of that places are not kept.
func (a *asker) textPhrase(w wanted, h *hits) error {
	lists, among, attached, err := a.everyToken(w)
	if err != nil {
		return err
	}
	for doc := range uint32(len(a.docs)) {
		if w.in&inAttached != 0 && attached.has(doc) {
			h.docs.add(doc)
			h.weight[doc] += weightAttached
		}
	}
	if w.in&inBody == 0 || among.count() == 0 {
		return nil
	}
	var row []uint64
	for i, token := range w.tokens {
		var here []uint64
		for _, l := range lists[i] {
			if err := a.placesOf(partText, l, inBody, among, &here); err != nil {
				return err
			}
		}
		if w.goesOn(i) {
			err := a.spelled(token, true, exactly, func(_ []byte, l info, _ float64) error {
				return a.placesOf(partText, l, inBody, among, &here)
			})
			if err != nil {
				return err
			}
		}
		slices.Sort(here)
		for k := range here {
			here[k] &^= 1<<jointBits - 1 // whatever stands between
		}
		if i == 0 {
			row = here
		} else {
			row = follow(row, here, jointOther)
		}
	}
	for _, p := range row {
		h.docs.add(uint32(p >> 32))
		h.weight[uint32(p>>32)] += 1
	}
	return nil
}

// goesOn says whether the token may be the beginning of a longer one.
func (w *wanted) goesOn(token int) bool { return w.prefix && token == len(w.tokens)-1 }

// everyToken finds the documents with all of the tokens in the body, and those
// with all of them in what is attached; and where the lists of each token are, so
// that its block need not be read again: not of one that goes on, which may be
// any part of the vocabulary.
func (a *asker) everyToken(w wanted) (lists [][]info, body, attached set, err error) {
	lists = make([][]info, len(w.tokens))
	for i, token := range w.tokens {
		inText, inFiles := newSet(len(a.docs)), newSet(len(a.docs))
		err := a.spelled(token, w.goesOn(i), exactly, func(_ []byte, l info, _ float64) error {
			if !w.goesOn(i) {
				l.inline = slices.Clone(l.inline) // it is the block's
				lists[i] = append(lists[i], l)
			}
			return a.collectBoth(l, inBody, inText, inAttached, inFiles)
		})
		if err != nil {
			return nil, nil, nil, err
		}
		if i == 0 {
			body, attached = inText, inFiles
			continue
		}
		body.and(inText)
		attached.and(inFiles)
		if body.count()+attached.count() == 0 {
			break
		}
	}
	return lists, body, attached, nil
}
