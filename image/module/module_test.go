package module

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

// object returns an ELF object file that has a .modinfo section with the given strings and nothing else.
func object(t testing.TB, pairs ...string) []byte {
	t.Helper()
	info := []byte(strings.Join(pairs, "\x00") + "\x00")
	names := []byte("\x00.modinfo\x00.shstrtab\x00")
	const header, entry = 64, 64
	infoAt := uint64(header)
	namesAt := infoAt + uint64(len(info))
	tableAt := namesAt + uint64(len(names))
	var b bytes.Buffer
	write := func(v any) {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	b.WriteString("\x7fELF\x02\x01\x01")
	b.Write(make([]byte, 9))
	write([]uint16{1, 62})
	write(uint32(1))
	write([]uint64{0, 0, tableAt})
	write(uint32(0))
	write([]uint16{header, 0, 0, entry, 3, 2})
	b.Write(info)
	b.Write(names)
	section := func(name, kind uint32, at, size uint64) {
		write([]uint32{name, kind})
		write([]uint64{0, 0, at, size})
		write([]uint32{0, 0})
		write([]uint64{1, 0})
	}
	section(0, 0, 0, 0)
	section(1, 1, infoAt, uint64(len(info)))
	section(10, 3, namesAt, uint64(len(names)))
	return b.Bytes()
}

// kernel writes a small kernel's module directory and returns its tree.
func kernel(t *testing.T) *Tree {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "6.1.0-test")
	put := func(name string, raw []byte) {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("modules.builtin", []byte("kernel/drivers/input/atkbd.ko\nkernel/lib/crc16.ko\n"))
	put("kernel/fs/ext4/ext4.ko", object(t, "name=ext4", "depends=jbd2,crc16", "softdep=pre: crypto-crc32c post: later", "alias=fs-ext4"))
	put("kernel/fs/jbd2.ko", object(t, "name=jbd2", "depends="))
	put("kernel/crypto/crc32c_generic.ko", object(t, "name=crc32c_generic", "alias=crypto-crc32c"))
	put("kernel/crypto/crc32c-intel.ko", object(t, "name=crc32c_intel", "alias=crypto-crc32c"))
	put("kernel/net/r8169.ko", object(t, "name=r8169", "depends=mii-bus", "firmware=rtl_nic/a.fw", "alias=pci:v000010ECd00008168sv*sd*bc*sc*i*"))
	var packed bytes.Buffer
	w, err := xz.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(object(t, "name=mii_bus", "depends="))
	w.Close()
	put("kernel/net/mii-bus.ko.xz", packed.Bytes())
	put("kernel/broken/needy.ko", object(t, "name=needy", "depends=nowhere"))
	tree, err := ReadTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestClosure(t *testing.T) {
	t.Parallel()
	set, err := kernel(t).Closure([]string{"ext4", "atkbd", "r8169"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range set.Modules() {
		got = append(got, m.Name)
	}
	want := []string{"crc32c_generic", "ext4", "jbd2", "mii_bus", "r8169"}
	if !slices.Equal(got, want) {
		t.Errorf("modules = %q, want %q", got, want)
	}
	wantDep := `kernel/crypto/crc32c_generic.ko:
kernel/fs/ext4/ext4.ko: kernel/crypto/crc32c_generic.ko kernel/fs/jbd2.ko
kernel/fs/jbd2.ko:
kernel/net/mii-bus.ko:
kernel/net/r8169.ko: kernel/net/mii-bus.ko
`
	if got := string(set.Dep()); got != wantDep {
		t.Errorf("modules.dep:\n%s\nwant:\n%s", got, wantDep)
	}
	if got, want := string(set.Alias()), "alias pci:v000010ECd00008168sv*sd*bc*sc*i* r8169\n"; !strings.Contains(got, want) {
		t.Errorf("modules.alias = %q, want a line %q", got, want)
	}
	if got, want := string(set.Softdep()), "softdep ext4 pre: crypto-crc32c\n"; !strings.Contains(got, want) {
		t.Errorf("modules.softdep = %q, want a line %q", got, want)
	}
	if got, want := string(set.Builtin()), "kernel/drivers/input/atkbd.ko\nkernel/lib/crc16.ko\n"; got != want {
		t.Errorf("modules.builtin = %q, want %q", got, want)
	}
	if got := set.Firmware()["rtl_nic/a.fw"]; !slices.Equal(got, []string{"r8169"}) {
		t.Errorf("firmware rtl_nic/a.fw is wanted by %q, want r8169", got)
	}
	if !set.Has("mii-bus") || set.Has("atkbd") {
		t.Error("Has: want mii-bus in the set, atkbd (built in) not")
	}
}

func TestClosureRefuses(t *testing.T) {
	t.Parallel()
	tree := kernel(t)
	if _, err := tree.Closure([]string{"nope", "ext4", "nada"}); err == nil || !strings.Contains(err.Error(), "nope, nada") {
		t.Errorf("unknown modules: %v, want both named", err)
	}
	if _, err := tree.Closure([]string{"needy"}); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("missing dependency: %v, want it named", err)
	}
}

func TestParseInfoRefuses(t *testing.T) {
	t.Parallel()
	for _, raw := range [][]byte{nil, []byte("not an object file"), object(t)[:80]} {
		if _, err := ParseInfo(raw); err == nil {
			t.Errorf("ParseInfo(%d bytes) = nil, want an error", len(raw))
		}
	}
}
