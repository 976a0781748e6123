package message

import (
	"strconv"
	"strings"
	"time"
)

// maxDate is the longest Date field that is tried; honest ones have some 40
// characters, with a comment.
const maxDate = 200

// parseDate reads a date as RFC 5322 §3.3 and §4.3 write it, and what else is
// seen: the day of the week missing or wrong, commas and comments anywhere, the
// month in front of the day. It gives the zero time for what has no day, month,
// year and time. (net/mail's reader depends on the machine's own zone where a
// zone is named.)
func parseDate(s string) time.Time {
	if len(s) > maxDate {
		return time.Time{}
	}
	day, year, zone := 0, -1, 0
	var month time.Month
	var clock time.Time
	timed := false
	for word := range strings.FieldsFuncSeq(stripComments(s), func(r rune) bool { return r == ' ' || r == '\t' || r == ',' }) {
		n, err := strconv.Atoi(word)
		number := err == nil && word[0] >= '0' && word[0] <= '9'
		switch {
		case !timed && strings.Contains(word, ":"):
			clock, timed = parseClock(word)
		case number && day == 0 && len(word) <= 2:
			day = n
		case number && year < 0 && len(word) <= 4:
			year = fullYear(n, len(word))
		case month == 0 && monthNamed(word) != 0:
			month = monthNamed(word)
		case timed:
			if z, ok := parseZone(word); ok {
				zone = z
			}
		}
	}
	if day < 1 || day > 31 || month == 0 || year < 1 || !timed {
		return time.Time{}
	}
	t := time.Date(year, month, day, clock.Hour(), clock.Minute(), clock.Second(), 0, time.UTC)
	if t.Day() != day {
		return time.Time{} // 31 February
	}
	return sentDate(t.Unix()-int64(zone)*60, zone)
}

func parseClock(word string) (time.Time, bool) {
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, word); err == nil {
			return t, true
		}
	}
	// RFC 5322 §3.3 allows the leap second :60, which time.Time can't hold.
	if rest, ok := strings.CutSuffix(word, ":60"); ok {
		t, err := time.Parse("15:04:05", rest+":59")
		return t, err == nil
	}
	return time.Time{}, false
}

// fullYear is RFC 5322 §4.3's rule for years of two and three digits.
func fullYear(n, digits int) int {
	switch {
	case digits <= 2 && n < 50:
		return 2000 + n
	case digits <= 3:
		return 1900 + n
	}
	return n
}

func monthNamed(word string) time.Month {
	if len(word) < 3 {
		return 0
	}
	for m := time.January; m <= time.December; m++ {
		if name := m.String(); strings.EqualFold(word, name) || strings.EqualFold(word, name[:3]) {
			return m
		}
	}
	return 0
}

// parseZone gives minutes east of Greenwich. The letters of RFC 822's military
// zones mean nothing (RFC 5322 §4.3: they were used with the wrong sign).
func parseZone(word string) (int, bool) {
	switch strings.ToUpper(word) {
	case "GMT", "UT", "UTC", "Z":
		return 0, true
	case "EDT":
		return -4 * 60, true
	case "EST", "CDT":
		return -5 * 60, true
	case "CST", "MDT":
		return -6 * 60, true
	case "MST", "PDT":
		return -7 * 60, true
	case "PST":
		return -8 * 60, true
	case "CET":
		return 60, true
	case "CEST":
		return 2 * 60, true
	}
	digits := strings.ReplaceAll(word, ":", "")
	n, err := strconv.Atoi(digits)
	if err != nil || len(digits) != 5 || digits[0] != '+' && digits[0] != '-' {
		return 0, false
	}
	sign := 1
	if n < 0 {
		sign, n = -1, -n
	}
	if n%100 >= 60 || n > 2400 {
		return 0, false
	}
	return sign * (n/100*60 + n%100), true
}
