package supervise

import (
	"context"
	"fmt"
	"log/slog"
	"syscall"
	"time"
)

// State is where a unit stands.
type State string

// The states, with who leads out of each.
const (
	Waiting     State = "waiting"     // for the units it comes after
	Starting    State = "starting"    // runs, has not said READY=1
	Ready       State = "ready"       // runs
	Terminating State = "terminating" // asked to end
	Killing     State = "killing"     // told to end
	Pausing     State = "pausing"     // ended; will be started again at its deadline
	Finished    State = "finished"    // ended well, stays so
	Failed      State = "failed"      // ended badly, stays so
	Stopped     State = "stopped"     // ended because the box goes down
)

// ended says that the unit has no process and will not get one.
func (s State) ended() bool { return s == Finished || s == Failed || s == Stopped }

// unitRun is a unit while the supervisor runs. Only the loop touches it.
type unitRun struct {
	spec     Service
	state    State
	since    time.Time // when the state was entered
	deadline time.Time // what it means depends on the state; zero: none
	process  Process   // nil when none
	failures int       // in a row
	starts   int
	why      string // why the process is being ended; "" when it is not, or at shutdown
	lastEnd  string // how the last process ended
	status   string // STATUS= of the service

	reloadWhenReady bool
}

// enter changes the state and clears the deadline.
func (u *unitRun) enter(state State, now time.Time) {
	if u.state == state {
		return
	}
	u.state, u.since, u.deadline = state, now, time.Time{}
}

func (u *unitRun) due(now time.Time) bool {
	return !u.deadline.IsZero() && !now.Before(u.deadline)
}

func (s *Supervisor) start(u *unitRun, done <-chan struct{}) {
	now := s.now()
	u.starts++
	u.why, u.status, u.reloadWhenReady = "", "", false
	process, err := s.cfg.Starter.Start(&u.spec)
	if err != nil {
		s.cfg.Log.Error("service cannot be started", "service", u.spec.Name, "err", err)
		u.lastEnd = err.Error()
		s.pause(u)
		return
	}
	s.cfg.Log.Info("service started", "service", u.spec.Name, "pid", process.Pid(), "start", u.starts)
	u.process = process
	u.enter(Starting, now)
	if !u.spec.Notify {
		s.becomeReady(u)
	} else if u.spec.StartTimeout > 0 {
		u.deadline = now.Add(u.spec.StartTimeout)
	}
	go s.watch(u, process, done)
}

// watch turns what happens to a process into events, until it has ended.
func (s *Supervisor) watch(u *unitRun, p Process, done <-chan struct{}) {
	send := func(e event) {
		select {
		case s.events <- e:
		case <-done:
		}
	}
	for {
		select {
		case n := <-p.Notices():
			send(event{unit: u, process: p, notice: &n})
		case <-p.Done():
			send(event{unit: u, process: p})
			return
		}
	}
}

func (s *Supervisor) handle(e event) {
	if e.unit.process != e.process {
		return
	}
	if e.notice == nil {
		s.exited(e.unit)
		return
	}
	s.noticed(e.unit, e.notice)
}

// noticed acts on what the service reports about itself.
func (s *Supervisor) noticed(u *unitRun, n *Notice) {
	now := s.now()
	if n.HasStatus {
		u.status = n.Status
	}
	switch {
	case u.state == Starting && n.Ready:
		s.becomeReady(u)
	case u.state == Starting && n.Extend > 0, u.state == Terminating && n.Extend > 0:
		u.deadline = now.Add(n.Extend)
	case u.state == Ready && n.Stopping:
		// It ends by its own will: give it the time that a requested end has.
		u.enter(Terminating, now)
		u.deadline = now.Add(u.spec.StopTimeout)
	case u.state == Ready && n.Trigger:
		s.abort(u, "reported that it is broken")
	case u.state == Ready && n.Watchdog && u.spec.WatchdogEvery > 0:
		u.deadline = now.Add(u.spec.WatchdogEvery)
	}
}

