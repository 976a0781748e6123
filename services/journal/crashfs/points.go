package crashfs

import (
	"iter"
	"testing"
)

// How far apart the points lie where there is no time for all of them. They are
// no multiples of what tests change from point to point, by twos, threes or
// fours, so that everything is still met with everything.
const (
	stepShort = 7  // with -short
	stepRace  = 23 // with the race detector: it looks for other things, and copying takes twenty times as long
)

// Points gives the points to crash at, from first to last. Those are all, unless
// the test runs with -short or with the race detector.
func Points(first, last int) iter.Seq[int] {
	step := 1
	switch {
	case race:
		step = stepRace
	case testing.Short():
		step = stepShort
	}
	return func(yield func(int) bool) {
		for point := first; point < last; point += step {
			if !yield(point) {
				return
			}
		}
		yield(last)
	}
}
