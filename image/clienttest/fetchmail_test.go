package clienttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testFetchmail collects mail with fetchmail over POP3 and IMAP, leaving it on the box and taking it away.
func testFetchmail(t *testing.T, o *office, m *matrix) {
	const owner = "fetchmail"
	bodies := []string{note("fetch one"), note("fetch two"), note("fetch three")}
	o.deliver(t, owner, bodies...)
	p := o.newProgram(t)
	inbox := filepath.Join(p.home, "inbox")
	if err := os.Mkdir(inbox, 0o755); err != nil {
		t.Fatal(err)
	}
	// Each message becomes a file.
	deliver := p.file(t, "deliver", "#!/bin/sh\nexec cat >\"$(mktemp "+inbox+"/XXXXXXXX)\"\n")
	if err := os.Chmod(deliver, 0o700); err != nil {
		t.Fatal(err)
	}
	// collect runs fetchmail and returns how many messages it brought. Its status is 1 when there were none.
	collect := func(t *testing.T, protocol, service, how string) int {
		t.Helper()
		before, _ := os.ReadDir(inbox)
		config := p.file(t, "fetchmailrc", fmt.Sprintf("poll %s proto %s port %s timeout 120 %s\n", hostname, protocol, o.port(service), map[bool]string{true: "uidl"}[protocol == "POP3"])+
			fmt.Sprintf("user %q password %q %s sslcertck sslcertfile %q mda %q\n", at(owner), password, how, o.caFile, deliver))
		r := p.run(t, "", "fetchmail", "-v", "--nosyslog", "--nodetach", "-f", config)
		after, _ := os.ReadDir(inbox)
		n := len(after) - len(before)
		if want := map[bool]int{true: 0, false: 1}[n > 0]; r.code != want {
			t.Errorf("fetchmail brought %d messages and ended with status %d; want %d", n, r.code, want)
		}
		return n
	}
	// brought looks for a message among the files.
	brought := func(t *testing.T, body string) {
		t.Helper()
		entries, _ := os.ReadDir(inbox)
		for _, e := range entries {
			if strings.HasSuffix(read(t, filepath.Join(inbox, e.Name())), strings.ReplaceAll(body, "\r\n", "\n")) {
				return
			}
		}
		t.Errorf("none of %d files is %.80q", len(entries), body)
	}
	expect := func(t *testing.T, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("fetchmail brought %d messages; want %d", got, want)
		}
	}
	m.try(t, "fetchmail", "POP3, 995: collect and keep", func(t *testing.T) {
		expect(t, collect(t, "POP3", "pop3s", "ssl keep"), 3)
		for _, body := range bodies {
			brought(t, body)
		}
		o.count(t, owner, "INBOX", 3)
	})
	m.try(t, "fetchmail", "POP3, 995: only what is new", func(t *testing.T) {
		o.deliver(t, owner, note("fetch four"))
		expect(t, collect(t, "POP3", "pop3s", "ssl keep"), 1)
		brought(t, note("fetch four"))
		expect(t, collect(t, "POP3", "pop3s", "ssl keep"), 0)
	})
	m.try(t, "fetchmail", "POP3, 110, STLS: collect and take away", func(t *testing.T) {
		expect(t, collect(t, "POP3", "pop3", "sslproto \"TLS1.2+\" nokeep fetchall"), 4)
		o.count(t, owner, "INBOX", 0)
	})
	m.try(t, "fetchmail", "IMAP, 993: collect and keep", func(t *testing.T) {
		o.deliver(t, owner, note("fetch five"), note("fetch six"))
		expect(t, collect(t, "IMAP", "imaps", "ssl keep"), 2)
		brought(t, note("fetch five"))
		o.count(t, owner, "INBOX", 2)
	})
	m.try(t, "fetchmail", "IMAP, 143, STARTTLS: collect and take away", func(t *testing.T) {
		expect(t, collect(t, "IMAP", "imap", "sslproto \"TLS1.2+\" nokeep fetchall"), 2)
		o.count(t, owner, "INBOX", 0)
	})
}
