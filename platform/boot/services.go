package boot

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/sanduk-mail/sanduk/platform/supervise"
)

// parsedUnits is what the unit files say.
type parsedUnits struct {
	units supervise.Units
	err   error
}

// parseUnits reads the unit files while the start waits for devices.
func (m *Machine) parseUnits() {
	var p parsedUnits
	p.units, p.err = supervise.LoadUnits(m.cfg.Units)
	m.parsed <- p
}

// openSockets opens every listening socket; from here on clients are not
// refused, they wait.
func (m *Machine) openSockets(context.Context) error {
	parsed := <-m.parsed
	if parsed.err != nil {
		return parsed.err
	}
	units := parsed.units.Ordinary()
	if m.recovering() {
		if err := m.openRescue(); err != nil {
			return err
		}
		units = parsed.units.Rescue()
	}
	listeners, err := supervise.OpenSockets(units.Sockets)
	if err != nil {
		return err
	}
	m.units, m.listeners = units, listeners
	return nil
}

// serviceEnvironment is given to every service.
func serviceEnvironment() []string { return []string{"PATH=/bin", "LANG=C.UTF-8", "HOME=/"} }

// prepareServices makes the supervisor, and the control socket that needs it.
func (m *Machine) prepareServices(ctx context.Context) error {
	cgroups, err := m.prepareCgroups()
	if err != nil {
		return err
	}
	memory, err := readMemory("/proc/meminfo")
	if err != nil {
		return err
	}
	m.runner = &supervise.Runner{
		Children: m.children, Self: "/proc/self/exe", Cgroups: cgroups, RunDir: runDir,
		TotalMemory: memory.Total, Sockets: m.units.Sockets, Listeners: m.listeners,
		Lookup:      lookupAccount,
		Output:      func(u supervise.UnitName) io.WriteCloser { return m.book.Writer(string(u)) },
		Environment: serviceEnvironment(),
	}
	if !m.recovering() || m.espDevice != "" {
		<-m.espRead // maild looks there for a set-up file
	}
	// Without units, where not even a rescue could be opened, the heartbeat goes on.
	supervisor := supervise.New(supervise.Config{
		Units: m.units, Starter: m.runner, Log: m.log, Heartbeat: m.feed,
	})
	m.mu.Lock()
	m.supervisor = supervisor // the screen looks at it already
	m.mu.Unlock()
	return m.openControl(ctx)
}

// watchOver starts what accompanies the running services.
func (m *Machine) watchOver(ctx context.Context) {
	m.spawn(func() { m.listenSignals(ctx) })
	m.spawn(func() { m.keepKernelLog(ctx) })
	m.spawn(func() {
		if m.drivers != nil {
			<-m.drivers.idle // the firmware's place needs one
		}
		m.keepCrashes(crashDir)
	})
	m.listenButtons(ctx)
	m.spawn(func() { m.reportReady(ctx) })
	m.spawn(func() { m.countRun(ctx) })
	m.spawn(func() { m.updates.prove(ctx) })
}

// idleAfter is when the memory in use is reported: what the start needed for a
// moment has been given back by then.
const idleAfter = 60 * time.Second

// reportReady prints the lines that people and tests wait for.
func (m *Machine) reportReady(ctx context.Context) {
	if m.recovering() {
		m.say("recovery: %s", m.problem.Text)
		if m.drivers != nil {
			m.drivers.release()
		}
		return
	}
	select {
	case <-m.supervisor.Ready():
	case <-ctx.Done():
		return
	}
	m.say("ready in %d ms", m.uptime().Milliseconds())
	m.log.Info("ready", "ms", m.uptime().Milliseconds())
	if m.safe.locked() {
		m.say("locked until the recovery phrase is typed")
		m.safe.wait(ctx)
	}
	m.probeAll(ctx)
	m.spawn(func() { m.keepSpare(ctx) })
	if m.drivers != nil {
		m.drivers.release()
	}
	select {
	case <-time.After(idleAfter):
	case <-ctx.Done():
		return
	}
	m.closeKernel()
	debug.FreeOSMemory() // what the start needed is not needed again
	memory, err := readMemory("/proc/meminfo")
	if err != nil {
		m.log.Warn("memory unknown", "err", err)
		return
	}
	used := memory.Total - memory.Available
	m.say("memory used %d MB of %d MB", used>>20, memory.Total>>20)
	m.log.Info("memory", "used", used, "total", memory.Total)
}

// checkHostname says in the user's words why a name cannot be the box's.
func checkHostname(name string) error {
	if name == "" || len(name) > maxHostname {
		return fmt.Errorf("a host name has 1 to %d characters", maxHostname)
	}
	label := 0
	for i, r := range name {
		switch {
		case r == '.':
			if label == 0 {
				return fmt.Errorf("the host name %q has an empty part", name)
			}
			label = 0
			continue
		case r == '-' && label > 0, r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		default:
			return fmt.Errorf("the host name %q holds %q at place %d; letters, digits and hyphens are allowed", name, r, i+1)
		}
		if label++; label > 63 { // RFC 1035 §2.3.4
			return fmt.Errorf("a part of the host name %q is longer than 63 characters", name)
		}
	}
	if label == 0 {
		return fmt.Errorf("the host name %q has an empty part", name)
	}
	return nil
}
