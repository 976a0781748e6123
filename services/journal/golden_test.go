package journal_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
)

var golden = flag.Bool("golden", false, "write the golden files of the current formats")

// TestRingGolden opens a log and a ring as version 1 left them when the power
// failed, with all but the first records in the ring alone: they are there, for
// ever. The files are written anew with -golden, only before a release.
func TestRingGolden(t *testing.T) {
	t.Parallel()
	want := []string{"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
	const dir = "testdata/ring-v1"
	names := []string{"log/00000001.seg", ringFile}
	if *golden {
		writeRingGolden(t, dir, names, want)
	}
	root := t.TempDir()
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := durable.NewOS(root)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	j := open(t, files, ringOptions())
	defer j.Release()
	checkPayloads(t, "ring of version 1", j, want)
	if d := j.Damage(); d != nil {
		t.Errorf("damage %+v", d)
	}
	slot := mustPut(t, j, "on", stage(t, j, "and on"))
	if slot.LSN != 13 || readBody(t, j, slot.Bodies[0]) != "and on" {
		t.Errorf("the next record has LSN %d, or its body differs; want 13", slot.LSN)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

func writeRingGolden(t *testing.T, dir string, names, payloads []string) {
	disk := crashfs.New()
	j := open(t, disk, ringOptions())
	for _, p := range payloads {
		mustPut(t, j, p)
	}
	after := disk.Crash(disk.Ops(), crashfs.Nothing())
	for _, name := range names {
		f, err := after.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, after.Size(name))
		if _, err := f.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
