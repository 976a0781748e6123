package tlscert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// maxFile is many times the size of a key with a certificate of maxSubjects.
const maxFile = 64 << 10

// errPair says that a file doesn't hold a key with its certificate.
var errPair = errors.New("not a key with its certificate")

// readPair reads a key with its certificate. Errors are fs.ErrNotExist, errPair,
// or the disk's.
func readPair(fsys durable.FS, name string) (*tls.Certificate, error) {
	data, err := durable.ReadFile(fsys, name, maxFile)
	if errors.Is(err, durable.ErrTooLarge) {
		return nil, fmt.Errorf("%s: %w", name, errPair)
	}
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, errPair, err)
	}
	if _, ok := pair.PrivateKey.(*ecdsa.PrivateKey); !ok || len(pair.Certificate) != 1 {
		return nil, fmt.Errorf("%s: %w: not one that this box has made", name, errPair)
	}
	return &pair, nil
}

// writePair makes a key with its certificate durable, in one step.
func writePair(fsys durable.FS, name string, pair *tls.Certificate) error {
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return fmt.Errorf("tlscert: write %s: %w", name, err)
	}
	var file bytes.Buffer
	for _, block := range []pem.Block{{Type: "PRIVATE KEY", Bytes: key}, {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}} {
		if err := pem.Encode(&file, &block); err != nil {
			return fmt.Errorf("tlscert: write %s: %w", name, err)
		}
	}
	if err := durable.ReplaceBytes(fsys, name, 0o600, file.Bytes()); err != nil {
		return fmt.Errorf("tlscert: write %s: %w", name, err)
	}
	return nil
}
