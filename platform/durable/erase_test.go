package durable

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestErase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name, witness, link := filepath.Join(dir, "setup.json"), filepath.Join(dir, "witness"), filepath.Join(dir, "link")
	for _, given := range []string{name, link} {
		secret := bytes.Repeat([]byte("secret "), 20_000)
		if err := os.WriteFile(name, secret, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(witness)                         // of the round before
		if err := os.Link(name, witness); err != nil { // a second name of the same bytes
			t.Fatal(err)
		}
		_ = os.Remove(link) // of the round before
		if err := os.Symlink("setup.json", link); err != nil {
			t.Fatal(err)
		}
		if err := Erase(given); err != nil {
			t.Fatalf("Erase(%s): %v", given, err)
		}
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("behind Erase(%s) the file is still there: %v", given, err)
		}
		if got, err := os.ReadFile(witness); err != nil || !bytes.Equal(got, make([]byte, len(secret))) {
			t.Errorf("behind Erase(%s) its bytes are %.20q…, %v; want zeros", given, got, err)
		}
	}
	if err := Erase(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Erase of nothing: %v; want ErrNotExist", err)
	}
	if err := Erase(dir); err == nil {
		t.Error("a directory was erased")
	}
}
