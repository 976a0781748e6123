package tlscert

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"strings"
)

// Fingerprint is the SHA-256 of a certificate's DER, as browsers show it.
type Fingerprint [sha256.Size]byte

func fingerprint(cert *tls.Certificate) Fingerprint { return sha256.Sum256(cert.Certificate[0]) }

// Fingerprint is the current certificate's; it changes with every renewal.
func (c *Certificates) Fingerprint() Fingerprint { return fingerprint(c.leaf.Load()) }

// CAFingerprint is the authority's, which stays.
func (c *Certificates) CAFingerprint() Fingerprint { return fingerprint(c.ca.Load()) }

// String is the usual form: pairs of hexadecimal digits with colons.
func (f Fingerprint) String() string {
	return strings.ReplaceAll(fmt.Sprintf("% X", f[:]), " ", ":")
}

// Words are the first 80 bits as five words that can be read out over a
// telephone, consonants and vowels in turn ("proquints"). That is enough to
// compare a certificate with the console's: making another one to match would
// take 2⁸⁰ tries.
func (f Fingerprint) Words() string {
	const consonants, vowels, words = "bdfghjklmnprstvz", "aiou", 5
	var b strings.Builder
	for i := range words {
		if i > 0 {
			b.WriteByte('-')
		}
		n := binary.BigEndian.Uint16(f[2*i:])
		b.WriteByte(consonants[n>>12])
		b.WriteByte(vowels[n>>10&3])
		b.WriteByte(consonants[n>>6&15])
		b.WriteByte(vowels[n>>4&3])
		b.WriteByte(consonants[n&15])
	}
	return b.String()
}
