package firmware

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/disk"
)

// memory is variables without a machine.
type memory struct {
	vars   map[string][]byte
	writes int
	full   bool
}

func (m *memory) Names() ([]string, error) { return slices.Sorted(maps.Keys(m.vars)), nil }

func (m *memory) Get(name string) ([]byte, error) {
	v, ok := m.vars[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return v, nil
}

func (m *memory) Set(name string, data []byte) error {
	if m.full {
		return errors.New("no space left on device")
	}
	m.writes++
	m.vars[name] = slices.Clone(data)
	return nil
}

func (m *memory) Remove(name string) error {
	m.writes++
	delete(m.vars, name)
	return nil
}

func partition(t *testing.T, guid string) Partition {
	t.Helper()
	g, err := disk.ParseGUID(guid)
	if err != nil {
		t.Fatal(err)
	}
	return Partition{Number: 1, First: 2048, Sectors: 1048576, GUID: g}
}

const (
	own    = "c12a7328-f81f-41d2-ba4b-00a0c93ec93b"
	former = "d12a7328-f81f-41d2-ba4b-00a0c93ec93b"
	file   = `\EFI\BOOT\BOOTX64.EFI`
)

// TestOption compares with the bytes that the specification's tables make, written down by hand.
func TestOption(t *testing.T) {
	t.Parallel()
	got := hex.EncodeToString(option("A", partition(t, own), `\B`))
	want := strings.ReplaceAll("01000000 3800 4100 0000 "+ // active, 56 bytes of path, "A"
		"0401 2a00 01000000 0008000000000000 0000100000000000 28732ac11ff8d241ba4b00a0c93ec93b 02 02 "+ // hard drive
		"0404 0a00 5c00 4200 0000 "+ // file
		"7fff 0400", " ", "") // end
	if got != want {
		t.Errorf("option:\n got %s\nwant %s", got, want)
	}
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	m := &memory{vars: map[string][]byte{
		"Boot0000":  option("UEFI Shell", partition(t, former), `\SHELL.EFI`),
		"Boot0007":  option("Sanduk 1", partition(t, former), file), // of a disk that is gone
		"BootOrder": {0, 0, 7, 0, 9, 0},
		"Lang":      []byte("en"),
	}}
	changed, err := Ensure(m, partition(t, own), file, 4)
	if err != nil || !changed {
		t.Fatalf("the first time: %v, %v", changed, err)
	}
	want := []byte{0x00, 0x5a, 0x01, 0x5a, 0x02, 0x5a, 0x03, 0x5a, 0, 0}
	if got := m.vars["BootOrder"]; !slices.Equal(got, want) {
		t.Errorf("order % x, want % x: ours, then what is there of others", got, want)
	}
	if _, there := m.vars["Boot0007"]; there {
		t.Error("the entry of the disk that is gone is still there")
	}
	if got := described(m.vars["Boot5A03"]); got != "Sanduk 4" {
		t.Errorf("the fourth is called %q", got)
	}
	m.writes = 0
	changed, err = Ensure(m, partition(t, own), file, 4)
	if err != nil || changed || m.writes > 0 {
		t.Errorf("the second time: %v, %v, %d writes, want none", changed, err, m.writes)
	}
	m.vars["BootOrder"] = []byte{0, 0} // somebody chose another
	if _, err := Ensure(m, partition(t, own), file, 4); err != nil || !slices.Equal(m.vars["BootOrder"], want) {
		t.Errorf("after another choice: % x, %v", m.vars["BootOrder"], err)
	}
}

func TestEnsureOnOddMachines(t *testing.T) {
	t.Parallel()
	m := &memory{vars: map[string][]byte{"Boot0001": {1}, "Boot0002": nil, "BootOrder": {1}, "BootXXXX": {}}}
	if _, err := Ensure(m, partition(t, own), file, 4); err != nil {
		t.Errorf("with damaged variables: %v", err)
	}
	m = &memory{vars: map[string][]byte{}, full: true}
	if _, err := Ensure(m, partition(t, own), file, 4); err == nil {
		t.Error("a machine that keeps nothing is no error")
	}
}

func TestSecureBoot(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"": false, "\x00": false, "\x01": true, "\x01\x01": false} {
		if got, err := SecureBoot(&memory{vars: map[string][]byte{"SecureBoot": []byte(value)}}); err != nil || got != want {
			t.Errorf("with %q: %v, %v; want %v", value, got, err, want)
		}
	}
	if got, err := SecureBoot(&memory{vars: map[string][]byte{}}); err != nil || got {
		t.Errorf("without the variable: %v, %v; want false", got, err)
	}
}
