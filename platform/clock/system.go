package clock

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Kernel is the machine's clock as a [Keeper] sees it. [System] is the real one.
type Kernel interface {
	Now() time.Time
	// Step moves the clock by d at once.
	Step(d time.Duration) error
	// Slew moves it by d without a jump: it runs a little faster or slower for a
	// while.
	Slew(d time.Duration) error
	// Trusted tells the kernel that its clock is right, to within maxError: it
	// then copies it to the hardware clock every eleven minutes.
	Trusted(maxError time.Duration) error
}

// System is the kernel's clock. Changing it needs CAP_SYS_TIME.
type System struct{}

// From linux/timex.h; x/sys names only some of them.
const (
	adjOffset     = 0x0001
	adjMaxError   = 0x0004
	adjEstError   = 0x0008
	adjStatus     = 0x0010
	adjTimeConst  = 0x0020
	adjSetOffset  = 0x0100
	adjMicro      = 0x1000
	adjNano       = 0x2000
	adjSingleShot = 0x8001
	staPLL        = 0x0001

	// maxPLL is the largest offset the kernel's loop takes; beyond that it slews
	// 0.5 ms per second.
	maxPLL = 500 * time.Millisecond
	// pollConstant is the loop's time constant for one poll in 1024 s: 2^(6+4).
	pollConstant = 6
)

// Now is the wall clock, without a monotonic reading: it may be stepped.
func (System) Now() time.Time { return time.Now().Round(0) }

// Step uses a relative change, so that the time it takes does not count.
func (System) Step(d time.Duration) error {
	t := unix.Timex{Modes: adjSetOffset | adjNano}
	sec := d / time.Second
	nsec := d % time.Second
	if nsec < 0 { // the kernel wants whole seconds down, the rest up
		sec--
		nsec += time.Second
	}
	t.Time.Sec, t.Time.Usec = int64(sec), int64(nsec)
	return adjust(&t, "step clock")
}

// Slew feeds the kernel's phase-locked loop, which also learns how fast the
// machine's crystal runs.
func (System) Slew(d time.Duration) error {
	if d.Abs() > maxPLL {
		return adjust(&unix.Timex{Modes: adjSingleShot, Offset: d.Microseconds()}, "slew clock")
	}
	return adjust(&unix.Timex{
		Modes:  adjOffset | adjStatus | adjTimeConst | adjMicro,
		Status: staPLL, Constant: pollConstant, Offset: d.Microseconds(),
	}, "slew clock")
}

// Trusted clears the kernel's "unsynchronised" flag.
func (System) Trusted(maxError time.Duration) error {
	us := maxError.Microseconds()
	return adjust(&unix.Timex{
		Modes:  adjStatus | adjMaxError | adjEstError,
		Status: staPLL, Maxerror: us, Esterror: us,
	}, "mark clock as right")
}

func adjust(t *unix.Timex, what string) error {
	if _, err := unix.Adjtimex(t); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Set steps the kernel's clock to t; for PID 1, which has no [Keeper].
func Set(t time.Time) error {
	ts := unix.NsecToTimespec(t.UnixNano())
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &ts); err != nil {
		return fmt.Errorf("set clock: %w", err)
	}
	return nil
}
