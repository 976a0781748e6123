package boot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// No device asks for these: what is mounted, with what these ask the kernel for
// by name while they are; the packet filter; the events of keys and buttons; the
// place for last words; VLANs.
const (
	variableModules = "efivarfs"
	dataModules     = "ext4"
	espModules      = "vfat nls_cp437 nls_ascii"
	filterModules   = "nf_tables nft_ct nft_limit"
	otherModules    = "evdev efi_pstore 8021q"
)

// loadModules begins to load what the devices ask for, and the file systems. The
// start does not wait for them here but where it needs one: for the one disk
// (disk.Locate), and for a file system before it is mounted (need).
func (m *Machine) loadModules(ctx context.Context) error {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return fmt.Errorf("modules: %w", err)
	}
	version := unix.ByteSliceToString(uts.Release[:])
	if _, err := os.Stat(filepath.Join(moduleRoot, version)); errors.Is(err, os.ErrNotExist) {
		m.log.Warn("no kernel modules for this kernel", "version", version)
		m.mountLate()
		m.spawn(func() { m.openWatchdog(ctx) })
		return nil // a kernel with everything built in
	}
	mods, err := newModules(version, m.log)
	if err != nil {
		return err
	}
	mods.tuned = m.tuned
	m.drivers = newDrivers(mods)
	// The listener first, then the look at what is there: no device falls between.
	events, err := listenUevents()
	if err != nil {
		return fmt.Errorf("modules: listen for devices: %w", err)
	}
	m.spawn(func() { m.watchDevices(ctx, events) })
	m.spawn(func() {
		m.drivers.ask(scanModaliases("/sys", "pci")) // what disks hang on
		m.spawn(func() { m.drivers.run(ctx, m.spawn) })
		m.drivers.ask(scanModaliases("/sys", "*"))
		m.drivers.add(strings.Fields(otherModules))
	})
	m.spawn(func() { m.openWatchdog(ctx) })
	m.spawn(func() { m.need(dataModules + " " + espModules + " " + filterModules) })
	m.need(variableModules)
	m.mountLate()
	return nil
}

// need returns when modules are loaded, or cannot be.
func (m *Machine) need(names string) {
	if m.drivers == nil {
		return // everything is built into the kernel
	}
	for name := range strings.FieldsSeq(names) {
		m.drivers.modules.load(name)
	}
}

// drivers is the queue of modules to load for devices. One after another: where
// there are few processors, the start itself needs them too.
type drivers struct {
	modules *modules
	wake    chan struct{} // something was added; capacity 1
	idle    chan struct{} // closed when the queue was empty for the first time
	seen    atomic.Int64  // counts devices that appeared
	waited  bool          // the slow drivers' turn has come; only run looks at it

	mu      sync.Mutex
	waiting []string // modules; guarded by mu
	held    bool     // only the urgent ones now; guarded by mu
}

func newDrivers(m *modules) *drivers {
	return &drivers{modules: m, wake: make(chan struct{}, 1), idle: make(chan struct{})}
}

// driverPatience is how long the next module waits for the one before: some
// look for devices that are not there.
const driverPatience = 250 * time.Millisecond

// recognizeTime is what the start needs at most to recognize its disk
// (disk.Locate); recognizePoll is how often that is looked at.
const (
	recognizeTime = 150 * time.Millisecond
	recognizePoll = 5 * time.Millisecond
)

// awaitDisk gives the start time to look at a disk that a quick driver has
// brought. If it is the one, the slow drivers can wait.
func (d *drivers) awaitDisk(sysfs string) {
	for began := time.Now(); time.Since(began) < recognizeTime; time.Sleep(recognizePoll) {
		if disks, err := os.ReadDir(filepath.Join(sysfs, "block")); err != nil || len(disks) == 0 {
			return
		}
		d.mu.Lock()
		held := d.held
		d.mu.Unlock()
		if held {
			return
		}
	}
}

// slow says whether a module is the first of the drivers that take long, with
// all that they bring along.
func (d *drivers) slow(name string) bool {
	u := d.modules.urgency(name)
	if d.waited || u < slices.Index(strings.Fields(diskDrivers), firstSlow) || u >= soon {
		return false
	}
	d.waited = true
	return true
}

