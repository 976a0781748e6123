package daybook

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

type entry struct{ N int }

// TestBook: entries are found again, in order, by their days; the oldest day gives way,
// and a day takes so many domains and no more.
func TestBook(t *testing.T) {
	t.Parallel()
	var b Book[entry]
	var forgotten []int
	add := func(at time.Time, domain string) *entry {
		e := b.Entry(at, domain, func() *entry { return &entry{} }, func(e *entry) { forgotten = append(forgotten, e.N) })
		if e != nil {
			e.N++
		}
		return e
	}
	show := func(list []Dated[entry]) string {
		var texts []string
		for _, d := range list {
			texts = append(texts, fmt.Sprintf("%s %s %d", d.Day.Format("2"), d.Domain, d.Entry.N))
		}
		return strings.Join(texts, ", ")
	}
	first := time.Date(2026, 11, 20, 23, 59, 59, 0, time.UTC)
	add(first, "b.test")
	add(first.In(time.FixedZone("", 3600)), "b.test") // the 21st there
	add(first.Add(time.Second), "a.test")
	add(first, "a.test")
	for now, want := range map[time.Time]string{
		first:                     "",
		first.Add(time.Second):    "20 a.test 1, 20 b.test 2",
		first.Add(25 * time.Hour): "20 a.test 1, 20 b.test 2, 21 a.test 1",
	} {
		if got := show(b.Before(now)); got != want {
			t.Errorf("before %s: %s; want %s", now, got, want)
		}
	}
	add(first.Add(48*time.Hour), "c.test")
	add(first.Add(72*time.Hour), "d.test")
	if got, want := show(b.All()), "21 a.test 1, 22 c.test 1, 23 d.test 1"; got != want || len(forgotten) != 2 || forgotten[0]+forgotten[1] != 3 {
		t.Errorf("with a fourth day: %s, forgotten %v; want %s, and what was of the first", got, forgotten, want)
	}
	if e := b.Remove(first.Add(48*time.Hour), "c.test"); e == nil || b.Remove(first, "c.test") != nil {
		t.Errorf("Remove = %+v", e)
	}
	if got, want := show(b.All()), "21 a.test 1, 23 d.test 1"; got != want || len(b.days) != 2 {
		t.Errorf("with one taken out: %s in %d days; want %s", got, len(b.days), want)
	}
	for i := range MaxDomains - 1 {
		add(first.Add(72*time.Hour), fmt.Sprint(i))
	}
	if add(first.Add(72*time.Hour), "more.test") != nil || add(first.Add(72*time.Hour), "d.test") == nil {
		t.Error("a full day takes another domain, or has lost one")
	}
}

// TestEncode: what was stored comes back, and nothing else does.
func TestEncode(t *testing.T) {
	t.Parallel()
	text := Encode([]*entry{{1}, {2}})
	if list, err := Decode[entry](text); err != nil || len(list) != 2 || list[1].N != 2 || string(text) != "\x01[{\"N\":1},{\"N\":2}]" {
		t.Errorf("%q comes back as %v, %v", text, list, err)
	}
	for _, bad := range []string{"", "\x02[]", "\x01", "\x01{", "\x01[null]", "\x01[1]"} {
		if list, err := Decode[entry]([]byte(bad)); !errors.Is(err, ErrVersion) {
			t.Errorf("%q is %v, %v; want ErrVersion", bad, list, err)
		}
	}
}
