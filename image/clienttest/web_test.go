package clienttest

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// answer is what the pages' server says.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask makes a request; body is sent as JSON when it is not nil.
func (o *office) ask(t *testing.T, method, url, authorization string, body any) answer {
	t.Helper()
	var text io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, text)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if name, value, ok := strings.Cut(authorization, ": "); ok {
		r.Header.Set(name, value)
	}
	got, err := o.web().Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer got.Body.Close()
	all, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return answer{got.StatusCode, got.Header, string(all)}
}

// want checks an answer's status.
func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("got %d %.300q; want %d", a.status, a.body, status)
	}
	return a
}

// testWeb asks for what programs and scripts ask for.
func testWeb(t *testing.T, o *office, m *matrix) {
	plain, secure := "http://"+o.addrs["http"], "https://"+o.addrs["https"]
	m.try(t, "HTTP", "80: a page with the authority's fingerprint, https for the rest", func(t *testing.T) {
		if a := o.ask(t, "GET", plain+"/", "", nil).want(t, 200); !strings.Contains(a.body, "https://") {
			t.Errorf("the page has no link to https: %.300q", a.body)
		}
		a := o.ask(t, "GET", plain+"/admin", "", nil).want(t, http.StatusTemporaryRedirect)
		if to := a.header.Get("Location"); !strings.HasPrefix(to, "https://127.0.0.1") || !strings.HasSuffix(to, "/admin") {
			t.Errorf("/admin redirects to %q", to)
		}
	})
	m.try(t, "HTTP", "443: the pages, with a certificate that is verified", func(t *testing.T) {
		a := o.ask(t, "GET", secure+"/", "", nil).want(t, 200)
		if !strings.Contains(a.body, "<html") || a.header.Get("Content-Security-Policy") == "" {
			t.Errorf("GET /: %v %.300q", a.header, a.body)
		}
		o.ask(t, "GET", secure+"/api/accounts", "", nil).want(t, 401)
	})
	m.try(t, "HTTP", "autoconfig for mail programs", func(t *testing.T) {
		var config struct {
			Domains  []string `xml:"emailProvider>domain"`
			Incoming []struct {
				Type   string `xml:"type,attr"`
				Host   string `xml:"hostname"`
				Port   int    `xml:"port"`
				Socket string `xml:"socketType"`
			} `xml:"emailProvider>incomingServer"`
			Outgoing []struct {
				Port int `xml:"port"`
			} `xml:"emailProvider>outgoingServer"`
		}
		a := o.ask(t, "GET", plain+"/mail/config-v1.1.xml?emailaddress="+at("alice"), "", nil).want(t, 200)
		if err := xml.Unmarshal([]byte(a.body), &config); err != nil {
			t.Fatalf("%v in %q", err, a.body)
		}
		if len(config.Domains) != 1 || config.Domains[0] != domain || len(config.Incoming) != 4 || len(config.Outgoing) != 2 {
			t.Fatalf("autoconfig says %+v", config)
		}
		if first := config.Incoming[0]; first.Type != "imap" || first.Host != hostname || first.Port != 993 || first.Socket != "SSL" {
			t.Errorf("the first server is %+v; want IMAP on 993", first)
		}
	})
	m.try(t, "HTTP", "API: add a person, who can log in at once, and remove them", func(t *testing.T) { testAccounts(t, o, secure) })
}

