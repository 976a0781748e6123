package relay

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// Transport is how a smart host is spoken to.
type Transport uint8

// The transports. The zero value is the safe one.
const (
	TransportSTARTTLS Transport = iota // TLS behind STARTTLS, or nothing is sent
	TransportTLS                       // TLS from the first byte
	TransportClear                     // none: for a server in the same house
)

// Pin is the SHA-256 of a server's public key (its SubjectPublicKeyInfo). Unlike a
// certificate's it outlives renewals. The zero Pin pins nothing.
type Pin [sha256.Size]byte

// PinOf is the pin of a certificate's key.
func PinOf(certificate *x509.Certificate) Pin {
	return sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
}

// Route is where the mail of a hop goes. The zero Route asks DNS for the hop's own
// servers. Mail that has the same Route to a smart host shares connections.
type Route struct {
	Host      string // of a smart host, or its address; "" goes to the hop's servers
	Port      uint16 // 0: the Transport's own, 587, 465 or 25
	Transport Transport
	Pin       Pin    // if set, it stands in place of the check by authorities
	User      string // "" logs in nowhere
	Password  string
	Direct    bool // if the smart host can't be reached, go to the hop's own servers
}

func (r *Route) port() uint16 {
	switch {
	case r.Port != 0:
		return r.Port
	case r.Transport == TransportSTARTTLS:
		return 587
	case r.Transport == TransportTLS:
		return 465
	}
	return 25
}

var errPin = errors.New("the server's key is not the one that was pinned")

// security of a smart host: it was named by the administrator, so its certificate
// has to hold.
func (r *Route) security(c *Client) *security {
	s := &security{
		off: r.Transport == TransportClear, implicit: r.Transport == TransportTLS, must: r.Transport != TransportClear,
		name: r.Host, check: c.webPKI(c.options.Roots, r.Host), words: "certificate verified", binding: true, tell: untold,
	}
	if r.Pin != (Pin{}) {
		s.words = "key pinned"
		s.check = func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return errNoCertificate
			}
			got := PinOf(state.PeerCertificates[0])
			if subtle.ConstantTimeCompare(got[:], r.Pin[:]) != 1 {
				return errPin
			}
			return nil
		}
	}
	return s
}
