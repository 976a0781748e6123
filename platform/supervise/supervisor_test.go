package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// fakeProcess is a process that does what the test says.
type fakeProcess struct {
	pid     int
	unit    UnitName
	done    chan struct{}
	notices chan Notice
	stuck   bool // SIGKILL has no effect; set before the start
	deaf    bool // SIGTERM and SIGABRT have none
	onEnd   func(UnitName)

	mu      sync.Mutex // guards all below
	exit    Exit
	signals []syscall.Signal
	killed  bool
}

func (p *fakeProcess) Pid() int               { return p.pid }
func (p *fakeProcess) Done() <-chan struct{}  { return p.done }
func (p *fakeProcess) Notices() <-chan Notice { return p.notices }

func (p *fakeProcess) Exit() Exit {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exit
}

func (p *fakeProcess) Signal(sig syscall.Signal, _ bool) error {
	p.mu.Lock()
	p.signals = append(p.signals, sig)
	p.mu.Unlock()
	if !p.deaf && sig != syscall.SIGHUP {
		p.end(Exit{Signal: sig})
	}
	return nil
}

func (p *fakeProcess) Kill() error {
	p.mu.Lock()
	p.killed = true
	p.mu.Unlock()
	if !p.stuck {
		p.end(Exit{Signal: syscall.SIGKILL})
	}
	return nil
}

func (p *fakeProcess) end(e Exit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
		return
	default:
	}
	p.exit = e
	if p.onEnd != nil {
		p.onEnd(p.unit)
	}
	close(p.done)
}

// got is the signals it was sent.
func (p *fakeProcess) got() []syscall.Signal {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.signals)
}

func (p *fakeProcess) wasKilled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

func (p *fakeProcess) say(n Notice) { p.notices <- n; synctest.Wait() }

// stage is a supervisor over fake processes, in a synctest bubble.
type stage struct {
	t    *testing.T
	s    *Supervisor
	stop context.CancelFunc
	over chan struct{}

	mu         sync.Mutex // guards all below
	started    []*fakeProcess
	ended      []UnitName
	heartbeats int
	prepare    func(*fakeProcess) // called for each new process
	refuse     error              // what Start returns
}

func (g *stage) Start(s *Service) (Process, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refuse != nil {
		return nil, g.refuse
	}
	p := &fakeProcess{pid: 100 + len(g.started), unit: s.Name, done: make(chan struct{}), notices: make(chan Notice)}
	if g.prepare != nil {
		g.prepare(p)
	}
	p.onEnd = func(u UnitName) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.ended = append(g.ended, u)
	}
	g.started = append(g.started, p)
	return p, nil
}

func (g *stage) procs() []*fakeProcess {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.started)
}

func (g *stage) last() *fakeProcess { p := g.procs(); return p[len(p)-1] }

func (g *stage) endings() []UnitName {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.ended)
}

func (g *stage) beats() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.heartbeats
}

// each sets what happens to processes started from now on.
func (g *stage) each(prepare func(*fakeProcess)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.prepare = prepare
}

func (g *stage) run(services ...Service) {
	g.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	g.stop, g.over = stop, make(chan struct{})
	g.s = New(Config{
		Units: Units{Services: services}, Starter: g, Log: slog.New(slog.DiscardHandler),
		Heartbeat: func() { g.mu.Lock(); defer g.mu.Unlock(); g.heartbeats++ },
	})
	go func() { defer close(g.over); g.s.Run(ctx) }()
	synctest.Wait()
}

// finish ends the supervisor, if the test has not.
func (g *stage) finish() { g.stop(); <-g.over }

func (g *stage) pass(d time.Duration) { time.Sleep(d); synctest.Wait() } // the bubble's clock

func (g *stage) wantState(unit UnitName, want State) {
	g.t.Helper()
	for _, u := range g.s.Status() {
		if u.Unit == unit && u.State != want {
			g.t.Errorf("%s is %s, want %s", unit, u.State, want)
		}
	}
}

func service(name UnitName, change func(*Service)) Service {
	s := Service{
		Name: name, Required: true, Notify: true, Restart: RestartAlways,
		RestartDelay: time.Second, StartTimeout: 30 * time.Second, StopTimeout: 10 * time.Second,
	}
	if change != nil {
		change(&s)
	}
	return s
}

