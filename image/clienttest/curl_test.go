package clienttest

import (
	"path/filepath"
	"strings"
	"testing"
)

// testCurlReads reads and files with curl over IMAP and POP3.
func testCurlReads(t *testing.T, o *office, m *matrix) {
	const owner = "alice"
	bodies := []string{note("curl one"), note("curl two needle"), note("curl three")}
	o.deliver(t, owner, bodies...)
	p := o.newProgram(t)
	// curl returns what the box answered.
	curl := func(t *testing.T, url string, more ...string) string {
		t.Helper()
		out := filepath.Join(p.home, "out")
		write(t, out, "")
		p.must(t, "", "curl", append([]string{"-sS", "--ssl-reqd", "--cacert", o.caFile, "--user", at(owner) + ":" + password, "-o", out, url}, more...)...)
		return read(t, out)
	}
	url := func(scheme, service, path string) string {
		return scheme + "://" + hostname + ":" + o.port(service) + "/" + path
	}
	contains := func(t *testing.T, text string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in the answer %q", want, text)
			}
		}
	}
	for _, scheme := range []string{"imaps", "imap"} {
		m.try(t, "curl", scheme+": fetch by UID", func(t *testing.T) {
			got := curl(t, url(scheme, scheme, "INBOX/;UID=2"))
			prefix, ok := strings.CutSuffix(got, bodies[1])
			if !ok || !isPrefix([]byte(prefix)) {
				t.Errorf("got %q", got)
			}
		})
	}
	m.try(t, "curl", "imaps: list folders", func(t *testing.T) {
		contains(t, curl(t, url("imaps", "imaps", "")), "INBOX", "\\Sent", "\\Trash", "\\Drafts")
	})
	m.try(t, "curl", "imaps: search", func(t *testing.T) {
		contains(t, curl(t, url("imaps", "imaps", "INBOX?SUBJECT%20needle")), "* SEARCH 2\r\n")
		contains(t, curl(t, url("imaps", "imaps", "INBOX?BODY%20three")), "* SEARCH 3\r\n")
	})
	m.try(t, "curl", "imaps: append", func(t *testing.T) {
		curl(t, url("imaps", "imaps", ""), "-X", "CREATE Filed")
		body := note("curl appended")
		curl(t, url("imaps", "imaps", "Filed"), "-T", p.file(t, "note.eml", body))
		if all := o.count(t, owner, "Filed", 1); string(all[0].body) != body {
			t.Errorf("APPEND changed the message: %q", all[0].body)
		}
	})
	m.try(t, "curl", "imaps: a command of its own", func(t *testing.T) {
		contains(t, curl(t, url("imaps", "imaps", "INBOX"), "-X", "FETCH 1:2 (FLAGS UID ENVELOPE)"), "* 1 FETCH", "curl two needle")
	})
	for _, scheme := range []string{"pop3s", "pop3"} {
		m.try(t, "curl", scheme+": list and fetch", func(t *testing.T) {
			if lines := strings.Count(curl(t, url(scheme, scheme, "")), "\r\n"); lines != 3 {
				t.Errorf("LIST has %d lines; want 3", lines)
			}
			if got := curl(t, url(scheme, scheme, "3")); !strings.HasSuffix(got, bodies[2]) {
				t.Errorf("got %q", got)
			}
		})
	}
	m.try(t, "curl", "pop3s: delete", func(t *testing.T) {
		curl(t, url("pop3s", "pop3s", "1"), "-X", "DELE", "-I")
		all := o.count(t, owner, "INBOX", 2)
		find(t, all, []byte(bodies[1]))
	})
	m.try(t, "curl", "imaps, pop3s: a wrong password", func(t *testing.T) {
		for _, u := range []string{url("imaps", "imaps", ""), url("pop3s", "pop3s", "")} {
			p.mustNot(t, 67, "", "curl", "-sS", "--cacert", o.caFile, "--user", at(owner)+":wrong", u)
		}
	})
}
