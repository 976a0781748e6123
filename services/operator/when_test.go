package operator

import (
	"errors"
	"testing"
	"time"
)

func TestParseWhen(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 16, 30, 0, 0, time.FixedZone("", 3600))
	for text, want := range map[string]string{
		"2026-11-22 14:05":          "2026-11-22T14:05:00+01:00",
		"2026-11-22T14:05":          "2026-11-22T14:05:00+01:00",
		"2026-11-22 14:05:06":       "2026-11-22T14:05:06+01:00",
		"2026-11-20":                "2026-11-20T00:00:00+01:00",
		"2026-11-22T14:05:00Z":      "2026-11-22T14:05:00Z",
		"2026-11-22T14:05:00+05:30": "2026-11-22T14:05:00+05:30",
		"14:05":                     "2026-11-22T14:05:00+01:00",
		"2h ago":                    "2026-11-22T14:30:00+01:00",
		" 3 days ago ":              "2026-11-19T16:30:00+01:00",
		"20 minutes ago":            "2026-11-22T16:10:00+01:00",
		"1w ago":                    "2026-11-15T16:30:00+01:00",
		"yesterday":                 "2026-11-21T00:00:00+01:00",
		"yesterday 14:05":           "2026-11-21T14:05:00+01:00",
		"today":                     "2026-11-22T00:00:00+01:00",
		"today 9:30":                "2026-11-22T09:30:00+01:00",
		"yesterday 25:00":           "",
		"yesterdays":                "",
		"tomorrow":                  "",
		"":                          "",
		"h ago":                     "",
		"-2h ago":                   "",
		"99999999999999999999h ago": "",
		"1000000 weeks ago":         "",
		"2026-13-01":                "",
		"25:00":                     "",
	} {
		got, err := parseWhen(text, now)
		switch {
		case want == "" && !errors.Is(err, errUsage):
			t.Errorf("parseWhen(%q) = %v, %v; want errUsage", text, got, err)
		case want != "" && (err != nil || got.Format(time.RFC3339) != want):
			t.Errorf("parseWhen(%q) = %v, %v; want %s", text, got, err, want)
		}
	}
}
