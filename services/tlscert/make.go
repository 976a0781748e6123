package tlscert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"time"
)

const day = 24 * time.Hour

// How long certificates live, and how long before their end they are made anew.
const (
	caLife = 10 * 365 * day
	// The next authority has the same key and name, so that what was signed under
	// one is good under the other; two years are for people to install it.
	caRenewal   = 2 * 365 * day
	leafLife    = 397 * day
	leafRenewal = 30 * day
	// backdate lets in clients whose clocks are behind.
	backdate = 2 * day
)

// suits reports whether the certificate is valid at now and for long enough after.
func suits(cert *x509.Certificate, now time.Time, renewal time.Duration) bool {
	return !now.Before(cert.NotBefore) && now.Add(renewal).Before(cert.NotAfter)
}

// makeCA makes the authority; old is the one to follow, nil for the first.
func makeCA(old *tls.Certificate, now time.Time) (*tls.Certificate, error) {
	var key *ecdsa.PrivateKey
	if old != nil {
		key, _ = old.PrivateKey.(*ecdsa.PrivateKey)
	}
	if key == nil {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, fmt.Errorf("tlscert: make authority: %w", err)
		}
	}
	id, err := keyID(&key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("tlscert: make authority: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		// Two boxes' authorities can stand in one list of a computer: the name
		// tells them apart.
		Subject:               pkix.Name{CommonName: fmt.Sprintf("Sanduk mail box CA %x-%x", id[:2], id[2:4])},
		SubjectKeyId:          id,
		NotBefore:             now.Add(-backdate).Truncate(time.Second),
		NotAfter:              now.Add(caLife).Truncate(time.Second),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	return sign(template, template, key, key)
}

// makeLeaf makes the box's certificate, with a new key.
func makeLeaf(ca *tls.Certificate, id Identity, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("tlscert: make certificate: %w", err)
	}
	caKey, ok := ca.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("tlscert: make certificate: the authority's key is a %T", ca.PrivateKey)
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		DNSNames:     id.Names,
		NotBefore:    now.Add(-backdate).Truncate(time.Second),
		// RFC 5280 §4.1.2.5 counts the last second in, so one less makes 397 days.
		NotAfter:              now.Add(leafLife - backdate - time.Second).Truncate(time.Second),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if template.NotAfter.After(ca.Leaf.NotAfter) {
		template.NotAfter = ca.Leaf.NotAfter
	}
	// Clients go by the names above; this is what lists and dialogues show.
	const maxCommonName = 64 // RFC 5280 appendix A.1, ub-common-name
	if len(id.Names) > 0 && len(id.Names[0]) <= maxCommonName {
		template.Subject.CommonName = id.Names[0]
	}
	for _, addr := range id.Addresses {
		template.IPAddresses = append(template.IPAddresses, net.IP(addr.AsSlice()))
	}
	return sign(template, ca.Leaf, key, caKey)
}

func sign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) (*tls.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, fmt.Errorf("tlscert: sign certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("tlscert: read new certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: cert}, nil
}

// coveredBy reports whether a certificate is for this identity: its very names,
// and at least its addresses. One that was and is no longer does no harm, while a
// new certificate makes every program that has noted the old one ask its owner
// again: a box that starts before its address has come must not change twice.
func (id Identity) coveredBy(cert *x509.Certificate) bool {
	for _, addr := range id.Addresses {
		if !slices.ContainsFunc(cert.IPAddresses, func(ip net.IP) bool {
			got, ok := netip.AddrFromSlice(ip)
			return ok && got.Unmap() == addr
		}) {
			return false
		}
	}
	return slices.Equal(cert.DNSNames, id.Names)
}

// serial is random, 127 bits: RFC 5280 §4.1.2.2 allows 20 octets and wants a
// positive number.
func serial() *big.Int {
	var b [16]byte
	rand.Read(b[:])
	b[0] = b[0]&0x7f | 1
	return new(big.Int).SetBytes(b[:])
}

// keyID is RFC 7093 §2 method 1: SHA-256 of the key, cut to 160 bits.
func keyID(key *ecdsa.PublicKey) ([]byte, error) {
	raw, err := key.Bytes()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	return sum[:20], nil
}
