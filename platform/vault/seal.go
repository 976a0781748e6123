package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Sealed is a key that a phrase opens: AES-256-GCM under a key that HKDF (RFC 5869) makes of the phrase and the salt.
type Sealed struct {
	Salt []byte `json:"salt"`
	Box  []byte `json:"box"`
}

const (
	saltSize    = 16
	sealPurpose = "sanduk vault 1 phrase"
)

// ErrPhrase is for a phrase that is well-formed, and another.
var ErrPhrase = errors.New("this is not the recovery phrase of this box")

// SealPhrase seals a key by a phrase.
func SealPhrase(k Key, p Phrase) (*Sealed, error) {
	s := &Sealed{Salt: make([]byte, saltSize)}
	_, _ = rand.Read(s.Salt) // never fails (crypto/rand)
	box, err := s.cipher(p)
	if err != nil {
		return nil, err
	}
	// Salt and phrase together are used for this one message, so the nonce may be fixed.
	s.Box = box.Seal(nil, make([]byte, box.NonceSize()), k[:], nil)
	return s, nil
}

// Open gives the key back.
func (s *Sealed) Open(p Phrase) (k Key, err error) {
	box, err := s.cipher(p)
	if err != nil {
		return k, err
	}
	if len(s.Salt) != saltSize || len(s.Box) != len(k)+box.Overhead() {
		return k, fmt.Errorf("vault: %w", ErrDamaged)
	}
	raw, err := box.Open(nil, make([]byte, box.NonceSize()), s.Box, nil)
	if err != nil {
		return k, ErrPhrase
	}
	copy(k[:], raw)
	return k, nil
}

func (s *Sealed) cipher(p Phrase) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, p.secret(), s.Salt, sealPurpose, 32)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	return cipher.NewGCM(block)
}
