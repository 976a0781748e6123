package boot

import "github.com/sanduk-mail/sanduk/platform/firmware"

// lookSecureBoot asks the firmware whether it would have started a program that nobody signed.
func (m *Machine) lookSecureBoot() {
	vars, err := firmware.System(firmwareDir)
	if err != nil {
		m.log.Info("no firmware variables", "err", err)
		return
	}
	on, err := firmware.SecureBoot(vars)
	if err != nil {
		m.log.Warn("Secure Boot: state unknown", "err", err)
		return
	}
	if on {
		m.say("Secure Boot is on")
	}
	m.log.Info("Secure Boot", "on", on)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.secure = on
}
