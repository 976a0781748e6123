package web

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/issuance"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// certificateShelf is the least that the API can be tried on.
type certificateShelf struct {
	state      CertificateState
	chain, key string
	issuing    issuance.State
	tries      int
}

func (c *certificateShelf) Issuance() issuance.State { return c.issuing }

func (c *certificateShelf) SetIssuance(_ context.Context, s issuance.Settings) error {
	c.issuing = issuance.State{Settings: s}
	if s.Method == issuance.DNS {
		c.issuing.Proofs = []issuance.Proof{{Name: "_acme-challenge.mail.example.test", Value: "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"}}
	}
	return nil
}

func (c *certificateShelf) EndIssuance() error {
	c.issuing = issuance.State{}
	return nil
}

func (c *certificateShelf) TryIssuance() { c.tries++ }

func (c *certificateShelf) Certificates() CertificateState { return c.state }

func (c *certificateShelf) Upload(_ context.Context, chain, key []byte) error {
	if len(key) == 0 {
		return &mail.RuleError{Field: "key", Text: "There is no private key in this file"}
	}
	c.chain, c.key = string(chain), string(key)
	c.state.Public, c.state.Believed = &x509.Certificate{DNSNames: []string{"mail.example.test"}, Issuer: pkix.Name{CommonName: "Signer"}, NotAfter: time.Unix(1e9, 0).UTC()}, true
	return nil
}

func (c *certificateShelf) Remove(context.Context) error {
	c.state.Public, c.state.Believed = nil, false
	return nil
}

// TestBoxCertificate: what is uploaded is shown until it is removed; for administrators.
func TestBoxCertificate(t *testing.T) {
	t.Parallel()
	shelf := &certificateShelf{}
	shelf.state.Authority = &x509.Certificate{Raw: []byte("ca"), SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}}
	shelf.state.Own = &x509.Certificate{Raw: []byte("leaf"), DNSNames: []string{"mailbox.local"}, IPAddresses: []net.IP{{192, 0, 2, 1}}}
	b := setUpBox(t, func(o *Options) { o.BoxCertificate = shelf })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	const path = "/api/box-certificate"
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		b.want(b.do(method, path, "{}"), http.StatusUnauthorized, "")
		b.want(b.do(method, path, "{}", alice...), http.StatusForbidden, "")
	}
	b.want(b.do("PUT", path, `{"certificate":"a","key":""}`, admin...), http.StatusBadRequest, "key")
	b.want(b.do("PUT", path, `{"certificate":"`+strings.Repeat("x", maxUpload)+`"}`, admin...), http.StatusRequestEntityTooLarge, "")
	b.want(b.do("PUT", path, `{"certificate":"a\n","key":"b\n"}`, admin...), http.StatusNoContent, "")
	if shelf.chain != "a\n" || shelf.key != "b\n" {
		t.Errorf("uploaded: %q and %q", shelf.chain, shelf.key)
	}
	var got struct {
		Own, Public *faceJSON
		Believed    bool
	}
	look := func() {
		t.Helper()
		got.Public = nil
		if err := json.Unmarshal(b.do("GET", path, "", admin...).Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
	}
	look()
	if got.Public == nil || got.Public.Issuer != "Signer" || !got.Believed || len(got.Own.Names) != 2 || got.Own.Names[1] != "192.0.2.1" {
		t.Errorf("shown: %+v", got)
	}
	b.want(b.do("DELETE", path, "", admin...), http.StatusNoContent, "")
	if look(); got.Public != nil {
		t.Errorf("removed, but shown: %+v", got.Public)
	}
}

// TestKeyIsNotNoted: a key that stands with its certificate is kept by nobody else.
func TestKeyIsNotNoted(t *testing.T) {
	t.Parallel()
	said := string(withoutSecrets([]byte(`{"certificate":"-----BEGIN CERTIFICATE-----\nYQ==\n-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n","key":"x"}`)))
	if want := `{"certificate":"(hidden)","key":"(hidden)"}`; said != want {
		t.Errorf("noted: %s, want %s", said, want)
	}
}

// TestIssuance: who agrees gets certificates from an authority, until that is ended.
func TestIssuance(t *testing.T) {
	t.Parallel()
	shelf := &certificateShelf{}
	b := setUpBox(t, func(o *Options) { o.BoxCertificate = shelf })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	const path = "/api/box-certificate/issuance"
	for _, method := range []string{"PUT", "POST", "DELETE"} {
		b.want(b.do(method, path, "{}"), http.StatusUnauthorized, "")
		b.want(b.do(method, path, "{}", alice...), http.StatusForbidden, "")
	}
	b.want(b.do("PUT", path, `{"method":"dns-01"}`, admin...), http.StatusBadRequest, "agreed")
	b.want(b.do("PUT", path, `{"method":"dns-01","contact":"admin@example.test","agreed":true}`, admin...), http.StatusNoContent, "")
	if shelf.issuing.Settings.Directory != issuance.LetsEncrypt {
		t.Errorf("without a directory: %+v", shelf.issuing)
	}
	if got := b.do("GET", "/api/box-certificate", "", admin...).Body.String(); !strings.Contains(got, `"proofs":[{"name":"_acme-challenge.mail.example.test"`) {
		t.Errorf("shown: %s", got)
	}
	b.want(b.do("POST", path, "", admin...), http.StatusAccepted, "")
	b.want(b.do("DELETE", path, "", admin...), http.StatusNoContent, "")
	if shelf.tries != 1 || shelf.issuing.Settings.Directory != "" {
		t.Errorf("%d tries, then %+v", shelf.tries, shelf.issuing)
	}
}

// TestAppleProfile: the profile is well-formed, holds the authority, the account of an
// address of the office's, the same each time, and no markup from outside.
func TestAppleProfile(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	answer := b.do("GET", "/profile.mobileconfig?address=alice%26bob@example.test", "")
	b.want(answer, http.StatusOK, "")
	text := answer.Body.String()
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, text)
		}
	}
	for _, want := range []string{"com.apple.security.root", "com.apple.mail.managed", "alice&amp;bob@example.test", "<integer>993</integer>", "<integer>465</integer>"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(text, "alice&bob") {
		t.Error("markup gets through")
	}
	if again := b.do("GET", "/profile.mobileconfig?address=alice%26bob@example.test", ""); !bytes.Equal(again.Body.Bytes(), []byte(text)) {
		t.Error("asked twice, it differs: the second would not take the place of the first")
	}
	plain := b.do("GET", "/profile.mobileconfig", "")
	if b.want(plain, http.StatusOK, ""); strings.Contains(plain.Body.String(), "com.apple.mail.managed") {
		t.Error("without an address there is an account")
	}
	b.want(b.do("GET", "/profile.mobileconfig?address=x@elsewhere.test", ""), http.StatusBadRequest, "address")
}
