package durable

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"testing"
)

// TestShadow does the same to a shadow and to a disk, at random, and compares what
// they show; the disk below the shadow stays as it was.
func TestShadow(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	below, real := newOS(t), newOS(t)
	names := []string{"a", "d/b", "d/c"}
	before := map[string][]byte{}
	for _, f := range []*OS{below, real} {
		if err := f.MkdirAll("d", 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names[:2] {
		before[name] = bytes.Repeat([]byte(name+"."), 5000)
		for _, f := range []*OS{below, real} {
			if err := ReplaceBytes(f, name, 0o600, before[name]); err != nil {
				t.Fatal(err)
			}
		}
	}
	shadow := NewShadow(below)
	for range 3000 {
		name, other := names[r.IntN(3)], names[r.IntN(3)]
		flag := []int{os.O_RDWR, os.O_RDWR | os.O_CREATE, os.O_RDWR | os.O_CREATE | os.O_EXCL, os.O_RDWR | os.O_TRUNC}[r.IntN(4)]
		kind, off, size := r.IntN(9), int64(r.IntN(30_000)), r.IntN(9000)
		do := func(f FS) error {
			switch kind {
			case 0:
				return f.Remove(name)
			case 1:
				return f.Rename(name, other)
			}
			h, err := f.OpenFile(name, flag, 0o600)
			if err != nil {
				return err
			}
			defer h.Close()
			if kind == 2 {
				return h.Truncate(off)
			}
			_, err = h.WriteAt(bytes.Repeat([]byte{byte(off), 'x'}, size), off)
			return err
		}
		got, want := do(shadow), do(real)
		for _, kind := range []error{fs.ErrNotExist, fs.ErrExist} {
			if errors.Is(got, kind) != errors.Is(want, kind) {
				t.Fatalf("do %d to %s: %v; the disk says %v", kind, name, got, want)
			}
		}
		compareTrees(t, shadow, real, ".")
		compareTrees(t, shadow, real, "d")
	}
	for _, name := range names {
		b, err := ReadFile(below, name, 1<<20)
		if err != nil && !errors.Is(err, fs.ErrNotExist) || !bytes.Equal(b, before[name]) {
			t.Errorf("%s below has %d bytes, %v; want it as it was", name, len(b), err)
		}
	}
	if err := shadow.Close(); err != nil {
		t.Error(err)
	}
}

func compareTrees(t *testing.T, got, want FS, dir string) {
	t.Helper()
	list := func(f FS) (names string) {
		entries, err := f.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names += e.Name() + " "
			if e.IsDir() {
				continue
			}
			b, err := ReadFile(f, dir+"/"+e.Name(), 1<<20)
			if dir == "." {
				b, err = ReadFile(f, e.Name(), 1<<20)
			}
			if err != nil {
				t.Fatal(err)
			}
			names += string(b)
		}
		return names
	}
	if a, b := list(got), list(want); a != b {
		t.Fatalf("%s differs: %d bytes, want %d", dir, len(a), len(b))
	}
}

// TestShadowDirectories makes directories only in the shadow.
func TestShadowDirectories(t *testing.T) {
	t.Parallel()
	below := newOS(t)
	s := NewShadow(below)
	if err := MkdirAllSync(s, "x/y", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := ReplaceBytes(s, "x/y/z", 0o600, []byte("text")); err != nil {
		t.Fatal(err)
	}
	if b, err := ReadFile(s, "x/y/z", 10); err != nil || string(b) != "text" {
		t.Errorf("read %q, %v", b, err)
	}
	if info, err := s.Stat("x"); err != nil || !info.IsDir() {
		t.Errorf("Stat(x) = %v, %v; want a directory", info, err)
	}
	if entries, err := s.ReadDir("x"); err != nil || len(entries) != 1 || entries[0].Name() != "y" {
		t.Errorf("ReadDir(x) = %v, %v; want y", entries, err)
	}
	if _, err := below.Stat("x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("below there is x: %v", err)
	}
}

// openCount counts the files that are open of those opened for reading.
type openCount struct {
	FS
	open int
}

type countedFile struct {
	File
	fs *openCount
}

func (c *openCount) Open(name string) (File, error) {
	f, err := c.FS.Open(name)
	if err != nil {
		return nil, err
	}
	c.open++
	return &countedFile{f, c}, nil
}

func (f *countedFile) Close() error {
	f.fs.open--
	return f.File.Close()
}

// TestShadowCloses: with the shadow all files below are closed, also those that were
// removed or replaced in it; whoever has one open reads it until then.
func TestShadowCloses(t *testing.T) {
	t.Parallel()
	below := &openCount{FS: newOS(t)}
	for _, name := range []string{"kept", "removed", "replaced", "renamed"} {
		if err := ReplaceBytes(below, name, 0o600, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	s := NewShadow(below)
	handles := map[string]File{}
	for _, name := range []string{"kept", "removed", "replaced", "renamed"} {
		f, err := s.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		handles[name] = f
	}
	if err := errors.Join(s.Remove("removed"), s.Rename("renamed", "replaced"), s.Rename("kept", "kept")); err != nil {
		t.Fatal(err)
	}
	for name, f := range handles {
		b := make([]byte, len(name))
		if _, err := f.ReadAt(b, 0); err != nil || string(b) != name {
			t.Errorf("%s is read as %q, %v", name, b, err)
		}
	}
	if err := s.Close(); err != nil || below.open != 0 {
		t.Errorf("Close = %v, %d files are open below", err, below.open)
	}
}
