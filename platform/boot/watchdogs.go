package boot

import (
	"context"
	"errors"
	"time"

	"github.com/sanduk-mail/sanduk/platform/watchdog"
)

// watchdogPatience is how long a watchdog may take to appear behind another
// device before the kernel's own timer takes its place.
const watchdogPatience = 10 * time.Second

// openWatchdog arms the hardware watchdog; without one, the kernel's own timer.
// A box without either is not worse than any other computer.
func (m *Machine) openWatchdog(ctx context.Context) {
	if m.drivers != nil {
		<-m.drivers.idle
	}
	dog, err := watchdog.Open("/dev", "/sys")
	if errors.Is(err, watchdog.ErrNone) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(watchdogPatience):
		}
		m.settle()
		if dog, err = watchdog.Open("/dev", "/sys"); errors.Is(err, watchdog.ErrNone) && m.drivers != nil {
			m.drivers.modules.load("softdog")
			dog, err = watchdog.Open("/dev", "/sys")
		}
	}
	if err != nil {
		m.log.Warn("no watchdog", "err", err)
		return
	}
	m.dog.Store(dog)
	m.log.Info("watchdog armed", "name", dog.Name, "timeout_s", int(dog.Timeout.Seconds()))
}
