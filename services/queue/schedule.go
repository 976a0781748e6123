package queue

import (
	"math/rand/v2"
	"time"
)

// Schedule is when mail to a domain is tried, and for how long.
type Schedule struct {
	Pauses []time.Duration // after the first try, the second, …
	Then   time.Duration   // after each later one, give or take a tenth
	Delay  time.Duration   // after this the sender is told that it takes long
	GiveUp time.Duration   // after this it is sent back
}

// DefaultSchedule is what RFC 5321 §4.5.4.1 advises, with quick tries at first:
// greylisting servers take a message after some minutes, and a server that is being
// restarted is soon back.
func DefaultSchedule() Schedule {
	return Schedule{
		Pauses: []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour},
		Then:   2 * time.Hour, Delay: 4 * time.Hour, GiveUp: 5 * 24 * time.Hour,
	}
}

// reschedule says when a recipient is tried again after a try in vain that began then.
// One that came before its time leaves the schedule as it was.
func (r *Recipient) reschedule(s Schedule, began, now time.Time) {
	planned := r.planned
	if planned.IsZero() && r.Next.After(began) {
		planned = r.Next // everything that waited for the Hop was to go at once
	}
	r.planned = time.Time{}
	if planned.After(now) && planned.Sub(now) <= s.longest() { // else the clock was put back
		r.asked++
		r.Next = planned
		return
	}
	r.Next = now.Add(s.pause(r.Tries - r.asked))
}

// pause is how long to wait after so many tries. The jitter keeps mail that once
// failed together from coming together for ever.
func (s *Schedule) pause(tries int) time.Duration {
	if tries >= 1 && tries <= len(s.Pauses) {
		return s.Pauses[tries-1]
	}
	return s.Then - s.Then/10 + rand.N(s.Then/5+1)
}

// longest is more than any pause of the schedule.
func (s *Schedule) longest() time.Duration {
	most := s.Then + s.Then/10
	for _, p := range s.Pauses {
		most = max(most, p)
	}
	return most + leastLeap
}
