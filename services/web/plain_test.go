package web

import (
	"crypto/x509"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPlainPort(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	get := func(path string, header ...string) *httptest.ResponseRecorder {
		return b.send(b.PlainHandler(), "GET", path, "", header...)
	}
	w := get("/")
	for _, want := range []string{fingerprint(b.office.ca), fingerprint(b.office.leaf), "https://192.168.1.20", "https://192.168.1.20/connect", "mail.example.test"} {
		if !strings.Contains(strings.ReplaceAll(w.Body.String(), "<wbr>", ""), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if w.Code != http.StatusOK || w.Header().Get("Content-Security-Policy") == "" {
		t.Errorf("page: %d %v", w.Code, w.Header())
	}
	w = get("/ca.crt")
	if _, err := x509.ParseCertificate(w.Body.Bytes()); err != nil || w.Header().Get("Content-Type") != "application/x-x509-ca-cert" {
		t.Errorf("ca.crt: %v, %v", err, w.Header())
	}
	if !x509.NewCertPool().AppendCertsFromPEM(get("/ca.pem").Body.Bytes()) {
		t.Error("ca.pem isn't PEM")
	}
	for _, test := range []struct{ host, path, want string }{
		{"192.168.1.20", "/admin?x=1", "https://192.168.1.20/admin?x=1"},
		{"[fd00::20]:80", "/setup", "https://[fd00::20]/setup"},
		{"mail.example.test", "/api/status", "https://mail.example.test/api/status"},
		{"127.0.0.1:2080", "/setup", "https://127.0.0.1:2443/setup"},
	} {
		w := get(test.path, "Host", test.host)
		if got := w.Header().Get("Location"); w.Code != http.StatusTemporaryRedirect || got != test.want {
			t.Errorf("http://%s%s leads to %d %q; want %q", test.host, test.path, w.Code, got, test.want)
		}
	}
	if w := get("/admin", "Host", "evil.test"); w.Code != http.StatusMisdirectedRequest {
		t.Errorf("another's name: %d; want 421", w.Code)
	}
	if w := get("//evil.test/%2e%2e"); strings.HasPrefix(w.Header().Get("Location"), "//") || strings.HasPrefix(w.Header().Get("Location"), "https://evil") {
		t.Errorf("open redirect to %q", w.Header().Get("Location"))
	}
	b.want(b.send(b.PlainHandler(), "POST", "/api/session", `{}`), http.StatusForbidden, "")
	if w := get("/.well-known/acme-challenge/token", "From", "203.0.113.9:1", "Host", "mail.example.test"); w.Code != http.StatusNotFound {
		t.Errorf("ACME from outside: %d; want 404", w.Code)
	}
	if w := get("/", "From", "203.0.113.9:1"); w.Code != http.StatusForbidden {
		t.Errorf("page from outside: %d; want 403", w.Code)
	}
}

func TestAutoconfig(t *testing.T) {
	t.Parallel()
	fresh := newBox(t)
	fresh.want(fresh.send(fresh.PlainHandler(), "GET", "/mail/config-v1.1.xml", ""), http.StatusNotFound, "")
	b := setUpBox(t)
	for _, path := range []string{"/mail/config-v1.1.xml?emailaddress=alice%40example.test", "/.well-known/autoconfig/mail/config-v1.1.xml"} {
		w := b.send(b.PlainHandler(), "GET", path, "", "Host", "autoconfig.example.test")
		var got clientConfig
		if err := xml.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v in %s", path, err, w.Body)
		}
		p := got.Provider
		if got.Version != "1.1" || p.ID != "example.test" || len(p.Incoming) != 4 || len(p.Outgoing) != 2 {
			t.Fatalf("%s: %+v", path, got)
		}
		want := configServer{Type: "imap", Hostname: "mail.example.test", Port: 993, SocketType: "SSL", Username: "%EMAILADDRESS%", Authentication: "password-cleartext"}
		if p.Incoming[0] != want {
			t.Errorf("first server %+v; want %+v", p.Incoming[0], want)
		}
		if o := p.Outgoing[1]; o.Type != "smtp" || o.Port != 587 || o.SocketType != "STARTTLS" {
			t.Errorf("second outgoing server %+v", o)
		}
	}
	got := b.want(b.do("GET", "/api/connect", "", "Host", "127.0.0.1:2443"), http.StatusOK, "")
	if first := got["protocols"].([]any)[0].(map[string]any); first["port"] != 2993.0 || got["link"] != "https://127.0.0.1:2443/connect" {
		t.Errorf("forwarded ports: %v", got)
	}
	if w := b.do("GET", "/api/connect/qr.svg", ""); !strings.HasPrefix(w.Body.String(), "<svg ") || xml.Unmarshal(w.Body.Bytes(), new(struct{ XMLName xml.Name })) != nil {
		t.Errorf("QR code: %s", w.Body)
	}
}

const discoverBody = `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">
<Request><EMailAddress>alice@example.test</EMailAddress>
<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`

func TestAutodiscoverOverPlainHTTP(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	for _, path := range []string{"/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.xml"} {
		for _, test := range []struct {
			method, body string
			status       int
		}{
			{"GET", "", http.StatusFound},
			{"POST", discoverBody, http.StatusTemporaryRedirect},
		} {
			w := b.send(b.PlainHandler(), test.method, path, test.body, "Host", "autodiscover.example.test", "Content-Type", "text/xml")
			if got, want := w.Header().Get("Location"), "https://mail.example.test"+path; w.Code != test.status || got != want {
				t.Errorf("%s %s: %d to %q; want %d to %q", test.method, path, w.Code, got, test.status, want)
			}
		}
		if w := b.send(b.PlainHandler(), "POST", path, discoverBody, "Host", "autodiscover.evil.test"); w.Code != http.StatusMisdirectedRequest {
			t.Errorf("%s, another's name: %d; want 421", path, w.Code)
		}
		if w := b.send(b.PlainHandler(), "POST", path, discoverBody, "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden {
			t.Errorf("%s, from another site: %d; want 403", path, w.Code)
		}
	}
}

func TestAutodiscover(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	post := func(body string) string {
		return b.do("POST", "/Autodiscover/Autodiscover.xml", body, "Content-Type", "text/xml").Body.String()
	}
	var got struct {
		Response struct {
			XMLName xml.Name
			Account struct {
				AccountType, Action string
				Protocol            []discoverProtocol
			}
		}
	}
	text := post(discoverBody)
	if err := xml.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	a := got.Response.Account
	if got.Response.XMLName.Space != discoverResponse || a.AccountType != "email" || a.Action != "settings" || len(a.Protocol) != 3 {
		t.Fatalf("answer %s", text)
	}
	for i, want := range []string{"IMAP 993", "POP3 995", "SMTP 465"} {
		if p := a.Protocol[i]; p.Type+" "+itoa(p.Port) != want || p.LoginName != "alice@example.test" || p.Server != "mail.example.test" || p.SSL != "on" {
			t.Errorf("protocol %d is %+v; want %s", i, p, want)
		}
	}
	for body, code := range map[string]string{
		"": "600", "<x>": "600", "\x00": "600",
		strings.Replace(discoverBody, "alice@example.test", "alice@other.test", 1):         "500",
		strings.Replace(discoverBody, "outlook/responseschema/2006a", "mobilesync/x", 1):   "601",
		`<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Autodiscover>&x;`:          "600",
		strings.Replace(discoverBody, "alice@", strings.Repeat("a", maxAutodiscover), 1):   "600",
		strings.Replace(discoverBody, "alice@example.test", "&lt;b&gt;@example.test", 1):   "500",
		strings.Replace(discoverBody, "alice@example.test", "nobody.here@example.test", 1): "",
	} {
		text := post(body)
		if has := strings.Contains(text, "<ErrorCode>"+code+"</ErrorCode>"); code != "" && !has {
			t.Errorf("%.60q: %s; want error %s", body, text, code)
		} else if code == "" && !strings.Contains(text, "settings") {
			t.Errorf("%.60q: %s; want settings", body, text)
		}
	}
}
