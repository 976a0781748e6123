package clienttest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// testSwaks sends with swaks, on every port and with every log-in it knows, and sees what must be refused refused.
func testSwaks(t *testing.T, o *office, m *matrix) {
	const owner = "swaks"
	login := func(mechanism, password string) []string {
		return []string{"--auth", mechanism, "--auth-user", at(owner), "--auth-password", password}
	}
	secure := []string{"--tls-verify", "--tls-ca-path", o.caFile}
	start, implicit := append([]string{"--tls"}, secure...), append([]string{"--tls-on-connect"}, secure...)
	call := func(service, from, to string, more ...[]string) []string {
		args := []string{"--server", hostname, "--port", o.port(service), "--ehlo", "desk.example.net", "--from", from, "--to", to, "--timeout", "120"}
		for _, list := range more {
			args = append(args, list...)
		}
		return args
	}
	sends := []struct {
		name, service, from string
		more                [][]string
	}{
		{"587, STARTTLS, AUTH PLAIN", "submission", at(owner), [][]string{start, login("PLAIN", password)}},
		{"587, STARTTLS, AUTH LOGIN", "submission", at(owner), [][]string{start, login("LOGIN", password)}},
		{"465, AUTH PLAIN", "submissions", at(owner), [][]string{implicit, login("PLAIN", password)}},
		{"465, AUTH LOGIN", "submissions", at(owner), [][]string{implicit, login("LOGIN", password)}},
		{"25, from outside, in clear", "smtp", "sender@example.net", nil},
		{"25, from outside, STARTTLS", "smtp", "sender@example.net", [][]string{start}},
	}
	for _, s := range sends {
		m.try(t, "swaks", s.name, func(t *testing.T) {
			p := o.newProgram(t)
			body := noteFrom(s.from, "swaks on "+s.name)
			// swaks ends the last line itself.
			p.must(t, strings.TrimSuffix(body, "\r\n"), "swaks", append(call(s.service, s.from, at(owner), s.more...), "--data", "-")...)
			find(t, o.letters(t, owner, "INBOX"), []byte(body))
		})
	}
	// The statuses are those that swaks's manual lists: 24, every recipient was refused; 28, the log-in failed.
	refusals := []struct {
		name, service, from, to string
		code                    int
		says                    string
		more                    [][]string
	}{
		{"25: relaying is refused", "smtp", "sender@example.net", "somebody@elsewhere.example", 24, "* 550 5", nil},
		{"587: mail for other domains is refused", "submission", at(owner), "somebody@elsewhere.example", 24, "* 550 5", [][]string{start, login("PLAIN", password)}},
		{"25: nobody of that name", "smtp", "sender@example.net", at("nobody"), 24, "* 550 5.1.1", nil},
		{"587: a wrong password", "submission", at(owner), at(owner), 28, "* 535 5.7.8", [][]string{start, login("PLAIN", "wrong")}},
		{"587: no log-in before TLS", "submission", at(owner), at(owner), 28, "", [][]string{login("PLAIN", password)}},
		{"587: nothing without a log-in", "submission", at(owner), at(owner), 23, "530 5.7.0", [][]string{start}},
	}
	for _, r := range refusals {
		m.try(t, "swaks", r.name, func(t *testing.T) {
			before := len(o.letters(t, owner, "INBOX"))
			o.newProgram(t).mustNot(t, r.code, r.says, "swaks", call(r.service, r.from, r.to, r.more...)...)
			o.count(t, owner, "INBOX", before)
		})
	}
}

