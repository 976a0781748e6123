package secureboot_test

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/secureboot"
)

// loader is a program to sign, from Debian's package systemd-boot-efi.
const loader = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi"

func need(t *testing.T, what ...string) {
	t.Helper()
	for _, w := range what {
		if _, err := os.Stat(w); err == nil {
			continue
		}
		if _, err := exec.LookPath(w); err == nil {
			continue
		}
		if os.Getenv("SANDUK_SYSTEM") == "1" {
			t.Fatalf("%s is missing (scripts/deps test)", w)
		}
		t.Skipf("SKIPPED: %s is missing (scripts/deps test)", w)
	}
}

func key(t *testing.T) secureboot.Key {
	t.Helper()
	k, err := secureboot.MakeKey(t.TempDir(), "test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestSign has sbverify say whose signature a program has.
func TestSign(t *testing.T) {
	t.Parallel()
	need(t, "sbsign", "sbverify", loader)
	program, err := os.ReadFile(loader)
	if err != nil {
		t.Fatal(err)
	}
	own, other := key(t), key(t)
	signed, err := own.Sign(t.Context(), program)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pe.NewFile(bytes.NewReader(signed)); err != nil {
		t.Errorf("signed, it is no program any more: %v", err)
	}
	file := filepath.Join(t.TempDir(), "signed.efi")
	if err := os.WriteFile(file, signed, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("sbverify", "--cert", own.Certificate, file).CombinedOutput(); err != nil {
		t.Errorf("sbverify with our certificate: %v\n%s", err, out)
	}
	if out, err := exec.Command("sbverify", "--cert", other.Certificate, file).CombinedOutput(); err == nil {
		t.Errorf("sbverify takes it for another's: %s", out)
	}
	if _, err := own.Sign(t.Context(), []byte("no program")); err == nil {
		t.Error("something that is no program was signed")
	}
}

// TestEnrol reads the files as UEFI 2.10 §8.2.2 has them: EFI_VARIABLE_AUTHENTICATION_2, then a list with one X.509
// certificate.
func TestEnrol(t *testing.T) {
	t.Parallel()
	need(t, "sbsiglist", "sbvarsign")
	k := key(t)
	der, err := k.Check()
	if err != nil {
		t.Fatal(err)
	}
	files, err := k.Enrol(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 4 || !bytes.Equal(files[secureboot.Certificate], der) {
		t.Errorf("%d files, want 4, and the certificate as it is among them", len(files))
	}
	const timeSize = 16
	for _, name := range []string{secureboot.PK, secureboot.KEK, secureboot.DB} {
		f := files[name]
		if len(f) < timeSize+4 {
			t.Errorf("%s has %d bytes", name, len(f))
			continue
		}
		at := timeSize + int(binary.LittleEndian.Uint32(f[timeSize:])) // behind the signature
		const header = 16 + 3*4 + 16                                   // type, sizes, owner
		if at+header > len(f) || !bytes.Equal(f[at+header:], der) {
			t.Errorf("%s doesn't end with a list of our certificate and nothing else", name)
		}
	}
}

// TestKeyStays makes a key where there is one.
func TestKeyStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k, err := secureboot.MakeKey(dir, "first", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	before, err := k.Check()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := secureboot.MakeKey(dir, "second", time.Now()); err == nil {
		t.Error("a second key took the first one's place")
	}
	if after, err := k.Check(); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the first key is not what it was (%v)", err)
	}
	if info, err := os.Stat(k.Secret); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the private key's mode is %v (%v), want 0600", info.Mode(), err)
	}
}

// TestCheck refuses a certificate of another key.
func TestCheck(t *testing.T) {
	t.Parallel()
	a, b := key(t), key(t)
	if _, err := (secureboot.Key{Secret: a.Secret, Certificate: b.Certificate}).Check(); err == nil {
		t.Error("a key was taken with another's certificate")
	}
}
