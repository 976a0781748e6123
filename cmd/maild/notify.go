package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// How a long start is told to PID 1, which would otherwise end it at
// TimeoutStartSec, in the middle of a recovery, and again at every next start.
const (
	extendEvery = 20 * time.Second
	extendBy    = 2 * time.Minute
	// longestStart is far beyond rebuilding the largest index: a start that takes
	// longer hangs.
	longestStart = 2 * time.Hour
)

// askForTime asks PID 1 to wait for a start that takes long, until ctx ends.
func askForTime(ctx context.Context, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, longestStart)
	defer cancel()
	ticker := time.NewTicker(extendEvery)
	defer ticker.Stop()
	for {
		if _, err := daemon.SdNotify(false, fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", extendBy.Microseconds())); err != nil {
			log.Warn("PID 1 was not asked for more time", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// feedWatchdog tells PID 1 that the process still works, at half the interval
// that it asked for: only when alive says so within that time, because a
// process that runs and takes no mail is what a restart mends.
func feedWatchdog(ctx context.Context, alive func(context.Context) error, log *slog.Logger) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return // nobody watches
	}
	ticker := time.NewTicker(interval / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		check, cancel := context.WithTimeout(ctx, interval/2)
		err := alive(check)
		cancel()
		if err != nil {
			log.Error("the mail service does not answer itself; PID 1 is not told that it works", "err", err)
			continue
		}
		if _, err := daemon.SdNotify(false, daemon.SdNotifyWatchdog); err != nil {
			log.Warn("the watchdog was not fed", "err", err)
		}
	}
}
