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

// No device asks for these. The start cannot go on without fileSystems: they
// are what is mounted, and what these ask the kernel for by name while they are.
// otherModules are the events of keys and buttons, and the place for last words.
const (
	fileSystems  = "ext4 vfat nls_cp437 nls_ascii efivarfs"
	otherModules = "evdev efi_pstore"
)

// loadModules loads the file systems, and begins to load what the devices ask
// for. The start does not wait for these: it waits for the one disk it needs
// (disk.Locate), while slower devices are still being looked at.
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
		m.drivers.ask(scanModaliases("/sys"))
		m.drivers.add(strings.Fields(otherModules))
		m.drivers.run(ctx, m.spawn)
	})
	m.spawn(func() { m.openWatchdog(ctx) })
	for name := range strings.FieldsSeq(fileSystems) {
		mods.load(name)
	}
	m.mountLate()
	return nil
}

// drivers is the queue of modules to load for devices. One after another: where
// there are few processors, the start itself needs them too.
type drivers struct {
	modules *modules
	wake    chan struct{} // something was added; capacity 1
	idle    chan struct{} // closed when the queue was empty for the first time
	seen    atomic.Int64  // counts devices that appeared

	mu      sync.Mutex
	waiting []string // modules; guarded by mu
}

func newDrivers(m *modules) *drivers {
	return &drivers{modules: m, wake: make(chan struct{}, 1), idle: make(chan struct{})}
}

// driverPatience is how long the next module waits for the one before: some
// look for devices that are not there.
const driverPatience = 250 * time.Millisecond

// run loads what was added, and what will be, until ctx ends.
func (d *drivers) run(ctx context.Context, spawn func(func())) {
	var loaded []string
	began := time.Now()
	for {
		name := d.next()
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
		select {
		case <-d.idle:
		default:
			close(d.idle)
		}
		select {
		case <-d.wake:
			began = time.Now()
		case <-ctx.Done():
			return
		}
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
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// next takes the most urgent module from the queue, "" when it is empty.
func (d *drivers) next() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) == 0 {
		return ""
	}
	best := 0
	for i, name := range d.waiting {
		if d.modules.urgency(name) < d.modules.urgency(d.waiting[best]) {
			best = i
		}
	}
	name := d.waiting[best]
	d.waiting = slices.Delete(d.waiting, best, best+1)
	return name
}

// diskDrivers are where the kernel keeps what a disk may hang on, the quick
// ones first. The start waits for a disk and for nothing else.
const diskDrivers = "virtio block nvme hv xen pci scsi message mmc ata usb"

// urgency orders modules: what a disk may need comes first.
func (m *modules) urgency(name string) int {
	kinds := strings.Fields(diskDrivers)
	f := m.files[moduleName(name)]
	if f == nil {
		return len(kinds)
	}
	for i, kind := range kinds {
		if strings.Contains(f.path, "/drivers/"+kind+"/") {
			return i
		}
	}
	return len(kinds)
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

// scanModaliases reads what the devices known now ask for.
func scanModaliases(sysfs string) []string {
	files, err := filepath.Glob(filepath.Join(sysfs, "bus/*/devices/*/modalias"))
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