// run loads what was added, and what will be, until ctx ends.
func (d *drivers) run(ctx context.Context, spawn func(func())) {
	var loaded []string
	began := time.Now()
	for {
		name := d.next()
		if name != "" && d.slow(name) {
			d.awaitDisk("/sys")
			d.add([]string{name})
			name = d.next()
		}
		if name != "" {
			loaded = append(loaded, name)
			done := make(chan struct{})
			spawn(func() {
				defer close(done)
				d.modules.load(name)
			})
			select {
			case <-done:
			case <-time.After(driverPatience):
			}
			continue
		}
		if loaded != nil {
			d.modules.log.Info("drivers loaded", "modules", strings.Join(loaded, " "), "ms", time.Since(began).Milliseconds())
			loaded = nil
		}
		d.rest()
		select {
		case <-d.wake:
			began = time.Now()
		case <-ctx.Done():
			return
		}
	}
}

// rest notes that the queue is empty.
func (d *drivers) rest() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) > 0 {
		return // held
	}
	select {
	case <-d.idle:
	default:
		close(d.idle)
	}
}

// ask adds the modules for modaliases that were not asked for before.
func (d *drivers) ask(modaliases []string) { d.add(d.modules.resolve(modaliases)) }

func (d *drivers) add(names []string) {
	if len(names) == 0 {
		return
	}
	d.mu.Lock()
	d.waiting = append(d.waiting, names...)
	d.mu.Unlock()
	d.stir()
}

// holdTime bounds how long the less urgent drivers wait for the services.
const holdTime = 5 * time.Second

// hold has the less urgent drivers wait until release, or for holdTime: once the
// disk is found, the processors are for what is on it.
func (d *drivers) hold() {
	d.mu.Lock()
	d.held = true
	d.mu.Unlock()
	time.AfterFunc(holdTime, d.release)
}

func (d *drivers) release() {
	d.mu.Lock()
	d.held = false
	d.mu.Unlock()
	d.stir()
}

func (d *drivers) stir() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// next takes the most urgent module from the queue, "" when there is none to be
// loaded now.
func (d *drivers) next() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) == 0 {
		return ""
	}
	urgency := func(name string) int {
		if u := d.modules.urgency(name); !d.held || u == soon {
			return u
		}
		return 2 * soon // the disk is there
	}
	best := 0
	for i, name := range d.waiting {
		if urgency(name) < urgency(d.waiting[best]) {
			best = i
		}
	}
	name := d.waiting[best]
	if d.held && urgency(name) != soon {
		return ""
	}
	d.waiting = slices.Delete(d.waiting, best, best+1)
	return name
}

// diskDrivers are where the kernel keeps what a disk may hang on, the quick
// ones first. The start waits for a disk and for nothing else.
const (
	diskDrivers = "virtio block nvme hv xen pci scsi message mmc ata usb"
	firstSlow   = "scsi"
)

// soon is the urgency of what is not held back when the disk has been found: the
// network, and the power button, which people press when they like. It is above
// the number of diskDrivers.
const soon = 100

// urgency orders modules: what a disk may need comes first, then what is wanted
// soon.
func (m *modules) urgency(name string) int {
	const last = soon + 1
	f := m.files[moduleName(name)]
	if f == nil {
		return last
	}
	for i, kind := range strings.Fields(diskDrivers) {
		if strings.Contains(f.path, "/drivers/"+kind+"/") {
			return i
		}
	}
	for _, kind := range []string{networkDrivers, "/drivers/acpi/button", "/drivers/input/evdev"} {
		if strings.Contains(f.path, kind) {
			return soon
		}
	}
	return last
}

// The time without any new device after which no further one is expected, and
// how often that is looked at.
const (
	settleTime = time.Second
	settlePoll = 50 * time.Millisecond
)

// settle waits until no new devices appear.
func (m *Machine) settle() {
	if m.drivers == nil {
		return // everything is built into the kernel
	}
	<-m.drivers.idle
	quiet, seen := time.Now(), m.drivers.seen.Load()
	for time.Since(quiet) < settleTime {
		time.Sleep(settlePoll)
		if now := m.drivers.seen.Load(); now != seen {
			quiet, seen = time.Now(), now
		}
	}
}

// scanModaliases reads what the devices known now on a bus ask for; "*": on all.
func scanModaliases(sysfs, bus string) []string {
	files, err := filepath.Glob(filepath.Join(sysfs, "bus", bus, "devices/*/modalias"))
	if err != nil {
		return nil // only for a bad pattern
	}
	var list []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // the device went away
		}
		if alias := string(bytes.TrimSpace(data)); alias != "" {
			list = append(list, alias)
		}
	}
	return list
}
