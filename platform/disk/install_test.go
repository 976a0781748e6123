package disk

import (
	"context"
	"errors"
	"testing"
)

func (d *memoryDisk) Flush() error { return nil }

// stickDisk is a stick from which the box was started.
func stickDisk(t *testing.T) (*memoryDisk, *Own) {
	t.Helper()
	d := newMemoryDisk(testDisk)
	d.writeImage(t, testImage)
	program := make([]byte, 512)
	copy(program, "kernel image")
	if _, err := d.WriteAt(program, (2048+100)*512); err != nil {
		t.Fatal(err)
	}
	if _, err := d.boot(&fakeMachine{}); err != nil {
		t.Fatal(err)
	}
	table, err := ReadTable(d, d.geometry)
	if err != nil {
		t.Fatal(err)
	}
	return d, &Own{Disk: Disk{Name: "sdb", Geometry: d.geometry}, Table: table, ESP: 1}
}

func install(stick *memoryDisk, own *Own, d *memoryDisk, keep bool) (*Own, error) {
	return Install(context.Background(), stick, own, d, d.geometry, keep, func(int64, int64) {})
}

// TestInstall: on a blank disk, on one with somebody else's system, and on one with mail,
// which is kept or not as was asked for.
func TestInstall(t *testing.T) {
	t.Parallel()
	stick, own := stickDisk(t)
	stranger := newMemoryDisk(testDisk * 2)
	for _, n := range []uint64{0, 1, 2, 2048, 4096, stranger.geometry.Sectors - 1} {
		junk := make([]byte, 512)
		copy(junk, "EFI PART of somebody")
		stranger.durable[n] = junk
	}
	used, _ := usedDisk(t)
	for name, tt := range map[string]struct {
		disk    *memoryDisk
		keep    bool
		formats int
	}{
		"blank":                {newMemoryDisk(testDisk), false, 1},
		"larger, a stranger's": {stranger, false, 1},
		"mail kept":            {used.clone(), true, 0},
		"mail not kept":        {used.clone(), false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			at, err := install(stick, own, tt.disk, tt.keep)
			if err != nil {
				t.Fatal(err)
			}
			if esp := at.Table.Entries[0]; esp.Unique == own.Table.Entries[0].Unique || esp.Unique.factory() || at.Table.DiskGUID == own.Table.DiskGUID {
				t.Errorf("the disk has the stick's identifiers: %v", esp.Unique)
			}
			if got := tt.disk.sector(2048 + 100); string(got[:12]) != "kernel image" {
				t.Errorf("the boot partition has %q", got[:12])
			}
			m := &fakeMachine{}
			if _, err := tt.disk.boot(m); err != nil || m.formats != tt.formats {
				t.Errorf("first start: %v, %d formats, want %d", err, m.formats, tt.formats)
			}
		})
	}
}

// TestInstallRefuses: nothing is written to a disk that can't take it.
func TestInstallRefuses(t *testing.T) {
	t.Parallel()
	stick, own := stickDisk(t)
	moved, _ := usedDisk(t)
	table, err := ReadTable(moved, moved.geometry)
	if err != nil {
		t.Fatal(err)
	}
	table.Entries[0].Last -= 1024 // another size of the boot partition
	if err := table.Write(moved); err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]*memoryDisk{"no mail to keep": newMemoryDisk(testDisk), "divided otherwise": moved} {
		d.left = 0
		if _, err := install(stick, own, d, true); err == nil || errors.Is(err, errCut) {
			t.Errorf("%s: %v, want it refused before anything is written", name, err)
		}
	}
	small := newMemoryDisk(testImage)
	small.left = 0
	if _, err := install(stick, own, small, false); err == nil || errors.Is(err, errCut) {
		t.Errorf("too small: %v, want it refused", err)
	}
}

// TestInstallCut: while mail is kept, it is there after a cut at any place, and installing
// once more ends well.
func TestInstallCut(t *testing.T) {
	t.Parallel()
	stick, own := stickDisk(t)
	used, _ := usedDisk(t)
	for n := 0; ; n += 11 {
		d := used.clone()
		d.left = n
		_, err := install(stick, own, d, true)
		finished := err == nil
		d.cut(func(i int) bool { return (i+n)%3 != 0 })
		if _, err := install(stick, own, d, true); err != nil {
			t.Fatalf("cut after %d sectors: installing again: %v", n, err)
		}
		m := &fakeMachine{}
		if _, err := d.boot(m); err != nil || m.formats != 0 {
			t.Fatalf("cut after %d sectors: %v, %d formats; want the mail kept", n, err, m.formats)
		}
		if finished {
			return
		}
	}
}
