package boot

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/clock"
	"github.com/sanduk-mail/sanduk/platform/console"
	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/disk"
	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/platform/logbook"
	"github.com/sanduk-mail/sanduk/platform/supervise"
	"github.com/sanduk-mail/sanduk/platform/update"
	"github.com/sanduk-mail/sanduk/platform/watchdog"
)

// Paths of the running box.
const (
	dataDir    = "/data"
	mailDir    = "mail" // below dataDir
	boxDir     = "/data/box"
	logDir     = "/data/log"
	espDir     = "/efi"
	runDir     = "/run"
	sandukDir  = "/run/sanduk"
	setupDir   = "/run/sanduk/setup"
	cgroupRoot = "/sys/fs/cgroup"
	moduleRoot = "/lib/modules"
	toolDir    = "/sbin"
)

// Files of /data/box, each written through durable.
const (
	hostnameFile = "hostname"
	networkFile  = "network.json"
	firewallFile = "firewall.json"
	clockFile    = "clock"
	seedFile     = "random-seed"
)

// Config is what main knows.
type Config struct {
	Units   fs.FS // *.service, *.socket
	Release Release
	Probes  []Probe // what "answering" means for a socket
	Keys    fs.FS   // *.pub, whose updates are taken
	Schema  update.Schema
}

// Machine is the box while PID 1 runs.
type Machine struct {
	cfg      Config
	began    time.Time
	log      *slog.Logger
	book     *logbook.Book
	children *supervise.Children
	drivers  *drivers // nil: everything is built into the kernel
	tools    disk.Tools

	units      supervise.Units
	listeners  supervise.Listeners
	runner     *supervise.Runner
	supervisor *supervise.Supervisor

	dog   atomic.Pointer[watchdog.Device] // nil: none, or not yet
	tuned chan struct{}                   // closed when the kernel's settings are made

	espRead chan struct{}    // closed when what stood on the boot partition has been read
	parsed  chan parsedUnits // capacity 1

	own       *disk.Own // nil: not found
	espDevice string    // "" when not known
	boxFS     durable.FS
	espMu     sync.Mutex // one at a time writes the boot partition

	updates   *updates
	physician physician
	attached  attached
	network   *network // nil: no data disk, and no rescue
	errands   *errands
	safe      *safe
	rescue    rescue

	serial io.Writer // where plain lines go
	screen *console.Console

	stopOnce sync.Once
	stop     chan Action // what to do at the end; capacity 1

	mu        sync.Mutex // guards all below
	phases    []control.Phase
	problem   *disk.RecoveryError // set: recovery
	secure    bool                // the firmware starts only what is signed
	notes     []string            // what a person should look at, in sentences
	pushed    control.ConsoleArgs // what maild wants shown
	stopping  bool
	answered  bool            // the probe has ended
	silent    error           // set: which ports gave no answer, or a wrong one
	furnished bool            // the data disk is mounted and in use
	networked bool            // network settings can be changed
	timeFrom  clock.Source    // whom the clock was taken from
	buttons   map[string]bool // power buttons listened to
}

// Action is how the machine ends.
type Action int

// The ways.
const (
	Reboot Action = iota + 1
	PowerOff
)

func (a Action) String() string {
	if a == PowerOff {
		return "power off"
	}
	return "reboot"
}

// Run brings the machine up and returns only if it cannot even restart it.
func Run(cfg Config) error {
	book := logbook.New()
	m := &Machine{
		cfg: cfg, began: time.Now(), book: book,
		log:      slog.New(book.Handler("init", slog.LevelInfo)),
		children: supervise.NewChildren(),
		stop:     make(chan Action, 1),
		tuned:    make(chan struct{}),
		espRead:  make(chan struct{}),
		parsed:   make(chan parsedUnits, 1),
		serial:   io.Discard,
		errands:  newErrands(),
		safe:     newSafe(),
	}
	m.updates = &updates{m: m}
	m.tools = disk.Tools{Runner: feeding{m}, Log: m.log, Scratch: sandukDir, Dir: toolDir, Skeleton: []string{mailDir}}
	defer m.crashed()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	// From the first moment on: the kernel's helpers may leave orphans.
	m.spawn(func() { m.children.ReapOrphans(ctx) })
	m.start(ctx)
	supervised := make(chan struct{})
	serviceCtx, stopServices := context.WithCancel(ctx)
	m.spawn(func() {
		defer close(supervised)
		m.supervisor.Run(serviceCtx)
	})
	m.watchOver(ctx)
	action := <-m.stop
	return m.shutDown(action, stopServices, supervised)
}

// spawn runs fn in a goroutine whose panic ends in an orderly restart.
func (m *Machine) spawn(fn func()) {
	go func() {
		defer m.crashed()
		fn()
	}()
}

// crashed is deferred wherever PID 1 runs code: a panic is written where it
// survives, the disks are synced, and the machine restarts.
func (m *Machine) crashed() {
	reason := recover()
	if reason == nil {
		return
	}
	report := fmt.Sprintf("sanduk: panic in PID 1: %v\n%s", reason, debug.Stack())
	toKernelLog(report)
	m.log.Error("panic", "reason", fmt.Sprint(reason), "stack", string(debug.Stack()))
	_ = m.book.Sync() // it may be what panicked
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART) // if refused: PID 1 ends below, and the kernel panics
	os.Exit(1)
}

// request asks for the end of the machine; only the first counts.
func (m *Machine) request(a Action, why string) {
	m.stopOnce.Do(func() {
		m.log.Info("machine is going down", "action", a.String(), "why", why)
		m.mu.Lock()
		m.stopping = true
		m.mu.Unlock()
		m.stop <- a
	})
}

// uptime is the time since PID 1 began, monotonic.
func (m *Machine) uptime() time.Duration { return time.Since(m.began) }

// say prints a plain line on the serial console.
func (m *Machine) say(format string, args ...any) {
	_, _ = fmt.Fprintf(m.serial, "sanduk: "+format+"\n", args...) // nobody there is no error
}

// note remembers a sentence for the screen.
func (m *Machine) note(sentence string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notes = append(m.notes, sentence)
}

// feeding runs a tool and feeds the watchdog meanwhile: a disk check may
// rightly take an hour, and is bounded by its own time-out.
type feeding struct{ m *Machine }

func (f feeding) Run(ctx context.Context, t supervise.Tool) ([]byte, supervise.Exit, error) {
	type result struct {
		out  []byte
		exit supervise.Exit
		err  error
	}
	done := make(chan result, 1)
	f.m.spawn(func() {
		var r result
		r.out, r.exit, r.err = f.m.children.Run(ctx, t)
		done <- r
	})
	tick := time.NewTicker(supervise.HeartbeatEvery)
	defer tick.Stop()
	for {
		select {
		case r := <-done:
			return r.out, r.exit, r.err
		case <-tick.C:
			f.m.feed()
		}
	}
}

// feed restarts the hardware watchdog's timer.
func (m *Machine) feed() {
	dog := m.dog.Load()
	if dog == nil {
		return
	}
	if err := dog.Feed(); err != nil {
		m.log.Error("watchdog cannot be fed", "err", err)
	}
}
