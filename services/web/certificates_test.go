package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// certificateBook is the least that the API can be tried on.
type certificateBook struct{ list []mail.Certificate }

func (b *certificateBook) Certificates() []mail.Certificate { return b.list }

func (b *certificateBook) AddCertificate(_ context.Context, _ mail.AccountID, f mail.Fingerprint, name string) error {
	b.list = append(b.list, mail.Certificate{Who: mail.Address{Local: "alice", Domain: "example.test"}, Fingerprint: f, Name: name})
	return nil
}

func (b *certificateBook) RemoveCertificate(_ context.Context, f mail.Fingerprint) error {
	b.list = slices.DeleteFunc(b.list, func(c mail.Certificate) bool { return c.Fingerprint == f })
	return nil
}

// TestCertificates: what is added is shown until it is removed; for administrators.
func TestCertificates(t *testing.T) {
	t.Parallel()
	b := setUpBox(t, func(o *Options) { o.LogInCerts = &certificateBook{} })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	print := strings.Repeat("0a", 32)
	for _, r := range [][2]string{{"GET", "/api/certificates"}, {"PUT", "/api/certificates"}, {"DELETE", "/api/certificates/" + print}} {
		b.want(b.do(r[0], r[1], "{}"), http.StatusUnauthorized, "")
		b.want(b.do(r[0], r[1], "{}", alice...), http.StatusForbidden, "")
	}
	check := func(want string) {
		t.Helper()
		if got := strings.TrimSpace(b.do("GET", "/api/certificates", "", admin...).Body.String()); got != want {
			t.Errorf("listed: %s; want %s", got, want)
		}
	}
	b.want(b.do("PUT", "/api/certificates", `{"who":"nobody@example.test","sha256":"`+print+`"}`, admin...), http.StatusNotFound, "address")
	b.want(b.do("PUT", "/api/certificates", `{"who":"alice@example.test","sha256":"0a"}`, admin...), http.StatusBadRequest, "sha256")
	colons := strings.TrimSuffix(strings.Repeat("0A:", 32), ":")
	b.want(b.do("PUT", "/api/certificates", `{"who":"alice@example.test","sha256":"`+colons+`","name":"laptop"}`, admin...), http.StatusNoContent, "")
	check(`{"certificates":[{"who":"alice@example.test","sha256":"` + print + `","name":"laptop"}]}`)
	b.want(b.do("DELETE", "/api/certificates/zz", "", admin...), http.StatusBadRequest, "sha256")
	b.want(b.do("DELETE", "/api/certificates/"+print, "", admin...), http.StatusNoContent, "")
	check(`{"certificates":[]}`)
}

// TestOwnCertificates: people add their own where programs are asked for any, not from a
// browser that was left open, and end their own alone.
func TestOwnCertificates(t *testing.T) {
	t.Parallel()
	book := &certificateBook{}
	b := setUpBox(t, func(o *Options) { o.LogInCerts = book })
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	first, second := strings.Repeat("0a", 32), strings.Repeat("0b", 32)
	shown := func(want string, who ...string) {
		t.Helper()
		if got := strings.TrimSpace(b.do("GET", "/api/me/certificates", "", who...).Body.String()); got != want {
			t.Errorf("shown: %s; want %s", got, want)
		}
	}
	add := func(print string) string { return `{"sha256":"` + print + `","name":"laptop"}` }
	shown(`{"certificates":[],"asked":false}`, alice...)
	b.want(b.do("PUT", "/api/me/certificates", add(first), alice...), http.StatusForbidden, "")
	b.want(b.do("PUT", "/api/certificates", `{"who":"alice@example.test","sha256":"`+first+`"}`, admin...), http.StatusNoContent, "")
	shown(`{"certificates":[{"sha256":"`+first+`","name":""}],"asked":true}`, alice...)
	shown(`{"certificates":[],"asked":true}`, admin...)
	b.want(b.do("PUT", "/api/me/certificates", add("0b"), alice...), http.StatusBadRequest, "sha256")
	b.want(b.do("PUT", "/api/me/certificates", add(second), alice...), http.StatusNoContent, "")
	b.want(b.do("DELETE", "/api/me/certificates/"+first, "", admin...), http.StatusNotFound, "certificate")
	b.want(b.do("DELETE", "/api/me/certificates/zz", "", alice...), http.StatusBadRequest, "sha256")
	b.want(b.do("DELETE", "/api/me/certificates/"+first, "", alice...), http.StatusNoContent, "")
	b.want(b.do("DELETE", "/api/me/certificates/"+second, ""), http.StatusUnauthorized, "")
	*b.clock = b.clock.Add(sureFor)
	b.want(b.do("PUT", "/api/me/certificates", add(first), alice...), http.StatusForbidden, unsure)
	shown(`{"certificates":[{"sha256":"`+second+`","name":"laptop"}],"asked":true}`, alice...)
}
