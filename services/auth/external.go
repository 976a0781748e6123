package auth

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Certificates knows by which certificates people's programs log in.
type Certificates interface {
	// CertificateOwner says whose a certificate is; false: nobody's. It must not wait.
	CertificateOwner(mail.Fingerprint) (mail.Address, bool)
}

// externalExchange is EXTERNAL (RFC 4422 appendix A): TLS has proven that the client
// holds the key of a certificate, and that says who it is.
type externalExchange struct {
	a     *Authenticator
	peer  netip.Addr
	state *tls.ConnectionState
	asked bool
	over  bool
	login mail.Login
}

// External reports whether EXTERNAL is offered on a session: its client has shown a
// certificate that somebody here has.
func (a *Authenticator) External(state *tls.ConnectionState) bool {
	_, known := a.certified(state)
	return known
}

// certified is whose certificate a client has shown. What the certificate says of
// itself, who signed it and its dates, does not count: it was registered here, and
// what was registered ends by being removed.
func (a *Authenticator) certified(state *tls.ConnectionState) (mail.Address, bool) {
	if a.certificates == nil || state == nil || len(state.PeerCertificates) == 0 {
		return mail.Address{}, false
	}
	return a.certificates.CertificateOwner(sha256.Sum256(state.PeerCertificates[0].Raw))
}

func (x *externalExchange) Login() mail.Login { return x.login }

func (x *externalExchange) Next(ctx context.Context, response []byte) ([]byte, bool, error) {
	if x.over {
		return nil, false, ErrMalformed
	}
	if response == nil && !x.asked {
		x.asked = true
		return []byte{}, false, nil
	}
	x.over = true
	identity := string(response)
	if len(response) > MaxResponse || !utf8.ValidString(identity) || strings.Contains(identity, "\x00") {
		return nil, false, ErrMalformed
	}
	// Asked now: it may have been removed since Start, and its sessions been ended.
	owner, known := x.a.certified(x.state)
	if !known {
		return nil, false, mail.ErrDenied
	}
	t, err := x.a.begin(ctx, x.peer, owner.String())
	if err != nil {
		return nil, false, err
	}
	if !t.known || !sameIdentity(identity, owner.String(), t.account) {
		return nil, false, t.failed(mechanismExternal, identity)
	}
	if x.login, err = t.succeeded(); err != nil {
		return nil, false, err
	}
	return nil, true, nil
}
