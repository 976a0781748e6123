package crashfs

import (
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

func contents(t *testing.T, f *FS, name string) string {
	t.Helper()
	b, err := durable.ReadFile(f, name, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return "<none>"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCrash(t *testing.T) {
	t.Parallel()
	f := New()
	h, err := f.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	steps := []func() error{
		func() error { _, err := h.WriteAt([]byte("one"), 0); return err },
		h.Sync,
		func() error { return f.SyncDir(".") },
		func() error { _, err := h.WriteAt([]byte("two"), 3); return err },
		func() error { return h.Truncate(4) },
		h.Sync,
		func() error { return f.Rename("a", "b") },
		func() error { return f.SyncDir(".") },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	wantNothing := []string{"<none>", "<none>", "<none>", "<none>", "one", "one", "one", "onet", "onet", "<none>"}
	wantEverything := []string{"<none>", "", "one", "one", "one", "onetwo", "onet", "onet", "<none>", "<none>"}
	var nothing, everything []string
	for point := range f.Ops() + 1 {
		nothing = append(nothing, contents(t, f.Crash(point, Nothing()), "a"))
		everything = append(everything, contents(t, f.Crash(point, Everything()), "a"))
	}
	if !slices.Equal(nothing, wantNothing) {
		t.Errorf("keeping nothing: got %q; want %q", nothing, wantNothing)
	}
	if !slices.Equal(everything, wantEverything) {
		t.Errorf("keeping everything: got %q; want %q", everything, wantEverything)
	}
	if got := contents(t, f.Crash(f.Ops(), Nothing()), "b"); got != "onet" {
		t.Errorf("b = %q; want onet", got)
	}
}

func TestTornSectors(t *testing.T) {
	t.Parallel()
	f := New()
	h, _ := f.Create("a")
	_ = f.SyncDir(".")
	data := slices.Repeat([]byte{'x'}, 16*Sector)
	if _, err := h.WriteAt(data, 0); err != nil {
		t.Fatal(err)
	}
	kept := 0
	for seed := range uint64(20) {
		for _, c := range contents(t, f.Crash(f.Ops(), Some(seed)), "a") {
			if c == 'x' {
				kept++
			}
		}
	}
	if kept%Sector != 0 || kept < 20*4*Sector || kept > 20*12*Sector {
		t.Errorf("kept %d bytes of 20 times %d; want about half, in whole sectors", kept, len(data))
	}
}

func TestFault(t *testing.T) {
	t.Parallel()
	f := New()
	h, _ := f.Create("a")
	f.Fault(func(o Op) error {
		if o.Kind == Sync || o.Kind == Write && o.Size > 4 {
			return syscall.EIO
		}
		return nil
	})
	if _, err := h.WriteAt([]byte("12345678"), 0); !errors.Is(err, syscall.EIO) {
		t.Errorf("WriteAt: %v; want EIO", err)
	}
	if got := contents(t, f, "a"); got != "1234" {
		t.Errorf("after a failed write the file holds %q; want half of it", got)
	}
	if err := h.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Sync: %v; want EIO", err)
	}
	f.Fault(nil)
	if _, err := h.WriteAt([]byte("x"), 0); !errors.Is(err, syscall.EIO) {
		t.Errorf("WriteAt after a failed sync: %v; want EIO for ever", err)
	}
}
