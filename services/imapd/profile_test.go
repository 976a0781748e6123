package imapd

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestProfiles: each client with a known bug is spared what it fails on, by its whole
// name only, and before log-in as after it.
func TestProfiles(t *testing.T) {
	t.Parallel()
	all := map[string]bool{}
	for _, e := range extensions() {
		all[strings.ToUpper(e.capability)] = true
	}
	for _, p := range profiles() {
		if p.name != strings.ToLower(p.name) || !strings.Contains(p.bug, "https://") || len(p.without) == 0 {
			t.Errorf("%q: the entry is not whole", p.name)
		}
		for _, c := range p.without {
			if !all[c] {
				t.Errorf("%q does without %s, which there is not", p.name, c)
			}
		}
	}
	play := func(name, script string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			b := newBox(t)
			b.put("INBOX", mail.Flags{}, "Subject: x\r\n\r\n")
			b.runner().Run(t, name, script)
		})
	}
	const login = "C: b LOGIN alice@example.test secret\nS: /b OK .*/\nC: c CAPABILITY\n"
	const fetch = "C: d ENABLE UIDONLY QRESYNC\nS: * ENABLED QRESYNC\nS: d OK ENABLE completed\nC: e SELECT INBOX\nS: ...\nS: /e OK .*/\nC: f FETCH 1 (UID)\nS: /\\* 1 FETCH \\(UID 1.*\\)/\nS: f OK FETCH completed\n"
	id := func(tag, name string) string {
		return "C: " + tag + ` ID ("name" "` + name + `" "version" "15.20.9160.4")` + "\nS: ...\nS: " + tag + " OK ID completed\n"
	}
	const without, with = "S: /\\* CAPABILITY IMAP4rev1 .* THREAD=REFS UIDPLUS .*/\nS: c OK CAPABILITY completed\n", "S: /\\* CAPABILITY .* UIDONLY .*/\nS: c OK CAPABILITY completed\n"
	play("Outlook", "S: /\\* OK .*/\n"+id("a", "Microsoft Office 365")+login+without+fetch)
	play("Outlook, after log-in", "S: /\\* OK .*/\nC: b LOGIN alice@example.test secret\nS: /b OK .*/\n"+id("a", "MICROSOFT OFFICE 365")+"C: c CAPABILITY\n"+without+fetch)
	play("another name", "S: /\\* OK .*/\n"+id("a", "Microsoft Office 365 for somebody")+login+with+"C: d ENABLE UIDONLY\nS: * ENABLED UIDONLY\nS: d OK ENABLE completed\n")
}
