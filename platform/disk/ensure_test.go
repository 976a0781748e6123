package disk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const (
	testImage = 8192   // sectors of the flashed image: 4 MiB
	testDisk  = 400000 // sectors of the disk: 195 MiB
)

func TestEnsureFirstBoot(t *testing.T) {
	t.Parallel()
	d := newMemoryDisk(testDisk)
	d.writeImage(t, testImage)
	m := &fakeMachine{}
	data, err := d.boot(m)
	if err != nil {
		t.Fatalf("first boot: %v", err)
	}
	if m.formats != 1 || !data.Created || data.Number != 2 || data.Entry.Name != DataName {
		t.Errorf("first boot: formats %d, data %+v; want one format, partition 2 named %s", m.formats, data, DataName)
	}
	if data.Entry.First%2048 != 0 || data.Entry.First != 4096 || data.Entry.Last != testDisk-34 {
		t.Errorf("partition %d..%d, want 4096..%d", data.Entry.First, data.Entry.Last, testDisk-34)
	}
	d.mount(t, data)
	own := d.identifiers(t)
	again, err := d.boot(m)
	if err != nil || again.Created || m.formats != 1 || again.Entry != data.Entry {
		t.Errorf("second boot: %+v, %v, formats %d; want the same partition, not formatted again", again, err, m.formats)
	}
	if now := d.identifiers(t); !slices.Equal(now, own) {
		t.Errorf("identifiers %v after the first boot, %v after the second; want them kept", own, now)
	}
	table, err := readHalf(d, d.geometry, testDisk-1)
	if err != nil || table.Entries[1].Name != DataName {
		t.Errorf("backup table at the end of the disk: %+v, %v", table, err)
	}
}

// TestEnsureEveryCut cuts the power after every single sector write of a first
// boot, with everything unsynced lost, kept, and every other sector kept. The
// next boot must finish; and once the data was mounted nothing may format it.
func TestEnsureEveryCut(t *testing.T) {
	t.Parallel()
	survivors := map[string]func(int) bool{
		"nothing": func(int) bool { return false },
		"all":     func(int) bool { return true },
		"even":    func(i int) bool { return i%2 == 0 },
		"odd":     func(i int) bool { return i%2 == 1 },
		"last":    nil, // replaced below: only the newest write
	}
	cuts := 0
	for name, keep := range survivors {
		for n := 0; ; n++ {
			d := newMemoryDisk(testDisk)
			d.writeImage(t, testImage)
			d.left = n
			m := &fakeMachine{}
			_, err := d.boot(m)
			finished := err == nil
			if !finished && !errors.Is(err, errCut) {
				t.Fatalf("cut after %d (%s): unexpected error %v", n, name, err)
			}
			choose := keep
			if choose == nil {
				last := len(d.pending) - 1
				choose = func(i int) bool { return i == last }
			}
			d.cut(choose)
			recoverFromCut(t, d, fmt.Sprintf("cut after %d sectors, %s kept", n, name))
			cuts++
			if finished {
				break
			}
		}
	}
	if cuts < 5*100 {
		t.Errorf("only %d cuts were tried; a first boot writes more sectors than that", cuts)
	}
}

// recoverFromCut boots a disk after a cut, uses it, and boots it again.
func recoverFromCut(t *testing.T, d *memoryDisk, what string) {
	t.Helper()
	m := &fakeMachine{}
	data, err := d.boot(m)
	if err != nil {
		t.Fatalf("%s: next boot: %v", what, err)
	}
	d.mount(t, data)
	own := d.identifiers(t)
	used := &fakeMachine{}
	again, err := d.boot(used)
	if err != nil || used.formats != 0 || again.Created {
		t.Fatalf("%s: boot after use: %+v, %v, %d formats; data lost", what, again, err, used.formats)
	}
	if now := d.identifiers(t); !slices.Equal(now, own) {
		t.Fatalf("%s: identifiers %v, then %v; want them kept once the disk has its own", what, own, now)
	}
}

// identifiers returns the GUIDs of the disk and its partitions in both halves of
// the table, and wants none of them to be the image's.
func (d *memoryDisk) identifiers(t *testing.T) []GUID {
	t.Helper()
	var list []GUID
	for _, lba := range []uint64{primaryHeader, d.geometry.Sectors - 1} {
		table, err := readHalf(d, d.geometry, lba)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, table.DiskGUID)
		for _, e := range table.Entries {
			if e.used() {
				list = append(list, e.Unique)
			}
		}
	}
	for _, g := range list {
		if g.factory() || g == (GUID{}) {
			t.Fatalf("identifier %v is the image's; want one of the disk's own", g)
		}
	}
	return list
}

