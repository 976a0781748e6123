package web

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"testing"
)

func FuzzAutodiscover(f *testing.F) {
	for _, s := range []string{discoverBody, "", "<a", "<Autodiscover><Request><EMailAddress>a@example.test", strings.Repeat("<a>", 1000), "\xff\xfe<\x00a\x00"} {
		f.Add(s)
	}
	b := setUpBox(f)
	f.Fuzz(func(t *testing.T, body string) {
		w := b.do("POST", "/autodiscover/autodiscover.xml", body)
		if w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		d := xml.NewDecoder(w.Body)
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("the answer isn't XML: %v", err)
			}
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"address":"a@example.test","name":"A","password":"longer than ten"}`, `{"name":"x"}`, `{`, `[]`, `null`, `{"a":`, documentJSON,
		`{"address":"\ud800","password":1e999}`, strings.Repeat(`{"a":`, 20000)} {
		f.Add(uint8(0), s)
		f.Add(uint8(3), s)
	}
	fresh, b := newBox(f), setUpBox(f)
	cookie := b.signIn("admin@example.test", "a long enough one")
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		b.log.Reset()
		fresh.log.Reset()
		paths := []string{"/api/session", "/api/accounts", "/api/tokens", "/api/setup"}
		path := paths[int(which)%len(paths)]
		w := b.do("POST", path, body, "Cookie", cookie, "Content-Type", "application/json")
		if path == "/api/setup" {
			w = fresh.do("POST", path, body, "Authorization", "Claim "+fresh.claim.String(), "Content-Type", "application/json")
		}
		if w.Code >= 500 {
			t.Fatalf("POST %s: %d %s", path, w.Code, w.Body)
		}
		if w.Code >= 400 && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("POST %s: the problem isn't JSON: %s", path, w.Body)
		}
	})
}

func FuzzHost(f *testing.F) {
	for _, s := range []string{"mail.example.test", "[::1]:443", "a:b:c", "[", "]:", "example.test.", "xn--"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		host := hostOf(s)
		if isIP(host) && strings.ContainsAny(host, "/ \r\n") {
			t.Errorf("%q is taken for an address", host)
		}
		_ = portOf(s)
	})
}
