package image

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/u-root/u-root/pkg/cpio"

	"github.com/sanduk-mail/sanduk/image/initramfs"
)

// update returns one microcode update of the given size.
func microcodeUpdate(size uint32, fill byte) []byte {
	n := size
	if n == 0 {
		n = updateDefault
	}
	b := bytes.Repeat([]byte{fill}, int(n))
	binary.LittleEndian.PutUint32(b, updateVersion)
	binary.LittleEndian.PutUint32(b[updateSizeAt:], size)
	return b
}

func TestDistinctUpdates(t *testing.T) {
	t.Parallel()
	a, b, c := microcodeUpdate(0, 'a'), microcodeUpdate(1024, 'b'), microcodeUpdate(1024, 'c')
	got, err := distinctUpdates(bytes.Join([][]byte{a, b, a, c, b}, nil))
	if want := bytes.Join([][]byte{a, b, c}, nil); err != nil || !bytes.Equal(got, want) {
		t.Errorf("distinctUpdates = %d bytes, %v, want %d", len(got), err, len(want))
	}
	for name, bad := range map[string][]byte{
		"short":      a[:20],
		"truncated":  a[:updateDefault-1],
		"not one":    bytes.Repeat([]byte("x"), 100),
		"tiny claim": microcodeUpdate(48, 'x')[:47],
	} {
		if _, err := distinctUpdates(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestEarlyArchive: a directory in it would have the kernel keep the microcode in memory.
func TestEarlyArchive(t *testing.T) {
	t.Parallel()
	const vendor = "kernel/x86/microcode/GenuineIntel.bin"
	tree := initramfs.New()
	if err := tree.AddFile("/"+vendor, 0o644, []byte("update"), "test"); err != nil {
		t.Fatal(err)
	}
	archive, err := earlyArchive(tree)
	if err != nil {
		t.Fatal(err)
	}
	records, err := cpio.ReadAllRecords(cpio.Newc.Reader(bytes.NewReader(archive)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range records {
		names = append(names, r.Name)
	}
	if want := []string{vendor}; !slices.Equal(names, want) {
		t.Errorf("the archive has %q, want %q", names, want)
	}
}
