package clienttest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
)

// mutt is that program or its offspring, driven by its own commands on a terminal.
type mutt struct {
	*program
	name  string // of the program
	owner string // whose account
}

// config writes the settings for the two servers and returns the file.
func (u mutt) config(t *testing.T, imapURL, smtpURL string) string {
	t.Helper()
	return u.file(t, "muttrc", fmt.Sprintf(`set my_pass="%s"
set imap_pass=$my_pass smtp_pass=$my_pass from=%s realname=Mutt use_from=yes
set ssl_ca_certificates_file=%s certificate_file=%s/none ssl_force_tls=yes ssl_starttls=yes
set move=no delete=yes confirmappend=no confirmcreate=no quit=yes wait_key=no sleep_time=0 beep=no mail_check=600
set header_cache= message_cachedir= record= postponed= sort=mailbox-order mark_old=no imap_idle=no
set folder=%s spoolfile=%sINBOX smtp_url=%s
`, password, at(u.owner), u.o.caFile, u.home, imapURL, imapURL, smtpURL))
}

// url names a service with the account in it.
func (u mutt) url(scheme, service string) string {
	return scheme + "://" + strings.ReplaceAll(at(u.owner), "@", "%40") + "@" + hostname + ":" + u.o.port(service) + "/"
}

// keys opens INBOX and presses keys.
func (u mutt) keys(t *testing.T, config, keys string) {
	t.Helper()
	script := u.file(t, "keys", `push "`+keys+`"`+"\n")
	u.must(t, "", "script", "-qefc", u.name+" -n -F "+config+" -e 'source "+script+"'", "/dev/null")
}

// testMutt reads, files and sends.
func testMutt(t *testing.T, o *office, m *matrix, owner string, p *program) {
	u := mutt{p, owner, owner}
	for _, c := range []struct{ scheme, service, port string }{{"smtps", "submissions", "465"}, {"smtp", "submission", "587, STARTTLS"}} {
		m.try(t, owner, c.port+": send with an attachment", func(t *testing.T) {
			file := u.config(t, u.url("imaps", "imaps"), u.url(c.scheme, c.service))
			subject := owner + " on " + c.service
			attached := p.file(t, "attached.txt", "attached: čaj\n")
			p.must(t, "Hello from mutt.\n.\n", owner, "-n", "-F", file, "-s", subject, "-a", attached, "--", at(owner))
			got := string(o.newest(t, owner)[0].body)
			for _, want := range []string{"Subject: " + subject + "\r\n", "Hello from mutt.\r\n.\r\n", "attached.txt"} {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in what arrived: %q", want, got)
				}
			}
		})
	}
	o.deliver(t, owner, note("read me"), note("copy me"), note("move me"), note("delete me"))
	m.try(t, owner, "993: read, copy, move, delete", func(t *testing.T) {
		file := u.config(t, u.url("imaps", "imaps"), u.url("smtps", "submissions"))
		u.keys(t, file, `<search>~s 'read me'<enter><display-message><exit>`+
			`<search>~s 'copy me'<enter><copy-message><kill-line>=Kept<enter>`+
			`<search>~s 'move me'<enter><save-message><kill-line>=Moved<enter>`+
			`<search>~s 'delete me'<enter><delete-message><sync-mailbox><quit>`)
		inbox := o.letters(t, owner, "INBOX")
		if l, ok := titled(inbox, "read me"); !ok || !l.has(imap.FlagSeen) {
			t.Errorf("the message that was read has %v (found: %v); want \\Seen", l.flags, ok)
		}
		for _, subject := range []string{"move me", "delete me"} {
			if _, ok := titled(inbox, subject); ok {
				t.Errorf("%q is still in INBOX", subject)
			}
		}
		for folder, subject := range map[string]string{"Kept": "copy me", "Moved": "move me"} {
			if _, ok := titled(o.count(t, owner, folder, 1), subject); !ok {
				t.Errorf("%q is not in %s", subject, folder)
			}
		}
		if _, ok := titled(inbox, "copy me"); !ok {
			t.Error("the copied message is gone")
		}
	})
	m.try(t, owner, "143, STARTTLS: search and flag", func(t *testing.T) {
		file := u.config(t, u.url("imap", "imap"), u.url("smtps", "submissions"))
		u.keys(t, file, `<limit>~b 'This is copy'<enter><flag-message><limit>all<enter><sync-mailbox><quit>`)
		if l, _ := titled(o.letters(t, owner, "INBOX"), "copy me"); !l.has(imap.FlagFlagged) {
			t.Errorf("flags are %v; want \\Flagged", l.flags)
		}
	})
}
