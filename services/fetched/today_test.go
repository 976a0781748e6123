package fetched

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestToday: days pass as the process runs; of the clock no leap is believed, forth or
// back, and of a time without a process a day at most.
func TestToday(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	const day = 24 * time.Hour
	first := time.Unix(20_000*86400, 0)
	b := Open(disk, "fetched")
	for _, step := range []struct {
		name   string
		start  bool
		wall   time.Duration // after first
		uptime time.Duration
		want   Day // after 20,000
	}{
		{"the first", false, 0, time.Minute, 0},
		{"ten years on by the clock", false, 3650 * day, 2 * time.Minute, 0},
		{"a day later", false, 0, day + time.Minute, 1},
		{"a start, ten years back", true, 2 * day, 0, 1},
		{"again, ten days beyond all", true, 3660 * day, 0, 2},
		{"again at once", true, 3660 * day, time.Minute, 2},
		{"fifty years back", false, -50 * 365 * day, time.Minute, 2},
		{"three days later", false, 3663 * day, 3*day + time.Minute, 5},
		{"a start", true, 3663*day + time.Hour, 0, 5},
		{"and one a day later", true, 3664*day + time.Hour, 0, 6},
	} {
		if step.start {
			b = Open(disk, "fetched")
		}
		got, err := b.Today(first.Add(step.wall), step.uptime)
		if want := 20_000 + step.want; err != nil || got != want {
			t.Errorf("%s: day %d, %v; want %d", step.name, got, err, want)
		}
	}
	if ids, err := b.Accounts(); err != nil || len(ids) != 0 {
		t.Errorf("it counts as accounts: %v, %v", ids, err)
	}
}

// TestTodayDamaged: a file that says nothing is begun anew, one of a newer version is
// left alone.
func TestTodayDamaged(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{"": nil, "skdtodayv": nil, todayMagic + "\x01short": nil, todayMagic + "\x02": mail.ErrNewer, "something that is no such file at all": nil} {
		disk := crashfs.New()
		if err := errors.Join(durable.MkdirAllSync(disk, "fetched", 0o700), durable.ReplaceBytes(disk, "fetched/"+todayName, os.FileMode(0o600), []byte(text))); err != nil {
			t.Fatal(err)
		}
		got, err := Open(disk, "fetched").Today(time.Unix(20_000*86400, 0), 0)
		if !errors.Is(err, want) || err == nil && got != 20_000 {
			t.Errorf("%q: day %d, %v; want 20000, %v", text, got, err, want)
		}
	}
}