// TestEnsureRenewsIdentifiers: two disks flashed from one image become two, also
// where the data partition has been made already.
func TestEnsureRenewsIdentifiers(t *testing.T) {
	t.Parallel()
	one := newMemoryDisk(testDisk)
	one.writeImage(t, testImage)
	two := one.clone()
	for _, d := range []*memoryDisk{one, two} {
		if _, err := d.boot(&fakeMachine{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range one.identifiers(t) {
		if slices.Contains(two.identifiers(t), g) {
			t.Errorf("both disks have %v", g)
		}
	}
	table, err := ReadTable(one, one.geometry)
	if err != nil {
		t.Fatal(err)
	}
	data := table.Entries[1].Unique
	table.DiskGUID, table.Entries[0].Unique = mustGUID(diskGUID), mustGUID(espGUID)
	if err := table.Write(one); err != nil {
		t.Fatal(err)
	}
	m := &fakeMachine{}
	if _, err := one.boot(m); err != nil || m.formats != 0 {
		t.Fatalf("boot of a disk that was not individual yet: %v, %d formats", err, m.formats)
	}
	if got := one.identifiers(t); got[2] != data {
		t.Errorf("the data partition's own identifier became %v, want it kept: %v", got[2], data)
	}
}

// TestEnsureGrowEveryCut does the same while the table follows a larger disk.
func TestEnsureGrowEveryCut(t *testing.T) {
	t.Parallel()
	small := newMemoryDisk(testDisk)
	small.writeImage(t, testImage)
	data, err := small.boot(&fakeMachine{})
	if err != nil {
		t.Fatal(err)
	}
	small.mount(t, data)
	for n := 0; ; n++ {
		for _, keep := range []func(int) bool{
			func(int) bool { return false }, func(int) bool { return true }, func(i int) bool { return i%2 == 0 },
		} {
			d := small.clone()
			d.geometry.Sectors = 2 * testDisk
			d.left = n
			m := &fakeMachine{}
			_, err := d.boot(m)
			if err != nil && !errors.Is(err, errCut) {
				t.Fatalf("cut after %d: %v", n, err)
			}
			d.cut(keep)
			after := &fakeMachine{}
			got, bootErr := d.boot(after)
			if bootErr != nil || m.formats+after.formats != 0 {
				t.Fatalf("cut after %d: next boot %v, formats %d", n, bootErr, m.formats+after.formats)
			}
			if got.Entry.First != data.Entry.First || got.Entry.Last != 2*testDisk-34 || !got.Grown {
				t.Fatalf("cut after %d: partition %d..%d grown %v", n, got.Entry.First, got.Entry.Last, got.Grown)
			}
			if err == nil && n > 0 && keep(0) && keep(1) {
				return // the whole of it was written
			}
		}
	}
}

func TestEnsureTakesOverEarlierMail(t *testing.T) {
	t.Parallel()
	old := newMemoryDisk(testDisk)
	old.writeImage(t, testImage)
	data, err := old.boot(&fakeMachine{})
	if err != nil {
		t.Fatal(err)
	}
	old.mount(t, data)

	t.Run("flashed again", func(t *testing.T) {
		d := old.clone()
		d.writeImage(t, testImage)
		m := &fakeMachine{}
		got, err := d.boot(m)
		if err != nil || m.formats != 0 || got.Entry.First != data.Entry.First {
			t.Errorf("%+v, %v, %d formats; want the earlier file system taken over", got, err, m.formats)
		}
	})
	t.Run("beginning gone, copy of the super block left", func(t *testing.T) {
		d := old.clone()
		d.writeImage(t, testImage)
		for i := range uint64(8) {
			delete(d.durable, data.Entry.First+i)
		}
		blocks := uint32((data.Entry.Last - data.Entry.First + 1) / 8)
		if err := d.putSuperblock(data.Entry.First+(backupSuper-superOffset)/512, dataLabel, blocks, false); err != nil {
			t.Fatal(err)
		}
		m := &fakeMachine{}
		if _, err := d.boot(m); err != nil || m.formats != 0 {
			t.Errorf("%v, %d formats; want it taken over for e2fsck to mend", err, m.formats)
		}
	})
	t.Run("somebody else's file system", func(t *testing.T) {
		d := newMemoryDisk(testDisk)
		if err := d.putSuperblock(4096, "ubuntu", 1000, true); err != nil {
			t.Fatal(err)
		}
		d.writeImage(t, testImage)
		m := &fakeMachine{}
		if _, err := d.boot(m); err != nil || m.formats != 1 {
			t.Errorf("%v, %d formats; the person flashed this disk to be ours", err, m.formats)
		}
	})
}

// TestEnsureStaleBackupTable: the primary table is lost and the backup is from
// before the first boot was complete; the mail must not be formatted.
func TestEnsureStaleBackupTable(t *testing.T) {
	t.Parallel()
	d := newMemoryDisk(testDisk)
	d.writeImage(t, testImage)
	data, err := d.boot(&fakeMachine{})
	if err != nil {
		t.Fatal(err)
	}
	d.mount(t, data)
	table, err := ReadTable(d, d.geometry)
	if err != nil {
		t.Fatal(err)
	}
	table.Entries[data.Number-1].Name = dataNameNew
	if err := table.Write(d); err != nil {
		t.Fatal(err)
	}
	d.durable[primaryHeader] = make([]byte, 512)
	m := &fakeMachine{}
	got, err := d.boot(m)
	if err != nil || m.formats != 0 || got.Entry.Name != DataName {
		t.Errorf("%+v, %v, %d formats; want the used file system kept and the name corrected", got, err, m.formats)
	}
	if _, err := readHalf(d, d.geometry, primaryHeader); err != nil {
		t.Errorf("the primary table was not repaired: %v", err)
	}
}

func TestEnsureNeverFormatsANamedPartition(t *testing.T) {
	t.Parallel()
	d := newMemoryDisk(testDisk)
	d.writeImage(t, testImage)
	data, err := d.boot(&fakeMachine{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(64) {
		d.durable[data.Entry.First+i] = make([]byte, 512) // the whole beginning is gone
	}
	m := &fakeMachine{}
	if _, err := d.boot(m); err != nil || m.formats != 0 {
		t.Errorf("%v, %d formats; a lost file system is for e2fsck and the recovery screen, never for mke2fs", err, m.formats)
	}
}

func TestEnsureRefuses(t *testing.T) {
	t.Parallel()
	t.Run("two data partitions", func(t *testing.T) {
		d := newMemoryDisk(testDisk)
		d.writeImage(t, testImage)
		data, err := d.boot(&fakeMachine{})
		if err != nil {
			t.Fatal(err)
		}
		table, err := ReadTable(d, d.geometry)
		if err != nil {
			t.Fatal(err)
		}
		table.Entries[1].Last -= 10000
		table.Entries[2] = data.Entry
		table.Entries[2].First = table.Entries[1].Last + 1
		if err := table.Write(d); err != nil {
			t.Fatal(err)
		}
		before := len(d.durable)
		m := &fakeMachine{}
		_, err = d.boot(m)
		wantRecovery(t, err, "two data partitions")
		if m.formats != 0 || len(d.durable) != before {
			t.Error("a disk that was refused was written to")
		}
	})
	t.Run("too small", func(t *testing.T) {
		d := newMemoryDisk(testImage + 4096)
		d.writeImage(t, testImage)
		_, err := d.boot(&fakeMachine{})
		wantRecovery(t, err, "no room")
	})
	t.Run("earlier mail larger than the disk", func(t *testing.T) {
		d := newMemoryDisk(testDisk)
		d.writeImage(t, testImage)
		if err := d.putSuperblock(4096, dataLabel, testDisk, true); err != nil {
			t.Fatal(err)
		}
		m := &fakeMachine{}
		_, err := d.boot(m)
		wantRecovery(t, err, "larger than the disk")
		if m.formats != 0 {
			t.Error("formatted")
		}
	})
}

func wantRecovery(t *testing.T, err error, text string) {
	t.Helper()
	var r *RecoveryError
	if !errors.As(err, &r) || !strings.Contains(r.Text, text) {
		t.Errorf("error %v, want a *RecoveryError that says %q", err, text)
	}
}
