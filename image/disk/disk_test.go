package disk

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/fat32"
	"github.com/diskfs/go-diskfs/partition/gpt"
)

func sample() []File {
	return []File{
		{"EFI/BOOT/BOOTX64.EFI", bytes.Repeat([]byte("loader"), 20000)},
		{"EFI/Linux/sanduk_0.1.0-dev.efi", bytes.Repeat([]byte("kernel"), 500000)},
		{"EFI/Linux/sanduk_0.1.0-dew.efi", []byte("another with the same short name")},
		{"loader/loader.conf", []byte("timeout 0\n")},
		{"loader/entries.srel", []byte("type1\n")},
		{"empty.txt", nil},
		{"A+B.longextension", []byte("odd")},
	}
}

func write(t *testing.T, seed string, files []File) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "disk.img")
	if err := Write(name, seed, files); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestWriteReadsBack(t *testing.T) {
	t.Parallel()
	name := write(t, "seed", sample())
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := file.New(f, true)
	table, err := gpt.Read(b, sectorSize, sectorSize)
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Verify(b, Size); err != nil {
		t.Errorf("partition table: %v", err)
	}
	p := table.Partitions[0]
	if p.GetStart() != ESPStart || p.GetSize() != ESPSize || p.Type != gpt.EFISystemPartition || p.Name != ESPName {
		t.Errorf("partition = %+v, want the EFI system partition at %d with %d bytes", p, ESPStart, ESPSize)
	}
	fs, err := fat32.Read(b, ESPSize, ESPStart, sectorSize)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(fs.Label()); got != Label {
		t.Errorf("label = %q, want %q", got, Label)
	}
	for _, want := range sample() {
		if len(want.Data) == 0 {
			continue // go-diskfs cannot read a file without a cluster; mtools does below
		}
		got, err := fs.ReadFile(want.Path)
		if err != nil || !bytes.Equal(got, want.Data) {
			t.Errorf("%s: %d bytes, %v, want %d", want.Path, len(got), err, len(want.Data))
		}
	}
}

// TestWitness asks other implementations: fsck.fat and mtools.
func TestWitness(t *testing.T) {
	t.Parallel()
	name := write(t, "seed", sample())
	esp := filepath.Join(t.TempDir(), "esp.img")
	f, err := os.Create(esp)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(ESPSize); err != nil {
		t.Fatal(err)
	}
	if err := WriteFAT(f, Volume{Size: ESPSize, Label: Label, Serial: 1, Hidden: 2048}, sample()); err != nil {
		t.Fatal(err)
	}
	t.Run("fsck.fat", func(t *testing.T) {
		out := tool(t, "fsck.fat", "-n", "-v", esp)
		for _, bad := range []string{"Fixing", "should be", "Dirty bit", "differences", "uninitialized"} {
			if strings.Contains(out, bad) {
				t.Errorf("fsck.fat finds fault (%q):\n%s", bad, out)
			}
		}
	})
	t.Run("mtools", func(t *testing.T) {
		if got := tool(t, "mtype", "-i", esp, "::loader/loader.conf"); got != "timeout 0\n" {
			t.Errorf("mtype = %q, want %q", got, "timeout 0\n")
		}
		if got := tool(t, "mtype", "-i", esp, "::empty.txt"); got != "" {
			t.Errorf("mtype of the empty file = %q", got)
		}
		if got := tool(t, "mdir", "-b", "-/", "-i", esp); !strings.Contains(got, "::/EFI/Linux/sanduk_0.1.0-dew.efi") {
			t.Errorf("mdir lists %s", got)
		}
	})
	t.Run("sfdisk", func(t *testing.T) {
		if out := tool(t, "sfdisk", "--verify", name); !strings.Contains(out, "No errors detected") {
			t.Errorf("sfdisk says: %s", out)
		}
	})
}

// tool runs a program, or skips the test where there is none.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if path, err = exec.LookPath("/sbin/" + name); err != nil {
			t.Skipf("%s is not installed", name)
		}
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

func TestWriteIsReproducibleAndSparse(t *testing.T) {
	t.Parallel()
	name := write(t, "seed", sample())
	one := ends(t, name)
	if !bytes.Equal(one, ends(t, write(t, "seed", sample()))) {
		t.Error("two images of the same files differ")
	}
	if bytes.Equal(one, ends(t, write(t, "other", sample()))) {
		t.Error("another seed gives the same identifiers")
	}
	if out, err := exec.Command("du", "-k", name).Output(); err == nil {
		if kib := string(bytes.Fields(out)[0]); len(kib) > 5 {
			t.Errorf("the image takes %s KiB of the disk, want only what is used", kib)
		}
	}
}

// ends returns the parts of an image that the sample fills: its first megabytes and its last one.
func ends(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const front, back = 10 << 20, 1 << 20
	b := make([]byte, front+back)
	if _, err := f.ReadAt(b[:front], 0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadAt(b[front:], Size-back); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files []File
		want  string
	}{
		{"no room for two more", []File{{"a", make([]byte, ESPSize/2)}}, "must fit"},
		{"too large", []File{{"a", make([]byte, ESPSize)}}, "do not fit"},
		{"same name", []File{{"a/B", nil}, {"A/b", nil}}, "taken"},
		{"file as directory", []File{{"a", nil}, {"a/b", nil}}, "taken"},
		{"bad name", []File{{"a//b", nil}}, "bad name"},
		{"bad character", []File{{"a:b", nil}}, "bad character"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := Write(filepath.Join(t.TempDir(), "x"), "seed", tt.files)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Write = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestShortName(t *testing.T) {
	t.Parallel()
	taken := make(map[[11]byte]bool)
	tests := []struct {
		name, want string
		long       bool
	}{
		{"BOOTX64.EFI", "BOOTX64 EFI", false},
		{"EFI", "EFI        ", false},
		{"Linux", "LINUX~1    ", true},
		{"sanduk_1.0.efi", "SANDUK~1EFI", true},
		{"sanduk_1.1.efi", "SANDUK~2EFI", true},
		{"sanduk_1.2+3.efi", "SANDUK~3EFI", true},
		{"a+b.x", "A_B~1   X  ", true},
	}
	for _, tt := range tests {
		short, long := shortName(tt.name, taken)
		if string(short[:]) != tt.want || long != tt.long {
			t.Errorf("shortName(%q) = %q, %v, want %q, %v", tt.name, short, long, tt.want, tt.long)
		}
	}
}
