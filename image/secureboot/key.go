package secureboot

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// keyBits is what all firmware understands: UEFI 2.10 §32.4.1 asks for RSA with 2048 bits, and much of it has no more.
const keyBits = 2048

// keyLife is long: firmware doesn't look at the time, and a box whose key "ran out" would be one that can't be updated.
const keyLife = 30 * 365 * 24 * time.Hour

// Key is who signs: files in PEM.
type Key struct {
	Secret      string // private key, without a password
	Certificate string
}

// Files of MakeKey.
const (
	secretFile      = "secureboot.key.pem"
	certificateFile = "secureboot.cert.pem"
)

// MakeKey makes a key in a directory. One that is there already stays, and is an error: machines that know only its
// certificate would start nothing that another signed.
func MakeKey(dir, name string, now time.Time) (Key, error) {
	k := Key{Secret: filepath.Join(dir, secretFile), Certificate: filepath.Join(dir, certificateFile)}
	secret, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return k, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return k, err
	}
	certificate, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now, NotAfter: now.Add(keyLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		BasicConstraintsValid: true,
	}, &x509.Certificate{Subject: pkix.Name{CommonName: name}}, secret.Public(), secret)
	if err != nil {
		return k, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		return k, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return k, err
	}
	if err := writePEM(k.Secret, "PRIVATE KEY", der, 0o600); err != nil {
		return k, err
	}
	return k, writePEM(k.Certificate, "CERTIFICATE", certificate, 0o644)
}

func writePEM(name, kind string, der []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	return errors.Join(pem.Encode(f, &pem.Block{Type: kind, Bytes: der}), f.Sync(), f.Close())
}

// Check says whether the files are a key that firmware understands, and its certificate. What it returns is the
// certificate in DER.
func (k Key) Check() ([]byte, error) {
	pair, err := tls.LoadX509KeyPair(k.Certificate, k.Secret)
	if err != nil {
		return nil, fmt.Errorf("secure boot key: %w", err)
	}
	public, ok := pair.Leaf.PublicKey.(*rsa.PublicKey)
	if !ok || public.N.BitLen() < keyBits {
		return nil, fmt.Errorf("secure boot key: %s: want RSA with %d bits or more: firmware understands nothing else", k.Secret, keyBits)
	}
	return pair.Leaf.Raw, nil
}
