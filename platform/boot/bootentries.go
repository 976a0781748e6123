package boot

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/firmware"
	"github.com/sanduk-mail/sanduk/platform/update"
)

// firmwareDir is where the kernel shows the firmware's variables.
const firmwareDir = "/sys/firmware/efi/efivars"

// loaderFile is where firmware of an architecture, in Go's words, looks for a program by itself (UEFI specification 2.10
// §3.5.1.1).
func loaderFile(arch string) string {
	if arch == "arm64" {
		return `\EFI\BOOT\BOOTAA64.EFI`
	}
	return `\EFI\BOOT\BOOTX64.EFI`
}

// bootEntries is one more than a broken update is tried: see package firmware.
const bootEntries = update.Tries + 1

// keepBootEntries has the firmware's list begin with enough entries for the box's loader.
func (m *Machine) keepBootEntries() error {
	if m.own == nil {
		return nil // started by hand, without a disk of its own
	}
	e := m.own.Table.Entries[m.own.ESP-1]
	return m.writeBootEntries(firmware.Partition{Number: uint32(m.own.ESP), First: e.First, Sectors: e.Last - e.First + 1, GUID: e.Unique})
}

// writeBootEntries has the firmware's list begin with entries for the loader on a partition.
func (m *Machine) writeBootEntries(at firmware.Partition) error {
	if err := remount(firmwareDir, 0); err != nil {
		return err
	}
	changed, err := ensureEntries(at)
	if changed {
		m.log.Info("boot entries of the firmware written", "entries", bootEntries)
	}
	return errors.Join(err, remount(firmwareDir, unix.MS_RDONLY))
}

func ensureEntries(at firmware.Partition) (bool, error) {
	vars, err := firmware.System(firmwareDir)
	if err != nil {
		return false, err
	}
	return firmware.Ensure(vars, at, loaderFile(runtime.GOARCH), bootEntries)
}

// remount changes whether a file system can be written.
func remount(dir string, readOnly uintptr) error {
	const flags = unix.MS_REMOUNT | unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC
	if err := unix.Mount("", dir, "", flags|readOnly, ""); err != nil {
		return fmt.Errorf("remount %s: %w", dir, err)
	}
	return nil
}
