package journal

import (
	"context"
	"time"
)

// Pace holds up whoever works in the background: it is called after each so many
// bytes were read or written. nil means to go as fast as the disk does.
type Pace func(ctx context.Context, bytes int64) error

// BackgroundRate is what the background reads and writes in a second when it has
// the time: a 64 MiB segment in half a minute, 50 GB in half a day, and little
// beside the hundred megabytes that the slowest of disks can do.
const BackgroundRate = 4 << 20

const (
	// yieldStep is how often the background looks whether commits are under way.
	yieldStep = time.Millisecond
	// yieldMost is how long it gives way to them at most, for each piece of its
	// work: under a load that never ends it still gets on, though slowly.
	yieldMost = 50 * time.Millisecond
)

// Pace gives a pace of so many bytes a second that also gives way to commits:
// while any is waiting or under way the background rests.
func (j *Journal) Pace(bytesPerSecond int64) Pace {
	return func(ctx context.Context, bytes int64) error {
		if err := rest(ctx, time.Duration(float64(bytes)/float64(bytesPerSecond)*float64(time.Second))); err != nil {
			return err
		}
		for waited := time.Duration(0); waited < yieldMost && j.committing(); waited += yieldStep {
			if err := rest(ctx, yieldStep); err != nil {
				return err
			}
		}
		return j.refusal()
	}
}

// Step is a call of the pace, also where there is none.
func (p Pace) Step(ctx context.Context, bytes int64) error {
	if p == nil {
		return ctx.Err()
	}
	return p(ctx, bytes)
}

func (j *Journal) committing() bool {
	if len(j.turn) == 0 { // somebody has it
		return true
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.queue) > 0
}

func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
