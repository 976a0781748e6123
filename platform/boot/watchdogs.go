package boot

import (
	"context"
	"errors"

	"github.com/sanduk-mail/sanduk/platform/watchdog"
)

// openWatchdog arms the hardware watchdog; without one, the kernel's own timer.
func (m *Machine) openWatchdog(context.Context) error {
	dog, err := watchdog.Open("/dev", "/sys")
	if errors.Is(err, watchdog.ErrNone) && m.modules != nil {
		m.modules.load("softdog")
		dog, err = watchdog.Open("/dev", "/sys")
	}
	if err != nil {
		m.log.Warn("no watchdog", "err", err)
		return nil // a box without one is not worse than any other computer
	}
	m.dog = dog
	m.log.Info("watchdog armed", "name", dog.Name, "timeout_s", int(dog.Timeout.Seconds()))
	return nil
}
