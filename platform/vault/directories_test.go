package vault

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// encrypting mounts a new file system that can encrypt, and returns where, and its image.
func encrypting(t *testing.T) (dir, image string) {
	t.Helper()
	skip := func(why string) {
		t.Helper()
		if os.Getenv("SANDUK_SYSTEM") == "1" {
			t.Fatal(why)
		}
		t.Skip("SKIPPED: " + why)
	}
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root mounts file systems")
	}
	image, dir = file(t, "disk"), t.TempDir()
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 32<<20); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"mke2fs", "-q", "-F", "-t", "ext4", "-O", "encrypt", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			skip(args[0] + ": " + string(bytes.TrimSpace(out)) + " " + err.Error())
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			t.Error(err)
		}
	})
	return dir, image
}

// TestDirectories encrypts one on a real file system: its files can be read with the key and by nobody without, and
// what is written stands nowhere on the disk.
func TestDirectories(t *testing.T) {
	for _, c := range []Cipher{AES, Adiantum} {
		t.Run(string(c), func(t *testing.T) {
			dir, image := encrypting(t)
			private, open := filepath.Join(dir, "private"), filepath.Join(dir, "open")
			for _, d := range []string{private, open} {
				if err := os.Mkdir(d, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if _, protected, err := Protected(private); protected || err != nil {
				t.Fatalf("a new directory is encrypted: %v, %v", protected, err)
			}
			k := NewKey()
			id, err := Unlock(dir, k)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time it is so already
				if err := Protect(private, id, c); err != nil {
					t.Fatal(err)
				}
			}
			if got, protected, err := Protected(private); !protected || err != nil || got != id {
				t.Fatalf("encrypted by %x: %v, %v; want %x", got, protected, err, id)
			}
			secret, public := bytes.Repeat([]byte("the office's secrets. "), 4000), bytes.Repeat([]byte("everybody may know. "), 4000)
			if f, err := os.Create(filepath.Join(private, "letter-of-resignation")); errors.Is(err, unix.ENOPKG) {
				t.Skipf("SKIPPED: this machine's kernel has no %s", c)
			} else if err == nil {
				_ = f.Close()
			}
			write(t, filepath.Join(private, "letter-of-resignation"), secret)
			write(t, filepath.Join(open, "price-list"), public)
			if err := Protect(open, id, c); !errors.Is(err, unix.ENOTEMPTY) {
				t.Errorf("a directory with something in it: %v", err)
			}
			if err := unix.Unmount(dir, 0); err != nil {
				t.Fatal(err)
			}
			raw, err := os.ReadFile(image)
			if err != nil {
				t.Fatal(err)
			}
			for text, want := range map[string]bool{"office's secrets": false, "letter-of-resignation": false, "everybody may know": true, "price-list": true} {
				if got := bytes.Contains(raw, []byte(text)); got != want {
					t.Errorf("%q stands on the disk: %v, want %v", text, got, want)
				}
			}
			if out, err := exec.Command("mount", "-o", "loop", image, dir).CombinedOutput(); err != nil {
				t.Fatalf("mount: %v: %s", err, out)
			}
			if _, err := os.ReadFile(filepath.Join(private, "letter-of-resignation")); err == nil {
				t.Error("it can be read without the key")
			}
			if _, err := os.Create(filepath.Join(private, "new")); !errors.Is(err, unix.ENOKEY) {
				t.Errorf("something is put into it without the key: %v", err)
			}
			if other, err := Unlock(dir, NewKey()); err != nil || other == id {
				t.Errorf("another key: %v, %v", other, err)
			}
			if _, err := os.ReadFile(filepath.Join(private, "letter-of-resignation")); err == nil {
				t.Error("it can be read with another key")
			}
			if again, err := Unlock(dir, k); err != nil || again != id {
				t.Fatalf("the key again: %x, %v", again, err)
			}
			got, err := os.ReadFile(filepath.Join(private, "letter-of-resignation"))
			if err != nil || !bytes.Equal(got, secret) {
				t.Errorf("with its key: %d bytes, %v", len(got), err)
			}
			if err := Lock(dir, id); err != nil {
				t.Fatal(err)
			}
			if _, err := os.ReadFile(filepath.Join(private, "letter-of-resignation")); err == nil {
				t.Error("it can be read after the key was taken back")
			}
		})
	}
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
