package main

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// How often PID 1 is asked whether the clock is right: until it is, and then.
const (
	unsureEvery = 5 * time.Second
	sureEvery   = time.Minute
	askTime     = 3 * time.Second
)

// sure is whether dates may be judged by the machine's clock: always on a developer's
// computer, and on a box as PID 1 says. It is asked in the background until ctx ends, so
// that nobody waits for the answer.
func (m *machine) sure(ctx context.Context, log *slog.Logger) func() bool {
	if m.pid1 == nil {
		return nil
	}
	var known atomic.Bool
	ask := func() {
		ctx, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		t, err := m.pid1.Time(ctx)
		switch {
		case err != nil:
			log.Debug("PID 1 does not say how good the clock is", "err", err)
		case known.Swap(t.Sure) != t.Sure:
			log.Info("the clock was looked at", "sure", t.Sure, "source", t.Source)
		}
	}
	ask()
	go func() {
		for {
			wait := unsureEvery
			if known.Load() {
				wait = sureEvery
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
				ask()
			}
		}
	}()
	return known.Load
}
