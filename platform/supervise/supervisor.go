package supervise

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Times of the supervisor itself.
const (
	// HeartbeatEvery is well below the shortest hardware watchdog time-out in
	// use (i6300esb: 30 s).
	HeartbeatEvery = 5 * time.Second
	// abortGrace is the time between SIGABRT (which makes a Go program print
	// where it hangs) and SIGKILL for a service that missed its keep-alive.
	abortGrace = 3 * time.Second
	// hungAfter: a process that has not ended this long after SIGKILL hangs in
	// the kernel.
	hungAfter = 30 * time.Second
	// ShutdownTimeout bounds the orderly stop of all units; what still runs
	// then is killed. It is above any TimeoutStopSec= in the unit files.
	ShutdownTimeout = 40 * time.Second
	// killGrace is how long a killed process is waited for at shutdown.
	killGrace = 5 * time.Second
)

// Starter starts a service; Runner is the real one.
type Starter interface {
	Start(s *Service) (Process, error)
}

// Config is what a Supervisor needs.
type Config struct {
	Units   Units
	Starter Starter
	Log     *slog.Logger
	// Heartbeat, when set, is called from the supervision loop every
	// HeartbeatEvery, and only while no required unit hangs in the kernel. It
	// must not block.
	Heartbeat func()
}

// Supervisor keeps the units running.
type Supervisor struct {
	cfg   Config
	order []*unitRun // as sorted by LoadUnits: After= points back
	units map[UnitName]*unitRun

	events   chan event
	reloads  chan UnitName
	ready    chan struct{} // closed when all required units were ready once
	readyYet bool
	stopping bool
	stopBy   time.Time // when what still runs is killed

	mu       sync.Mutex
	snapshot []UnitStatus // guarded by mu
}

// event is something that happened to a process. Those of a process that has
// been replaced are ignored.
type event struct {
	unit    *unitRun
	process Process
	notice  *Notice // nil: the process has ended
}

// New returns a Supervisor; nothing runs before Run.
func New(cfg Config) *Supervisor {
	s := &Supervisor{
		cfg:    cfg,
		units:  map[UnitName]*unitRun{},
		events: make(chan event), reloads: make(chan UnitName, reloadQueue),
		ready: make(chan struct{}),
	}
	for _, spec := range cfg.Units.Services {
		u := &unitRun{spec: spec, state: Waiting, since: s.now()}
		s.order = append(s.order, u)
		s.units[spec.Name] = u
	}
	s.publish()
	return s
}

func (s *Supervisor) now() time.Time { return time.Now() } // testing/synctest's clock in tests

// Ready is closed once every required unit has been ready at the same time.
func (s *Supervisor) Ready() <-chan struct{} { return s.ready }

// reloadQueue is how many requests to reload may wait.
const reloadQueue = 16

// Reload tells a running service to read its settings again (SIGHUP). One that
// does not run reads them when it starts.
func (s *Supervisor) Reload(name UnitName) error {
	select {
	case s.reloads <- name:
		return nil
	default:
		return fmt.Errorf("reload %s: too many requests", name)
	}
}

// Run starts the units and keeps them running until ctx ends; then it stops
// them in reverse order, kills what is left after ShutdownTimeout, and returns.
// The heartbeat goes on until then.
func (s *Supervisor) Run(ctx context.Context) {
	done := make(chan struct{})
	defer close(done)
	heartbeat := time.NewTicker(HeartbeatEvery)
	defer heartbeat.Stop()
	stop := ctx.Done()
	for {
		s.step(done)
		s.publish()
		if s.finished() {
			return
		}
		timer := time.NewTimer(s.untilNext())
		select {
		case e := <-s.events:
			s.handle(e)
		case name := <-s.reloads:
			s.reload(name)
		case <-heartbeat.C:
			if s.cfg.Heartbeat != nil && s.alive() {
				s.cfg.Heartbeat()
			}
		case <-stop:
			stop = nil
			s.stopping = true
			s.stopBy = s.now().Add(ShutdownTimeout)
		case <-timer.C:
		}
		timer.Stop()
	}
}

// step does everything that is due now.
func (s *Supervisor) step(done <-chan struct{}) {
	now := s.now()
	for _, u := range s.order {
		if s.stopping {
			s.stepStopping(u, now)
			continue
		}
		switch u.state {
		case Waiting:
			if s.mayStart(u) {
				s.start(u, done)
			}
		case Pausing:
			if !now.Before(u.deadline) {
				s.start(u, done)
			}
		case Ready:
			if u.failures > 0 && now.Sub(u.since) >= stableAfter {
				u.failures = 0
			}
		}
		if u.due(now) {
			s.expire(u)
		}
	}
	if !s.readyYet && s.allReady() {
		s.readyYet = true
		close(s.ready)
	}
}

// stepStopping moves one unit towards its end.
func (s *Supervisor) stepStopping(u *unitRun, now time.Time) {
	switch {
	case u.process == nil:
		u.enter(Stopped, now)
	case u.state == Killing:
	case !now.Before(s.stopBy):
		s.kill(u)
	case u.state == Terminating:
		if u.due(now) {
			s.kill(u)
		}
	case s.mayStop(u):
		s.terminate(u, "")
	}
}

// finished says that the shutdown is complete, or as complete as it will be.
func (s *Supervisor) finished() bool {
	if !s.stopping {
		return false
	}
	for _, u := range s.order {
		if u.process != nil && s.now().Before(s.stopBy.Add(killGrace)) {
			return false
		}
	}
	return true
}

// untilNext is the time to the next deadline of any unit.
func (s *Supervisor) untilNext() time.Duration {
	next := s.now().Add(time.Hour)
	consider := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	for _, u := range s.order {
		if !s.stopping || u.state == Terminating {
			consider(u.deadline)
		}
		if !s.stopping && u.state == Ready && u.failures > 0 {
			consider(u.since.Add(stableAfter))
		}
	}
	if s.stopping {
		if s.now().Before(s.stopBy) {
			consider(s.stopBy)
		} else {
			consider(s.stopBy.Add(killGrace))
		}
	}
	return max(next.Sub(s.now()), 0)
}
