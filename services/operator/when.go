package operator

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseWhen reads a time as people write it: "2026-11-22 14:05" (with seconds,
// or the day alone, its beginning), "14:05" (today), "yesterday 14:05", "yesterday" or
// "today" (their beginning), "2h ago", "3 days ago", or RFC 3339. What says no zone is
// in that of now.
func parseWhen(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if amount, ago := strings.CutSuffix(text, " ago"); ago {
		d, err := parseAmount(amount)
		return now.Add(-d), err
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at, nil
		}
	}
	y, m, d := now.Date()
	clock, yesterday := strings.CutPrefix(text, "yesterday")
	if yesterday {
		d--
	} else {
		clock = strings.TrimPrefix(text, "today")
	}
	if clock == "" && text != "" {
		return time.Date(y, m, d, 0, 0, 0, 0, now.Location()), nil
	}
	if at, err := time.Parse("15:04", strings.TrimSpace(clock)); err == nil {
		return time.Date(y, m, d, at.Hour(), at.Minute(), 0, 0, now.Location()), nil
	}
	return time.Time{}, fmt.Errorf(`%w: %q is not a time: write "2026-11-22 14:05", "yesterday", "2h ago" or "3 days ago"`, errUsage, text)
}

// parseAmount reads "2h", "90 minutes", "3 days".
func parseAmount(text string) (time.Duration, error) {
	end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end > 0 {
		n, err := strconv.Atoi(text[:end])
		units := map[string]time.Duration{
			"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
			"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
			"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
			"w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
		}
		unit, known := units[strings.TrimSpace(text[end:])]
		// Ten years are more than anything is kept.
		if most := 10 * 365 * 24 * time.Hour; err == nil && known && n <= int(most/unit) {
			return time.Duration(n) * unit, nil
		}
	}
	return 0, fmt.Errorf(`%w: %q is no length of time: write "20 minutes", "2h" or "3 days"`, errUsage, text)
}
