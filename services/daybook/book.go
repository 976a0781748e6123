package daybook

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// The bounds of a Book.
const (
	MaxDays    = 3    // that wait to be reported
	MaxDomains = 2000 // of each day
)

// day is a day, so that days are in order as texts.
type day string

func dayOf(at time.Time) day { return day(at.UTC().Format(time.DateOnly)) }

// Book has an entry E for each domain and day. The zero Book is empty.
type Book[E any] struct{ days map[day]map[string]*E }

// Entry finds a domain's entry of the day of a moment, or has fresh make it; nil where
// the day has as many domains as it may. The oldest day gives way to a new one: forgotten
// gets each of its entries.
func (b *Book[E]) Entry(at time.Time, domain string, fresh func() *E, forgotten func(*E)) *E {
	today := dayOf(at)
	if b.days[today] == nil && len(b.days) >= MaxDays {
		oldest := slices.Min(slices.Collect(maps.Keys(b.days)))
		for _, e := range b.days[oldest] {
			forgotten(e)
		}
		delete(b.days, oldest)
	}
	e := b.days[today][domain]
	if e == nil && len(b.days[today]) < MaxDomains {
		e = fresh()
		b.Put(at, domain, e)
	}
	return e
}

// Put puts an entry in, past all bounds: one that was stored.
func (b *Book[E]) Put(at time.Time, domain string, e *E) {
	if b.days == nil {
		b.days = map[day]map[string]*E{}
	}
	today := dayOf(at)
	if b.days[today] == nil {
		b.days[today] = map[string]*E{}
	}
	b.days[today][domain] = e
}

// Before gives the entries of the days that are over at a moment, by day and domain.
func (b *Book[E]) Before(now time.Time) []Dated[E] {
	today := dayOf(now)
	return b.entries(func(d day) bool { return d < today })
}

// All gives all entries, by day and domain.
func (b *Book[E]) All() []Dated[E] { return b.entries(func(day) bool { return true }) }

// Dated is an entry, and whose it is.
type Dated[E any] struct {
	Day    time.Time // its beginning
	Domain string
	Entry  *E // the book's own
}

func (b *Book[E]) entries(wanted func(day) bool) []Dated[E] {
	var list []Dated[E]
	for d, domains := range b.days {
		begin, err := time.Parse(time.DateOnly, string(d))
		if err != nil || !wanted(d) {
			continue // no error: dayOf wrote it
		}
		for domain, e := range domains {
			list = append(list, Dated[E]{begin, domain, e})
		}
	}
	slices.SortFunc(list, func(a, b Dated[E]) int { return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.Domain, b.Domain)) })
	return list
}

// Remove takes an entry out, and gives it; nil if there is none.
func (b *Book[E]) Remove(at time.Time, domain string) *E {
	today := dayOf(at)
	e := b.days[today][domain]
	delete(b.days[today], domain)
	if len(b.days[today]) == 0 {
		delete(b.days, today)
	}
	return e
}

// version begins what Encode gives; JSON follows.
const version = 1

// ErrVersion says that bytes are not what Encode gave, or of a later version.
var ErrVersion = errors.New("not collected evidence that this version can read")

// Encode gives a list of reports to be stored: one version byte, 1, and JSON. They are
// made of strings, numbers, times and addresses only.
func Encode[R any](reports []*R) []byte {
	text, err := json.Marshal(reports)
	if err != nil {
		panic(err) // of such, nothing fails
	}
	return append([]byte{version}, text...)
}

// Decode reads what Encode gave. No report is nil. The error is ErrVersion.
func Decode[R any](data []byte) ([]*R, error) {
	if len(data) == 0 || data[0] != version {
		return nil, ErrVersion
	}
	var list []*R
	if err := json.Unmarshal(data[1:], &list); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrVersion, err)
	}
	if slices.Contains(list, nil) {
		return nil, ErrVersion
	}
	return list, nil
}
