package boot

import (
	"context"
	"path/filepath"
	"time"

	"github.com/sanduk-mail/sanduk/platform/clock"
)

// netStateDir is netd's own directory on the data disk.
const netStateDir = "/data/net"

// setClockFloor makes sure that it is not before the image was built; the saved
// time follows when the data disk is there. Nothing waits for the right time.
func (m *Machine) setClockFloor(context.Context) error {
	m.raiseClock(time.Time{})
	return nil
}

// useSavedTime raises the floor to the time saved last.
func (m *Machine) useSavedTime() {
	saved, err := clock.ReadSaved(filepath.Join(netStateDir, clockFile))
	if err != nil {
		m.log.Warn("saved time not used", "err", err)
		return
	}
	m.raiseClock(saved)
}

func (m *Machine) raiseClock(saved time.Time) {
	now := time.Now() // the kernel took it from the hardware clock
	floor, source := clock.Floor(now, m.cfg.Built, saved)
	if source == clock.SourceRTC {
		return
	}
	if err := clock.Set(floor); err != nil {
		m.log.Warn("clock not set", "err", err)
		return
	}
	m.log.Warn("clock was wrong", "was", now, "now", floor, "source", string(source))
}
