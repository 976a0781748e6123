package clienttest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
)

// testMutt reads, files and sends with mutt, driven by its own commands on a terminal.
func testMutt(t *testing.T, o *office, m *matrix) {
	const owner = "mutt"
	p := o.newProgram(t)
	base := fmt.Sprintf(`set my_pass="%s"
set imap_pass=$my_pass smtp_pass=$my_pass from=%s realname=Mutt use_from=yes
set ssl_ca_certificates_file=%s certificate_file=%s/none ssl_force_tls=yes ssl_starttls=yes
set move=no delete=yes confirmappend=no confirmcreate=no quit=yes wait_key=no sleep_time=0 beep=no mail_check=600
set header_cache= message_cachedir= record= postponed= sort=mailbox-order mark_old=no imap_idle=no
`, password, at(owner), o.caFile, p.home)
	user := strings.ReplaceAll(at(owner), "@", "%40")
	config := func(t *testing.T, imapURL, smtpURL string) string {
		return p.file(t, "muttrc", base+"set folder="+imapURL+" spoolfile="+imapURL+"INBOX smtp_url="+smtpURL+"\n")
	}
	url := func(scheme, service string) string {
		return scheme + "://" + user + "@" + hostname + ":" + o.port(service) + "/"
	}
	for _, c := range []struct{ scheme, service, port string }{{"smtps", "submissions", "465"}, {"smtp", "submission", "587, STARTTLS"}} {
		m.try(t, "mutt", c.port+": send with an attachment", func(t *testing.T) {
			file := config(t, url("imaps", "imaps"), url(c.scheme, c.service))
			subject := "mutt on " + c.service
			attached := p.file(t, "attached.txt", "attached: čaj\n")
			p.must(t, "Hello from mutt.\n.\n", "mutt", "-n", "-F", file, "-s", subject, "-a", attached, "--", at(owner))
			got := string(o.newest(t, owner)[0].body)
			for _, want := range []string{"Subject: " + subject + "\r\n", "Hello from mutt.\r\n.\r\n", "attached.txt"} {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in what arrived: %q", want, got)
				}
			}
		})
	}
	o.deliver(t, owner, note("read me"), note("copy me"), note("move me"), note("delete me"))
	has := func(all []letter, subject string) (letter, bool) {
		i := slices.IndexFunc(all, func(l letter) bool { return strings.Contains(string(l.body), "Subject: "+subject+"\r\n") })
		if i < 0 {
			return letter{}, false
		}
		return all[i], true
	}
	m.try(t, "mutt", "993: read, copy, move, delete", func(t *testing.T) {
		file := config(t, url("imaps", "imaps"), url("smtps", "submissions"))
		keys := `push "<search>~s 'read me'<enter><display-message><exit>` +
			`<search>~s 'copy me'<enter><copy-message><kill-line>=Kept<enter>` +
			`<search>~s 'move me'<enter><save-message><kill-line>=Moved<enter>` +
			`<search>~s 'delete me'<enter><delete-message><sync-mailbox><quit>"`
		script := p.file(t, "keys", keys+"\n")
		p.must(t, "", "script", "-qefc", "mutt -n -F "+file+" -e 'source "+script+"'", "/dev/null")
		inbox := o.letters(t, owner, "INBOX")
		if l, ok := has(inbox, "read me"); !ok || !l.has(imap.FlagSeen) {
			t.Errorf("the message that was read has %v (found: %v); want \\Seen", l.flags, ok)
		}
		for _, subject := range []string{"move me", "delete me"} {
			if _, ok := has(inbox, subject); ok {
				t.Errorf("%q is still in INBOX", subject)
			}
		}
		for folder, subject := range map[string]string{"Kept": "copy me", "Moved": "move me"} {
			if _, ok := has(o.count(t, owner, folder, 1), subject); !ok {
				t.Errorf("%q is not in %s", subject, folder)
			}
		}
		if _, ok := has(inbox, "copy me"); !ok {
			t.Error("the copied message is gone")
		}
	})
	m.try(t, "mutt", "143, STARTTLS: search and flag", func(t *testing.T) {
		file := config(t, url("imap", "imap"), url("smtps", "submissions"))
		script := p.file(t, "keys", `push "<limit>~b 'This is copy'<enter><flag-message><limit>all<enter><sync-mailbox><quit>"`+"\n")
		p.must(t, "", "script", "-qefc", "mutt -n -F "+file+" -e 'source "+script+"'", "/dev/null")
		if l, _ := has(o.letters(t, owner, "INBOX"), "copy me"); !l.has(imap.FlagFlagged) {
			t.Errorf("flags are %v; want \\Flagged", l.flags)
		}
	})
}
