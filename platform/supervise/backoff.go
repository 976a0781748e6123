package supervise

import "time"

// The "again": how long to wait before the next try.
const (
	// MaxRestartDelay is the longest pause. A service that cannot run is tried
	// once a minute for ever: what was wrong (a full disk, a missing network
	// card) may be mended without anybody thinking of the service.
	MaxRestartDelay = time.Minute
	// stableAfter is how long a service must have been ready before earlier
	// failures are forgotten.
	stableAfter = time.Minute
	// degradedAfter failures in a row the unit counts as degraded: the page and
	// the console say so. It is a state to look at, not a reason to reboot.
	degradedAfter = 5
)

// pauseAfter returns the pause after the given number of failures in a row
// (1 or more), starting at first and doubling.
func pauseAfter(first time.Duration, failures int) time.Duration {
	pause := max(first, time.Millisecond)
	for range failures - 1 {
		pause *= 2
		if pause >= MaxRestartDelay {
			return MaxRestartDelay
		}
	}
	return min(pause, MaxRestartDelay)
}

// again says whether a service that ended is to be started again. failed is
// true for a bad exit, a signal, a timeout or a missed keep-alive.
func again(s *Service, e Exit, failed bool) bool {
	if e.Signal == 0 {
		for _, code := range s.RestartPreventExits {
			if e.Code == code {
				return false
			}
		}
	}
	switch s.Restart {
	case RestartAlways:
		return true
	case RestartOnFailure:
		return failed
	}
	return false
}
