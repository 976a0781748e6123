package disk

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/supervise"
)

// realTools are Debian's, on a file instead of a partition.
func realTools(t *testing.T) Tools {
	t.Helper()
	path, err := exec.LookPath("/sbin/mke2fs")
	if err != nil {
		t.Skip("SKIPPED: /sbin/mke2fs (package e2fsprogs) is not installed; making and checking file systems was not tested")
	}
	return Tools{Runner: supervise.NewChildren(), Log: quiet(), Scratch: t.TempDir(), Dir: filepath.Dir(path), Skeleton: []string{"mail"}}
}

// newVolume is a formatted file of 160 MiB, large enough for a copy of the
// super block.
func newVolume(t *testing.T, tools Tools) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "volume")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(160<<20), f.Close()); err != nil {
		t.Fatal(err)
	}
	if err := tools.Format(t.Context(), name, dataLabel); err != nil {
		t.Fatalf("Format: %v", err)
	}
	return name
}

func superOf(t *testing.T, name string, read func(Device, int64) (*superblock, error)) *superblock {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := read(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFormatLeavesNoTraceOfUse(t *testing.T) {
	t.Parallel()
	tools := realTools(t)
	name := newVolume(t, tools)
	s := superOf(t, name, readSuperblock)
	if s == nil || s.Label != dataLabel || s.everMounted() || s.bytes() != 160<<20 {
		t.Fatalf("super block %+v, want our label, never mounted, 160 MiB", s)
	}
	if c := superOf(t, name, readBackupSuperblock); c == nil || c.Label != dataLabel {
		t.Errorf("copy of the super block at %d: %+v, want our label", backupSuper, c)
	}
	out, err := exec.Command("/sbin/tune2fs", "-l", name).CombinedOutput()
	if err != nil {
		t.Fatalf("tune2fs: %v\n%s", err, out)
	}
	for _, want := range []string{"encrypt", "metadata_csum", "has_journal", "Errors behavior:          Remount read-only", "Block size:               4096"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("tune2fs -l lacks %q:\n%s", want, out)
		}
	}
	if out, err := exec.Command("/sbin/debugfs", "-R", "stat /mail", name).CombinedOutput(); err != nil || !bytes.Contains(out, []byte("Type: directory    Mode:  0700")) {
		t.Errorf("the skeleton is not there (%v):\n%s", err, out)
	}
	if out, err := exec.Command("/sbin/tune2fs", "-C", "1", name).CombinedOutput(); err != nil {
		t.Fatalf("tune2fs -C: %v\n%s", err, out)
	}
	if s := superOf(t, name, readSuperblock); !s.everMounted() {
		t.Error("a file system with a mount count counts as never mounted")
	}
}

func TestCheckMends(t *testing.T) {
	t.Parallel()
	tools := realTools(t)
	wipe := func(t *testing.T, name string, from, size int64) {
		t.Helper()
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt(make([]byte, size), from)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("sound", func(t *testing.T) {
		t.Parallel()
		if done, err := tools.Check(t.Context(), newVolume(t, tools)); err != nil || done.Mended || done.Said != nil {
			t.Errorf("%+v, %v, want nothing to mend", done, err)
		}
	})
	t.Run("super block gone", func(t *testing.T) {
		t.Parallel()
		name := newVolume(t, tools)
		wipe(t, name, 0, 4096)
		done, err := tools.Check(t.Context(), name)
		if err != nil || !done.Mended {
			t.Fatalf("mended %v, %v, want it mended", done.Mended, err)
		}
		if s := superOf(t, name, readSuperblock); s == nil || s.Label != dataLabel {
			t.Errorf("super block after the check: %+v, want it back from its copy", s)
		}
		if !bytes.Contains(done.Said, []byte("e2fsck -p: ")) || !bytes.Contains(done.Said, []byte("-b 32768")) && !bytes.Contains(done.Said, []byte("-f -y")) {
			t.Errorf("what e2fsck said is not kept:\n%s", done.Said)
		}
	})
	t.Run("nothing left", func(t *testing.T) {
		t.Parallel()
		name := newVolume(t, tools)
		wipe(t, name, 0, 160<<20)
		before, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tools.Check(t.Context(), name)
		wantRecovery(t, err, "Nothing was erased")
		after, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("the ruin was written to (%v)", err)
		}
	})
}

func TestGrow(t *testing.T) {
	t.Parallel()
	tools := realTools(t)
	name := newVolume(t, tools)
	if err := os.Truncate(name, 320<<20); err != nil {
		t.Fatal(err)
	}
	if err := tools.Grow(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if s := superOf(t, name, readSuperblock); s.bytes() != 320<<20 {
		t.Errorf("size %d, want %d", s.bytes(), 320<<20)
	}
}

func TestCopyProvisioned(t *testing.T) {
	t.Parallel()
	esp, dst := t.TempDir(), filepath.Join(t.TempDir(), "setup")
	found, err := CopyProvisioned(esp, dst, os.Getuid(), os.Getgid())
	if err != nil || len(found) != 0 {
		t.Errorf("empty partition: %v, %v", found, err)
	}
	if err := os.WriteFile(filepath.Join(esp, "setup.json"), []byte("{}"), 0o755); err != nil {
		t.Fatal(err)
	}
	found, err = CopyProvisioned(esp, dst, os.Getuid(), os.Getgid())
	if err != nil || len(found) != 1 {
		t.Fatalf("found %v, %v, want setup.json", found, err)
	}
	fi, err := os.Stat(filepath.Join(dst, "setup.json"))
	if err != nil || fi.Mode().Perm() != 0o400 {
		t.Errorf("copy has mode %v (%v), want 0400", fi.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(esp, "dev.json"), make([]byte, maxProvision+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := CopyProvisioned(esp, t.TempDir(), os.Getuid(), os.Getgid()); err == nil {
		t.Error("a file above the limit was copied")
	}
}
