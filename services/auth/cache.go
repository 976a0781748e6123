package auth

import (
	"sync"
	"time"
)

// recent remembers for a short while that something was so: a log-in that
// succeeded, a place from which an account's owner came, a wrong password that
// has been counted already. Keys are keyed hashes, so that what it holds says
// nothing about passwords. Its methods are safe for concurrent use.
type recent struct {
	life time.Duration
	size int

	mu      sync.Mutex
	entries map[recentKey]time.Time // until when
}

type recentKey [32]byte

func (k recentKey) short() countKey { return countKey(k[:len(countKey{})]) }

// How long, and how many at most (some 80 bytes each).
const (
	// A mail client opens several connections within seconds, and polls every
	// few minutes: those shall not cost an argon2 each. A changed password takes
	// effect at once, because the record is part of the key.
	successLife = 10 * time.Minute
	maxSuccess  = 8192
	// Long enough to span a weekend.
	knownLife = 7 * 24 * time.Hour
	maxKnown  = 8192
	// Long enough for a device that has an old password to be noticed.
	wrongLife = time.Hour
	maxWrong  = 8192
)

func newRecent(life time.Duration, size int) *recent {
	return &recent{life: life, size: size, entries: map[recentKey]time.Time{}}
}

// has reports whether key was added within the life.
func (r *recent) has(key recentKey, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, found := r.entries[key]
	return found && now.Before(until)
}

// add remembers key from now on for the life.
func (r *recent) add(key recentKey, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, found := r.entries[key]; !found && len(r.entries) >= r.size {
		r.makeRoom(now)
	}
	r.entries[key] = now.Add(r.life)
}

// makeRoom drops, of a few entries taken at random, those that are over and the
// one that will be soonest.
func (r *recent) makeRoom(now time.Time) {
	var victim recentKey
	var soonest time.Time
	looked := 0
	for key, until := range r.entries {
		if !now.Before(until) {
			delete(r.entries, key)
		} else if soonest.IsZero() || until.Before(soonest) {
			victim, soonest = key, until
		}
		if looked++; looked == evictionSample {
			break
		}
	}
	if len(r.entries) >= r.size {
		delete(r.entries, victim)
	}
}
