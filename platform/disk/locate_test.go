package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// fakeSystem is a /sys and /dev with the given disks in it.
func fakeSystem(t *testing.T, disks map[string]*memoryDisk) System {
	t.Helper()
	dir := t.TempDir()
	s := System{Sys: filepath.Join(dir, "sys"), Dev: filepath.Join(dir, "dev")}
	put := func(name string, data []byte) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for name, d := range disks {
		put(filepath.Join(s.Sys, "block", name, "x"), nil)
		put(s.attr(name, "size"), fmt.Appendf(nil, "%d\n", d.geometry.Sectors))
		put(s.attr(name, "queue/logical_block_size"), []byte("512\n"))
		put(s.attr(name, "device/model"), []byte("Model "+name+"\n"))
		raw := make([]byte, d.geometry.Sectors*512)
		for n, b := range d.durable {
			copy(raw[n*512:], b)
		}
		put(s.Path(name), raw)
	}
	return s
}

func TestLocate(t *testing.T) {
	t.Parallel()
	sanduk := newMemoryDisk(9000)
	sanduk.writeImage(t, testImage)
	other := newMemoryDisk(1000)
	loader := mustGUID(espGUID)
	for name, test := range map[string]struct {
		disks  map[string]*memoryDisk
		loader GUID
		want   string // disk; "" none yet; "two" refused
	}{
		"by loader":                {map[string]*memoryDisk{"sda": other, "sdb": sanduk}, loader, "sdb"},
		"by name":                  {map[string]*memoryDisk{"sda": other, "vda": sanduk}, GUID{}, "vda"},
		"another loader":           {map[string]*memoryDisk{"sda": sanduk}, newGUID(), ""},
		"none":                     {nil, loader, ""},
		"two, loader fits both":    {map[string]*memoryDisk{"sda": sanduk, "sdb": sanduk.clone()}, loader, "two"},
		"two, loader unknown":      {map[string]*memoryDisk{"sda": sanduk, "sdb": sanduk.clone()}, GUID{}, "two"},
		"virtual disks are not it": {map[string]*memoryDisk{"loop0": sanduk, "zram0": sanduk}, loader, ""},
	} {
		own, err := locateNow(fakeSystem(t, test.disks), test.loader)
		switch test.want {
		case "":
			if !errors.Is(err, errNotYet) {
				t.Errorf("%s: %+v, %v, want errNotYet", name, own, err)
			}
		case "two":
			wantRecovery(t, err, "two Sanduk disks")
		default:
			if err != nil || own.Disk.Name != test.want || own.ESP != 1 || own.Disk.Model != "Model "+test.want {
				t.Errorf("%s: %+v, %v, want %s", name, own, err, test.want)
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Locate(ctx, fakeSystem(t, nil), loader, func() { t.Error("waited for drivers without a disk") })
	wantRecovery(t, err, "does not appear")
}

// TestLocateWaitsWhereAnotherMayFit: a second disk from the same image may come
// up later than the first.
func TestLocateWaitsWhereAnotherMayFit(t *testing.T) {
	t.Parallel()
	first := newMemoryDisk(testDisk)
	first.writeImage(t, testImage)
	second := first.clone()
	late := func(s System) func() {
		return func() {
			for _, dir := range []string{"block", "class/block"} {
				if err := os.Rename(filepath.Join(s.Sys, dir, "late"), filepath.Join(s.Sys, dir, "sdb")); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Error(err)
				}
			}
		}
	}
	hidden := func(a, b *memoryDisk) System { // b has no device yet
		s := fakeSystem(t, map[string]*memoryDisk{"sda": a, "sdb": b})
		for _, dir := range []string{"block", "class/block"} {
			if err := os.Rename(filepath.Join(s.Sys, dir, "sdb"), filepath.Join(s.Sys, dir, "late")); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	for name, loader := range map[string]GUID{"the image's identifier": mustGUID(espGUID), "loader unknown": {}} {
		s := hidden(first, second)
		if own, err := Locate(t.Context(), s, loader, late(s)); err == nil {
			t.Errorf("%s: %+v, want it refused", name, own)
		} else {
			wantRecovery(t, err, "two Sanduk disks")
		}
	}
	if _, err := first.boot(&fakeMachine{}); err != nil {
		t.Fatal(err)
	}
	table, err := ReadTable(first, first.geometry)
	if err != nil {
		t.Fatal(err)
	}
	s := hidden(first, second)
	own, err := Locate(t.Context(), s, table.Entries[0].Unique, func() { t.Error("waited although no other disk can fit") })
	if err != nil || own.Disk.Name != "sda" {
		t.Errorf("an individual disk: %+v, %v, want it found at once", own, err)
	}
}
