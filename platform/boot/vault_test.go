package boot

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

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