func (s *Supervisor) becomeReady(u *unitRun) {
	now := s.now()
	s.cfg.Log.Info("service ready", "service", u.spec.Name, "after_ms", now.Sub(u.since).Milliseconds())
	u.enter(Ready, now)
	if u.spec.WatchdogEvery > 0 {
		u.deadline = now.Add(u.spec.WatchdogEvery)
	}
	if u.reloadWhenReady {
		u.reloadWhenReady = false
		s.signal(u, syscall.SIGHUP, false)
	}
}

// expire acts on a deadline that has passed.
func (s *Supervisor) expire(u *unitRun) {
	switch u.state {
	case Starting:
		s.terminate(u, fmt.Sprintf("was not ready after %v", u.spec.StartTimeout))
	case Ready:
		s.abort(u, fmt.Sprintf("gave no sign of life for %v", u.spec.WatchdogEvery))
	case Terminating:
		s.kill(u)
	}
}

// terminate asks the unit's processes to end; why is "" at shutdown.
func (s *Supervisor) terminate(u *unitRun, why string) {
	s.cfg.Log.Info("service is asked to stop", "service", u.spec.Name, "why", why)
	u.why = why
	u.enter(Terminating, s.now())
	u.deadline = s.now().Add(u.spec.StopTimeout)
	s.signal(u, stopSignal, u.spec.KillAll)
}

// abort ends a service that hangs, giving it a moment to print where.
func (s *Supervisor) abort(u *unitRun, why string) {
	s.cfg.Log.Error("service hangs and is ended", "service", u.spec.Name, "why", why)
	u.why = why
	u.enter(Terminating, s.now())
	u.deadline = s.now().Add(abortGrace)
	s.signal(u, syscall.SIGABRT, false)
}

// reload tells the main process. A process that is still starting may not have
// its signal handler yet, and SIGHUP would end it: it is told once it is ready.
func (s *Supervisor) reload(name UnitName) {
	u := s.units[name]
	switch {
	case u == nil:
	case u.state == Ready:
		s.signal(u, syscall.SIGHUP, false)
	case u.state == Starting:
		u.reloadWhenReady = true
	}
}

func (s *Supervisor) kill(u *unitRun) {
	s.cfg.Log.Warn("service is killed", "service", u.spec.Name)
	u.enter(Killing, s.now())
	if err := u.process.Kill(); err != nil {
		s.cfg.Log.Error("kill failed", "service", u.spec.Name, "err", err)
	}
}

func (s *Supervisor) signal(u *unitRun, sig syscall.Signal, all bool) {
	if err := u.process.Signal(sig, all); err != nil {
		s.cfg.Log.Error("signal failed", "service", u.spec.Name, "signal", sig.String(), "err", err)
	}
}

// exited acts on the end of the main process.
func (s *Supervisor) exited(u *unitRun) {
	now := s.now()
	exit := u.process.Exit()
	// Whatever the main process left behind must not meet its successor.
	if err := u.process.Kill(); err != nil {
		s.cfg.Log.Warn("cannot end what the service left behind", "service", u.spec.Name, "err", err)
	}
	u.process = nil
	failed := u.why != "" || !exit.Clean() || u.state == Starting
	u.lastEnd = exit.String()
	if u.why != "" {
		u.lastEnd = u.why + "; " + u.lastEnd
	}
	level := slog.LevelInfo
	if failed && !s.stopping {
		level = slog.LevelError
	}
	s.cfg.Log.Log(context.Background(), level, "service ended", "service", u.spec.Name, "how", u.lastEnd)
	switch {
	case s.stopping:
		u.enter(Stopped, now)
	case again(&u.spec, exit, failed):
		s.pause(u)
	case failed:
		u.enter(Failed, now)
	default:
		u.enter(Finished, now)
	}
}

// pause waits before the next try, longer each time.
func (s *Supervisor) pause(u *unitRun) {
	now := s.now()
	u.failures++
	u.enter(Pausing, now)
	u.deadline = now.Add(pauseAfter(u.spec.RestartDelay, u.failures))
	if u.failures == degradedAfter {
		s.cfg.Log.Error("service is degraded", "service", u.spec.Name, "failures", u.failures, "last", u.lastEnd)
	}
}
