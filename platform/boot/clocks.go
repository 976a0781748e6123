package boot

import (
	"context"
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/sanduk-mail/sanduk/platform/clock"
	"github.com/sanduk-mail/sanduk/platform/control"
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

// slowClock is how far a good hardware clock may be behind the time that was saved last.
const slowClock = 10 * time.Minute

func (m *Machine) raiseClock(saved time.Time) {
	now := time.Now() // the kernel took it from the hardware clock
	floor, source := clock.Floor(now, m.cfg.Release.Built, saved)
	from := source
	if source == clock.SourceSaved && floor.Sub(now) < slowClock {
		from = clock.SourceRTC
	}
	if m.takeTime(from); source == clock.SourceRTC {
		return
	}
	if err := clock.Set(floor); err != nil {
		m.log.Warn("clock not set", "err", err)
		return
	}
	m.log.Warn("clock was wrong", "was", now, "now", floor, "source", string(source))
}

// takeTime notes whom the clock was taken from. What is only a floor, now as at the look
// before, stays one: the kernel's clock was set to it meanwhile and looks like any other.
func (m *Machine) takeTime(source clock.Source) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if source == clock.SourceRTC && m.timeFrom != "" {
		return
	}
	m.timeFrom = source
}

// clockState is where netd says how it stands with the time servers.
const clockState = "/run/netd/clock.json"

// sureTime looks whether dates may be judged by the clock. When time servers were first
// heard, the hardware clock gets their time.
func (m *Machine) sureTime() control.Time {
	var t control.Time
	s, err := clock.ReadState(clockState)
	t.Problem = s.Problem
	m.mu.Lock()
	first := err == nil && s.Trusted && m.timeFrom != clock.SourceServers
	if first {
		m.timeFrom = clock.SourceServers
	}
	source := m.timeFrom
	m.mu.Unlock()
	if first {
		m.writeHardwareClock()
	}
	t.Source, t.Sure = string(source), clock.Sure(source, m.uptime())
	return t
}

// writeHardwareClock gives it the time, if that is a good one.
func (m *Machine) writeHardwareClock() {
	m.mu.Lock()
	source := m.timeFrom
	m.mu.Unlock()
	if source != clock.SourceServers && source != clock.SourceAdmin {
		return
	}
	if err := clock.WriteHardware(time.Now()); err != nil {
		m.log.Warn("the hardware clock was not set", "err", err)
		return
	}
	m.log.Info("hardware clock set", "source", string(source))
}

func (m *Machine) verbTime(context.Context, json.RawMessage) (any, error) { return m.sureTime(), nil }
