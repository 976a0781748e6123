package boot

import (
	"crypto/sha512"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// The seed carries the kernel's randomness over a restart. Without it, a
// machine whose processor has no generator of its own collects noise for a
// second or more before the first key or TLS handshake is possible.

// seedSize in bytes: the kernel's pool holds 256 bits; this is the output of
// the hash that mixes it.
const seedSize = sha512.Size

// seedRandom replaces the seed on the disk by a new one, and only when that is
// durable gives the old one to the kernel as entropy: one seed must never be
// counted twice, not even after a power cut.
func (m *Machine) seedRandom() error {
	old, err := durable.ReadFile(m.boxFS, seedFile, seedSize)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fresh := make([]byte, seedSize)
	// Insecure only means "do not wait": with the old seed mixed in, the new one
	// is at least as good as that was.
	if _, err := unix.Getrandom(fresh, unix.GRND_INSECURE); err != nil {
		return fmt.Errorf("random seed: %w", err)
	}
	next := nextSeed(old, fresh)
	if err := durable.ReplaceBytes(m.boxFS, seedFile, 0o600, next); err != nil {
		return err
	}
	if len(old) != seedSize {
		return nil // the first start: nothing to give
	}
	return addEntropy(old)
}

// nextSeed mixes the old seed and fresh bytes; neither can be found from it.
func nextSeed(old, fresh []byte) []byte {
	h := sha512.New()
	h.Write([]byte("sanduk random seed v1"))
	h.Write(old)
	h.Write(fresh)
	return h.Sum(nil)
}

// entropyBits is what a seed is counted for: all the pool can hold.
const entropyBits = 256

// randPoolInfo is the kernel's struct rand_pool_info with room for a seed.
type randPoolInfo struct {
	bits, size int32
	data       [seedSize]byte
}

// addEntropy gives seed to the kernel and has it counted (RNDADDENTROPY).
func addEntropy(seed []byte) error {
	f, err := os.OpenFile("/dev/urandom", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing is written through it
	info := randPoolInfo{bits: entropyBits, size: seedSize}
	copy(info.data[:], seed)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.RNDADDENTROPY, uintptr(unsafe.Pointer(&info)))
	if errno != 0 {
		return fmt.Errorf("random seed: add entropy: %w", errno)
	}
	return nil
}