// testCurlSends sends with curl.
func testCurlSends(t *testing.T, o *office, m *matrix) {
	const owner = "curl"
	login := []string{"--user", at(owner) + ":" + password}
	call := func(url string, more ...string) []string {
		return append([]string{"-sS", "--url", url, "--cacert", o.caFile, "--mail-from", at(owner)}, more...)
	}
	for _, s := range []struct{ scheme, service string }{{"smtps", "submissions"}, {"smtp", "submission"}} {
		m.try(t, "curl", s.scheme+": send to two people", func(t *testing.T) {
			p := o.newProgram(t)
			body := noteFrom(at(owner), "curl with "+s.scheme)
			args := call(s.scheme+"://"+hostname+":"+o.port(s.service)+"/desk.example.net", login...)
			args = append(args, "--ssl-reqd", "--mail-rcpt", at(owner), "--mail-rcpt", at("second"), "--upload-file", p.file(t, "note.eml", body))
			p.must(t, "", "curl", args...)
			find(t, o.letters(t, owner, "INBOX"), []byte(body))
			find(t, o.letters(t, "second", "INBOX"), []byte(body))
		})
	}
	m.try(t, "curl", "smtps: an attachment of 10 MB", func(t *testing.T) {
		p := o.newProgram(t)
		// With all that the box would add.
		header := "From: " + at(owner) + "\r\nDate: Mon, 02 Mar 2026 10:00:00 +0100\r\nMessage-ID: <pictures@example.net>"
		body := bytes.Replace(attachment(10<<20), []byte("From: a@example.net"), []byte(header), 1)
		args := call("smtps://"+hostname+":"+o.port("submissions")+"/desk.example.net", login...)
		p.must(t, "", "curl", append(args, "--mail-rcpt", at(owner), "--upload-file", p.file(t, "big.eml", string(body)))...)
		find(t, o.letters(t, owner, "INBOX"), body)
	})
	m.try(t, "curl", "smtps: a wrong password", func(t *testing.T) {
		p := o.newProgram(t)
		args := call("smtps://"+hostname+":"+o.port("submissions")+"/desk.example.net", "--user", at(owner)+":wrong")
		// Status 67: the server denied the log-in.
		p.mustNot(t, 67, "", "curl", append(args, "--mail-rcpt", at(owner), "--upload-file", p.file(t, "note.eml", note("never")))...)
	})
}

// testMsmtp sends with msmtp, with the best log-in that its build knows.
func testMsmtp(t *testing.T, o *office, m *matrix) {
	const owner = "msmtp"
	p := o.newProgram(t)
	known := p.must(t, "", "msmtp", "--version")
	mechanisms := []string{"plain"}
	for _, name := range []string{"scram-sha-1", "scram-sha-256"} {
		if strings.Contains(known, " "+name) {
			mechanisms = append(mechanisms, name)
		}
	}
	config := fmt.Sprintf("defaults\nhost %s\nfrom %s\nuser %s\npassword %q\ntls on\ntls_trust_file %s\ntimeout 120\n", hostname, at(owner), at(owner), password, o.caFile)
	for _, mechanism := range mechanisms {
		config += fmt.Sprintf("account %s-587\nport %s\ntls_starttls on\nauth %s\n", mechanism, o.port("submission"), mechanism)
		config += fmt.Sprintf("account %s-465\nport %s\ntls_starttls off\nauth %s\n", mechanism, o.port("submissions"), mechanism)
	}
	config += fmt.Sprintf("account bad : %s-465\npassword wrong\n", mechanisms[len(mechanisms)-1])
	file := p.file(t, "msmtprc", config)
	for _, mechanism := range mechanisms {
		for _, port := range []string{"587", "465"} {
			account := mechanism + "-" + port
			m.try(t, "msmtp", port+", "+mechanism, func(t *testing.T) {
				body := noteFrom(at(owner), "msmtp "+account)
				p.must(t, strings.ReplaceAll(body, "\r\n", "\n"), "msmtp", "-C", file, "-a", account, at(owner))
				find(t, o.letters(t, owner, "INBOX"), []byte(body))
			})
		}
	}
	m.try(t, "msmtp", "a wrong password", func(t *testing.T) {
		p.mustNot(t, 77, "535", "msmtp", "-C", file, "-a", "bad", at(owner)) // EX_NOPERM
	})
	m.try(t, "msmtp", "--serverinfo", func(t *testing.T) {
		out := p.must(t, "", "msmtp", "-C", file, "-a", "plain-465", "--serverinfo")
		for _, want := range []string{"SIZE 157286400", "PIPELINING", "AUTH", "SCRAM-SHA-256"} {
			if !strings.Contains(out, want) {
				t.Errorf("--serverinfo has no %q", want)
			}
		}
	})
}
