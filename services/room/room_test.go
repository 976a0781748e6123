package room

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

func TestBounds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ total, reserve int64 }{
		{0, 64 << 20}, {1 << 30, 64 << 20}, {100 << 30, 5 << 30}, {8 << 40, 8 << 30},
	} {
		if got := BoundsOf(test.total); got != (Bounds{test.reserve, 2 * test.reserve}) {
			t.Errorf("of %d bytes: %+v; want a reserve of %d and twice that", test.total, got, test.reserve)
		}
	}
}

func TestOutside(t *testing.T) {
	t.Parallel()
	u, fail := Usage{Total: 1 << 30}, error(nil)
	g := New(func() (Usage, error) { return u, fail }, BoundsOf(u.Total))
	for _, test := range []struct {
		free, size int64
		taken      bool
	}{
		{128 << 20, 0, true}, {128<<20 - 1, 0, false}, {128 << 20, 1, false}, {138 << 20, 10 << 20, true}, {138<<20 - 1, 10 << 20, false}, {0, 0, false},
	} {
		u.Free = test.free
		if err := g.Outside(test.size); (err == nil) != test.taken || err != nil && !errors.Is(err, mail.ErrNoSpace) {
			t.Errorf("%d bytes with %d free: %v; want it taken: %t", test.size, test.free, err, test.taken)
		}
	}
	u.Free, fail = 0, errors.New("nobody knows")
	if err := g.Outside(1); err != nil {
		t.Errorf("a disk that doesn't tell: %v; want it taken", err)
	}
}

// TestForecast has an office whose mail grows by 1 GB a day, in which 200 GB are free.
func TestForecast(t *testing.T) {
	t.Parallel()
	files, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	const gb = 1 << 30
	start := time.Unix(1_800_000_000, 0)
	h, err := OpenHistory(files, "room")
	if err != nil {
		t.Fatal(err)
	}
	u := Usage{Total: 400 * gb, Free: 230 * gb}
	known := 0
	for hour := 0; hour < 24*60; hour++ {
		now := start.Add(time.Duration(hour) * time.Hour)
		u.Free = 230*gb - int64(hour)*gb/24
		if hour%100 == 50 {
			u.Free += 3 * gb // a compaction, and what was deleted comes back
		}
		if err := h.Note(u, now); err != nil {
			t.Fatal(err)
		}
		if hour%500 == 0 { // a restart
			if h, err = OpenHistory(files, "room"); err != nil {
				t.Fatal(err)
			}
		}
		f, ok := h.Forecast(u, 30*gb)
		if known == 0 && ok {
			known = hour
		}
		if want := float64(u.Free-30*gb) / gb; ok && hour > 14*24 && (f.Left.Hours()/24 < want*0.9 || f.Left.Hours()/24 > want*1.1) {
			t.Fatalf("hour %d: %v are left, %d bytes a day; want about %.0f days", hour, f.Left, f.PerDay, want)
		}
	}
	if known != 7*24 {
		t.Errorf("first forecast after %d hours; want it after a week", known)
	}
	if n := len(h.looks); n != maxLooks {
		t.Errorf("%d looks are kept; want %d", n, maxLooks)
	}
	if f, ok := h.Forecast(Usage{Free: 10 * gb}, 30*gb); !ok || f.Left != 0 {
		t.Errorf("of a disk that is full: %+v, %t; want now", f, ok)
	}
	// The clock goes back to a time before all that was noted.
	if err := h.Note(u, start.Add(-time.Hour)); err != nil || len(h.looks) != 1 {
		t.Errorf("a clock that went back: %v, %d looks; want the new one alone", err, len(h.looks))
	}
}

func TestForecastSteady(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_800_000_000, 0).Unix()
	for name, pace := range map[string]int64{"falls": -1000, "stays": 0} {
		h := &History{}
		for i := range int64(100) {
			h.looks = append(h.looks, look{start + i*21600, 1<<30 + i*pace})
		}
		if f, ok := h.Forecast(Usage{Free: 1 << 20}, 0); ok {
			t.Errorf("what is in use %s: %+v; want no forecast", name, f)
		}
	}
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	files, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	good := encode([]look{{1_800_000_000, 5}, {1_800_030_000, 6}})
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, err := decode(bad); !errors.Is(err, ErrDamaged) {
			t.Errorf("byte %d turned: %v; want it known", i, err)
		}
	}
	if err := durable.ReplaceBytes(files, "room", 0o600, good[:20]); err != nil {
		t.Fatal(err)
	}
	h, err := OpenHistory(files, "room")
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("half a file: %v; want ErrDamaged", err)
	}
	if err := h.Note(Usage{Total: 9, Free: 1}, time.Unix(1_800_000_000, 0)); err != nil {
		t.Errorf("and after that: %v; want it usable", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(nil))
	f.Add(encode([]look{{1_800_000_000, 5}, {1_800_030_000, 1 << 60}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		looks, err := decode(data)
		if err != nil {
			return
		}
		if got := encode(looks); !bytes.Equal(got, data) {
			t.Errorf("%x is written again as %x", data, got)
		}
		(&History{looks: looks}).Forecast(Usage{Total: 1 << 62, Free: 1 << 61}, 0)
	})
}
