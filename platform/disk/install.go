package disk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Target is a disk of the machine on which the box can be installed from the stick that it
// was started from.
type Target struct {
	Disk Disk
	// Holds says that there is the data partition of a box on it, which can be kept.
	Holds bool
}

// copyStep is copied in one go.
const copyStep = 1 << 20

// OnUSB says whether a disk hangs on USB.
func (s System) OnUSB(name string) bool {
	at, err := filepath.EvalSymlinks(filepath.Join(s.Sys, "class/block", name))
	return err == nil && strings.Contains(at, "/usb")
}

// Targets lists the disks on which the box can be installed: those in the machine, large
// enough, and not the own one.
func (s System) Targets(own *Own) ([]Target, error) {
	disks, err := s.Disks()
	if err != nil {
		return nil, err
	}
	var list []Target
	for _, d := range disks {
		if d.Name == own.Disk.Name || d.Removable || s.OnUSB(d.Name) || !own.fits(d.Geometry) {
			continue
		}
		t := Target{Disk: d}
		if f, err := s.Open(d, false); err == nil {
			table, err := ReadTable(f, d.Geometry)
			if err == nil {
				number, err := table.findData()
				t.Holds = err != nil || number != 0 // two of them are mail as well
			}
			_ = f.Close() // only read from
		}
		list = append(list, t)
	}
	return list, nil
}

// fits says whether there is room for boot partition and mail. The boot partition's file
// system counts in the sectors that it was made for.
func (o *Own) fits(g Geometry) bool {
	esp := o.Table.Entries[o.ESP-1]
	return g.SectorSize == o.Table.Geometry.SectorSize && g.Sectors > esp.Last+uint64((minDataSize+16<<20)/g.SectorSize)
}

// Drive is a disk that is installed on.
type Drive interface {
	Device
	// Flush has what is read next come from the disk itself.
	Flush() error
}

// Install copies the boot partition from the own disk, src, to another one and makes that
// a disk which the firmware starts. With keep its data partition stays as it is; else
// whatever is on it is lost, and its first start makes a new one. The partition table is
// written last: until then the disk does not start, and Install can be repeated. tell is
// called with how much of the whole is done. It returns where the loader is.
func Install(ctx context.Context, src io.ReaderAt, own *Own, dst Drive, g Geometry, keep bool, tell func(done, of int64)) (*Own, error) {
	esp := own.Table.Entries[own.ESP-1]
	table, err := plan(own, dst, g, keep)
	if err != nil {
		return nil, err
	}
	size := int64(g.SectorSize)
	at, n := int64(esp.First)*size, int64(esp.Last-esp.First+1)*size
	if !keep {
		if err := clean(dst, table); err != nil {
			return nil, fmt.Errorf("disk: install: %w", err)
		}
	}
	want, err := copySpan(ctx, src, dst, at, n, func(done int64) { tell(done, 2*n) })
	if err == nil {
		err = errors.Join(dst.Sync(), dst.Flush())
	}
	if err != nil {
		return nil, fmt.Errorf("disk: install: copy: %w", err)
	}
	got, err := sumSpan(ctx, dst, at, n, func(done int64) { tell(n+done, 2*n) })
	if err != nil {
		return nil, fmt.Errorf("disk: install: read back: %w", err)
	}
	if got != want {
		return nil, &RecoveryError{Text: "The disk gave back something else than was written to it. It is failing: use another one."}
	}
	mbr := make([]byte, g.SectorSize)
	if _, err = src.ReadAt(mbr, 0); err == nil {
		if _, err = dst.WriteAt(mbr, 0); err == nil {
			err = table.Write(dst)
		}
	}
	if err = errors.Join(err, dst.Flush()); err != nil {
		return nil, fmt.Errorf("disk: install: %w", err)
	}
	written, err := ReadTable(dst, g)
	if err != nil || written.backupBad || !written.same(table) {
		return nil, &RecoveryError{Text: "The disk's new partition table can't be read back. It is failing: use another one.", Err: err}
	}
	return &Own{Table: written, ESP: 1}, nil
}

// plan is the table that the disk is to have.
func plan(own *Own, dst Device, g Geometry, keep bool) (*Table, error) {
	if !own.fits(g) {
		return nil, &RecoveryError{Text: "The disk is too small, or of another kind than the stick."}
	}
	esp := own.Table.Entries[own.ESP-1]
	esp.Unique = newGUID()
	if !keep {
		t := &Table{Geometry: g, DiskGUID: newGUID(), FirstUsable: own.Table.FirstUsable, Entries: make([]Entry, len(own.Table.Entries)), entrySize: own.Table.entrySize}
		t.Entries[0] = esp
		return t, nil
	}
	t, err := ReadTable(dst, g)
	if err != nil {
		return nil, &RecoveryError{Text: "The disk's partition table can't be read, so its mail can't be kept. Have it copied first.", Err: err}
	}
	if number, err := t.findData(); err != nil || number == 0 {
		return nil, errors.Join(&RecoveryError{Text: "The disk has no mail that could be kept."}, err)
	}
	for i, e := range t.Entries {
		switch {
		case i == 0 && e.used() && (e.First != esp.First || e.Last != esp.Last || e.Type != esp.Type):
			return nil, &RecoveryError{Text: "The disk is divided in another way than this version divides it. Its mail was not touched."}
		case i > 0 && e.used() && e.First <= esp.Last && e.Last >= esp.First:
			return nil, &RecoveryError{Text: "The mail on the disk begins where the new version has to stand. It was not touched."}
		}
	}
	t.Entries[0] = esp
	return t, nil
}

// clean takes away what would make the disk start something else, or the new box take old
// data for its own.
func clean(dst Device, t *Table) error {
	size := int64(t.Geometry.SectorSize)
	if err := wipe(dst, 0, int64(primaryEntries+t.entrySectors())*size); err != nil {
		return err
	}
	if err := wipe(dst, int64(t.lastUsable()+1)*size, int64(t.entrySectors()+1)*size); err != nil {
		return err
	}
	first, last, ok := t.gap()
	if !ok {
		return errors.New("no room behind the boot partition")
	}
	for at, n := range wiped(int64(last-first+1) * size) {
		if err := wipe(dst, int64(first)*size+at, n); err != nil {
			return err
		}
	}
	return nil
}

// copySpan copies what differs, and returns the sum of all.
func copySpan(ctx context.Context, src io.ReaderAt, dst Device, at, n int64, tell func(int64)) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	from, to := make([]byte, copyStep), make([]byte, copyStep)
	for done := int64(0); done < n; tell(done) {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		b := from[:min(copyStep, n-done)]
		if _, err := src.ReadAt(b, at+done); err != nil {
			return sum, err
		}
		_, _ = h.Write(b) // a Hash doesn't fail
		// Most of it is empty, and so is a new disk.
		if _, err := dst.ReadAt(to[:len(b)], at+done); err != nil || !bytes.Equal(b, to[:len(b)]) {
			if _, err := dst.WriteAt(b, at+done); err != nil {
				return sum, err
			}
		}
		done += int64(len(b))
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

func sumSpan(ctx context.Context, dst Device, at, n int64, tell func(int64)) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	b := make([]byte, copyStep)
	for done := int64(0); done < n; tell(done) {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		b = b[:min(copyStep, n-done)]
		if _, err := dst.ReadAt(b, at+done); err != nil {
			return sum, err
		}
		_, _ = h.Write(b) // a Hash doesn't fail
		done += int64(len(b))
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}
