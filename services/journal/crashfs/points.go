package crashfs

import (
	"iter"
	"os"
)

// How far apart the points lie where there is no time for all of them. They are
// no multiples of what tests change from point to point, by twos, threes or
// fours, so that everything is still met with everything.
const (
	stepPlain = 7  // unless SANDUK_LONG is set
	stepRace  = 23 // with the race detector: it looks for other things, and copying takes twenty times as long
)

// Points gives the points to crash at, from first to last: every one of them where
// SANDUK_LONG is set, as make test does for the packages with crash tests; else
// some, and with the race detector fewer.
func Points(first, last int) iter.Seq[int] {
	step := 1
	switch {
	case race:
		step = stepRace
	case os.Getenv("SANDUK_LONG") == "":
		step = stepPlain
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
