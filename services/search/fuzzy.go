package search

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxFuzzy is how many texts of one query are looked for as people look for them;
// those beyond are looked for as they are written.
const maxFuzzy = 8

// fuzzyText is a text of which a query asks that it be read generously.
type fuzzyText struct {
	query mail.Query // mail.Header, mail.Body or mail.Text
	asked *asked
}

// Generous puts beside each text under a Fuzzy the messages that Query would find
// for it, misspelled words and all (RFC 6203 §3). What the query found without it
// it still finds.
func (ix *Index) Generous(ctx context.Context, id mail.AccountID, box Account, mailbox mail.MailboxID, q mail.Query) (mail.Query, error) {
	texts := fuzzyTexts(q, false, nil)
	if len(texts) == 0 {
		return q, nil
	}
	found, err := ix.weigh(ctx, id, box, mailbox, texts)
	if err != nil {
		return nil, err
	}
	next := 0
	return replaceFuzzy(q, false, func(leaf mail.Query) mail.Query {
		if next == len(texts) || texts[next].query != leaf {
			return leaf
		}
		uids := make([]mail.UID, 0, len(found[next]))
		for uid := range found[next] {
			uids = append(uids, uid)
		}
		next++
		return mail.Or{mail.UIDIn{Set: mail.SetOf(uids...)}, leaf}
	}), nil
}

// Relevance weighs the messages of a mailbox by the texts of which a query asks
// that they be read generously (mail.Fuzzy): those that fit have a weight above 0,
// for comparing them with each other.
func (ix *Index) Relevance(ctx context.Context, id mail.AccountID, box Account, mailbox mail.MailboxID, q mail.Query) (map[mail.UID]float64, error) {
	weights := map[mail.UID]float64{}
	found, err := ix.weigh(ctx, id, box, mailbox, fuzzyTexts(q, false, nil))
	if err != nil {
		return nil, err
	}
	for _, one := range found {
		for uid, weight := range one {
			weights[uid] += float64(weight)
		}
	}
	return weights, nil
}

// weigh finds for each text the messages of the mailbox that a person may have
// meant.
func (ix *Index) weigh(ctx context.Context, id mail.AccountID, box Account, mailbox mail.MailboxID, texts []fuzzyText) ([]map[mail.UID]float32, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	f := finding{ctx: ctx, box: box, only: true, mailboxes: []mail.Mailbox{{ID: mailbox}}}
	if err := f.walk(); err != nil {
		return nil, err
	}
	a, release, err := ix.acquire(id)
	if err != nil {
		ix.log.Error("search: index is not used", "account", id, "error", err)
		return make([]map[mail.UID]float32, len(texts)), nil
	}
	defer release()
	var found []map[mail.UID]float32
	for _, t := range texts {
		f.q = t.asked
		list, _, _, err := ix.ranked(ctx, a, &f, func(d *doc) bool { _, ok := f.inside(d); return ok }, math.MaxInt32/4)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			ix.log.Error("search: index is not used", "account", id, "error", err)
			list = nil
		}
		found = append(found, f.uids(list))
	}
	return found, nil
}

// uids are the messages of candidates, with their worth. One email may stand in the
// mailbox several times.
func (f *finding) uids(list []candidate) map[mail.UID]float32 {
	found := make(map[mail.UID]float32, len(list))
	for _, c := range list {
		key := c.segment.docs[c.doc].key()
		i, _ := slices.BinarySearchFunc(f.places, key, func(p docPlace, key uint64) int {
			if p.id < key {
				return -1
			}
			return 1 // the first of them
		})
		for ; i < len(f.places) && f.places[i].id == key; i++ {
			found[mail.UID(f.places[i].uid)] = c.score
		}
	}
	return found
}

// fuzzyTexts collects the texts of a query that stand under a Fuzzy, as far as they
// can be looked for so, in order.
func fuzzyTexts(q mail.Query, fuzzy bool, list []fuzzyText) []fuzzyText {
	replaceFuzzy(q, fuzzy, func(leaf mail.Query) mail.Query {
		if asked := askedOf(leaf); asked != nil && len(list) < maxFuzzy {
			list = append(list, fuzzyText{leaf, asked})
		}
		return leaf
	})
	return list
}

// replaceFuzzy gives the query with other leaves in place of its texts under a Fuzzy.
func replaceFuzzy(q mail.Query, fuzzy bool, leaf func(mail.Query) mail.Query) mail.Query {
	switch q := q.(type) {
	case mail.And:
		parts := make(mail.And, len(q))
		for i := range q {
			parts[i] = replaceFuzzy(q[i], fuzzy, leaf)
		}
		return parts
	case mail.Or:
		parts := make(mail.Or, len(q))
		for i := range q {
			parts[i] = replaceFuzzy(q[i], fuzzy, leaf)
		}
		return parts
	case mail.Not:
		return mail.Not{Query: replaceFuzzy(q.Query, fuzzy, leaf)}
	case mail.Fuzzy:
		return mail.Fuzzy{Query: replaceFuzzy(q.Query, true, leaf)}
	case mail.Header, mail.Body, mail.Text:
		if fuzzy {
			return leaf(q)
		}
	}
	return q
}

// askedOf is what a person would ask for the same; nil if that can't be asked.
func askedOf(leaf mail.Query) *asked {
	var text string
	var in field
	switch leaf := leaf.(type) {
	case mail.Header:
		if in = peopleField(leaf.Name); in == 0 {
			return nil
		}
		text = leaf.Value
	case mail.Body:
		text, in = leaf.Text, inBody
	case mail.Text:
		text, in = leaf.Text, inPeople|inBody|inAttached
	}
	if len(text) > MaxAsk {
		return nil
	}
	q := &asked{before: 1<<32 - 1}
	for _, word := range strings.Fields(strings.ToValidUTF8(text, " ")) {
		q.take("", word, false)
	}
	for i := range q.words {
		w := &q.words[i]
		w.in = in
		for j := range w.also {
			w.also[j].in = in
		}
	}
	if len(q.words) == 0 {
		return nil
	}
	return q
}
