package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

const (
	// wipeHead is what is overwritten of a partition's beginning: the super block, the
	// descriptors of all groups, and the first groups' bitmaps and inodes.
	wipeHead = 16 << 20
	// wipeCopy is overwritten where a copy of the super block and of the descriptors stands.
	wipeCopy = 1 << 20
	// groupBytes is the size of a block group at 4 KiB blocks.
	groupBytes = 128 << 20
	// discardStep is discarded in one go: some disks need a while for it.
	discardStep = 4 << 30
	// maxShred bounds the files that are overwritten one by one: keys and settings are small.
	maxShred = 1 << 20
)

// MarkReset notes durably that the data partition is to be erased, which Ensure does at
// the next start. Until then nothing is lost, and the partition may stay mounted.
func MarkReset(dev Device, g Geometry) error {
	t, err := ReadTable(dev, g)
	if err != nil {
		return fmt.Errorf("disk: reset: %w", err)
	}
	number, err := t.findData()
	if err != nil {
		return err
	}
	if number == 0 {
		return nil // there is none: the next start makes one
	}
	t.Entries[number-1].Name = dataNameReset
	if err := t.Write(dev); err != nil {
		return fmt.Errorf("disk: reset: %w", err)
	}
	return nil
}

// reset erases the partition and moves it on to "being made". A power cut before the end
// has it done again, from the beginning: erasing twice is erasing.
func (t *Table) reset(ctx context.Context, dev Device, number int, path string, m Machine, log *slog.Logger) error {
	e := &t.Entries[number-1]
	log.Warn("factory reset: everything on the data partition is erased", "device", path)
	if err := m.Discard(ctx, path); err != nil {
		log.Warn("the disk could not be told to forget", "err", err)
	}
	sector := int64(t.Geometry.SectorSize)
	start, size := int64(e.First)*sector, int64(e.Last-e.First+1)*sector
	failed := func(err error) error {
		return &RecoveryError{Fault: faultOf(err), Text: "The disk could not be erased. It may be failing: replace it, or try again.", Err: err}
	}
	for at, n := range wiped(size) {
		if err := wipe(dev, start+at, n); err != nil {
			return failed(err)
		}
	}
	old, err := readSuperblock(dev, start)
	if err == nil && old == nil && size > backupSuper+superSize {
		old, err = readBackupSuperblock(dev, start)
	}
	if err == nil && old != nil {
		err = errors.New("a file system can still be found")
	}
	if err != nil {
		return failed(err)
	}
	e.Name = dataNameNew
	if err := t.Write(dev); err != nil {
		return failed(err)
	}
	return nil
}

// wiped gives what is overwritten of a partition: offset and length. Copies of the super
// block stand in the groups 1 and the powers of 3, 5 and 7 (sparse_super).
func wiped(size int64) func(yield func(at, n int64) bool) {
	return func(yield func(at, n int64) bool) {
		if !yield(0, min(size, wipeHead)) {
			return
		}
		group := func(n int64) bool {
			at := n * groupBytes
			return at >= size || yield(at, min(size-at, wipeCopy))
		}
		if !group(1) {
			return
		}
		for _, base := range []int64{3, 5, 7} {
			for n := base; n*groupBytes < size; n *= base {
				if !group(n) {
					return
				}
			}
		}
	}
}

// wipe overwrites with zeros, durably.
func wipe(dev Device, at, size int64) error {
	zeros := make([]byte, min(size, 1<<20))
	for size > 0 {
		n := min(size, int64(len(zeros)))
		if _, err := dev.WriteAt(zeros[:n], at); err != nil {
			return fmt.Errorf("overwrite: %w", err)
		}
		at, size = at+n, size-n
	}
	return dev.Sync()
}

// Discard makes the content of the file system at path as hard to read as the disk allows
// before its beginning is overwritten: small files with secrets are overwritten where they
// stand, then the disk is told to forget the whole partition. dir is where it is mounted
// meanwhile, secret the directories in it; alive is called every second or so. What can't be done is told in the error; none
// of it is needed for the reset itself.
func Discard(path, dir string, secret []string, alive func()) error {
	var errs []error
	if err := MountData(path, dir); err != nil {
		errs = append(errs, err) // damaged, or erased before a power cut already
	} else {
		for _, name := range secret {
			errs = append(errs, Shred(filepath.Join(dir, name)))
		}
		errs = append(errs, unix.Unmount(dir, 0))
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	size, err := unix.IoctlGetInt(int(f.Fd()), unix.BLKGETSIZE64)
	for at := 0; at < size && err == nil; at += discardStep {
		span := [2]uint64{uint64(at), uint64(min(size-at, discardStep))}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.BLKDISCARD, uintptr(unsafe.Pointer(&span))); errno != 0 {
			err = fmt.Errorf("discard: %w", errno)
		}
		alive()
	}
	return errors.Join(append(errs, err, f.Sync(), f.Close())...)
}

// Shred overwrites small files below a directory where they stand.
func Shred(dir string) error {
	return filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil || info.Size() > maxShred {
			return err
		}
		return durable.Erase(name)
	})
}
