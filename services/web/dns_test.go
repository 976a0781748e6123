package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/zone"
)

// fakeZone publishes one record.
type fakeZone struct {
	asked []string
	left  bool // who signs is the provider
}

func (f *fakeZone) Notes() []string {
	if f.left {
		return []string{"Nobody signs."}
	}
	return nil
}

func (f *fakeZone) Signing() []mail.Signing {
	return []mail.Signing{{Domain: "example.test", Provider: f.left}}
}

func (f *fakeZone) SetSigning(_ context.Context, s mail.Signing) error {
	if s.Domain != "example.test" {
		return mail.ErrNoDomain
	}
	f.left = s.Provider
	return nil
}

func (f *fakeZone) Records(context.Context) ([]zone.Record, error) {
	list, _ := f.Proposed(context.Background())
	list[0].State, list[0].ToDo, list[0].Found = zone.Differs, "Mend it.", []string{"10 mx.elsewhere.test"}
	return list, nil
}

func (f *fakeZone) Proposed(context.Context) ([]zone.Record, error) {
	return []zone.Record{{About: "Which server takes mail.", Need: zone.Needed, Name: "example.test", Type: "MX", Value: "10 mail.example.test"}}, nil
}

func (f *fakeZone) Policy(domain string) (string, bool) {
	return "version: STSv1\r\n", domain == "example.test"
}

func (f *fakeZone) PrepareKeys(_ context.Context, domain string) error {
	f.asked = append(f.asked, "prepare "+domain)
	if domain != "example.test" {
		return mail.ErrNoDomain
	}
	return nil
}

func (f *fakeZone) UseKeys(_ context.Context, domain string) error {
	f.asked = append(f.asked, "use "+domain)
	return &mail.RuleError{Text: "There are no new keys yet", Err: mail.ErrInUse}
}

func TestDNS(t *testing.T) {
	t.Parallel()
	f := &fakeZone{}
	b := setUpBox(t, func(o *Options) { o.DNS = f })
	head := b.as(admin)
	w := b.do("GET", "/api/dns", "", head...)
	for _, want := range []string{`"ok":false`, `"state":"differs"`, `"what_to_do":"Mend it."`, `"data":"10 mail.example.test."`, `"found":["10 mx.elsewhere.test"]`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the answer lacks %s: %s", want, w.Body)
		}
	}
	w = b.do("GET", "/api/dns/zone", "", head...)
	if !strings.Contains(w.Body.String(), "\nexample.test. 3600 IN MX 10 mail.example.test.\n") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("the zone file is %s", w.Body)
	}
	b.want(b.do("POST", "/api/dns/keys/example.test", `{"do":"prepare"}`, head...), http.StatusNoContent, "")
	b.want(b.do("POST", "/api/dns/keys/elsewhere.test", `{"do":"prepare"}`, head...), http.StatusNotFound, "domain")
	b.want(b.do("POST", "/api/dns/keys/example.test", `{"do":"use"}`, head...), http.StatusConflict, "")
	b.want(b.do("POST", "/api/dns/keys/example.test", `{"do":"what"}`, head...), http.StatusBadRequest, "do")
	if got := strings.Join(f.asked, ", "); got != "prepare example.test, prepare elsewhere.test, use example.test" {
		t.Errorf("asked for %s", got)
	}
	b.want(b.do("GET", "/api/dns", ""), http.StatusUnauthorized, "")
}

// TestPolicy: the world gets the office's policy, and nothing else.
func TestPolicy(t *testing.T) {
	t.Parallel()
	b := setUpBox(t, func(o *Options) { o.DNS = &fakeZone{} })
	ask := func(host, path string) int {
		w := b.do("GET", path, "", "Host", host, "From", "203.0.113.9:1234")
		if w.Code == http.StatusOK && (w.Body.String() != "version: STSv1\r\n" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain")) {
			t.Errorf("%s%s: %q", host, path, w.Body)
		}
		return w.Code
	}
	for _, test := range []struct {
		host, path string
		want       int
	}{
		{"mta-sts.example.test", zone.PolicyPath, http.StatusOK},
		{"MTA-STS.Example.test:443", zone.PolicyPath, http.StatusOK},
		{"mta-sts.elsewhere.test", zone.PolicyPath, http.StatusNotFound},
		{"mta-sts.example.test", "/", http.StatusForbidden},
		{"mta-sts.example.test", "/api/status", http.StatusForbidden},
		{"mail.example.test", zone.PolicyPath, http.StatusForbidden},
	} {
		if got := ask(test.host, test.path); got != test.want {
			t.Errorf("%s%s from outside: %d; want %d", test.host, test.path, got, test.want)
		}
	}
}

// TestSigning: an administrator leaves signing to the provider, which the records and
// the zone file then say.
func TestSigning(t *testing.T) {
	t.Parallel()
	b := setUpBox(t, func(o *Options) { o.DNS = &fakeZone{} })
	const path = "/api/signing/example.test"
	b.want(b.do("PUT", path, `{"by":"provider"}`), http.StatusUnauthorized, "")
	b.want(b.do("PUT", path, `{"by":"provider"}`, b.as(alice)...), http.StatusForbidden, "")
	b.want(b.do("GET", "/api/signing", "", b.as(alice)...), http.StatusForbidden, "")
	head := b.as(admin)
	b.want(b.do("PUT", path, `{"by":"me"}`, head...), http.StatusBadRequest, "by")
	b.want(b.do("PUT", "/api/signing/elsewhere.test", `{"by":"box"}`, head...), http.StatusNotFound, "domain")
	for _, by := range []string{"box", "provider"} {
		b.want(b.do("PUT", path, `{"by":"`+by+`"}`, head...), http.StatusNoContent, "")
		got := list(b.want(b.do("GET", "/api/signing", "", head...), http.StatusOK, ""), "domains")
		if len(got) != 1 || got[0]["domain"] != "example.test" || got[0]["by"] != by {
			t.Errorf("who signs is %v; want %s", got, by)
		}
		for _, where := range []string{"/api/dns", "/api/dns?look=no", "/api/dns/zone"} {
			if text := b.do("GET", where, "", head...).Body.String(); strings.Contains(text, "Nobody signs.") != (by == "provider") {
				t.Errorf("where the %s signs, %s is %s", by, where, text)
			}
		}
	}
}
