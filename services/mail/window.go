package mail

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// MaxPeriods bounds a Window: three a day is more than any tariff has.
	MaxPeriods = 21
	// dayMinutes is the minute behind the last one of a day.
	dayMinutes = 24 * 60
	// windowAhead is how many days are looked at: every weekday, and the one behind.
	windowAhead = 8
)

// Period is the same time on some days of the week, by the clocks of the office.
type Period struct {
	Days [7]bool // by time.Weekday, on which it begins
	From int     // minutes from midnight as clocks show it, 0 to 1439
	To   int     // likewise, up to 1440; not behind From: on the next day
}

// Window is when mail leaves: in any of the Periods. One without Periods is always open.
type Window []Period

// At says whether the window is open at a time, in the zone that t has, and until when
// that surely holds; the zero time: for ever. A minute that clocks skip in spring is
// the one that they show instead, and of an hour that comes twice in autumn a period
// has what package time makes of it.
func (w Window) At(t time.Time) (open bool, until time.Time) {
	if len(w) == 0 {
		return true, time.Time{}
	}
	spans := w.spans(t)
	for _, s := range spans {
		switch {
		case t.Before(s.from) && !open:
			return false, s.from
		case !t.Before(s.from) && t.Before(s.to):
			open, until = true, s.to
		case open && !s.from.After(until) && s.to.After(until):
			until = s.to
		}
	}
	return open, until // not open: no period has any length, which Check refuses
}

type span struct{ from, to time.Time }

// spans are all that may be open from the day before t on, in order.
func (w Window) spans(t time.Time) []span {
	year, month, day := t.Date()
	var spans []span
	for ahead := -1; ahead <= windowAhead; ahead++ {
		weekday := time.Date(year, month, day+ahead, 12, 0, 0, 0, t.Location()).Weekday()
		for _, p := range w {
			if !p.Days[weekday] {
				continue
			}
			end := day + ahead
			if p.To <= p.From {
				end++
			}
			s := span{time.Date(year, month, day+ahead, 0, p.From, 0, 0, t.Location()), time.Date(year, month, end, 0, p.To, 0, 0, t.Location())}
			if s.from.Before(s.to) {
				spans = append(spans, s)
			}
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	return spans
}

// Check says what is wrong with a window: a *RuleError.
func (w Window) Check() error {
	if len(w) > MaxPeriods {
		return &RuleError{Field: "window", Text: fmt.Sprintf("That is more than %d times", MaxPeriods), Err: ErrTooMany}
	}
	for _, p := range w {
		if p.Days == [7]bool{} || p.From < 0 || p.From >= dayMinutes || p.To < 0 || p.To > dayMinutes || p.From == p.To {
			return &RuleError{Field: "window", Text: "A time is written like mon-fri 08:00-18:00"}
		}
	}
	return nil
}

func dayNames() [7]string { return [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

// String is the period as ParsePeriod reads it.
func (p Period) String() string {
	var days []string
	for i := 1; i <= 7; i++ { // Monday first
		if !p.Days[i%7] {
			continue
		}
		first := i
		for i < 7 && p.Days[(i+1)%7] {
			i++
		}
		name := dayNames()[first%7]
		if i > first {
			name += "-" + dayNames()[i%7]
		}
		days = append(days, name)
	}
	return fmt.Sprintf("%s %02d:%02d-%02d:%02d", strings.Join(days, "+"), p.From/60, p.From%60, p.To/60, p.To%60)
}

// ParsePeriod reads "mon-fri 08:00-18:00", "sat+sun 22:00-06:00" or "daily 00:00-06:00".
// The error is a *RuleError.
func ParsePeriod(text string) (p Period, err error) {
	wrong := &RuleError{Field: "window", Text: fmt.Sprintf("“%.60s” is no time: write it like mon-fri 08:00-18:00, sat+sun 22:00-06:00 or daily 00:00-06:00", text)}
	days, times, _ := strings.Cut(strings.ToLower(strings.TrimSpace(text)), " ")
	from, to, found := strings.Cut(strings.TrimSpace(times), "-")
	var fromOK, toOK bool
	p.From, fromOK = clockMinutes(from)
	p.To, toOK = clockMinutes(to)
	if !found || !fromOK || !toOK || !p.readDays(days) || (Window{p}).Check() != nil {
		return Period{}, wrong
	}
	return p, nil
}

func (p *Period) readDays(text string) bool {
	if text == "daily" {
		text = "mon-sun"
	}
	names := dayNames()
	for part := range strings.SplitSeq(text, "+") {
		a, b, ranged := strings.Cut(part, "-")
		if !ranged {
			b = a
		}
		i, last := slices.Index(names[:], a), slices.Index(names[:], b)
		if i < 0 || last < 0 {
			return false
		}
		for ; i != last; i = (i + 1) % 7 {
			p.Days[i] = true
		}
		p.Days[last] = true
	}
	return true
}

func clockMinutes(text string) (int, bool) {
	h, m, found := strings.Cut(text, ":")
	hours, err := strconv.ParseUint(h, 10, 8)
	minutes, err2 := strconv.ParseUint(m, 10, 8)
	total := int(hours*60 + minutes)
	return total, found && err == nil && err2 == nil && len(h) == 2 && len(m) == 2 && minutes < 60 && total <= dayMinutes
}
