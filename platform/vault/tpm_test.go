package vault

import (
	"crypto/sha256"
	"errors"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// software starts a TPM in software, whose memory is dir, and connects to it.
func software(t *testing.T, dir string) transport.TPM {
	t.Helper()
	name, err := exec.LookPath("swtpm")
	if err != nil {
		if os.Getenv("SANDUK_SYSTEM") == "1" {
			t.Fatal("swtpm is not installed (scripts/deps)")
		}
		t.Skip("SKIPPED: swtpm is not installed (scripts/deps)")
	}
	// A pair of sockets, of which the TPM has the other end: nothing to wait for.
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: file(t, "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c, err := net.Dial("unix", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := listener.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	end, err := far.File()
	if err != nil {
		t.Fatal(err)
	}
	_ = far.Close()
	cmd := exec.Command(name, "socket", "--tpm2", "--fd", "3", "--tpmstate", "dir="+dir, "--flags", "not-need-init,startup-clear")
	cmd.ExtraFiles = []*os.File{end}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = end.Close()
	t.Cleanup(func() {
		_ = c.Close() // the TPM ends when nobody is connected
		_ = cmd.Wait()
	})
	return transport.FromReadWriter(c)
}

func TestSealTPM(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tpm := software(t, dir)
	k := NewKey()
	s, err := SealTPM(tpm, k)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 { // nothing stays behind in the TPM, which has room for three objects
		if got, err := s.Open(tpm); err != nil || got != k {
			t.Fatalf("opened by its TPM: %v", err)
		}
	}
	t.Run("another TPM", func(t *testing.T) {
		if _, err := s.Open(software(t, t.TempDir())); !errors.Is(err, ErrTPM) {
			t.Errorf("opened by another TPM: %v", err)
		}
	})
	t.Run("damage", func(t *testing.T) {
		for _, part := range []*[]byte{&s.Public, &s.Private} {
			for i := 0; i < len(*part); i += 7 {
				(*part)[i] ^= 0x55
				if _, err := s.Open(tpm); !errors.Is(err, ErrTPM) && !errors.Is(err, ErrDamaged) {
					t.Errorf("with a damaged byte %d: %v", i, err)
				}
				(*part)[i] ^= 0x55
			}
		}
	})
	t.Run("other firmware settings", func(t *testing.T) {
		sum := sha256.Sum256([]byte("Secure Boot was switched off"))
		if _, err := (tpm2.PCRExtend{
			PCRHandle: tpm2.AuthHandle{Handle: tpm2.TPMHandle(securityPCR), Auth: tpm2.PasswordAuth(nil)},
			Digests:   tpm2.TPMLDigestValues{Digests: []tpm2.TPMTHA{{HashAlg: tpm2.TPMAlgSHA256, Digest: sum[:]}}},
		}).Execute(tpm); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(tpm); !errors.Is(err, ErrTPM) {
			t.Errorf("opened after other settings: %v", err)
		}
	})
}