func bubble(t *testing.T, fn func(t *testing.T, g *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { fn(t, &stage{t: t}) })
}

func TestReadyIsReportedNotAssumed(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, g *stage) {
		g.run(service("a.service", nil))
		defer g.finish()
		g.pass(5 * time.Second)
		g.wantState("a.service", Starting)
		select {
		case <-g.s.Ready():
			t.Error("ready before the service said so")
		default:
		}
		g.last().say(Notice{Ready: true, HasStatus: true, Status: "serving"})
		g.wantState("a.service", Ready)
		<-g.s.Ready()
		if st := g.s.Status()[0]; st.Text != "serving" || st.Pid != 100 || st.Starts != 1 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestStartTimeoutAndExtension(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, g *stage) {
		g.run(service("a.service", nil))
		defer g.finish()
		g.last().say(Notice{Extend: 10 * time.Minute}) // rebuilding an index
		g.pass(9 * time.Minute)
		g.wantState("a.service", Starting)
		g.pass(2 * time.Minute)
		if got := g.procs()[0].got(); !slices.Equal(got, []syscall.Signal{syscall.SIGTERM}) {
			t.Errorf("signals %v, want SIGTERM after the time-out", got)
		}
		if len(g.procs()) < 2 {
			t.Error("not started again")
		}
	})
}

func TestBackoffGrowsAndDegrades(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, g *stage) {
		g.each(func(p *fakeProcess) { p.end(Exit{Code: 1}) })
		g.run(service("a.service", nil))
		defer g.finish()
		var pauses []time.Duration
		for n := len(g.procs()); n < 10; {
			began := time.Now()
			for len(g.procs()) == n {
				g.pass(100 * time.Millisecond)
			}
			pauses = append(pauses, time.Since(began).Round(time.Second))
			n = len(g.procs())
			if n == 4 && g.s.Degraded() {
				t.Error("degraded after three failures")
			}
		}
		var want []time.Duration
		for _, s := range []int{1, 2, 4, 8, 16, 32, 60, 60, 60} {
			want = append(want, time.Duration(s)*time.Second)
		}
		if !slices.Equal(pauses, want) {
			t.Errorf("pauses %v, want %v", pauses, want)
		}
		if !g.s.Degraded() {
			t.Error("not degraded after ten failures")
		}
		if g.beats() == 0 {
			t.Error("no heartbeat: a service that fails is no reason for a reset")
		}
		g.each(nil)
		g.pass(time.Minute)
		g.last().say(Notice{Ready: true})
		g.pass(stableAfter + time.Second)
		if g.s.Degraded() {
			t.Error("still degraded after a minute of good work")
		}
	})
}

func TestStartErrorsBackOff(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, g *stage) {
		g.refuse = errors.New("no such user")
		g.run(service("a.service", nil))
		defer g.finish()
		g.pass(10 * time.Second)
		st := g.s.Status()[0]
		if st.State != Pausing || st.Starts != 4 || st.LastEnd != "no such user" {
			t.Errorf("status %+v, want pausing after 4 tries (0, 1, 3, 7 s)", st)
		}
	})
}

func TestMissedKeepAliveAborts(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, g *stage) {
		g.each(func(p *fakeProcess) { p.deaf = true })
		g.run(service("a.service", func(s *Service) { s.WatchdogEvery = 30 * time.Second }))
		defer g.finish()
		p := g.last()
		p.say(Notice{Ready: true})
		for range 10 {
			g.pass(20 * time.Second)
			p.say(Notice{Watchdog: true})
		}
		g.wantState("a.service", Ready)
		g.pass(31 * time.Second)
		if !slices.Equal(p.got(), []syscall.Signal{syscall.SIGABRT}) || p.wasKilled() {
			t.Errorf("signals %v, killed %v; want SIGABRT first, for the stack", p.got(), p.wasKilled())
		}
		g.pass(abortGrace + time.Millisecond)
		if !p.wasKilled() {
			t.Error("not killed after the grace time")
		}
		g.pass(2 * time.Second)
		if len(g.procs()) != 2 {
			t.Errorf("%d starts, want 2", len(g.procs()))
		}
	})
}

