package boot

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/console"
	"github.com/sanduk-mail/sanduk/platform/disk"
	"github.com/sanduk-mail/sanduk/platform/firmware"
)

// Targets are the disks in the machine, for a box that was started from a stick.
func (s standing) Targets(context.Context) ([]console.Target, error) {
	if s.m.own == nil {
		return nil, refusal(errNoData)
	}
	list, err := system().Targets(s.m.own)
	if err != nil {
		s.m.log.Error("disks not listed", "err", err)
		return nil, err
	}
	var targets []console.Target
	for _, t := range list {
		name := t.Disk.Model
		if name == "" {
			name = t.Disk.Name
		}
		name += ", " + formatBytes(t.Disk.Bytes())
		if t.Disk.Serial != "" {
			name += ", serial " + t.Disk.Serial
		}
		targets = append(targets, console.Target{Device: t.Disk.Name, Name: name, Holds: t.Holds})
	}
	return targets, nil
}

// Install copies the boot partition to a disk, and has the firmware start that.
func (s standing) Install(ctx context.Context, to console.Target, keep bool, tell func(percent int)) error {
	m := s.m
	m.log.Warn("the box is being installed on a disk", "disk", to.Device, "name", to.Name, "keep", keep)
	err := m.install(ctx, to, keep, tell)
	if err != nil {
		m.log.Error("not installed", "disk", to.Device, "err", err)
		if told, ok := errors.AsType[*disk.RecoveryError](err); ok {
			return &console.Refusal{Text: told.Text}
		}
		return err
	}
	m.log.Info("installed", "disk", to.Device)
	return nil
}

func (m *Machine) install(ctx context.Context, to console.Target, keep bool, tell func(percent int)) error {
	m.updates.stickMu.Lock() // nobody mounts what is being written
	defer m.updates.stickMu.Unlock()
	m.espMu.Lock() // nobody changes what is being copied
	defer m.espMu.Unlock()
	list, err := system().Targets(m.own)
	if err != nil {
		return err
	}
	for _, t := range list {
		if t.Disk.Name == to.Device {
			return m.installOn(ctx, t.Disk, keep, tell)
		}
	}
	return &console.Refusal{Text: "The disk is no longer there."}
}

// drive is a disk with the kernel's memory of it in between.
type drive struct{ *os.File }

// Flush has the kernel forget what it knows of the disk's content.
func (d drive) Flush() error { return unix.IoctlSetInt(int(d.Fd()), unix.BLKFLSBUF, 0) }

func (m *Machine) installOn(ctx context.Context, to disk.Disk, keep bool, tell func(percent int)) error {
	src, err := system().Open(m.own.Disk, false)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // only read from
	// Exclusively: a disk of which anything is in use is refused by the kernel.
	dst, err := os.OpenFile(system().Path(to.Name), os.O_RDWR|os.O_EXCL, 0)
	if err != nil {
		return err
	}
	own, err := disk.Install(ctx, src, m.own, drive{dst}, to.Geometry, keep, func(done, of int64) { tell(int(100 * done / of)) })
	if err := errors.Join(err, dst.Close()); err != nil {
		return err
	}
	e := own.Table.Entries[own.ESP-1]
	at := firmware.Partition{Number: uint32(own.ESP), First: e.First, Sectors: e.Last - e.First + 1, GUID: e.Unique}
	if err := m.writeBootEntries(at); err != nil {
		// Firmware looks for the standard name by itself, too.
		m.log.Warn("boot entries of the firmware not written", "err", err)
	}
	return nil
}
