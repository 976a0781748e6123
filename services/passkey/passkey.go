// Package passkey checks passkeys (WebAuthn level 2): that one has been made for these
// pages, and that whoever signs in has it.
//
// What comes in: what a browser's navigator.credentials gives, taken to be hostile, and
// the challenge that it was asked with. What goes out: the credential to keep
// ([Register]), or the signature counter after a log-in ([Check]).
//
// Both want the user verified (a PIN, a finger): a passkey then stands for both factors.
// Of attestation nothing is asked and nothing believed: an office doesn't choose its
// people's devices. Signatures are ES256, EdDSA (Ed25519) and RS256, which is what
// devices make. Tokens are bound by name ([Site]); a browser gives none for an IP address.
//
// Nothing here keeps anything or waits; every function may be called from any goroutine.
// Standards: W3C Web Authentication Level 2, RFC 8949 (CBOR, definite lengths only, as
// CTAP2 has it), RFC 9053 (COSE keys).
package passkey

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// Bounds of what a browser sends; real ones are a tenth of it.
const (
	// MaxID is of a credential's identifier (WebAuthn §4).
	MaxID = 1023
	// MaxKey is of a public key as COSE writes it: 4096 bits of RSA are 530 bytes.
	MaxKey    = 1024
	maxClient = 4 << 10
	// maxObject is of an attestation object, of which statements with certificates are most.
	maxObject = 32 << 10
)

var (
	// ErrMalformed: it is not what a browser gives.
	ErrMalformed = errors.New("passkey: that is not what a browser gives for a passkey")
	// ErrWrong: it is for another site or challenge, nobody was verified, or the signature is wrong.
	ErrWrong = errors.New("passkey: it does not prove what it should")
	// ErrCopied: the counter went backwards: there may be a copy of the key.
	ErrCopied = errors.New("passkey: its counter went backwards")
)

// Site is where passkeys are good.
type Site struct {
	Host   string // the relying party's ID: a host name
	Origin string // what the browser calls the page's origin, such as https://mail.example.com
}

// Credential is what is kept of a passkey.
type Credential struct {
	ID    []byte
	Key   []byte // public, as COSE writes it
	Count uint32 // signature counter; 0 for ever where the device has none
}

// Register checks what navigator.credentials.create has given for a challenge.
func Register(site Site, challenge, clientData, object []byte) (Credential, error) {
	if err := site.client("webauthn.create", challenge, clientData); err != nil {
		return Credential{}, err
	}
	if len(object) > maxObject {
		return Credential{}, ErrMalformed
	}
	data, err := authData(object)
	if err != nil {
		return Credential{}, err
	}
	a, err := readAuthenticator(data)
	if err != nil {
		return Credential{}, err
	}
	if err := a.good(site); err != nil {
		return Credential{}, err
	}
	if a.id == nil {
		return Credential{}, ErrMalformed
	}
	if _, err := readKey(a.key); err != nil {
		return Credential{}, err
	}
	return Credential{ID: bytes.Clone(a.id), Key: bytes.Clone(a.key), Count: a.count}, nil
}

// Check checks what navigator.credentials.get has given for a challenge, and gives the
// counter to keep.
func Check(site Site, challenge []byte, c Credential, clientData, data, signature []byte) (count uint32, err error) {
	if err := site.client("webauthn.get", challenge, clientData); err != nil {
		return 0, err
	}
	if len(data) > maxObject {
		return 0, ErrMalformed
	}
	a, err := readAuthenticator(data)
	if err != nil {
		return 0, err
	}
	if err := a.good(site); err != nil {
		return 0, err
	}
	key, err := readKey(c.Key)
	if err != nil {
		return 0, err
	}
	sum := sha256.Sum256(clientData)
	if !key.verifies(append(bytes.Clone(data), sum[:]...), signature) {
		return 0, ErrWrong
	}
	if (a.count != 0 || c.Count != 0) && a.count <= c.Count { // §6.1.1
		return 0, ErrCopied
	}
	return a.count, nil
}

// client checks the client data (§7.1, §7.2).
func (s Site) client(kind string, challenge, clientData []byte) error {
	var c struct {
		Type        string `json:"type"`
		Challenge   string `json:"challenge"`
		Origin      string `json:"origin"`
		CrossOrigin bool   `json:"crossOrigin"`
	}
	if len(clientData) > maxClient || json.Unmarshal(clientData, &c) != nil {
		return ErrMalformed
	}
	got, err := base64.RawURLEncoding.DecodeString(c.Challenge)
	switch {
	case err != nil:
		return ErrMalformed
	case c.Type != kind || c.Origin != s.Origin || c.CrossOrigin || subtle.ConstantTimeCompare(got, challenge) != 1 || len(challenge) == 0:
		return ErrWrong
	}
	return nil
}

// The flags of authenticator data (§6.1).
const (
	flagPresent    = 0x01
	flagVerified   = 0x04
	flagCredential = 0x40
)

// authenticator is authenticator data.
type authenticator struct {
	site  []byte // SHA-256 of the relying party's ID
	flags byte
	count uint32
	id    []byte // of a credential; nil: there is none
	key   []byte
}

// readAuthenticator reads it; what stands behind (extensions) is left out.
func readAuthenticator(data []byte) (a authenticator, err error) {
	const fixed, aaguid = sha256.Size + 1 + 4, 16
	if len(data) < fixed {
		return a, ErrMalformed
	}
	a.site, a.flags, a.count = data[:sha256.Size], data[sha256.Size], binary.BigEndian.Uint32(data[sha256.Size+1:])
	rest := data[fixed:]
	if a.flags&flagCredential == 0 {
		return a, nil
	}
	if len(rest) < aaguid+2 {
		return a, ErrMalformed
	}
	n := int(binary.BigEndian.Uint16(rest[aaguid:]))
	rest = rest[aaguid+2:]
	if n == 0 || n > MaxID || n > len(rest) {
		return a, ErrMalformed
	}
	a.id, rest = rest[:n], rest[n:]
	r := &reader{data: rest}
	if err := r.skip(0); err != nil {
		return a, err
	}
	a.key = rest[:r.at]
	if len(a.key) > MaxKey {
		return a, ErrMalformed
	}
	return a, nil
}

// good says whether it is for the site, of somebody who was there and verified.
func (a authenticator) good(s Site) error {
	want := sha256.Sum256([]byte(s.Host))
	if subtle.ConstantTimeCompare(a.site, want[:]) != 1 || a.flags&flagPresent == 0 || a.flags&flagVerified == 0 {
		return ErrWrong
	}
	return nil
}

// authData finds the authenticator data in an attestation object (§6.5).
func authData(object []byte) (data []byte, err error) {
	r := &reader{data: object}
	n, err := r.head(majorMap)
	if err != nil {
		return nil, err
	}
	for range n {
		name, err := r.text()
		if err != nil {
			return nil, err
		}
		if name != "authData" {
			err = r.skip(0)
		} else if data == nil {
			data, err = r.bytes()
		} else {
			err = ErrMalformed
		}
		if err != nil {
			return nil, fmt.Errorf("attestation object: %w", err)
		}
	}
	if data == nil || r.at != len(object) {
		return nil, ErrMalformed
	}
	return data, nil
}
