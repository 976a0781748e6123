package boot

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/durable"
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

// TestNoRenewal: once the box is set up, or a set-up has begun, nobody has what is private made anew; and once somebody
// has, no set-up begins.
func TestNoRenewal(t *testing.T) {
	t.Parallel()
	phrase, err := json.Marshal(control.PhraseArgs{Phrase: vault.NewPhrase().String()})
	if err != nil {
		t.Fatal(err)
	}
	refused := func(t *testing.T, m *Machine) {
		t.Helper()
		// As it stands neither could be done anyway: this test must never write to the machine's own /data.
		if _, err := m.verbPlainAnew(t.Context(), nil); !errors.Is(err, errSetUp) {
			t.Errorf("plain: %v, want %v", err, errSetUp)
		}
		m.safe.letter = &vault.Letter{}
		if _, err := m.verbEncryptAnew(t.Context(), phrase); !errors.Is(err, errSetUp) {
			t.Errorf("encrypt: %v, want %v", err, errSetUp)
		}
		if m.safe.renewing || len(m.stop) > 0 {
			t.Error("the box restarts all the same")
		}
	}
	machine := func(t *testing.T, policy string) *Machine {
		t.Helper()
		box, err := durable.NewOS(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = box.Close() })
		if policy != "" {
			if err := durable.ReplaceBytes(box, firewallFile, 0o644, []byte(policy)); err != nil {
				t.Fatal(err)
			}
		}
		return &Machine{safe: newSafe(), boxFS: box, log: slog.New(slog.DiscardHandler), stop: make(chan Action, 1)}
	}
	t.Run("set-up begun", func(t *testing.T) {
		m := machine(t, "")
		if err := m.mayRenew(); err != nil {
			t.Errorf("on a new box: %v", err)
		}
		for range 2 { // the first try may have failed
			if _, err := m.verbSetupBegin(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, m)
	})
	for name, policy := range map[string]string{"set up before this start": `{"set_up":true}`, "nobody knows": `{"set_`} {
		t.Run(name, func(t *testing.T) { refused(t, machine(t, policy)) })
	}
	t.Run("made anew", func(t *testing.T) {
		m := machine(t, `{"set_up":false}`)
		if err := m.mayRenew(); err != nil {
			t.Errorf("on a box that is not set up: %v", err)
		}
		m.safe.renewing = true
		if refusal, ok := errors.AsType[*control.Error](errOf(m.verbSetupBegin(t.Context(), nil))); !ok || refusal.Code != control.CodeInvalid {
			t.Errorf("a set-up that begins then: %v", refusal)
		}
	})
	t.Run("no disk", func(t *testing.T) {
		m := machine(t, "")
		m.boxFS = nil
		if err := m.mayRenew(); !errors.Is(err, errNoData) {
			t.Errorf("without a disk: %v", err)
		}
	})
}

func errOf(_ any, err error) error { return err }