func TestHungInKernelStarvesTheWatchdog(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, g *stage) {
		g.each(func(p *fakeProcess) { p.deaf, p.stuck = true, true })
		g.run(service("a.service", func(s *Service) { s.WatchdogEvery = 30 * time.Second }))
		g.last().say(Notice{Ready: true})
		g.pass(30*time.Second + abortGrace + hungAfter + 2*HeartbeatEvery)
		before := g.beats()
		g.pass(time.Minute)
		if g.beats() != before || before == 0 {
			t.Errorf("heartbeats %d then %d; want them to stop when SIGKILL has no effect", before, g.beats())
		}
		g.stop()
		<-g.over             // the shutdown must not wait for it for ever
		g.last().end(Exit{}) // for the bubble
	})
}

func TestRestartPolicies(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		policy RestartPolicy
		exit   Exit
		want   State
	}{
		{RestartAlways, Exit{}, Pausing},
		{RestartAlways, Exit{Code: 1}, Pausing},
		{RestartAlways, Exit{Code: 78}, Failed},
		{RestartOnFailure, Exit{}, Finished},
		{RestartOnFailure, Exit{Code: 1}, Pausing},
		{RestartOnFailure, Exit{Signal: syscall.SIGSEGV}, Pausing},
		{RestartNo, Exit{}, Finished},
		{RestartNo, Exit{Code: 1}, Failed},
	} {
		bubble(t, func(t *testing.T, g *stage) {
			g.run(service("a.service", func(s *Service) { s.Restart, s.RestartPreventExits = test.policy, []int{78} }))
			defer g.finish()
			g.last().say(Notice{Ready: true})
			g.last().end(test.exit)
			synctest.Wait()
			g.wantState("a.service", test.want)
			if !g.procs()[0].wasKilled() {
				t.Errorf("%+v: what the main process left behind was not killed", test)
			}
		})
	}
}

func TestAfterOrdersStartAndStop(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, g *stage) {
		after := func(names ...UnitName) func(*Service) {
			return func(s *Service) { s.After = names }
		}
		g.run(service("a.service", nil), service("b.service", after("a.service")), service("c.service", after("b.service")))
		for i, name := range []UnitName{"a.service", "b.service", "c.service"} {
			g.pass(time.Second)
			if len(g.procs()) != i+1 || g.last().unit != name {
				t.Fatalf("%d started, last %s; want %s to wait for the one before", len(g.procs()), g.last().unit, name)
			}
			g.last().say(Notice{Ready: true})
		}
		g.finish()
		if want := []UnitName{"c.service", "b.service", "a.service"}; !slices.Equal(g.endings(), want) {
			t.Errorf("ended in order %v, want %v", g.endings(), want)
		}
	})
}

func TestAfterDoesNotRequire(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, g *stage) {
		g.each(func(p *fakeProcess) {
			if p.unit == "a.service" {
				p.end(Exit{Code: 1})
			}
		})
		g.run(service("a.service", nil), service("b.service", func(s *Service) { s.After = []UnitName{"a.service"} }))
		defer g.finish()
		if !slices.ContainsFunc(g.procs(), func(p *fakeProcess) bool { return p.unit == "b.service" }) {
			t.Error("b waits for ever for a service that fails")
		}
	})
}

func TestShutdownHasADeadline(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, g *stage) {
		g.each(func(p *fakeProcess) { p.deaf = true })
		g.run(
			service("a.service", func(s *Service) { s.StopTimeout = time.Hour }),
			service("b.service", func(s *Service) { s.After = []UnitName{"a.service"}; s.StopTimeout = time.Hour }),
		)
		g.procs()[0].say(Notice{Ready: true})
		g.last().say(Notice{Ready: true})
		began := time.Now()
		before := g.beats()
		g.finish()
		if took := time.Since(began); took < ShutdownTimeout || took > ShutdownTimeout+killGrace {
			t.Errorf("shutdown took %v, want %v", took, ShutdownTimeout)
		}
		for _, p := range g.procs() {
			if !p.wasKilled() {
				t.Errorf("%s was not killed", p.unit)
			}
		}
		if g.beats() == before {
			t.Error("the watchdog was not fed during the shutdown")
		}
	})
}

