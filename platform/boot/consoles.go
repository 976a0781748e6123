package boot

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/platform/console"
	"github.com/sanduk-mail/sanduk/platform/netconf"
)

// product is the name on the screen.
const product = "Sanduk"

// openConsoles finds where the kernel prints: on a screen the picture is drawn,
// on a serial line facts are printed. A box without any works all the same.
func (m *Machine) openConsoles(ctx context.Context) error {
	active, err := os.ReadFile("/sys/class/tty/console/active")
	if err != nil {
		m.log.Warn("no console", "err", err)
		return nil
	}
	var terminals []console.Terminal
	var serial []io.Writer
	var desks []*console.Desk
	for name := range strings.FieldsSeq(string(active)) {
		tty, err := console.OpenTTY("/dev/"+name, true)
		if err != nil {
			m.log.Warn("console cannot be opened", "tty", name, "err", err)
			continue
		}
		if name == "tty0" {
			terminals = append(terminals, console.NewScreen(tty, console.Size(tty)))
		} else {
			line := newLineWriter(tty)
			m.spawn(func() { line.run(ctx) })
			terminals = append(terminals, console.NewLines(line, "sanduk"))
			serial = append(serial, line)
		}
		number := len(terminals) - 1
		desks = append(desks, &console.Desk{
			Box: standing{m}, Events: console.Events(ctx, tty), Offered: m.keys, Words: name != "tty0",
			Show: func(v console.View) { m.screen.Overlay(number, v) },
		})
	}
	if len(serial) > 0 {
		m.serial = io.MultiWriter(serial...)
	}
	for _, p := range m.phases { // those that were done before there was a console
		m.say("%-9s %5d ms", p.Name, p.MS)
	}
	m.screen = console.New(m.log, terminals...)
	for _, d := range desks {
		m.spawn(func() { d.Run(ctx) })
	}
	m.spawn(func() { m.screen.Run(ctx) })
	m.spawn(func() { m.refreshScreen(ctx) })
	return nil
}

// lineWriter puts a queue in front of a serial line, which can block for ever
// (flow control, and nobody there). When the queue is full, what is new is
// lost: the log has it.
type lineWriter struct {
	out   io.Writer
	queue chan []byte
}

// lineQueue holds more than a whole start prints.
const lineQueue = 256

func newLineWriter(out io.Writer) *lineWriter {
	return &lineWriter{out: out, queue: make(chan []byte, lineQueue)}
}

func (w *lineWriter) Write(p []byte) (int, error) {
	select {
	case w.queue <- slices.Clone(p):
	default:
	}
	return len(p), nil
}

func (w *lineWriter) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-w.queue:
			_, _ = w.out.Write(p) // nobody there is no error
		}
	}
}

// screenEvery is how often the screen is brought up to date with what changes
// by itself (addresses, units).
const screenEvery = time.Second

func (m *Machine) refreshScreen(ctx context.Context) {
	tick := time.NewTicker(screenEvery)
	defer tick.Stop()
	for {
		m.show()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (m *Machine) show() {
	if m.screen != nil {
		m.screen.Show(m.picture())
	}
}

// keys are those that do something now.
func (m *Machine) keys() []console.Key {
	m.mu.Lock()
	furnished, networked := m.furnished, m.networked
	m.mu.Unlock()
	var list []console.Key
	if networked {
		list = append(list, console.KeyNetwork)
	}
	list = append(list, console.KeyRestart, console.KeyPowerOff)
	if m.updates.status().Previous != "" {
		list = append(list, console.KeyPrevious)
	}
	list = append(list, console.KeySupport)
	if m.own != nil && furnished && (m.own.Disk.Removable || system().OnUSB(m.own.Disk.Name)) {
		list = append(list, console.KeyInstall)
	}
	return append(list, console.KeyReset)
}

// picture is what the consoles show now.
func (m *Machine) picture() console.State {
	s := console.State{
		Product: product, Version: string(m.cfg.Release.Version), Keys: m.keys(),
	}
	var name string
	s.Network, s.Problems, name = networkFacts()
	s.URLs = urls(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.furnished {
		s.Disk = diskFact(dataDir)
	}
	lost := m.attached.problem()
	if lost != "" {
		s.Disk = "" // how much room it had is no news
	}
	if also := m.attached.also(); also != "" {
		s.Disk = strings.TrimPrefix(s.Disk+". Also connected: "+also, ". ")
	}
	degraded := m.supervisor != nil && m.supervisor.Degraded()
	s.Host, s.Fingerprint, s.Progress = m.pushed.Hostname, m.pushed.Fingerprint, m.pushed.Progress
	s.Code = m.pushed.ClaimCode
	if m.problem != nil {
		s.Code = m.rescue.code // to be typed; the page has no script that could take it from the address
	}
	if len(s.URLs) > 0 {
		s.QR = s.URLs[0]
		if s.Code != "" && m.problem == nil {
			s.QR += "/#" + s.Code
		}
	}
	s.Mail = m.pushed.State
	s.Problems = append(slices.Clone(m.notes), s.Problems...)
	switch {
	case m.stopping:
		s.Health = console.Stopping
	case m.problem != nil:
		s.Health = console.Recovery
		s.Problems = append([]string{m.problem.Text}, s.Problems...)
		if m.pushed.Fingerprint == "" {
			s.URLs, s.QR = nil, "" // the page is not up yet, or never will be
		}
	case !m.answered:
		s.Health = console.Starting
	case lost != "":
		s.Health = console.Degraded
		s.Problems = append([]string{lost}, s.Problems...)
	case degraded:
		s.Health = console.Degraded
		s.Problems = append(s.Problems, "A part of the box keeps failing. The page \"Box\" says which; a restart (F2) may help.")
	case s.Code != "":
		s.Health = console.SetUp
	default:
		s.Health = console.Running
	}
	return s
}

// networkStatus is where netd says how the network is.
const networkStatus = "/run/netd/status.json"

func networkFacts() (lines, problems []string, name string) {
	status, err := netconf.ReadStatus(networkStatus)
	if err != nil {
		return nil, nil, "" // netd has not come up yet
	}
	return status.Lines(), status.Problems(), status.Name
}

// urls are the addresses under which the pages can be opened: a number first,
// because that always works, then the name that the box answers to in its
// network, then what else there is.
func urls(name string) []string {
	addresses, err := netconf.Addresses()
	if err != nil || len(addresses) == 0 {
		return nil // a name without an address leads nowhere
	}
	var list []string
	for i, a := range addresses {
		list = append(list, "https://"+a.URLHost())
		if i == 0 && name != "" {
			list = append(list, "https://"+name)
		}
	}
	return list
}

// diskFact is the room for mail, "512 GB, 498 GB free".
func diskFact(dir string) string {
	total, free, err := space(dir)
	if err != nil {
		return ""
	}
	return formatBytes(total) + ", " + formatBytes(free) + " free"
}

// formatBytes counts in thousands, as disks are sold. It is coarse: the serial
// line gets a line for each new value.
func formatBytes(n int64) string {
	const gb = 1e9
	switch f := float64(n); {
	case f >= 1000*gb:
		return fmt.Sprintf("%.1f TB", f/(1000*gb))
	case f >= 10*gb:
		return fmt.Sprintf("%.0f GB", f/gb)
	default:
		return fmt.Sprintf("%.1f GB", f/gb)
	}
}
