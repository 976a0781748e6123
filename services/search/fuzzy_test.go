package search

import (
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestFuzzy asks as an IMAP client does that reads generously: words misspelled and
// without marks, in one field or anywhere, of new mail and of mail that is indexed.
func TestFuzzy(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.append(letters()...)
	for _, state := range []string{"fresh", "indexed", "reopened"} {
		for _, c := range []struct {
			query mail.Query
			want  string // UIDs
			best  mail.UID
		}{
			{mail.Fuzzy{Query: mail.Text{Text: "invioce"}}, "2:4", 2},
			{mail.Text{Text: "invioce"}, "", 0},
			{mail.Fuzzy{Query: mail.Body{Text: "invioce"}}, "2:4", 3},
			{mail.Fuzzy{Query: mail.Header{Name: "SUBJECT", Value: "invioce"}}, "2", 2},
			{mail.Fuzzy{Query: mail.Header{Name: "From", Value: "krasnigi"}}, "1", 1},
			{mail.Fuzzy{Query: mail.Text{Text: "nvoic"}}, "2:4", 0}, // as it is written, which people don't mean
			{mail.Fuzzy{Query: mail.Header{Name: "X-Other", Value: "invioce"}}, "", 0},
			{mail.Not{Query: mail.Fuzzy{Query: mail.Text{Text: "invioce"}}}, "1,5:6", 2},
			{mail.And{mail.Fuzzy{Query: mail.Body{Text: "invioce"}}, mail.UIDIn{Set: mail.SetOf[mail.UID](3, 9)}}, "3", 3},
			{mail.Or{mail.Fuzzy{Query: mail.Body{Text: "meetnig"}}, mail.Body{Text: "invioce"}}, "3", 3},
			{mail.Fuzzy{Query: mail.And{mail.Body{Text: "meetnig"}, mail.Body{Text: "invioce"}}}, "3", 3},
		} {
			generous, err := o.ix.Generous(o.ctx, anna, o.box, 1, c.query)
			o.ok(err)
			got, err := o.ix.Search(o.ctx, anna, o.box, 1, generous)
			o.ok(err)
			if got.String() != c.want {
				t.Errorf("%s: %+v: got %s, want %s", state, c.query, got, c.want)
			}
			weights, err := o.ix.Relevance(o.ctx, anna, o.box, 1, c.query)
			o.ok(err)
			best := mail.UID(0)
			for uid, weight := range weights {
				if weight <= 0 {
					t.Errorf("%s: %+v: message %d has the weight %v", state, c.query, uid, weight)
				}
				if best == 0 || weight > weights[best] {
					best = uid
				}
			}
			if best != c.best && c.best != 0 {
				t.Errorf("%s: %+v: the best is %d of %v, want %d", state, c.query, best, weights, c.best)
			}
		}
		switch state {
		case "fresh":
			o.update()
		case "indexed":
			o.reopen()
		}
	}
}
