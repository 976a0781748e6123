package mail

import (
	"testing"
	"time"
)

func window(t testing.TB, periods ...string) Window {
	t.Helper()
	var w Window
	for _, text := range periods {
		p, err := ParsePeriod(text)
		if err != nil {
			t.Fatal(err)
		}
		w = append(w, p)
	}
	return w
}

// TestWindow: what is open when, over midnight, over weekends and where the clocks
// change.
func TestWindow(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Tirane")
	if err != nil {
		t.Fatal(err)
	}
	office := []string{"mon-fri 08:00-18:00", "sat 09:00-12:00"}
	for _, test := range []struct {
		periods []string
		at      string
		open    bool
		until   string
	}{
		{office, "2026-11-23T07:59:59+01:00", false, "2026-11-23T08:00:00+01:00"},
		{office, "2026-11-23T08:00:00+01:00", true, "2026-11-23T18:00:00+01:00"},
		{office, "2026-11-23T18:00:00+01:00", false, "2026-11-24T08:00:00+01:00"},
		{office, "2026-11-28T12:00:00+01:00", false, "2026-11-30T08:00:00+01:00"},
		{[]string{"daily 22:00-06:00"}, "2026-11-23T03:00:00+01:00", true, "2026-11-23T06:00:00+01:00"},
		{[]string{"fri 22:00-06:00"}, "2026-11-28T05:00:00+01:00", true, "2026-11-28T06:00:00+01:00"},
		{[]string{"fri 22:00-06:00"}, "2026-11-27T05:00:00+01:00", false, "2026-11-27T22:00:00+01:00"},
		{[]string{"sun 08:00-09:00"}, "2026-11-22T09:00:00+01:00", false, "2026-11-29T08:00:00+01:00"},
		// Periods that meet are one; one within another ends nothing.
		{[]string{"mon 12:00-24:00", "mon 08:00-12:00", "mon 09:00-10:00"}, "2026-11-23T08:30:00+01:00", true, "2026-11-24T00:00:00+01:00"},
		// The clocks go from 2:00 to 3:00 on 29 March 2026, and back on 25 October.
		{[]string{"daily 01:00-04:00"}, "2026-03-29T01:30:00+01:00", true, "2026-03-29T04:00:00+02:00"},
		{[]string{"daily 06:00-07:00"}, "2026-03-28T07:00:00+01:00", false, "2026-03-29T06:00:00+02:00"},
		{[]string{"daily 06:00-07:00"}, "2026-10-24T07:00:00+02:00", false, "2026-10-25T06:00:00+01:00"},
		{nil, "2026-10-24T07:00:00+02:00", true, ""},
	} {
		at, err := time.Parse(time.RFC3339, test.at)
		if err != nil {
			t.Fatal(err)
		}
		open, until := window(t, test.periods...).At(at.In(zone))
		got := ""
		if !until.IsZero() {
			got = until.Format(time.RFC3339)
		}
		if open != test.open || got != test.until {
			t.Errorf("%q at %s: %v until %s; want %v until %s", test.periods, test.at, open, got, test.open, test.until)
		}
	}
}

// TestParsePeriod: what is written is read again.
func TestParsePeriod(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Mon-Fri 08:00-18:00": "mon-fri 08:00-18:00", "sat+sun 22:00-06:00": "sat-sun 22:00-06:00", "daily 00:00-24:00": "mon-sun 00:00-24:00",
		"fri-mon 10:00-11:00": "mon+fri-sun 10:00-11:00", "wed 00:30-00:31": "wed 00:30-00:31",
	} {
		if p, err := ParsePeriod(in); err != nil || p.String() != want {
			t.Errorf("ParsePeriod(%q) = %s, %v; want %s", in, p, err, want)
		}
	}
	for _, in := range []string{"", "mon", "mon 8:00-18:00", "mon 08:00", "mon 08:00-08:00", "day 08:00-09:00", "mon- 08:00-09:00", "mon 24:00-08:00", "mon 08:60-09:00", "mon 08:00-24:01"} {
		if p, err := ParsePeriod(in); err == nil {
			t.Errorf("ParsePeriod(%q) = %s; want an error", in, p)
		}
	}
}

func FuzzParsePeriod(f *testing.F) {
	f.Add("mon-fri 08:00-18:00", int64(1_790_000_000))
	f.Fuzz(func(t *testing.T, text string, at int64) {
		p, err := ParsePeriod(text)
		if err != nil {
			return
		}
		if again, err := ParsePeriod(p.String()); err != nil || again != p {
			t.Fatalf("%q is read as %s, and that as %s, %v", text, p, again, err)
		}
		now := time.Unix(at%(1<<40), 0)
		if open, until := (Window{p}).At(now); !until.After(now) {
			t.Fatalf("%s at %s: %v until %s", p, now, open, until)
		}
	})
}
