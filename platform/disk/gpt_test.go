package disk

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestGUIDText(t *testing.T) {
	t.Parallel()
	const text = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
	g, err := ParseGUID(strings.ToUpper(text))
	if err != nil || g.String() != text {
		t.Errorf("ParseGUID then String = %q, %v, want %q", g, err, text)
	}
	if g[0] != 0x28 || g[8] != 0xba {
		t.Errorf("bytes on disk % x, want the first groups little-endian", g[:])
	}
	for _, bad := range []string{"", "c12a7328", text + "0", "g12a7328-f81f-11d2-ba4b-00a0c93ec93b", strings.ReplaceAll(text, "-", "") + "----"} {
		if g, err := ParseGUID(bad); err == nil && bad != text {
			t.Errorf("ParseGUID(%q) = %v, want an error", bad, g)
		}
	}
}

func TestReadTableDamage(t *testing.T) {
	t.Parallel()
	fresh := func() *memoryDisk {
		d := newMemoryDisk(testDisk)
		d.writeImage(t, testDisk)
		return d
	}
	for name, damage := range map[string]func(d *memoryDisk){
		"primary header": func(d *memoryDisk) { d.durable[1] = make([]byte, 512) },
		"primary entry":  func(d *memoryDisk) { d.durable[2] = make([]byte, 512) },
		"backup header":  func(d *memoryDisk) { d.durable[testDisk-1] = make([]byte, 512) },
	} {
		d := fresh()
		damage(d)
		table, err := ReadTable(d, d.geometry)
		if err != nil || table.Entries[0].Name != "sanduk-esp" {
			t.Errorf("%s damaged: %v; want the other half used", name, err)
			continue
		}
		if table.fromBackup == table.backupBad {
			t.Errorf("%s damaged: fromBackup %v, backupBad %v", name, table.fromBackup, table.backupBad)
		}
	}
	d := fresh()
	d.durable[1], d.durable[testDisk-1] = make([]byte, 512), make([]byte, 512)
	if _, err := ReadTable(d, d.geometry); !errors.Is(err, ErrNoTable) {
		t.Errorf("both halves damaged: %v, want ErrNoTable", err)
	}
}

// TestTableForOthers asks another program whether it agrees with the table.
func TestTableForOthers(t *testing.T) {
	t.Parallel()
	sgdisk, err := exec.LookPath("sgdisk")
	if err != nil {
		t.Skip("SKIPPED: sgdisk (package gdisk) is not installed; nobody else has read the table")
	}
	d := newMemoryDisk(testDisk)
	d.writeImage(t, testImage)
	if _, err := d.boot(&fakeMachine{}); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "disk")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for n, b := range d.durable {
		if _, err := f.WriteAt(b, int64(n)*512); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Truncate(testDisk*512), f.Close()); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(sgdisk, "-v", "-p", name).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "No problems found") || !strings.Contains(string(out), DataName) {
		t.Errorf("sgdisk -v: %v\n%s", err, out)
	}
}

func FuzzReadTable(f *testing.F) {
	d := newMemoryDisk(256)
	table := &Table{Geometry: d.geometry, FirstUsable: 34, Entries: make([]Entry, 4), entrySize: 128}
	table.Entries[0] = Entry{Type: typeESP(), First: 40, Last: 50, Name: "sanduk-esp"}
	if err := table.Write(d); err != nil {
		f.Fatal(err)
	}
	f.Add(d.sector(1), d.sector(2))
	f.Fuzz(func(t *testing.T, header, entries []byte) {
		d := newMemoryDisk(256)
		pad := func(b []byte) []byte { return append(b, make([]byte, 512)...)[:512] }
		d.durable[1], d.durable[2] = pad(header), pad(entries)
		table, err := ReadTable(d, d.geometry)
		if err != nil {
			return
		}
		for _, e := range table.Entries {
			if e.used() && (e.Last < e.First || e.Last >= d.geometry.Sectors) {
				t.Errorf("entry outside the disk accepted: %+v", e)
			}
		}
		table.gap() // must not loop or panic on anything that was accepted
	})
}
