package boot

import (
	"context"
	"errors"
	"time"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/disk"
)

// phase is one step of the start.
type phase struct {
	name string
	run  func(context.Context) error
}

// phaseList is the start, in order.
func (m *Machine) phaseList() []phase {
	return []phase{
		{"mounts", m.mountAll},
		{"modules", m.loadModules},
		{"console", m.openConsoles},
		{"clock", m.setClockFloor},
		{"boot disk", m.openBootDisk},
		{"data disk", m.openDataDisk},
		{"updates", m.openUpdates},
		{"sockets", m.openSockets},
		{"services", m.prepareServices},
		{"lock down", m.lockDown},
	}
}

// start runs the phases. After a *disk.RecoveryError the rest runs without
// disk and services: the supervisor with nothing to supervise still feeds the
// watchdog, and console, keys and control socket work.
func (m *Machine) start(ctx context.Context) {
	for _, p := range m.phaseList() {
		began := time.Now()
		err := p.run(ctx)
		took := time.Since(began)
		done := control.Phase{Name: p.name, MS: took.Milliseconds()}
		if err != nil {
			done.Err = err.Error()
			m.log.Error("phase failed", "phase", p.name, "err", err)
			m.enterRecovery(err)
		}
		m.mu.Lock()
		m.phases = append(m.phases, done)
		m.mu.Unlock()
		m.log.Info("phase done", "phase", p.name, "ms", took.Milliseconds(), "at_ms", m.uptime().Milliseconds())
		if err != nil {
			m.say("%-9s %5d ms, failed: %v", p.name, took.Milliseconds(), err)
		} else {
			m.say("%-9s %5d ms", p.name, took.Milliseconds())
		}
	}
}

// enterRecovery remembers why mail is not served. The first reason counts.
func (m *Machine) enterRecovery(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.problem != nil {
		return
	}
	if !errors.As(err, &m.problem) {
		m.problem = &disk.RecoveryError{Text: "The box could not start: " + err.Error() + ". Restart it; if that does not help, install the image again (the mail stays).", Err: err}
	}
}

// recovering says whether mail is not served.
func (m *Machine) recovering() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.problem != nil
}
