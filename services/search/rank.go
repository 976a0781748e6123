package search

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"
	"time"
)

// How a message's worth is weighed. The first two are those of BM25, with lengths
// counting less than in its usual form: a long mail with a long quotation under
// it is not a worse one.
const (
	weightSaturation = 1.2
	weightLength     = 0.4
	// What a word is worth in a field, beside one in the body.
	weightSubject  = 3.0
	weightFrom     = 2.5
	weightTo       = 1.0
	weightAttached = 1.5
	// A word of which only the beginning was typed, and one with one or two
	// letters amiss.
	weightPrefix = 0.6
	weightTypo   = 0.3
	// A message of today is worth half as much again as one of long ago; after
	// this many days that has come down to a third.
	recentDays   = 90
	weightRecent = 0.5

	// fewHits is up to how many messages a word has to have for misspellings to be
	// looked for.
	fewHits = 3
)

// hits are the documents of one segment in which a wanted word is.
type hits struct {
	docs   set
	weight []float32 // by document, before the word's rarity is known
}

// candidate is a document with everything that was asked.
type candidate struct {
	segment *segment
	doc     uint32
	score   float32
}

// ranking weighs the documents of all segments, one word after the other.
type ranking struct {
	askers  []*asker
	total   int     // documents
	average float64 // tokens of a document
	all     []set   // by segment: what has all the words so far
	score   [][]float32
}

// rank finds the documents of all segments that have everything and that keep (if
// there is one) wants: the best of them, at most so many, and how many there are.
func (q *asked) rank(ctx context.Context, segments []*segment, now time.Time, keep func(*doc) bool, most int) ([]candidate, int, error) {
	var r ranking
	tokens := uint64(0)
	for _, s := range segments {
		a := s.ask(ctx)
		all, err := q.filter(a)
		if err != nil {
			return nil, 0, err
		}
		r.askers, r.all, r.score = append(r.askers, a), append(r.all, all), append(r.score, make([]float32, len(s.docs)))
		r.total += len(s.docs)
		tokens += s.tokens
	}
	r.average = float64(tokens) / float64(max(r.total, 1))
	for i := range q.words {
		if err := r.word(&q.words[i]); err != nil {
			return nil, 0, err
		}
	}
	var best []candidate
	total := 0
	least := float32(0) // what the worst of enough candidates is worth
	for j, a := range r.askers {
		for i := range a.docs {
			d := &a.docs[i]
			if !r.all[j].has(uint32(i)) || d.email == 0 || d.day < q.after || d.day >= q.before || keep != nil && !keep(d) {
				continue
			}
			total++
			age := max(0, float64(now.Unix()/86400)-float64(d.day))
			score := (float64(r.score[j][i]) + 0.001) * (1 + weightRecent*math.Exp(-age/recentDays))
			if float32(score) < least {
				continue
			}
			best = append(best, candidate{a.segment, uint32(i), float32(score)})
			if len(best) > 2*most+1000 { // so that few are held, and sorted
				slices.SortFunc(best, better)
				best = best[:most]
				least = best[most-1].score
			}
		}
	}
	slices.SortFunc(best, better)
	return best[:min(len(best), most)], total, nil
}

// better orders candidates: those of one worth by what is newer.
func better(a, b candidate) int {
	d, e := &a.segment.docs[a.doc], &b.segment.docs[b.doc]
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(e.day, d.day), cmp.Compare(e.email, d.email))
}

// word adds the worth of one word, and takes away what doesn't have it.
func (r *ranking) word(w *wanted) error {
	var found []hits
	n := 0
	for _, a := range r.askers {
		h, err := a.wanted(*w, exactly, r.average)
		if err != nil {
			return err
		}
		for _, other := range w.also {
			o, err := a.wanted(other, exactly, r.average)
			if err != nil {
				return err
			}
			h.join(o)
		}
		found = append(found, h)
		n += h.docs.count()
	}
	if n <= fewHits && len(w.tokens) == 1 {
		w.misspelled = true
		for j, a := range r.askers {
			h, err := a.wanted(*w, misspelled, r.average)
			if err != nil {
				return err
			}
			found[j].join(h)
			n += h.docs.count()
		}
	}
	rarity := max(math.Log(1+(float64(r.total)-float64(n)+0.5)/(float64(n)+0.5)), 0.01)
	for j := range r.askers {
		r.all[j].and(found[j].docs)
		for i, weight := range found[j].weight {
			r.score[j][i] += float32(rarity) * weight
		}
	}
	return nil
}

// filter is all documents, or those with an attachment.
func (q *asked) filter(a *asker) (set, error) {
	if q.attachment {
		return a.element(partName, element{text: termAttachment, from: true, to: true}, inOther)
	}
	all := newSet(len(a.docs))
	for i := range all {
		all[i] = math.MaxUint64
	}
	return all, nil
}

func (h *hits) join(other hits) {
	h.docs.or(other.docs)
	for i, w := range other.weight {
		h.weight[i] = max(h.weight[i], w)
	}
}

type spelling bool

const (
	exactly    spelling = false
	misspelled spelling = true
)

// wanted finds the documents with a word or phrase.
func (a *asker) wanted(w wanted, s spelling, average float64) (hits, error) {
	h := hits{docs: newSet(len(a.docs)), weight: make([]float32, len(a.docs))}
	if len(w.tokens) > 1 {
		if s == misspelled {
			return h, nil
		}
		return h, a.wantedPhrase(w, &h)
	}
	err := a.spelled(w.tokens[0], w.prefix, s, func(term []byte, i info, worth float64) error {
		if w.umlaut && !bytes.ContainsAny(term, "\u00e4\u00f6\u00fc") {
			return nil
		}
		return a.weigh(i, w.in, worth, average, &h)
	})
	return h, err
}

// weigh notes the documents of a list.
func (a *asker) weigh(i info, in field, worth, average float64, h *hits) error {
	b, err := a.docList(a.lists, i, a.listBuf)
	if err != nil {
		return err
	}
	if i.inline == nil {
		a.listBuf = b
	}
	p := postings{b: b, docs: uint32(len(a.docs))}
	last, fields := field(0), 0.0 // neighbours are mostly in the same fields
	for p.next() {
		f := p.p.fields & in
		if f == 0 {
			continue
		}
		if f != last {
			last, fields = f, fieldWeight(f)
		}
		weight := fields
		if f&inBody != 0 {
			n, length := float64(p.p.count), float64(a.docs[p.p.doc].tokens)/max(average, 1)
			weight += n * (weightSaturation + 1) / (n + weightSaturation*(1-weightLength+weightLength*length))
		}
		h.docs.add(p.p.doc)
		h.weight[p.p.doc] += float32(worth * weight)
	}
	return p.err
}

func fieldWeight(f field) (weight float64) {
	for _, w := range []struct {
		in     field
		weight float64
	}{{inSubject, weightSubject}, {inFrom, weightFrom}, {inTo | inCc | inBcc, weightTo}, {inAttached, weightAttached}} {
		if f&w.in != 0 {
			weight += w.weight
		}
	}
	return weight
}
