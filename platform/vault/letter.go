package vault

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// Key is what encrypts the directories: the kernel derives a key for each file from it.
type Key [unix.FSCRYPT_MAX_KEY_SIZE]byte

// NewKey makes one.
func NewKey() (k Key) {
	_, _ = rand.Read(k[:]) // never fails (crypto/rand)
	return k
}

// format is the letter's; a letter of another is refused.
const format = 1

// maxLetter bounds the letter's file, in bytes: one with everything has two thousand.
const maxLetter = 16 << 10

// Letter is a key as it stands on the disk.
type Letter struct {
	Format int    `json:"format"`
	Cipher Cipher `json:"cipher"`
	// Phrase and TPM are the key, sealed by either; one of them at least is there.
	Phrase *Sealed    `json:"phrase,omitempty"`
	TPM    *TPMSealed `json:"tpm,omitempty"`
	// Plain says that nothing is encrypted, because somebody has chosen so; then nothing is sealed here.
	Plain bool `json:"plain,omitempty"`
	// Begun says that the directories may not all be encrypted yet.
	Begun bool `json:"begun,omitempty"`
	// Sum is the SHA-256 of all the rest, in hexadecimal digits: half a letter and half of another are none.
	Sum string `json:"sum"`
}

// encode returns the letter as it is written, with its sum.
func (l Letter) encode() ([]byte, error) {
	l.Format, l.Sum = format, ""
	raw, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	l.Sum = hex.EncodeToString(sum[:])
	return json.MarshalIndent(l, "", "  ")
}

// ErrDamaged is for a letter that can't be read, or whose key is not the one of the directories.
var ErrDamaged = errors.New("the file with the sealed key is damaged")

// Parse reads a letter.
func Parse(raw []byte) (Letter, error) {
	if len(raw) > maxLetter {
		return Letter{}, fmt.Errorf("vault: %w: more than %d bytes", ErrDamaged, maxLetter)
	}
	var l Letter
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return Letter{}, fmt.Errorf("vault: %w: %w", ErrDamaged, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Letter{}, fmt.Errorf("vault: %w: something follows it", ErrDamaged)
	}
	switch {
	case l.Format != format:
		return Letter{}, fmt.Errorf("vault: format %d; this version knows %d", l.Format, format)
	case l.Plain && l.Phrase == nil && l.TPM == nil:
		// no key, no cipher
	case l.Plain:
		return Letter{}, fmt.Errorf("vault: %w: it has a key, and none is to be", ErrDamaged)
	case !l.Cipher.known():
		return Letter{}, fmt.Errorf("vault: cipher %q is not known to this version", l.Cipher)
	case l.Phrase == nil && l.TPM == nil:
		return Letter{}, fmt.Errorf("vault: %w: nothing sealed is in it", ErrDamaged)
	}
	again, err := l.encode()
	if err != nil {
		return Letter{}, err
	}
	if !bytes.Contains(again, []byte(`"sum": "`+l.Sum+`"`)) {
		return Letter{}, fmt.Errorf("vault: %w: its sum is another", ErrDamaged)
	}
	return l, nil
}

// Read reads the letter in a file. Its error is fs.ErrNotExist where there is none.
func Read(fsys durable.FS, name string) (Letter, error) {
	raw, err := durable.ReadFile(fsys, name, maxLetter+1)
	if err != nil {
		return Letter{}, err
	}
	return Parse(raw)
}

// fileSize is what a letter takes on the disk, in bytes, the rest being spaces.
const fileSize = 8 << 10

// Write puts the letter into a file, in place of the one that stands there: a new file beside it would leave the old
// one's bytes somewhere on the disk, and with them what opened it. It is durable on return. A cut on the way can leave a
// file that is neither: there should be two, written one after the other.
func (l Letter) Write(fsys durable.FS, name string) error {
	raw, err := l.encode()
	if err != nil {
		return err
	}
	if len(raw) > fileSize {
		return fmt.Errorf("vault: the letter has %d bytes", len(raw))
	}
	raw = append(raw, bytes.Repeat([]byte(" "), fileSize-len(raw))...)
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(raw, 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("vault: write %s: %w", name, err)
	}
	return fsys.SyncDir(".") // the file may be new
}
