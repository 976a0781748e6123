package issuance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// File is where all is kept, relative to the data directory.
const File = "private/acme"

const (
	fileVersion = 1
	maxFile     = 64 << 10
)

// kept is the file.
type kept struct {
	Settings   Settings  `json:"settings"`
	AccountKey []byte    `json:"account_key,omitempty"` // PKCS #8
	Key        []byte    `json:"key,omitempty"`         // of the certificate, PKCS #8
	Order      string    `json:"order,omitempty"`       // its address; it waits for a record
	Proofs     []Proof   `json:"proofs,omitempty"`      // that record
	Issued     []byte    `json:"issued,omitempty"`      // SHA-256 of the last certificate
	Failures   int       `json:"failures,omitempty"`    // since it went well
	Next       time.Time `json:"next,omitzero"`         // not tried before
	Tried      time.Time `json:"tried,omitzero"`
	Problem    string    `json:"problem,omitempty"`
}

func (i *Issuance) read() error {
	data, err := durable.ReadFile(i.o.FS, File, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil && !errors.Is(err, durable.ErrTooLarge):
		return fmt.Errorf("issuance: read: %w", err)
	}
	if len(data) > 0 && data[0] == fileVersion && json.Unmarshal(data[1:], &i.k) == nil {
		return nil
	}
	i.k = kept{}
	i.o.Log.Error("what is known of the certificate's authority is damaged: turn it on again")
	if err := i.o.FS.Rename(File, File+".damaged"); err != nil {
		return fmt.Errorf("issuance: set the damaged file aside: %w", err)
	}
	return nil // durable with the next file's name, in the same directory
}

// change makes a change durable, then has it hold.
func (i *Issuance) change(do func(*kept)) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	k := i.k
	do(&k)
	text, err := json.Marshal(k)
	if err == nil {
		err = durable.ReplaceBytes(i.o.FS, File, 0o600, append([]byte{fileVersion}, text...))
	}
	if err != nil {
		return fmt.Errorf("issuance: keep: %w", err)
	}
	i.k = k
	return nil
}

func (i *Issuance) now() kept {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.k
}

// key reads a key, or makes one and has put keep it first.
func (i *Issuance) key(der []byte, put func(*kept, []byte)) (*ecdsa.PrivateKey, error) {
	if any, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if key, ok := any.(*ecdsa.PrivateKey); ok {
			return key, nil
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("issuance: make a key: %w", err)
	}
	if der, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, fmt.Errorf("issuance: make a key: %w", err)
	}
	return key, i.change(func(k *kept) { put(k, der) })
}
