package auth

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// registered are certificates with their owners.
type registered map[mail.Fingerprint]mail.Address

func (r registered) CertificateOwner(f mail.Fingerprint) (mail.Address, bool) {
	who, known := r[f]
	return who, known
}

// shown is a session whose client has shown a certificate.
func shown(raw string) *tls.ConnectionState {
	return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Raw: []byte(raw)}}}
}

// TestExternal: a certificate stands for its owner and nobody else, whatever is asked
// for; only who has shown a known one is offered it; wrong names count as guesses.
func TestExternal(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	alice := mail.Address{Local: "alice", Domain: "example.test"}
	a := p.authenticator(Options{Certificates: registered{sha256.Sum256([]byte("mine")): alice, sha256.Sum256([]byte("ghost's")): {Local: "ghost", Domain: "example.test"}}})
	for _, state := range []*tls.ConnectionState{nil, overTLS(), shown("other")} {
		if a.External(state) {
			t.Error("it is offered without a known certificate")
		}
		if _, err := a.Start("EXTERNAL", peer(1), state); !errors.Is(err, ErrMechanism) {
			t.Errorf("without a known certificate: %v", err)
		}
	}
	if !a.External(shown("mine")) {
		t.Error("it is not offered")
	}
	try := func(certificate string, responses ...[]byte) (mail.Login, error) {
		t.Helper()
		x, err := a.Start("EXTERNAL", peer(1), shown(certificate))
		for i := 0; err == nil && i < len(responses); i++ {
			_, _, err = x.Next(t.Context(), responses[i])
		}
		if err == nil {
			if _, _, again := x.Next(t.Context(), []byte{}); !errors.Is(again, ErrMalformed) {
				t.Errorf("once more: %v", again)
			}
		}
		if err != nil && x != nil && x.Login() != (mail.Login{}) {
			t.Errorf("%v, but logged in as %v", err, x.Login())
		}
		if x == nil {
			return mail.Login{}, err
		}
		return x.Login(), err
	}
	for name, responses := range map[string][][]byte{
		"empty": {{}}, "asked for": {nil, {}}, "by name": {[]byte("alice@example.test")}, "in capitals": {[]byte("Alice@EXAMPLE.test")},
	} {
		if login, err := try("mine", responses...); err != nil || login.Address != alice {
			t.Errorf("%s: %v, %v", name, login, err)
		}
	}
	for name, response := range map[string]string{"NUL": "alice\x00", "no text": "\xff", "long": strings.Repeat("a", MaxResponse+1)} {
		if _, err := try("mine", []byte(response)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v; want ErrMalformed", name, err)
		}
	}
	if _, err := try("ghost's", []byte{}); !errors.Is(err, mail.ErrDenied) {
		t.Errorf("of an account that is gone: %v", err)
	}
	for i := 0; ; i++ {
		_, err := try("mine", []byte(strings.Repeat("b", i+1)+"@example.test"))
		if errors.Is(err, mail.ErrTryLater) {
			break
		}
		if !errors.Is(err, mail.ErrDenied) || i > 1000 {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
}

// TestExternalRemoved: a certificate that is removed while a log-in by it waits for the
// client's answer lets nobody in any more.
func TestExternalRemoved(t *testing.T) {
	t.Parallel()
	certificates := registered{sha256.Sum256([]byte("mine")): {Local: "alice", Domain: "example.test"}}
	a := newPeople(t).authenticator(Options{Certificates: certificates})
	x, err := a.Start("EXTERNAL", peer(1), shown("mine"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := x.Next(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	clear(certificates)
	if _, done, err := x.Next(t.Context(), []byte{}); !errors.Is(err, mail.ErrDenied) || done || x.Login() != (mail.Login{}) {
		t.Errorf("got %v, %v, %v; want mail.ErrDenied", x.Login(), done, err)
	}
}