func TestShutdownWhilePausing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, g *stage) {
		g.each(func(p *fakeProcess) { p.end(Exit{Code: 1}) })
		g.run(service("a.service", nil))
		g.pass(20 * time.Second)
		n := len(g.procs())
		g.finish()
		if len(g.procs()) != n {
			t.Error("started during the shutdown")
		}
		g.wantState("a.service", Stopped)
	})
}

func TestReload(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, g *stage) {
		g.run(service("a.service", nil))
		defer g.finish()
		reload := func() {
			if err := g.s.Reload("a.service"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		reload()
		if len(g.last().got()) != 0 {
			t.Error("SIGHUP to a process that may not catch it yet")
		}
		g.last().say(Notice{Ready: true})
		if !slices.Equal(g.last().got(), []syscall.Signal{syscall.SIGHUP}) {
			t.Errorf("signals %v, want the SIGHUP that waited", g.last().got())
		}
		reload()
		if len(g.last().got()) != 2 {
			t.Errorf("signals %v, want a second SIGHUP", g.last().got())
		}
		if err := g.s.Reload("none.service"); err != nil {
			t.Errorf("unknown unit: %v", err)
		}
	})
}

func TestServiceEndsByItself(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, g *stage) {
		g.run(service("a.service", func(s *Service) { s.WatchdogEvery = 5 * time.Second }))
		defer g.finish()
		p := g.last()
		p.say(Notice{Ready: true})
		p.say(Notice{Stopping: true})
		g.pass(8 * time.Second) // longer than WatchdogSec, shorter than TimeoutStopSec
		if len(p.got()) != 0 || p.wasKilled() {
			t.Errorf("signals %v, killed %v while it ends by itself", p.got(), p.wasKilled())
		}
		g.pass(3 * time.Second)
		if !p.wasKilled() {
			t.Error("not killed after TimeoutStopSec")
		}
	})
}

func TestPauseAfter(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 7: time.Minute, 1000: time.Minute} {
		if got := pauseAfter(time.Second, n); got != want {
			t.Errorf("pauseAfter(1s, %d) = %v, want %v", n, got, want)
		}
	}
	if got := pauseAfter(0, 3); got <= 0 {
		t.Errorf("pauseAfter(0, 3) = %v: no pause at all is a busy loop", got)
	}
	if got := pauseAfter(time.Hour, 1); got != MaxRestartDelay {
		t.Errorf("pauseAfter(1h, 1) = %v", got)
	}
}

func TestParseNotice(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Notice{
		"READY=1":                           {Ready: true},
		"READY=1\nSTATUS=a b\nMAINPID=1\n":  {Ready: true, Status: "a b", HasStatus: true},
		"WATCHDOG=1":                        {Watchdog: true},
		"WATCHDOG=trigger":                  {Trigger: true},
		"STOPPING=1":                        {Stopping: true},
		"EXTEND_TIMEOUT_USEC=5000000":       {Extend: 5 * time.Second},
		"EXTEND_TIMEOUT_USEC=9999999999999": {Extend: maxExtend},
		"EXTEND_TIMEOUT_USEC=-1":            {},
		"READY=0":                           {},
		"STATUS=\x1b[2Jgone\r":              {Status: "?[2Jgone?", HasStatus: true},
		"nonsense":                          {},
	} {
		if got := ParseNotice([]byte(text)); got != want {
			t.Errorf("ParseNotice(%q) = %+v, want %+v", text, got, want)
		}
	}
}

func FuzzParseNotice(f *testing.F) {
	f.Add([]byte("READY=1\nSTATUS=x\nEXTEND_TIMEOUT_USEC=18446744073709551615"))
	f.Add([]byte("STATUS=\xff\xfe\x00\n\n=\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n := ParseNotice(data)
		if len(n.Status) > maxStatusText || n.Extend < 0 || n.Extend > maxExtend {
			t.Errorf("out of bounds: %+v", n)
		}
		for _, r := range n.Status {
			if r < ' ' || r == 0x7f {
				t.Errorf("control character in %q", n.Status)
			}
		}
	})
}

func ExampleExit() {
	fmt.Println(Exit{Code: 3})
	fmt.Println(Exit{Signal: syscall.SIGKILL})
	// Output:
	// ended with exit status 3
	// ended by signal SIGKILL
}
