package boot

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/vault"
)

// TestLetterTwice: the letter is read from either place, whatever became of the other.
func TestLetterTwice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := readLetter(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no letter: %v", err)
	}
	phrase := vault.NewPhrase()
	write := func() vault.Key {
		t.Helper()
		key := vault.NewKey()
		sealed, err := vault.SealPhrase(key, phrase)
		if err != nil {
			t.Fatal(err)
		}
		if err := writeLetter(dir, vault.Letter{Cipher: vault.AES, Phrase: sealed}); err != nil {
			t.Fatal(err)
		}
		return key
	}
	want := func(key vault.Key) {
		t.Helper()
		letter, err := readLetter(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := letter.Phrase.Open(phrase); err != nil || got != key {
			t.Errorf("another key, %v", err)
		}
	}
	write()
	key := write()
	want(key)
	places := letterDirs()
	for i, place := range places {
		file := filepath.Join(dir, place, letterFile)
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, damaged := range [][]byte{nil, whole[:100], append([]byte("x"), whole...)} {
			if err := os.WriteFile(file, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			want(key)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		want(key)
		if i == 0 {
			key = write() // both again
			want(key)
		}
	}
	// Both damaged is damage, and never "no letter": that would be a new start over old mail.
	write()
	for _, place := range places {
		if err := os.WriteFile(filepath.Join(dir, place, letterFile), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := readLetter(dir); !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("both damaged: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, places[0], letterFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := readLetter(dir); !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("one gone, one damaged: %v", err)
	}
	write()
}

// TestUnused: a disk on which anything private stands is never taken for a new one.
func TestUnused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if !unused(dir) {
		t.Error("nothing there, and it counts as used")
	}
	for _, name := range privateDirs() {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if !unused(dir) {
		t.Error("empty directories count as used")
	}
	for _, name := range privateDirs() {
		file := filepath.Join(dir, name, "x")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if unused(dir) {
			t.Errorf("with a file in %s it counts as new", name)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMendLetter: whatever a cut or damage left in either place, after a start both have the letter that counts, and the
// one from before is nowhere.
func TestMendLetter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	place := func(i int) string { return filepath.Join(dir, letterDirs()[i], letterFile) }
	letter := func() []byte { // as it stands on the disk
		t.Helper()
		sealed, err := vault.SealPhrase(vault.NewKey(), vault.NewPhrase())
		if err != nil {
			t.Fatal(err)
		}
		if err := writeLetter(dir, vault.Letter{Cipher: vault.AES, Phrase: sealed}); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(place(0))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	before, after := letter(), letter()
	const sector = 512
	for cut := 0; cut <= 2*len(after); cut += sector {
		first, second := min(cut, len(after)), max(cut-len(after), 0)
		want := before
		for i, n := range []int{first, second} {
			mixed := append(bytes.Clone(after[:n]), before[n:]...)
			if err := os.WriteFile(place(i), mixed, 0o600); err != nil {
				t.Fatal(err)
			}
			if i == 0 && bytes.Equal(mixed, after) {
				want = after
			}
		}
		got, err := readLetter(dir)
		if err != nil {
			t.Fatalf("cut after %d bytes: %v", cut, err)
		}
		if err := mendLetter(dir, got); err != nil {
			t.Fatal(err)
		}
		for i, name := range letterDirs() {
			if raw, err := os.ReadFile(place(i)); err != nil || !bytes.Equal(raw, want) {
				t.Errorf("cut after %d bytes: %s has another letter (%v)", cut, name, err)
			}
		}
	}
	if err := os.Remove(place(1)); err != nil {
		t.Fatal(err)
	}
	got, err := readLetter(dir)
	if err = errors.Join(err, mendLetter(dir, got)); err != nil {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(place(1)); err != nil || !bytes.Equal(raw, after) {
		t.Errorf("a place that was gone has another letter (%v)", err)
	}
}

// TestNeverProtected: a letter whose first writing was cut stands on a disk where nothing is encrypted; one that is
// damaged stands on a disk where something is.
func TestNeverProtected(t *testing.T) {
	t.Parallel()
	if dir := t.TempDir(); !neverProtected(dir) {
		t.Error("a disk without directories counts as encrypted")
	}
	for i, name := range privateDirs() {
		t.Run(name, func(t *testing.T) {
			dir := encrypting(t)
			for _, name := range privateDirs() {
				if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if !neverProtected(dir) {
				t.Error("new directories count as encrypted")
			}
			id, err := vault.Unlock(dir, vault.NewKey())
			if err != nil {
				t.Fatal(err)
			}
			if err := vault.Protect(filepath.Join(dir, name), id, vault.AES); err != nil {
				t.Fatal(err)
			}
			if neverProtected(dir) {
				t.Errorf("with directory %d encrypted nothing counts as encrypted", i)
			}
			if err := vault.Lock(dir, id); err != nil {
				t.Fatal(err)
			}
			if neverProtected(dir) {
				t.Errorf("with directory %d encrypted and locked nothing counts as encrypted", i)
			}
		})
	}
}

// encrypting mounts a new file system that can encrypt.
func encrypting(t *testing.T) (dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root mounts file systems")
	}
	image, dir := filepath.Join(t.TempDir(), "disk"), t.TempDir()
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 32<<20)); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"mke2fs", "-q", "-F", "-t", "ext4", "-O", "encrypt", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			if os.Getenv("SANDUK_SYSTEM") == "1" {
				t.Fatalf("%s: %s %v", args[0], out, err)
			}
			t.Skipf("SKIPPED: %s: %s %v", args[0], out, err)
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}
