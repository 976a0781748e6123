package initramfs

import (
	"bytes"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"
	"github.com/u-root/u-root/pkg/cpio"
)

// sample fills a tree; the order in which things are added must not matter.
func sample(t *testing.T, backwards bool) *Tree {
	t.Helper()
	entries := []Entry{
		{Path: "/init", Mode: 0o755, Data: []byte("program"), Source: "init"},
		{Path: "/etc/passwd", Mode: 0o644, Data: []byte("root:x:0:0::/:\n"), Source: "etc"},
		{Path: "/data", Mode: fs.ModeDir | 0o750, Owner: Owner{102, 102}},
		{Path: "/lib64", Mode: fs.ModeSymlink | 0o777, Data: []byte("lib"), Source: "link"},
	}
	if backwards {
		slices.Reverse(entries)
	}
	tree := New()
	for _, e := range entries {
		if err := tree.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

func TestArchiveIsReproducible(t *testing.T) {
	t.Parallel()
	one, err := Archive(sample(t, false).Entries())
	if err != nil {
		t.Fatal(err)
	}
	two, err := Archive(sample(t, true).Entries())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Error("the order of adding changes the archive")
	}
	packed, err := Compress(one)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Compress(two)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(packed, again) {
		t.Error("packing the same archive twice gives different bytes")
	}
	d, err := zstd.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var out bytes.Buffer
	if _, err := d.WriteTo(&out); err != nil || !bytes.Equal(out.Bytes(), one) {
		t.Errorf("unpacking gives %d bytes, %v, want the %d packed", out.Len(), err, len(one))
	}
}

func TestArchiveContent(t *testing.T) {
	t.Parallel()
	raw, err := Archive(sample(t, false).Entries())
	if err != nil {
		t.Fatal(err)
	}
	records, err := cpio.ReadAllRecords(cpio.Newc.Reader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range records {
		names = append(names, r.Name)
		if r.MTime != 0 {
			t.Errorf("%s has the time %d, want 0", r.Name, r.MTime)
		}
		if r.Name == "data" && (r.Mode != cpio.S_IFDIR|0o750 || r.UID != 102 || r.GID != 102) {
			t.Errorf("data: mode %o, owner %d:%d, want a directory 0750 of 102:102", r.Mode, r.UID, r.GID)
		}
	}
	if want := []string{"data", "etc", "etc/passwd", "init", "lib64"}; !slices.Equal(names, want) {
		t.Errorf("names = %q, want %q", names, want)
	}
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		e    Entry
		want string
	}{
		{"relative", Entry{Path: "etc/x"}, "absolute and clean"},
		{"dots", Entry{Path: "/etc/../x"}, "absolute and clean"},
		{"root", Entry{Path: "/"}, "absolute and clean"},
		{"twice", Entry{Path: "/init", Source: "other"}, "from init and from other"},
		{"below a file", Entry{Path: "/init/x"}, "not a directory"},
		{"setuid", Entry{Path: "/su", Mode: fs.ModeSetuid | 0o755}, "not allowed"},
		{"device", Entry{Path: "/dev/x", Mode: fs.ModeDevice | 0o600}, "not allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := sample(t, false).Add(tt.e); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Add = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestAddFS(t *testing.T) {
	t.Parallel()
	tree := New()
	if err := tree.AddFS("/etc/units", fstest.MapFS{"a.service": {Data: []byte("x")}, "d/b.socket": {}}, "units"); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range tree.Entries() {
		names = append(names, e.Path)
	}
	want := []string{"/etc", "/etc/units", "/etc/units/a.service", "/etc/units/d", "/etc/units/d/b.socket"}
	if !slices.Equal(names, want) {
		t.Errorf("entries = %q, want %q", names, want)
	}
	if err := New().AddFS("/etc", fstest.MapFS{".swp": {}}, "x"); err == nil {
		t.Error("a hidden file was taken")
	}
}

func TestJoinAligns(t *testing.T) {
	t.Parallel()
	got := Join([]byte("abcde"), []byte("xy"), []byte("z"))
	if want := "abcde\x00\x00\x00xy\x00\x00z"; string(got) != want {
		t.Errorf("Join = %q, want %q", got, want)
	}
}
