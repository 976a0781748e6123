package supervise

// The "when": what must have happened before a unit is started or stopped.

// mayStart says whether every unit named by After= has been tried: it is ready,
// or it has failed at least once. As in systemd, After= orders and does not
// require.
func (s *Supervisor) mayStart(u *unitRun) bool {
	for _, name := range u.spec.After {
		other := s.units[name]
		if other.state != Ready && other.failures == 0 && !other.state.ended() {
			return false
		}
	}
	return true
}

// mayStop says whether everything that came up after u is down already: what
// started last stops first.
func (s *Supervisor) mayStop(u *unitRun) bool {
	for _, other := range s.order {
		for _, name := range other.spec.After {
			if name == u.spec.Name && other.process != nil {
				return false
			}
		}
	}
	return true
}

// allReady says whether every required unit is ready.
func (s *Supervisor) allReady() bool {
	for _, u := range s.order {
		if u.spec.Required && u.state != Ready {
			return false
		}
	}
	return true
}

// alive says whether the hardware watchdog deserves to be fed. It is not when
// a required unit has a process that even SIGKILL does not end: it hangs in
// the kernel (a disk or a driver that does not answer), and only a reset
// helps. A unit that is being restarted, or is degraded, is not that: a reset
// would not mend it, and the page that says what is wrong would be gone.
func (s *Supervisor) alive() bool {
	for _, u := range s.order {
		if u.spec.Required && u.state == Killing && s.now().Sub(u.since) > hungAfter {
			return false
		}
	}
	return true
}
