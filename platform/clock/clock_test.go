package clock

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func date(year int) time.Time { return time.Date(year, 6, 1, 12, 0, 0, 0, time.UTC) }

func TestFloor(t *testing.T) {
	t.Parallel()
	var never time.Time
	for _, test := range []struct {
		name              string
		rtc, built, saved time.Time
		want              time.Time
		source            Source
	}{
		{"all well", date(2028), date(2026), date(2027), date(2028), SourceRTC},
		{"empty battery", date(2011), date(2026), date(2027), date(2027), SourceSaved},
		{"empty battery, first boot", date(2011), date(2026), never, date(2026), SourceBuild},
		{"no hardware clock", never, date(2026), never, date(2026), SourceBuild},
		{"hardware clock gone mad", date(2099), date(2026), date(2027), date(2027), SourceSaved},
		{"saved time gone mad", date(2028), date(2026), date(2099), date(2028), SourceRTC},
		{"older image than the saved time", date(2011), date(2026), date(2030), date(2030), SourceSaved},
		{"equal", date(2027), date(2026), date(2027), date(2027), SourceRTC},
		{"nothing known", never, never, never, never, SourceBuild},
	} {
		if got, source := Floor(test.rtc, test.built, test.saved); !got.Equal(test.want) || source != test.source {
			t.Errorf("%s: got %v from the %s, want %v from the %s", test.name, got, source, test.want, test.source)
		}
	}
}

func TestSure(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		source Source
		up     time.Duration
		want   bool
	}{
		{SourceServers, 0, true},
		{SourceAdmin, 0, true},
		{SourceRTC, 0, false},
		{SourceRTC, patience, true},
		{SourceBuild, 1000 * time.Hour, false},
		{SourceSaved, 1000 * time.Hour, false},
		{"", 1000 * time.Hour, false},
	} {
		if got := Sure(test.source, test.up); got != test.want {
			t.Errorf("Sure(%q, %v) = %v, want %v", test.source, test.up, got, test.want)
		}
	}
}

