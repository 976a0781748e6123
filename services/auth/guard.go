package auth

import (
	"math"
	"sync"
	"time"
)

// How many failures are free, how fast they fade, and how long the waits are.
// Twenty is a phone with an old password retrying on its own, several times
// over; one failure fading per minute leaves a patient attacker some 1,500
// guesses a day, nothing against ten uncommon characters.
const (
	freeFailures      = 20
	addressFadesEvery = 30 * time.Second
	accountFadesEvery = time.Minute
	firstWait         = 5 * time.Second
	longestWait       = 15 * time.Minute
)

// Sizes of the tables. An attacker can fill them with addresses (or names) of
// his own; at some 100 bytes an entry they stay under 2 MiB each.
const (
	maxCounted = 16384
	// evictionSample entries are looked at when a table is full, and the one
	// with the least on its account goes: whoever has failed most is kept, however
	// many fresh addresses are thrown at the table.
	evictionSample = 16
)

// countKey is a keyed hash of what is counted: addresses and names of any
// length take the same room, and nobody can choose ones that collide.
type countKey [16]byte

// counter counts failures by key. Its methods are safe for concurrent use.
type counter struct {
	fadesEvery time.Duration

	mu      sync.Mutex
	entries map[countKey]*count
}

type count struct {
	failures float64   // as of last
	last     time.Time // of the latest failure
	until    time.Time // no attempt is looked at before, nothing fades before; not before last
}

func newCounter(fadesEvery time.Duration) *counter {
	return &counter{fadesEvery: fadesEvery, entries: map[countKey]*count{}}
}

// wait is how long attempts under this key must wait; zero if not at all.
func (c *counter) wait(key countKey, now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		return 0
	}
	e.notAfter(now)
	return max(0, e.until.Sub(now))
}

// failed counts a failure and reports the wait that it brings, zero while the
// allowance lasts.
func (c *counter) failed(key countKey, now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		c.makeRoom(now)
		e = &count{last: now, until: now}
		c.entries[key] = e
	}
	e.notAfter(now)
	e.failures = c.faded(e, now) + 1
	e.last, e.until = now, now
	if e.failures <= freeFailures {
		return 0
	}
	doublings := math.Ceil(e.failures - freeFailures - 1)
	wait := longestWait
	if doublings < 16 { // beyond it the shift would only be cut off again
		wait = min(longestWait, firstWait<<int(doublings))
	}
	e.until = now.Add(wait)
	return wait
}

// notAfter brings a count back to now when the clock was set back: what was left
// to wait then is left now. (time.Now's monotonic clock is never set back; an
// injected one may be.)
func (e *count) notAfter(now time.Time) {
	if e.last.After(now) {
		e.last, e.until = now, now.Add(e.until.Sub(e.last))
	}
}

// faded is what is left at now of the failures of e. While somebody has to wait
// nothing fades, or long waits would end the count that brought them.
func (c *counter) faded(e *count, now time.Time) float64 {
	elapsed := max(0, now.Sub(e.until))
	return max(0, e.failures-float64(elapsed)/float64(c.fadesEvery))
}

// makeRoom is called with mu held before an entry is added.
func (c *counter) makeRoom(now time.Time) {
	if len(c.entries) < maxCounted {
		return
	}
	var victim countKey
	least, looked := math.Inf(1), 0
	for key, e := range c.entries { // in random order
		left := c.faded(e, now)
		if left == 0 && !e.until.After(now) {
			delete(c.entries, key)
		} else if left < least {
			victim, least = key, left
		}
		if looked++; looked == evictionSample {
			break
		}
	}
	if len(c.entries) >= maxCounted {
		delete(c.entries, victim)
	}
}
