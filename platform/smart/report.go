package smart

import "errors"

// Errors of this package.
var (
	// ErrSilent: the disk says nothing of its health.
	ErrSilent = errors.New("smart: the disk does not say how it is")
	// ErrMalformed: what it says is no health data.
	ErrMalformed = errors.New("smart: the disk says something that is no health data")
)

// Unknown is a number that the disk does not tell.
const Unknown = -1

// Report is how a disk is. Numbers are Unknown where it does not tell them.
type Report struct {
	// Failing: the disk itself expects to fail, or to take no more writes.
	Failing bool
	// Reallocated places went bad and were replaced by spare ones; nothing was lost by that.
	Reallocated int64
	// Pending places can't be read now: what stood there is lost, unless a later try
	// succeeds.
	Pending int64
	// Errors is how often the disk could not give back, or not take, what it should.
	Errors int64
	// Worn is the part in percent that is used of what a solid-state disk can be
	// written; it may be above 100.
	Worn int
	// Celsius is its temperature.
	Celsius int
	// Hours is for how long it has run.
	Hours int64
}

// unknown is a report in which nothing is told.
func unknown() Report {
	return Report{Reallocated: Unknown, Pending: Unknown, Errors: Unknown, Worn: Unknown, Celsius: Unknown, Hours: Unknown}
}
