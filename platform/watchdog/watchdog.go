package watchdog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Timeout is what the hardware is asked for. It must be longer than the
// longest thing PID 1 does between two feedings at shutdown (unmounting a slow
// disk after its last writes), and short enough that an office does not wait.
const Timeout = 60 * time.Second

// Device is an armed watchdog.
type Device struct {
	file    *os.File
	Name    string        // what the driver calls itself
	Timeout time.Duration // what the hardware agreed to
}

// ErrNone says that the box has no watchdog. It runs without.
var ErrNone = errors.New("watchdog: this machine has none")

// Open arms the best watchdog below dev (/dev): hardware if there is one, the
// kernel's software timer (softdog), which a frozen kernel freezes too, only
// otherwise. sysfs is /sys.
func Open(dev, sysfs string) (*Device, error) {
	names, err := filepath.Glob(filepath.Join(sysfs, "class/watchdog/watchdog*"))
	if err != nil {
		return nil, err
	}
	best, bestName := "", ""
	for _, dir := range names {
		identity, err := os.ReadFile(filepath.Join(dir, "identity"))
		if err != nil {
			continue
		}
		name := strings.TrimSpace(string(identity))
		if best == "" || strings.HasPrefix(bestName, softwareName) {
			best, bestName = filepath.Base(dir), name
		}
	}
	if best == "" {
		return nil, ErrNone
	}
	f, err := os.OpenFile(filepath.Join(dev, best), os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("watchdog: open %s: %w", best, err)
	}
	d := &Device{file: f, Name: bestName}
	d.setTimeout()
	return d, d.Feed()
}

// softwareName is how softdog's identity begins.
const softwareName = "Software Watchdog"

// setTimeout asks for Timeout; a driver that cannot keeps its own.
func (d *Device) setTimeout() {
	seconds := int(Timeout / time.Second)
	_ = unix.IoctlSetPointerInt(int(d.file.Fd()), unix.WDIOC_SETTIMEOUT, seconds) // refused: read what it is
	if got, err := unix.IoctlGetInt(int(d.file.Fd()), unix.WDIOC_GETTIMEOUT); err == nil {
		d.Timeout = time.Duration(got) * time.Second
	}
}

// Feed restarts the timer.
func (d *Device) Feed() error {
	if err := unix.IoctlWatchdogKeepalive(int(d.file.Fd())); err == nil {
		return nil
	}
	_, err := d.file.Write([]byte{0}) // the older interface: any byte but 'V'
	return err
}

// Disarm switches the timer off, where the driver allows it. Only the very
// last step before the power goes off calls it: some boards would otherwise
// start again by themselves.
func (d *Device) Disarm() error {
	_, err := d.file.Write([]byte("V"))
	return errors.Join(err, d.file.Close())
}
