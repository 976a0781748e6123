package imapd

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// sorting is SORT and UID SORT (RFC 5256 §3), with the display names of RFC 5957
// and the RETURN of RFC 5267 §3.
type sorting struct {
	search
	by []sortKey
}

// sortKey is one criterion.
type sortKey struct {
	field   sortField
	reverse bool
	weights map[mail.UID]float64 // for RELEVANCY, which has the best first
}

// sortField is what a criterion looks at, by its name in upper case.
type sortField string

// sortFields are those there are.
func sortFields() []sortField {
	return []sortField{"ARRIVAL", "CC", "DATE", "DISPLAYFROM", "DISPLAYTO", "FROM", "RELEVANCY", "SIZE", "SUBJECT", "TO"}
}

func parseSort(byUID bool) func(*parser) request {
	return func(p *parser) request {
		c := sorting{search: search{byUID: byUID, wholly: true}}
		p.SP()
		if p.Peek() != '(' {
			if word := p.Keyword(); p.Err() == nil && word != "RETURN" {
				p.Failf("SORT needs the list of what to sort by, not %.30s", word)
			}
			p.SP()
			c.returnOptions(p)
			p.SP()
		}
		c.by = p.sortKeys()
		p.SP()
		c.charset = strings.ToUpper(p.AString())
		p.SP()
		c.weigh = c.byRelevancy()
		c.criteria(p, "")
		return c
	}
}

// sortKeys reads the list of criteria.
func (p *parser) sortKeys() []sortKey {
	keys := []sortKey{}
	p.List(func() {
		if len(keys) >= maxSortKeys {
			p.Failf("more than %d sort criteria", maxSortKeys)
		}
		word := p.Keyword()
		reverse := word == "REVERSE"
		if reverse {
			p.SP()
			word = p.Keyword()
		}
		if p.Err() == nil && !slices.Contains(sortFields(), sortField(word)) {
			p.Failf("SORT can't sort by %.30s", word)
		}
		keys = append(keys, sortKey{field: sortField(word), reverse: reverse})
	})
	if p.Err() == nil && len(keys) == 0 {
		p.Failf("the list of sort criteria is empty")
	}
	return keys
}

func (c sorting) run(ctx context.Context, s *session) (err error) {
	defer c.forget(s, &err)
	found, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	weights, err := c.weights(ctx, s, s.view.mailbox)
	if err != nil {
		return err
	}
	for i := range c.by {
		c.by[i].weights = weights
	}
	order, err := s.sort(ctx, found, c.by)
	if err != nil {
		return err
	}
	return c.tell(ctx, s, result{order: order, weights: weights}, c.by)
}

func (c *sorting) byRelevancy() bool {
	return slices.ContainsFunc(c.by, func(k sortKey) bool { return k.field == "RELEVANCY" })
}

// sortable is what is compared of a message: for each criterion a number or a
// text, whichever it has.
type sortable struct {
	uid     mail.UID
	numbers []int64
	texts   []string
}

// sort puts messages in order; those that are equal stay in the mailbox's (RFC
// 5256 §3).
func (s *session) sort(ctx context.Context, set mail.UIDSet, by []sortKey) ([]mail.UID, error) {
	numbers := 0
	for _, k := range by {
		if k.field.numeric() {
			numbers++
		}
	}
	list := make([]sortable, 0, set.Len())
	for m, err := range s.toOrder(ctx, set, by) {
		if err != nil {
			return nil, fmt.Errorf("sort mailbox %s: %w", s.view.mailbox, err)
		}
		one := sortable{uid: m.Row.UID}
		if numbers > 0 {
			one.numbers = make([]int64, 0, numbers)
		}
		if numbers < len(by) {
			one.texts = make([]string, 0, len(by)-numbers)
		}
		for _, k := range by {
			if k.field.numeric() {
				one.numbers = append(one.numbers, k.number(&m))
			} else {
				one.texts = append(one.texts, k.field.text(m.Summary))
			}
		}
		list = append(list, one)
		s.working(len(list), cap(list))
	}
	slices.SortFunc(list, func(a, b sortable) int { return compareBy(by, &a, &b) })
	order := make([]mail.UID, len(list))
	for i := range list {
		order[i] = list[i].uid
	}
	return order, nil
}

// toOrder yields the messages; what the criteria don't ask for isn't looked up.
func (s *session) toOrder(ctx context.Context, set mail.UIDSet, by []sortKey) func(yield func(message.Summarized, error) bool) {
	if slices.ContainsFunc(by, func(k sortKey) bool { return k.field != "ARRIVAL" && k.field != "RELEVANCY" && k.field != "SIZE" }) {
		return s.account.Summaries(ctx, s.view.mailbox, set)
	}
	return func(yield func(message.Summarized, error) bool) {
		for row, err := range s.account.Rows(ctx, s.view.mailbox, set) {
			if !yield(message.Summarized{Row: row}, err) {
				return
			}
		}
	}
}

func compareBy(by []sortKey, a, b *sortable) int {
	numbers, texts := 0, 0
	for _, k := range by {
		order := 0
		if k.field.numeric() {
			order = cmp.Compare(a.numbers[numbers], b.numbers[numbers])
			numbers++
		} else {
			order = strings.Compare(a.texts[texts], b.texts[texts])
			texts++
		}
		if k.reverse {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return cmp.Compare(a.uid, b.uid)
}

func (f sortField) numeric() bool {
	return f == "ARRIVAL" || f == "DATE" || f == "RELEVANCY" || f == "SIZE"
}

func (k sortKey) number(m *message.Summarized) int64 {
	switch k.field {
	case "RELEVANCY":
		return -int64(k.weights[m.Row.UID] * 1e6)
	case "SIZE":
		return m.Row.Size
	case "DATE":
		return m.Summary.SentOr(m.Row.Internal)
	}
	return m.Row.Internal.Unix() // ARRIVAL
}

func (f sortField) text(m *message.Summary) string {
	switch f {
	case "CC":
		return m.Cc()
	case "DISPLAYFROM":
		return m.DisplayFrom()
	case "DISPLAYTO":
		return m.DisplayTo()
	case "FROM":
		return m.From()
	case "TO":
		return m.To()
	}
	return m.Subject()
}
