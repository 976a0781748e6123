package relay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver"
)

// Usages of TLSA records that SMTP knows (RFC 7672 §3.1); the others are no use.
const (
	usageTA = 2 // the authority that signs the server's certificate
	usageEE = 3 // the server's certificate itself
)

// maxTLSA is how many records of a server are looked at.
const maxTLSA = 32

var errTLSA = errors.New("the server's certificate is not the one that DNS names")

// dane is what DNS proves about a server's certificate (RFC 7672); nil is nothing.
// It needs DNSSEC all the way: for the MX record, for the address, and for the TLSA
// record. Where that can't be found out the server is not to be used (§2.1.2).
func (c *Client) dane(ctx context.Context, hop mail.Hop, t *target) (*security, *problem) {
	if !t.provenMX || !t.provenAddrs {
		return nil, nil
	}
	// RFC 7672 §2.2.2: behind an alias first, then at the name itself.
	for _, name := range slices.Compact([]string{t.canonical, t.name}) {
		answer, err := c.options.DNS.TLSA(ctx, fmt.Sprintf("_%d._tcp.%s", c.options.Port, name))
		switch {
		case errors.Is(err, resolver.ErrNone):
			continue
		case err != nil:
			c.witness(hop, PolicyTLSA, nil, nil)(t.name, netip.Addr{}, ResultDNSSEC, err)
			return nil, said(status4_4_3NoDNS, err, "DNS could not be asked for the certificate (DANE) of %s: %v", t.name, err)
		case !answer.Authenticated:
			continue
		}
		return c.pinned(hop, t, name, answer.Records), nil
	}
	return nil, nil
}

// pinned asks for the certificates that records name. Where none of them can be
// used there has to be TLS all the same, with any certificate (RFC 7672 §2.2).
func (c *Client) pinned(hop mail.Hop, t *target, name string, records []resolver.TLSA) *security {
	records = records[:min(len(records), maxTLSA)]
	var lines []string
	var usable []resolver.TLSA
	for _, r := range records {
		lines = append(lines, fmt.Sprintf("%d %d %d %x", r.Usage, r.Selector, r.Matching, r.Data))
		if isUsable(r) {
			usable = append(usable, r)
		}
	}
	s := &security{must: true, name: name, words: "DANE", binding: true, tell: c.witness(hop, PolicyTLSA, lines, nil)}
	if len(usable) > 0 {
		names := []string{name, t.name, t.base, string(hop)} // RFC 7672 §3.2.3
		s.check = func(state tls.ConnectionState) error {
			return checkTLSA(state.PeerCertificates, usable, names, c.dated)
		}
	}
	return s
}

func isUsable(r resolver.TLSA) bool {
	if r.Usage != usageTA && r.Usage != usageEE || r.Selector > 1 {
		return false
	}
	switch r.Matching {
	case 0:
		return len(r.Data) > 0
	case 1:
		return len(r.Data) == sha256.Size
	case 2:
		return len(r.Data) == sha512.Size
	}
	return false
}

// checkTLSA checks a chain by records that are usable. Of the server's own
// certificate neither name nor date matter (RFC 7672 §3.1.1); below an authority
// both do (§3.1.2).
func checkTLSA(chain []*x509.Certificate, records []resolver.TLSA, names []string, dated func(*x509.Certificate) time.Time) error {
	if len(chain) == 0 {
		return errNoCertificate
	}
	anchors, found := x509.NewCertPool(), false
	for _, r := range records {
		if r.Usage == usageEE {
			if tlsaMatches(r, chain[0]) {
				return nil
			}
			continue
		}
		for _, c := range chain[1:] {
			if tlsaMatches(r, c) {
				anchors.AddCert(c)
				found = true
			}
		}
		if r.Selector == 0 && r.Matching == 0 { // an authority's whole certificate, which servers may leave out
			if c, err := x509.ParseCertificate(r.Data); err == nil {
				anchors.AddCert(c)
				found = true
			}
		}
	}
	if !found {
		return errTLSA
	}
	return verify(chain, anchors, names, dated)
}

// tlsaMatches is RFC 6698 §2.1.
func tlsaMatches(r resolver.TLSA, c *x509.Certificate) bool {
	data := c.Raw
	if r.Selector == 1 {
		data = c.RawSubjectPublicKeyInfo
	}
	switch r.Matching {
	case 1:
		sum := sha256.Sum256(data)
		data = sum[:]
	case 2:
		sum := sha512.Sum512(data)
		data = sum[:]
	}
	return bytes.Equal(data, r.Data)
}
