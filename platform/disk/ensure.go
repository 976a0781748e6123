package disk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/sys/unix"
)

// Names in the GPT; see the package comment.
const (
	DataName      = "sanduk-data"
	dataNameNew   = "sanduk-data-new"
	dataNameReset = "sanduk-data-reset"
	dataLabel     = "sanduk-data" // of the file system
	minDataSize   = 64 << 20      // bytes; below this ext4 leaves no room for mail
	growThreshold = 64 << 20      // bytes; a smaller gain is not worth a resize
)

// Fault is the kind of trouble that a disk makes.
type Fault string

// The faults.
const (
	FaultOther    Fault = ""          // the Text alone says it
	FaultMissing  Fault = "missing"   // the disk that the box was started from is not there
	FaultDamaged  Fault = "damaged"   // what stands on it can't be read, or makes no sense
	FaultReadOnly Fault = "read-only" // it can't be written
	FaultUnclear  Fault = "unclear"   // nobody but a person can tell which one holds the mail
	FaultNewer    Fault = "newer"     // its mail is kept in a form that this version doesn't know
)

// RecoveryError says why the box cannot use its disk by itself. Text is for
// the screen: what is wrong and what to do.
type RecoveryError struct {
	Fault Fault
	Text  string
	Err   error // may be nil
	// Said is what a tool wrote about it, for who knows the file system; may be nil.
	Said []byte
}

func (e *RecoveryError) Error() string {
	if e.Err == nil {
		return "disk: " + e.Text
	}
	return "disk: " + e.Text + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *RecoveryError) Unwrap() error { return e.Err }

// faultOf tells a disk that refuses to be written from one that fails.
func faultOf(err error) Fault {
	if errors.Is(err, unix.EROFS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return FaultReadOnly
	}
	return FaultDamaged
}

// Machine is what Ensure needs from the kernel and the tools.
type Machine interface {
	// Partition makes the kernel know partition number as e says (new, or
	// grown), and returns its device's path.
	Partition(number int, e Entry) (path string, err error)
	// Format makes an empty ext4 file system on the partition at path, with
	// the label given, and syncs it.
	Format(ctx context.Context, path, label string) error
	// Discard has the disk forget what stands in the partition at path, as well as it can;
	// the beginning is overwritten afterwards in any case.
	Discard(ctx context.Context, path string) error
}

// Data is the data partition, ready for Check and mounting.
type Data struct {
	Number  int
	Entry   Entry
	Path    string // device
	Created bool   // its file system was made now
	Grown   bool   // the partition is larger than the file system
}

// Ensure brings the data partition of a disk to the state "made", whatever
// state it is in, or returns a *RecoveryError and has changed nothing.
func Ensure(ctx context.Context, dev Device, t *Table, m Machine, log *slog.Logger) (*Data, error) {
	number, err := t.findData()
	if err != nil {
		return nil, err
	}
	fresh := t.individualize()
	if number == 0 {
		if number, err = t.create(dev, log); err != nil {
			return nil, err
		}
	} else if t.fromBackup || t.backupBad || fresh {
		// Bring both halves into agreement before relying on either.
		log.Warn("partition table repaired", "primary_damaged", t.fromBackup, "identifiers_renewed", fresh)
		if err := t.Write(dev); err != nil {
			return nil, &RecoveryError{Fault: faultOf(err), Text: "The disk's partition table is damaged and cannot be repaired. The disk is probably failing: replace it.", Err: err}
		}
	}
	d := &Data{Number: number}
	if err := t.grow(dev, number, log); err != nil {
		return nil, err
	}
	if d.Path, err = m.Partition(number, t.Entries[number-1]); err != nil {
		return nil, &RecoveryError{Text: "The kernel does not accept the data partition.", Err: err}
	}
	if t.Entries[number-1].Name == dataNameReset {
		if err := t.reset(ctx, dev, number, d.Path, m, log); err != nil {
			return nil, err
		}
	}
	if t.Entries[number-1].Name == dataNameNew {
		if d.Created, err = t.finish(ctx, dev, number, d.Path, m, log); err != nil {
			return nil, err
		}
	}
	d.Entry = t.Entries[number-1]
	if !d.Created {
		d.Grown = t.hasGrown(dev, d.Entry)
	}
	return d, nil
}

// individualize gives the disk and its partitions identifiers of their own in
// place of those that the image came with, and says whether it changed any. Two
// boxes flashed from one image can then be told apart, also when the disks of
// both hang on one machine. It writes nothing: the caller's Write does, so that
// a power cut leaves either the old identifiers, and the next start tries
// again, or the new ones.
//
// LoaderDevicePartUUID goes on naming the old one until the machine restarts;
// nothing looks for the disk again before.
func (t *Table) individualize() bool {
	changed := false
	if t.DiskGUID.factory() {
		t.DiskGUID, changed = newGUID(), true
	}
	for i := range t.Entries {
		if e := &t.Entries[i]; e.used() && e.Unique.factory() {
			e.Unique, changed = newGUID(), true
		}
	}
	return changed
}

// Data returns the number of the data partition; ok is false when there is none, or more
// than one.
func (t *Table) Data() (number int, ok bool) {
	number, err := t.findData()
	return number, err == nil && number != 0
}

