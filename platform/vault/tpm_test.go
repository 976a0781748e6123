package vault

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"net"
	"os"
	"os/exec"
	"slices"
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

// TestSealUnmeasured: a TPM whose firmware keeps no SHA-256 registers is given no key, since PCR 7 would guard nothing.
func TestSealUnmeasured(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	t.Run("old firmware", func(t *testing.T) { // it holds from the TPM's next start on
		allocate := tpm2.Marshal(tpm2.TPMLPCRSelection{PCRSelections: []tpm2.TPMSPCRSelection{
			{Hash: tpm2.TPMAlgSHA1, PCRSelect: []byte{0xff, 0xff, 0xff}},
			{Hash: tpm2.TPMAlgSHA256, PCRSelect: []byte{0, 0, 0}},
		}})
		// TPM2_PCR_Allocate by the platform, with an empty password (TCG TPM 2.0 Library, Part 3, §22.5).
		command := slices.Concat([]byte{0x80, 0x02, 0, 0, 0, byte(27 + len(allocate)), 0, 0, 0x01, 0x2b, 0x40, 0, 0, 0x0c,
			0, 0, 0, 9, 0x40, 0, 0, 0x09, 0, 0, 0, 0, 0}, allocate)
		if answer, err := software(t, dir).Send(command); err != nil || !bytes.Equal(answer[6:10], make([]byte, 4)) {
			t.Fatalf("no SHA-256 registers from the next start on: %x, %v", answer, err)
		}
	})
	tpm := software(t, dir)
	if s, err := SealTPM(tpm, NewKey()); !errors.Is(err, ErrUnmeasured) {
		t.Errorf("sealed (%v) by registers that are not there: %v", s != nil, err)
	}
}
