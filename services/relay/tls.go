package relay

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// security is what a connection to one server has to prove: the policies of
// opportunistic.go, mtasts.go, dane.go and smarthost.go in one form.
type security struct {
	off      bool // no TLS at all
	implicit bool // TLS from the first byte (RFC 8314)
	must     bool // nothing is sent without TLS that passes check
	name     string
	check    func(tls.ConnectionState) error // nil: any certificate will do
	words    string                          // what it is called when it has passed
	binding  bool                            // passing proves the server's name (RFC 8689 §4.2.1)

	// tell notes what came of it, for TLS-RPT.
	tell func(server string, addr netip.Addr, result Result, cause error)
}

func untold(string, netip.Addr, Result, error) {}

// config is the client's side of a handshake. Package tls's own verification is
// off, since every policy has another; VerifyConnection runs on each handshake, and
// its error ends it before a byte of mail is sent.
func (s *security) config(checked *error) *tls.Config {
	return &tls.Config{
		ServerName:         s.name,
		InsecureSkipVerify: true, //nolint:gosec // see above
		MinVersion:         tls.VersionTLS12,
		VerifyConnection: func(state tls.ConnectionState) error {
			if s.check == nil {
				return nil
			}
			*checked = s.check(state)
			if s.must {
				return *checked
			}
			return nil
		},
	}
}

// refusal is what is wrong with a server whose handshake did not succeed.
func (s *security) refusal(err error) string {
	if s.must && s.words != "" {
		return fmt.Sprintf("no encrypted connection that %s allows: %s", s.words, mail.InWords(err))
	}
	return "no encrypted connection: " + mail.InWords(err)
}

// webPKI checks a certificate as browsers do (RFC 5280, RFC 6125), for one of names.
func webPKI(roots *x509.CertPool, names ...string) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		return verify(state.PeerCertificates, roots, names)
	}
}

var errNoCertificate = errors.New("the server has no certificate")

// verify looks for a chain from the first certificate to one of roots.
func verify(chain []*x509.Certificate, roots *x509.CertPool, names []string) error {
	if len(chain) == 0 {
		return errNoCertificate
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between}); err != nil {
		return err
	}
	var err error
	for _, name := range names {
		if err = chain[0].VerifyHostname(name); err == nil {
			return nil
		}
	}
	return err
}