// findData returns the number of the data partition, 0 when there is none.
func (t *Table) findData() (int, error) {
	found := 0
	for i, e := range t.Entries {
		if !e.used() || e.Name != DataName && e.Name != dataNameNew && e.Name != dataNameReset {
			continue
		}
		if found != 0 {
			return 0, &RecoveryError{Fault: FaultUnclear, Text: fmt.Sprintf("This disk has two data partitions (%d and %d). Only you can know which one holds your mail; the box touches neither.", found, i+1)}
		}
		found = i + 1
	}
	return found, nil
}

// create makes the GPT entry in the free space. When our own used file system
// begins exactly there (the image was flashed again over an older one), the
// entry takes it over; otherwise the entry's name says that it is being made.
func (t *Table) create(dev Device, log *slog.Logger) (int, error) {
	first, last, ok := t.gap()
	sector := uint64(t.Geometry.SectorSize)
	if !ok || (last-first+1)*sector < minDataSize {
		return 0, &RecoveryError{Text: "There is no room for mail on this disk: it needs at least 1 GB in all. Use a larger disk."}
	}
	e := Entry{Type: typeLinux(), Unique: newGUID(), First: first, Last: last, Name: dataNameNew}
	old, err := findEarlier(dev, int64(first*sector), int64((last-first+1)*sector))
	if err != nil {
		return 0, &RecoveryError{Fault: FaultDamaged, Text: "The disk cannot be read. It is probably failing: replace it.", Err: err}
	}
	if old != nil {
		if old.bytes() > (last-first+1)*sector {
			return 0, &RecoveryError{Text: "This disk holds mail of an earlier installation that was larger than the disk is now. Put it back on the disk it came from."}
		}
		e.Name = DataName
		log.Warn("data of an earlier installation found and taken over", "sector", first)
	}
	number, err := t.add(e)
	if err != nil {
		return 0, &RecoveryError{Text: "The disk's partition table is full.", Err: err}
	}
	if err := t.Write(dev); err != nil {
		return 0, &RecoveryError{Fault: faultOf(err), Text: "The disk cannot be written. Check that it is not write-protected; it may be failing.", Err: err}
	}
	log.Info("data partition created", "number", number, "first", first, "last", last, "name", e.Name)
	return number, nil
}

// findEarlier looks in free space for the data file system of an earlier
// installation: one of ours that was mounted, or, where its beginning is gone,
// the copy of its super block (e2fsck then mends it from there).
func findEarlier(dev Device, start, size int64) (*superblock, error) {
	s, err := readSuperblock(dev, start)
	if err != nil {
		return nil, err
	}
	if s == nil && size > backupSuper+superSize {
		s, err = readBackupSuperblock(dev, start)
		if err != nil || s == nil || s.Label != dataLabel {
			return nil, err
		}
		return s, nil // copies are not brought up to date when mounting
	}
	if s == nil || s.Label != dataLabel || !s.everMounted() {
		return nil, nil
	}
	return s, nil
}

// finish makes the file system and then says so in the GPT. It runs only in
// the state "being made".
func (t *Table) finish(ctx context.Context, dev Device, number int, path string, m Machine, log *slog.Logger) (created bool, err error) {
	e := &t.Entries[number-1]
	old, err := readSuperblock(dev, int64(e.First)*int64(t.Geometry.SectorSize))
	if err != nil {
		return false, &RecoveryError{Fault: FaultDamaged, Text: "The disk cannot be read. It is probably failing: replace it.", Err: err}
	}
	if old != nil && old.Label == dataLabel && old.everMounted() {
		log.Warn("the data partition was in use although the partition table says it is new")
	} else {
		log.Info("data file system is made", "device", path)
		if err := m.Format(ctx, path, dataLabel); err != nil {
			return false, &RecoveryError{Fault: faultOf(err), Text: "The disk could not be prepared for mail. It may be failing: replace it, or try again.", Err: err}
		}
		created = true
	}
	e.Name = DataName
	if err := t.Write(dev); err != nil {
		return false, &RecoveryError{Fault: faultOf(err), Text: "The disk cannot be written. Check that it is not write-protected; it may be failing.", Err: err}
	}
	return created, nil
}

// grow extends the data partition when the disk has become larger behind it.
func (t *Table) grow(dev Device, number int, log *slog.Logger) error {
	e := &t.Entries[number-1]
	end := t.lastUsable()
	for _, o := range t.Entries {
		if o.used() && o.First > e.Last {
			end = min(end, o.First-1)
		}
	}
	if end <= e.Last || (end-e.Last)*uint64(t.Geometry.SectorSize) < growThreshold {
		return nil
	}
	log.Info("the disk has grown: the data partition grows with it", "from", e.Last, "to", end)
	e.Last = end
	if err := t.Write(dev); err != nil {
		return &RecoveryError{Fault: faultOf(err), Text: "The disk cannot be written. Check that it is not write-protected; it may be failing.", Err: err}
	}
	return nil
}

// hasGrown says whether the partition is larger than its file system.
func (t *Table) hasGrown(dev Device, e Entry) bool {
	sector := uint64(t.Geometry.SectorSize)
	s, err := readSuperblock(dev, int64(e.First*sector))
	return err == nil && s != nil && s.bytes()+growThreshold <= (e.Last-e.First+1)*sector
}
