package boot

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// listenSignals: the kernel sends SIGINT for Ctrl-Alt-Del, a container or UPS
// manager SIGPWR.
func (m *Machine) listenSignals(ctx context.Context) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGPWR, syscall.SIGTERM)
	defer signal.Stop(signals)
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			switch s {
			case syscall.SIGINT:
				m.request(Reboot, "ctrl-alt-del")
			case syscall.SIGPWR:
				m.request(PowerOff, "power failing")
			}
		}
	}
}

// listenButtons opens the power buttons that are there; later ones come with
// the kernel's device events.
func (m *Machine) listenButtons(ctx context.Context) {
	files, err := filepath.Glob("/dev/input/event*")
	if err != nil {
		return // only for a bad pattern
	}
	for _, f := range files {
		m.listenButton(ctx, strings.TrimPrefix(f, "/dev/"))
	}
}

// buttonNames are what the kernel calls ACPI power buttons, and QEMU's virtual
// machines without ACPI theirs.
func isPowerButton(name string) bool {
	return strings.TrimSpace(name) == "Power Button" || strings.HasPrefix(name, "gpio-keys")
}

// listenButton powers the machine off when the button of device
// ("input/event0") is pressed. Other input devices are left alone.
func (m *Machine) listenButton(ctx context.Context, device string) {
	name, err := os.ReadFile(filepath.Join("/sys/class/input", filepath.Base(device), "device/name"))
	if err != nil || !isPowerButton(string(name)) {
		return
	}
	m.mu.Lock()
	known := m.buttons[device]
	if m.buttons == nil {
		m.buttons = map[string]bool{}
	}
	m.buttons[device] = true
	m.mu.Unlock()
	if known {
		return
	}
	f, err := os.Open(filepath.Join("/dev", device))
	if err != nil {
		m.log.Warn("power button not heard", "device", device, "err", err)
		return
	}
	m.log.Info("power button found", "device", device)
	m.spawn(func() {
		stop := context.AfterFunc(ctx, func() { _ = f.Close() })
		defer stop()
		if waitPowerKey(f) == nil {
			m.request(PowerOff, "power button")
		}
	})
}

// The kernel's struct input_event on 64-bit machines, and its codes.
const (
	inputEventSize = 24
	inputTypeAt    = 16
	evKey          = 1
	keyPower       = 116
	keyPressed     = 1
)

// waitPowerKey returns nil when the power key is pressed.
func waitPowerKey(r io.Reader) error {
	b := make([]byte, inputEventSize)
	for {
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		le := binary.LittleEndian
		if le.Uint16(b[inputTypeAt:]) == evKey && le.Uint16(b[inputTypeAt+2:]) == keyPower && le.Uint32(b[inputTypeAt+4:]) == keyPressed {
			return nil
		}
	}
}

// unmountTries and unmountPause: a process that was just killed may still hold
// the disk for a moment.
const (
	unmountTries = 20
	unmountPause = 100 * time.Millisecond
)

// shutDown ends everything in order. The watchdog stays armed: should any step
// hang, the hardware ends it.
func (m *Machine) shutDown(action Action, stopServices context.CancelFunc, supervised <-chan struct{}) error {
	m.say("stopping (%s)", action)
	m.show()
	stopServices()
	<-supervised // the loop in there feeds the watchdog until its own deadline
	m.log.Info("services stopped")
	m.writeHardwareClock()
	m.feed()
	if err := m.book.Sync(); err != nil {
		m.say("log not synced: %v", err)
	}
	m.book.Detach()
	for _, dir := range []string{dataDir, espDir} {
		if err := releaseDisk(dir); err != nil {
			m.say("%s: %v", dir, err)
			toKernelLog("sanduk: " + err.Error())
		}
	}
	unix.Sync()
	m.say("stopped after %d ms", m.uptime().Milliseconds())
	time.Sleep(flushPause)
	if action == PowerOff {
		if dog := m.dog.Load(); dog != nil {
			_ = dog.Disarm() // it would only switch on again what was switched off
		}
		return unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	}
	return unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
}

// flushPause lets the last line leave the serial port.
const flushPause = 50 * time.Millisecond

// releaseDisk unmounts dir, or, when somebody still holds it, makes it
// read-only, which syncs it too.
func releaseDisk(dir string) error {
	var err error
	for range unmountTries {
		err = unix.Unmount(dir, 0)
		if err == nil || errors.Is(err, unix.EINVAL) { // EINVAL: nothing is mounted there
			return nil
		}
		if !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(unmountPause)
	}
	if roErr := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); roErr != nil {
		return fmt.Errorf("neither unmounted (%w) nor made read-only (%w)", err, roErr)
	}
	return nil
}
