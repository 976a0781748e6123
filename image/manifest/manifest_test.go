package manifest

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"slices"
	"testing"

	"github.com/sanduk-mail/sanduk/image/initramfs"
)

func TestFiles(t *testing.T) {
	t.Parallel()
	got := Files([]initramfs.Entry{
		{Path: "/data", Mode: fs.ModeDir | 0o750, Owner: initramfs.Owner{UID: 102, GID: 103}},
		{Path: "/init", Mode: 0o755, Data: []byte("abc"), Source: "sanduk"},
		{Path: "/lib64", Mode: fs.ModeSymlink | 0o777, Data: []byte("lib")},
	})
	want := []File{
		{Path: "/data", Mode: "drwxr-x---", UID: 102, GID: 103},
		{Path: "/init", Mode: "-rwxr-xr-x", Size: 3, Source: "sanduk",
			SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{Path: "/lib64", Mode: "Lrwxrwxrwx", Link: "lib"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("Files = %+v, want %+v", got, want)
	}
}

func TestModules(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	modules, err := Modules(map[string]string{"b": self, "a": self})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(modules, func(m Module) bool { return m.Path == "std" })
	if i < 0 || !slices.Equal(modules[i].Programs, []string{"a", "b"}) {
		t.Errorf("modules = %+v, want the standard library for a and b", modules)
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	m := &Manifest{Format: Format, Name: "sanduk", Version: "1<2"}
	one, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	two, err := m.Encode()
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("encoding twice differs (%v)", err)
	}
	var back Manifest
	if err := json.Unmarshal(one, &back); err != nil || back.Version != "1<2" {
		t.Errorf("reads back as %+v, %v", back, err)
	}
}
