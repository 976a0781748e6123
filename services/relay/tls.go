package relay

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"time"

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
func (c *Client) webPKI(roots *x509.CertPool, names ...string) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		return verify(state.PeerCertificates, roots, names, c.dated)
	}
}

// dated is the time by which a certificate is judged: now, or while the box is not sure
// of the date, one at which this certificate holds. A box whose clock has stopped would
// find every server's certificate wrong, and none of its mail would leave; whose the
// certificate is and who signed it holds at any time.
func (c *Client) dated(leaf *x509.Certificate) time.Time {
	now := time.Now()
	if c.options.Sure == nil || c.options.Sure() || !now.Before(leaf.NotBefore) && !now.After(leaf.NotAfter) {
		return now
	}
	return leaf.NotBefore // its signers' held then, or it would not have been signed
}

var errNoCertificate = errors.New("the server has no certificate")

// verify looks for a chain from the first certificate to one of roots, at the time that
// dated says.
func verify(chain []*x509.Certificate, roots *x509.CertPool, names []string, dated func(leaf *x509.Certificate) time.Time) error {
	if len(chain) == 0 {
		return errNoCertificate
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: dated(chain[0])}); err != nil {
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