// testAccounts signs in as the administrator, makes a token, and looks after a person with it.
func testAccounts(t *testing.T, o *office, secure string) {
	type credentials struct {
		Address  string `json:"address"`
		Password string `json:"password"`
	}
	o.ask(t, "POST", secure+"/api/session", "", credentials{at("admin"), "wrong"}).want(t, 401)
	signed := o.ask(t, "POST", secure+"/api/session", "", credentials{at("admin"), password}).want(t, 200)
	cookie, _, _ := strings.Cut(signed.header.Get("Set-Cookie"), ";")
	var made struct {
		Token string `json:"token"`
	}
	text := o.ask(t, "POST", secure+"/api/tokens", "Cookie: "+cookie, map[string]string{"name": "test"}).want(t, 201).body
	if err := json.Unmarshal([]byte(text), &made); err != nil || made.Token == "" {
		t.Fatalf("POST /api/tokens: %v in %q", err, text)
	}
	token := "Authorization: Bearer " + made.Token
	if list := o.ask(t, "GET", secure+"/api/accounts", token, nil).want(t, 200).body; !strings.Contains(list, at("alice")) {
		t.Errorf("the list of people is %q", list)
	}
	const first, second = "birch window seven", "another quiet harbour"
	o.ask(t, "POST", secure+"/api/accounts", token, map[string]string{"address": at("tea"), "name": "Tea", "password": "short"}).want(t, 400)
	o.ask(t, "POST", secure+"/api/accounts", token, map[string]string{"address": at("tea"), "name": "Tea", "password": first}).want(t, 201)
	o.ask(t, "POST", secure+"/api/accounts", token, map[string]string{"address": at("tea"), "name": "Tea", "password": first}).want(t, 409)
	o.imap(t, "tea", first).Close()
	o.deliver(t, "tea", note("welcome"))
	o.ask(t, "PUT", secure+"/api/accounts/"+at("tea")+"/password", token, map[string]string{"password": second}).want(t, 204)
	if _, err := o.imapErr("tea", first); err == nil {
		t.Error("the old password still works")
	}
	o.imap(t, "tea", second).Close()
	o.ask(t, "DELETE", secure+"/api/accounts/"+at("tea"), token, nil).want(t, 204)
	if _, err := o.imapErr("tea", second); err == nil {
		t.Error("somebody who was removed can log in")
	}
	c := o.smtp(t)
	c.do(t, "250 ", "MAIL FROM:<sender@example.net>")
	c.do(t, "550 5.1.1", "RCPT TO:<%s>", at("tea"))
}

// testBoxctl looks after people with the operator's command.
func testBoxctl(t *testing.T, o *office, m *matrix) {
	program := compile(t, "cmd/boxctl")
	p := o.newProgram(t)
	place := []string{"--box", "https://" + hostname + ":" + o.port("https"), "--ca", o.caFile}
	tokenFile := filepath.Join(p.home, "token")
	call := func(t *testing.T, stdin string, args ...string) string {
		t.Helper()
		return p.must(t, stdin, program, append(args, append(place, "--token-file", tokenFile)...)...)
	}
	if !m.try(t, "boxctl", "token add", func(t *testing.T) {
		out := p.must(t, password+"\n", program, append([]string{"token", "add", "test", "--owner", at("admin"), "--password-stdin"}, place...)...)
		token, _, _ := strings.Cut(out, "\n")
		if !strings.HasPrefix(token, "sanduk_") {
			t.Fatalf("token add says %q", out)
		}
		write(t, tokenFile, token+"\n")
	}) {
		return
	}
	const first, second = "nine blue lanterns", "ten green lanterns"
	m.try(t, "boxctl", "user add, list, passwd, remove", func(t *testing.T) {
		call(t, first+"\n", "user", "add", at("remzi"), "--name", "Remzi", "--password-stdin")
		if out := call(t, "", "user", "list"); !strings.Contains(out, at("remzi")) || !strings.Contains(out, at("admin")) {
			t.Errorf("user list says %q", out)
		}
		o.imap(t, "remzi", first).Close()
		call(t, second+"\n", "user", "passwd", at("remzi"), "--password-stdin")
		o.imap(t, "remzi", second).Close()
		call(t, "", "user", "remove", at("remzi"))
		if _, err := o.imapErr("remzi", second); err == nil {
			t.Error("somebody who was removed can log in")
		}
	})
	m.try(t, "boxctl", "an unknown certificate is refused", func(t *testing.T) {
		p.mustNot(t, 1, "--ca", program, "user", "list", "--box", "https://"+hostname+":"+o.port("https"), "--token-file", tokenFile)
	})
}