func TestHardwareTime(t *testing.T) {
	t.Parallel()
	got := *hardwareTime(time.Date(2026, time.November, 23, 1, 2, 3, 4, time.FixedZone("", 2*60*60)))
	want := unix.RTCTime{Sec: 3, Min: 2, Hour: 23, Mday: 22, Mon: 10, Year: 126, Wday: 0, Yday: 325}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSaved(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "clock")
	if got, err := ReadSaved(name); err != nil || !got.IsZero() {
		t.Errorf("without a file: %v, %v; want the zero time", got, err)
	}
	if err := WriteSaved(name, date(2027)); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadSaved(name); err != nil || !got.Equal(date(2027)) {
		t.Errorf("got %v, %v; want %v", got, err, date(2027))
	}
	if err := os.WriteFile(name, []byte("\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadSaved(name); err == nil || !got.IsZero() {
		t.Errorf("from a broken file: %v, %v; want an error", got, err)
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "clock.json")
	want := State{Trusted: true, At: date(2027), Server: "192.0.2.1", Servers: 3, Stratum: 2, OffsetMS: -17}
	if err := WriteState(name, want); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadState(name); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestServers(t *testing.T) {
	t.Parallel()
	gw := []netip.Addr{netip.MustParseAddr("192.168.7.1"), netip.MustParseAddr("fe80::1%eth0")}
	if got, want := Servers([]string{"ntp.example.test"}, []string{"192.168.7.3"}, gw), []string{"ntp.example.test"}; !slices.Equal(got, want) {
		t.Errorf("chosen by the admin: %v, want %v", got, want)
	}
	got := Servers(nil, []string{"192.168.7.3", "192.168.7.1"}, gw)
	if want := []string{"192.168.7.3", "192.168.7.1", "fe80::1%eth0", "2.pool.ntp.org"}; !slices.Equal(got[:4], want) || len(got) > maxServers {
		t.Errorf("got %v, want %v and the rest of the pool", got, want)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	s := func(server string, offset, delay time.Duration) Sample {
		return Sample{Server: server, Offset: offset, Delay: delay}
	}
	for _, test := range []struct {
		name    string
		samples []Sample
		want    string
		agreed  int
		err     error
	}{
		{"nobody", nil, "", 0, ErrNoAnswer},
		{"one", []Sample{s("a", time.Hour, 1)}, "a", 1, nil},
		{"two agree", []Sample{s("a", 100*time.Millisecond, 20), s("b", 0, 10)}, "b", 2, nil},
		{"two differ", []Sample{s("a", time.Hour, 1), s("b", 0, 2)}, "", 0, ErrDisagree},
		{"a liar among three", []Sample{s("liar", time.Hour, 1), s("b", 0, 30), s("c", time.Millisecond, 20)}, "c", 2, nil},
		{"liars in the majority that disagree", []Sample{s("a", time.Hour, 1), s("b", -time.Hour, 1), s("c", 0, 1)}, "", 0, ErrDisagree},
	} {
		best, agreed, err := choose(test.samples)
		if best.Server != test.want || agreed != test.agreed || !errors.Is(err, test.err) {
			t.Errorf("%s: got %q of %d, %v; want %q of %d, %v", test.name, best.Server, agreed, err, test.want, test.agreed, test.err)
		}
	}
}

// fakeClock is a kernel's clock that is off by some amount.
type fakeClock struct {
	mu           sync.Mutex
	off          time.Duration // what it shows beyond the true time
	steps, slews int
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.off)
}

func (c *fakeClock) Step(d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off += d
	c.steps++
	return nil
}

func (c *fakeClock) Slew(d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off += d
	c.slews++
	return nil
}

func (c *fakeClock) Trusted(time.Duration) error { return nil }

func (c *fakeClock) drift(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off += d
}

// look says how the clock stands when all is quiet.
func (c *fakeClock) look() (off time.Duration, steps, slews int) {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.off, c.steps, c.slews
}

// world is everything around a Keeper: one server, and what was told and saved.
type world struct {
	silent bool
	lie    time.Duration // the server's own error
	asked  int
	saved  int
	state  State
}

// rig is a Keeper in its world.
type rig struct {
	*Keeper
	clock *fakeClock

	mu sync.Mutex
	w  world // guarded by mu
}

// look is what the world looks like when all is quiet.
func (r *rig) look() world {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.w
}

func (r *rig) silence(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.w.silent = on
}

func (r *rig) query(_ context.Context, server string) (Sample, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.w.asked++
	if r.w.silent {
		return Sample{}, errors.New("no answer")
	}
	off := time.Until(r.clock.Now())
	return Sample{Server: server, Offset: r.w.lie - off, Delay: 10 * time.Millisecond, Stratum: 2}, nil
}

func start(t *testing.T, off time.Duration, w world) *rig {
	t.Helper()
	r := &rig{clock: &fakeClock{off: off}, w: w}
	r.Keeper = NewKeeper(Options{
		Log: slog.New(slog.DiscardHandler), Kernel: r.clock, Built: time.Now().Add(-24 * time.Hour),
		Servers: func() []string { return []string{"192.0.2.1"} },
		Query:   r.query,
		Save: func(time.Time) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.w.saved++
			return nil
		},
		Publish: func(s State) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.w.state = s
			return nil
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	synctest.Wait()
	return r
}

func TestKeeperSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, -15*365*24*time.Hour, world{}) // an empty battery
		if off, steps, _ := r.clock.look(); steps != 1 || off != 0 {
			t.Errorf("%d steps, off by %v; want one step to the true time", steps, off)
		}
		if w := r.look(); !w.state.Trusted || w.saved != 1 {
			t.Errorf("state %+v, %d saves; want it trusted and saved", w.state, w.saved)
		}
		time.Sleep(24 * time.Hour)
		w := r.look()
		if w.asked < 80 || w.asked > 90 {
			t.Errorf("asked %d times in a day, want every 1024 s", w.asked)
		}
		if w.saved < 24 || w.saved > 26 {
			t.Errorf("saved %d times in a day, want every hour", w.saved)
		}
	})
}

func TestKeeperSlews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, 400*time.Millisecond, world{})
		if _, steps, slews := r.clock.look(); steps != 0 || slews != 1 {
			t.Errorf("%d steps, %d slews; want only a slew", steps, slews)
		}
		// Once it was right, even seconds are no reason to jump.
		r.clock.drift(3 * time.Second)
		time.Sleep(pollEvery + time.Second)
		if off, steps, _ := r.clock.look(); steps != 0 || off != 0 {
			t.Errorf("%d steps, off by %v; want it slewed", steps, off)
		}
		// Hours are, but only when they are seen twice.
		r.clock.drift(-3 * time.Hour)
		time.Sleep(pollEvery)
		if _, steps, _ := r.clock.look(); steps != 0 {
			t.Errorf("stepped at once")
		}
		time.Sleep(confirmAfter + time.Second)
		if off, steps, _ := r.clock.look(); steps != 1 || off != 0 {
			t.Errorf("%d steps, off by %v; want one step", steps, off)
		}
	})
}

func TestKeeperSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, time.Minute, world{silent: true})
		time.Sleep(24 * time.Hour)
		w := r.look()
		if w.state.Trusted || w.state.Problem == "" {
			t.Errorf("state %+v, want it not trusted, and why", w.state)
		}
		if w.asked < 200 || w.asked > 300 {
			t.Errorf("asked %d times in a silent day, want every five minutes", w.asked)
		}
		// The network comes up.
		r.silence(false)
		r.Kick()
		time.Sleep(firstRetry + time.Second)
		if off, _, _ := r.clock.look(); !r.look().state.Trusted || off != 0 || r.look().state.Problem != "" {
			t.Errorf("state %+v, off by %v; want it right", r.look().state, off)
		}
		// Trust outlives a day without servers, not more.
		r.silence(true)
		time.Sleep(trustFor - time.Hour)
		if !r.look().state.Trusted {
			t.Error("trust lost too early")
		}
		time.Sleep(2 * time.Hour)
		if r.look().state.Trusted {
			t.Error("trusted after more than a day without a server")
		}
	})
}

func TestKeeperImplausible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, lie := range []time.Duration{-10 * 24 * time.Hour, 30 * 365 * 24 * time.Hour} {
			r := start(t, 0, world{lie: lie})
			if _, steps, slews := r.clock.look(); steps+slews != 0 || r.look().state.Trusted {
				t.Errorf("a server that is %v off moved the clock", lie)
			}
		}
	})
}

// serveSNTP answers like a time server that is ahead by some amount.
func serveSNTP(t *testing.T, ahead time.Duration, spoil func([]byte)) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	stamp := func(b []byte) {
		now := time.Now().Add(ahead)
		const to1900 = 2208988800
		binary.BigEndian.PutUint32(b, uint32(now.Unix()+to1900))
		binary.BigEndian.PutUint32(b[4:], uint32(uint64(now.Nanosecond())<<32/1e9))
	}
	go func() {
		b := make([]byte, 100)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if n < 48 {
				continue
			}
			r := make([]byte, 48)
			r[0] = 4<<3 | 4 // version 4, server
			r[1] = 2        // stratum
			r[2], r[3] = 6, 0xEC
			stamp(r[16:])
			copy(r[24:], b[40:48])
			stamp(r[32:])
			stamp(r[40:])
			if spoil != nil {
				spoil(r)
			}
			_, _ = c.WriteTo(r, from) // a lost answer fails the test by its absence
		}
	}()
	return c.LocalAddr().String()
}

func TestQuery(t *testing.T) {
	t.Parallel()
	s, err := Query(t.Context(), serveSNTP(t, time.Hour, nil))
	if err != nil {
		t.Fatal(err)
	}
	if d := (s.Offset - time.Hour).Abs(); d > time.Second || s.Stratum != 2 {
		t.Errorf("got %+v, want an hour ahead", s)
	}
	for name, spoil := range map[string]func([]byte){
		"not synchronised":    func(b []byte) { b[0] |= 3 << 6 },
		"kiss of death":       func(b []byte) { b[1] = 0; copy(b[12:], "RATE") },
		"stratum 16":          func(b []byte) { b[1] = 16 },
		"another's answer":    func(b []byte) { b[24]++ },
		"no transmit time":    func(b []byte) { clear(b[40:48]) },
		"enormous dispersion": func(b []byte) { b[8] = 0xFF },
	} {
		if s, err := Query(t.Context(), serveSNTP(t, 0, spoil)); err == nil {
			t.Errorf("%s: accepted %+v", name, s)
		}
	}
}

func TestQueryEndsWithContext(t *testing.T) {
	t.Parallel()
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		// The question has come: the context ends while the answer is waited for.
		_, _, _ = silent.ReadFrom(make([]byte, 100))
		cancel()
	}()
	if _, err := Query(ctx, silent.LocalAddr().String()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("returned %v, want that the context's end closed the connection and no time-out", err)
	}
}
