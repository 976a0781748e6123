package tlscert

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Bounds of what is taken from elsewhere.
const (
	// MaxText is the most that an uploaded certificate, or its key, may have.
	MaxText = maxFile / 4
	// maxChain is many times what chains have: a handshake carries them all.
	maxChain = 10
	// minRSA is what the world's authorities and crypto/tls ask for.
	minRSA = 2048
)

// The fields that a *mail.RuleError of Accept names.
const (
	fieldCertificate = "certificate"
	fieldKey         = "key"
)

func refuse(field, format string, args ...any) error {
	return &mail.RuleError{Field: field, Text: fmt.Sprintf(format, args...)}
}

// Accept reads a certificate with its chain and its key, PEM both, as somebody has
// uploaded them; the key may stand with the certificate. What is wrong with them it says
// in a *mail.RuleError: a key that isn't the certificate's, names that lack the box's,
// an end that has passed, a chain that breaks. The order of the chain is mended.
func (c *Certificates) Accept(chain, key []byte) (*Public, error) {
	certs, err := parseChain(append(slices.Clone(chain), '\n'))
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(key)) == 0 {
		key = chain
	}
	private, err := parseKey(key)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(certs, func(cert *x509.Certificate) bool { return isKeyOf(private, cert) })
	if i < 0 {
		return nil, refuse(fieldKey, "This key does not belong to the certificate. Take the one that was made together with the request for it")
	}
	leaf := certs[i]
	if err := c.checkLeaf(leaf); err != nil {
		return nil, err
	}
	pair := &tls.Certificate{PrivateKey: private, Leaf: leaf}
	for _, cert := range inOrder(leaf, slices.Delete(certs, i, i+1)) {
		if now := c.clock(); cert != leaf && !suits(cert, now, 0) {
			return nil, refuse(fieldCertificate, "The certificate of %s, which is in the chain, is not valid today. Get the chain anew from whoever has issued the certificate", nameOf(cert))
		}
		pair.Certificate = append(pair.Certificate, cert.Raw)
	}
	return &Public{pair}, nil
}

// checkLeaf says whether the box can show a certificate.
func (c *Certificates) checkLeaf(leaf *x509.Certificate) error {
	const date = "2 January 2006"
	now := c.clock()
	c.mu.Lock()
	names := c.identity.Names
	c.mu.Unlock()
	switch {
	case leaf.IsCA:
		return refuse(fieldCertificate, "This is the certificate of an authority, not one for a server")
	case now.After(leaf.NotAfter):
		return refuse(fieldCertificate, "This certificate has ended on %s. Get a newer one", leaf.NotAfter.Format(date))
	case now.Before(leaf.NotBefore):
		return refuse(fieldCertificate, "This certificate begins on %s only. Look whether the box's date is right, or upload it then", leaf.NotBefore.Format(date))
	case len(leaf.ExtKeyUsage) > 0 && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny):
		return refuse(fieldCertificate, "This certificate is not for a server: its issuer has made it for something else")
	case len(names) > 0 && leaf.VerifyHostname(names[0]) != nil:
		return refuse(fieldCertificate, "This certificate is for %s, not for %s, the box's name", namesOf(leaf), names[0])
	}
	return nil
}

func namesOf(cert *x509.Certificate) string {
	const shown = 5
	names := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name at all"
	}
	if len(names) > shown {
		names = append(names[:shown], "others")
	}
	return strings.Join(names, ", ")
}

func nameOf(cert *x509.Certificate) string {
	if cert.Subject.CommonName != "" {
		return cert.Subject.CommonName
	}
	return cert.Subject.String()
}

// parseChain reads all certificates of a text, at most maxChain.
func parseChain(text []byte) ([]*x509.Certificate, error) {
	if len(text) > MaxText {
		return nil, refuse(fieldCertificate, "This file is too large for a certificate with its chain")
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, &mail.RuleError{Field: fieldCertificate, Text: "A certificate in this file is damaged", Err: err}
		}
		if slices.ContainsFunc(certs, cert.Equal) {
			continue
		}
		if certs = append(certs, cert); len(certs) > maxChain {
			return nil, refuse(fieldCertificate, "There are more than %d certificates in this file. It should have the box's and those of its chain only", maxChain)
		}
	}
	if len(certs) == 0 {
		return nil, refuse(fieldCertificate, "There is no certificate in this file. It is a text that begins with -----BEGIN CERTIFICATE-----")
	}
	return certs, nil
}

// parseKey reads the first private key of a text.
func parseKey(text []byte) (crypto.Signer, error) {
	if len(text) > MaxText {
		return nil, refuse(fieldKey, "This file is too large for a key")
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return nil, refuse(fieldKey, "This key is protected by a passphrase. Take that off first: openssl pkey -in key.pem -out plain.pem")
		}
		return readKey(block.Bytes)
	}
	return nil, refuse(fieldKey, "There is no private key in this file. It is a text that begins with -----BEGIN PRIVATE KEY-----")
}

// readKey reads a key in any of the three forms that programs write.
func readKey(der []byte) (crypto.Signer, error) {
	var key any
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		var others [2]error
		if key, others[0] = x509.ParseECPrivateKey(der); others[0] != nil {
			if key, others[1] = x509.ParsePKCS1PrivateKey(der); others[1] != nil {
				return nil, &mail.RuleError{Field: fieldKey, Text: "This private key is damaged", Err: errors.Join(err, others[0], others[1])}
			}
		}
	}
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		return key, nil
	case *rsa.PrivateKey:
		if key.N.BitLen() < minRSA {
			return nil, refuse(fieldKey, "This RSA key has %d bits only; programs ask for %d at least. Get a certificate for a longer key", key.N.BitLen(), minRSA)
		}
		return key, nil
	}
	// Ed25519 among them: no authority signs for it, and few mail programs know it.
	return nil, refuse(fieldKey, "Mail programs don't know this kind of key. Get a certificate for one of kind RSA or ECDSA")
}

func isKeyOf(key crypto.Signer, cert *x509.Certificate) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(cert.PublicKey)
}

// inOrder is the chain as TLS wants it (RFC 8446 §4.4.2): each signed by the next. What
// doesn't belong in it is left out, and so is the authority at its end, which the other
// side has or doesn't believe anyway.
func inOrder(leaf *x509.Certificate, others []*x509.Certificate) []*x509.Certificate {
	chain := []*x509.Certificate{leaf}
	for last := leaf; ; {
		i := slices.IndexFunc(others, func(cert *x509.Certificate) bool {
			return bytes.Equal(last.RawIssuer, cert.RawSubject) && last.CheckSignatureFrom(cert) == nil
		})
		if i < 0 || bytes.Equal(others[i].RawIssuer, others[i].RawSubject) {
			return chain
		}
		last = others[i]
		chain = append(chain, last)
		others = slices.Delete(others, i, i+1)
	}
}
