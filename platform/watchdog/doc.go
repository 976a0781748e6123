// Package watchdog holds the hardware watchdog: a timer outside the processor
// that resets the box unless it is fed.
//
// What comes in: calls of [Device.Feed]. What goes out: a reset of the machine
// when they stop for [Timeout]. It is fed from the supervision loop itself, so
// a loop that hangs is noticed; a goroutine that only feeds would go on
// feeding a dead box.
//
// The watchdog is never switched off once it runs: not at shutdown (a shutdown
// that hangs ends in a reset, too) and not when PID 1 dies. Only the last step
// of switching the power off does, see [Device.Disarm].
//
// Concurrency: a Device may be used from any goroutine; Feed does not block.
package watchdog
