package auth

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// KeyFile is where the box key is kept, relative to the data directory: apart
// from the directory's database and log, so that a backup or copy of those alone
// is no use to anyone who wants passwords.
const KeyFile = "private/box.key"

// keyMagic begins a key file; its last byte is the format's version.
const keyMagic = "SANDUKK\x01"

const keySize = 32

// Key is the box key. It is only read after it was made; use it everywhere.
type Key struct {
	seal cipher.AEAD
	fake [keySize]byte // from which unknown accounts get what known ones have
	root [keySize]byte // from which other packages' keys are derived
}

// OpenKey reads the key from the file name of fsys. The error wraps
// fs.ErrNotExist when there is none: on a box that has accounts this is a lost
// key, after which every password must be set anew, so no other key is made
// quietly. A file that is no key is ErrKey.
func OpenKey(fsys durable.FS, name string) (*Key, error) {
	data, err := durable.ReadFile(fsys, name, int64(len(keyMagic)+keySize+sha256.Size))
	if errors.Is(err, durable.ErrTooLarge) {
		return nil, fmt.Errorf("auth: open key %s: %w", name, ErrKey)
	}
	if err != nil {
		return nil, fmt.Errorf("auth: open key: %w", err)
	}
	secret, found := bytes.CutPrefix(data, []byte(keyMagic))
	if !found || len(secret) != keySize+sha256.Size {
		return nil, fmt.Errorf("auth: open key %s: %w", name, ErrKey)
	}
	if sum := sha256.Sum256(data[:len(keyMagic)+keySize]); !bytes.Equal(sum[:], secret[keySize:]) {
		return nil, fmt.Errorf("auth: open key %s: it is damaged: %w", name, ErrKey)
	}
	return newKey(secret[:keySize])
}

// CreateKey opens the key, or makes one when there is none: for a box that has
// no accounts yet. A new key is durable, and only its owner can read it.
func CreateKey(fsys durable.FS, name string) (*Key, error) {
	key, err := OpenKey(fsys, name)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	data := make([]byte, len(keyMagic)+keySize, len(keyMagic)+keySize+sha256.Size)
	copy(data, keyMagic)
	rand.Read(data[len(keyMagic):])
	sum := sha256.Sum256(data)
	if err := durable.MkdirAllSync(fsys, path.Dir(name), 0o700); err != nil {
		return nil, fmt.Errorf("auth: create key: %w", err)
	}
	if err := durable.ReplaceBytes(fsys, name, 0o600, append(data, sum[:]...)); err != nil {
		return nil, fmt.Errorf("auth: create key: %w", err)
	}
	return newKey(data[len(keyMagic):])
}

// newKey derives one key for each purpose, so that none can stand in for another.
func newKey(secret []byte) (*Key, error) {
	sealing, err := hkdf.Key(sha256.New, secret, nil, "sanduk credential record", chacha20poly1305.KeySize)
	if err != nil {
		return nil, fmt.Errorf("auth: derive key: %w", err)
	}
	fake, err := hkdf.Key(sha256.New, secret, nil, "sanduk unknown account", keySize)
	if err != nil {
		return nil, fmt.Errorf("auth: derive key: %w", err)
	}
	root, err := hkdf.Key(sha256.New, secret, nil, "sanduk derived keys", keySize)
	if err != nil {
		return nil, fmt.Errorf("auth: derive key: %w", err)
	}
	aead, err := chacha20poly1305.NewX(sealing)
	if err != nil {
		return nil, fmt.Errorf("auth: derive key: %w", err)
	}
	return &Key{seal: aead, fake: [keySize]byte(fake), root: [keySize]byte(root)}, nil
}

// Derive gives a key of 32 bytes for one purpose of another package's: always the
// same on this box, another on every other, and no way back to the box key.
func (k *Key) Derive(purpose string) []byte {
	mac := hmac.New(sha256.New, k.root[:])
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}
