package tally

import (
	"errors"
	"io/fs"
	"log/slog"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func tirana() *time.Location { return time.FixedZone("Tirana", 3600) }

func open(t *testing.T, files durable.FS) *Book {
	t.Helper()
	return Open(files, tirana, slog.New(slog.NewTextHandler(t.Output(), nil)))
}

func TestDays(t *testing.T) {
	t.Parallel()
	files := crashfs.New()
	b := open(t, files)
	b.Add(noon, Received, 2)
	b.Add(noon, BytesIn, 9000)
	b.Add(noon.Add(-13*time.Hour), Sent, 1) // 23:00 in UTC, and 0:00 of the 23rd here
	b.Add(noon.Add(-14*time.Hour), Sent, 5)
	want := []Day{
		{"2026-11-21", map[Kind]int64{}},
		{"2026-11-22", map[Kind]int64{Sent: 5}},
		{"2026-11-23", map[Kind]int64{Received: 2, BytesIn: 9000, Sent: 1}},
	}
	if got := b.Days(noon, 3); !reflect.DeepEqual(got, want) {
		t.Errorf("days are %v, want %v", got, want)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, files.Crash(files.Ops(), crashfs.Nothing()))
	if got := b.Days(noon, 3); !reflect.DeepEqual(got, want) {
		t.Errorf("after a restart days are %v, want %v", got, want)
	}
	if got := b.Totals(); len(got) != 0 {
		t.Errorf("after a restart %v were counted, want nothing", got)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestBound(t *testing.T) {
	t.Parallel()
	b := open(t, crashfs.New())
	for i := range 2 * maxDays {
		b.Add(noon.AddDate(0, 0, i), Sent, 1)
	}
	if len(b.days) != maxDays {
		t.Errorf("%d days are kept, want %d", len(b.days), maxDays)
	}
	if got := b.Days(noon.AddDate(0, 0, 2*maxDays-1), 1); got[0].Counts[Sent] != 1 {
		t.Errorf("the newest day is %v, want one message", got)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestSaved: a minute later it is on disk, and when that fails, a minute after.
func TestSaved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		files := crashfs.New()
		b := open(t, files)
		b.Add(noon, Inside, 1)
		files.Fault(func(crashfs.Op) error { return errors.New("no room") })
		time.Sleep(saveEvery + time.Second)
		synctest.Wait()
		if _, err := files.Stat(File); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("on a full disk: %v, want no file", err)
		}
		files.Fault(nil)
		time.Sleep(saveEvery)
		synctest.Wait()
		if days, err := read(files.Crash(files.Ops(), crashfs.Nothing())); err != nil || days["2026-11-23"][Inside] != 1 {
			t.Errorf("a minute later there is %v, %v; want one message", days, err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"days":{"2026-11-23":{"received":1,"odd":3,"sent":-1},"x":{},"2026-11-22":null}}`))
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		days, err := decode(text)
		if err != nil {
			return
		}
		for day, counts := range days {
			for k, n := range counts {
				if n < 0 {
					t.Errorf("%s: %d of %s", day, n, k)
				}
			}
		}
	})
}
