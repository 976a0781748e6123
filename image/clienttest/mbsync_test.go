package clienttest

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
)

// mbsync keeps one account's folders and a Maildir the same.
type mbsync struct {
	*program
	maildir
	config string
}

func newMbsync(t *testing.T, o *office, local, service, security string) *mbsync {
	t.Helper()
	p := o.newProgram(t)
	write(t, filepath.Join(p.home, "mail", ".keep"), "")
	config := p.file(t, "mbsyncrc", fmt.Sprintf(`IMAPAccount box
Host %s
Port %s
User %s
Pass "%s"
SSLType %s
SystemCertificates no
CertificateFile %s
Timeout 120

IMAPStore far
Account box

MaildirStore near
Path %s/mail/
Inbox %s/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
`, hostname, o.port(service), at(local), password, security, o.caFile, p.home, p.home))
	return &mbsync{p, maildir(filepath.Join(p.home, "mail")), config}
}

func (s *mbsync) sync(t *testing.T) {
	t.Helper()
	s.must(t, "", "mbsync", "-c", s.config, "-a")
}

// unmarked takes out the field by which mbsync finds a message again that it has just stored.
func unmarked(text string) string {
	return regexp.MustCompile(`(?m)^X-TUID: .*\n`).ReplaceAllString(text, "")
}

// testMbsync keeps a Maildir and the box the same, changes going both ways.
func testMbsync(t *testing.T, o *office, m *matrix) {
	const owner = "mbsync"
	subjects := []string{"sync one", "sync two", "sync three", "sync four", "sync five"}
	var bodies []string
	for _, s := range subjects {
		bodies = append(bodies, note(s))
	}
	o.deliver(t, owner, bodies...)
	s := newMbsync(t, o, owner, "imaps", "IMAPS")
	if !m.try(t, "mbsync", "993: pull everything into a Maildir", func(t *testing.T) {
		s.sync(t)
		files := s.files(t, "INBOX")
		if len(files) != len(bodies) {
			t.Errorf("%d files; want %d", len(files), len(bodies))
		}
		for i, subject := range subjects {
			// mbsync writes the line ends of this system.
			got := unmarked(files[s.holding(t, "INBOX", "Subject: "+subject+"\n")])
			if !strings.HasSuffix(got, strings.ReplaceAll(bodies[i], "\r\n", "\n")) {
				t.Errorf("%s is not as it was sent: %q", subject, got)
			}
		}
	}) {
		return
	}
	m.try(t, "mbsync", "993: push flags, a deletion and a new message", func(t *testing.T) {
		s.mark(t, "INBOX", "Subject: sync one\n", "FS")
		s.mark(t, "INBOX", "Subject: sync two\n", "ST") // T is the deletion
		write(t, filepath.Join(s.home, "mail", "INBOX", "cur", "1234.local:2,DS"), strings.ReplaceAll(note("sync local"), "\r\n", "\n"))
		s.sync(t)
		all := o.count(t, owner, "INBOX", len(bodies))
		if l := find(t, all, []byte(bodies[0])); !l.has(imap.FlagFlagged) || !l.has(imap.FlagSeen) {
			t.Errorf("flags on the box are %v; want \\Flagged \\Seen", l.flags)
		}
		if slices.ContainsFunc(all, func(l letter) bool { return strings.Contains(string(l.body), "Subject: sync two\r\n") }) {
			t.Error("the deleted message is still on the box")
		}
		if l := all[len(all)-1]; unmarked(string(l.body)) != note("sync local") || !l.has(imap.FlagDraft) {
			t.Errorf("the new message is %q with %v", l.body, l.flags)
		}
	})
	m.try(t, "mbsync", "993: pull what another program changed", func(t *testing.T) {
		c := o.imap(t, owner, password)
		if _, err := c.Select("INBOX", nil).Wait(); err != nil {
			t.Fatal(err)
		}
		flag := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagAnswered}}
		if _, err := c.Store(imap.SeqSetNum(2), flag, nil).Collect(); err != nil { // sync three, behind the deleted one
			t.Fatal(err)
		}
		if err := c.Create("Projects/2026 čaj", nil).Wait(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Move(imap.SeqSetNum(3), "Projects/2026 čaj").Wait(); err != nil { // sync four
			t.Fatal(err)
		}
		c.Close()
		o.deliver(t, owner, note("sync six"))
		s.sync(t)
		if name := s.holding(t, "INBOX", "Subject: sync three\n"); !strings.Contains(name, "R") {
			t.Errorf("the answered message's file is %s; want an R behind :2,", filepath.Base(name))
		}
		s.holding(t, "INBOX", "Subject: sync six\n")
		s.holding(t, "Projects/2026 &AQ0-aj", "Subject: sync four\n") // mbsync keeps names in modified UTF-7
		if n := len(s.files(t, "INBOX")); n != len(bodies) {
			t.Errorf("%d files in INBOX; want %d", n, len(bodies))
		}
	})
	m.try(t, "mbsync", "993: pull and change what another person has opened", func(t *testing.T) {
		const folder = "Shared with mbsync"
		theirs := "Other Users/" + at("alice") + "/" + folder
		c := o.imap(t, "alice", password)
		if err := c.Create(folder, nil).Wait(); err != nil {
			t.Fatal(err)
		}
		text := note("from alice")
		put := c.Append(folder, int64(len(text)), nil)
		if _, err := put.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := put.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := put.Wait(); err != nil {
			t.Fatal(err)
		}
		share := func(rights imap.RightSet) {
			t.Helper()
			if err := c.SetACL(folder, imap.RightsIdentifier(at(owner)), imap.RightModificationReplace, rights).Wait(); err != nil {
				t.Fatal(err)
			}
		}
		share(imap.RightSet("lrswite"))
		s.sync(t)
		s.mark(t, theirs, "Subject: from alice\n", "FS")
		write(t, filepath.Join(s.home, "mail", theirs, "cur", "1235.local:2,S"), strings.ReplaceAll(note("to alice"), "\r\n", "\n"))
		s.sync(t)
		all := o.count(t, "alice", folder, 2)
		if l := all[0]; string(l.body) != text || !l.has(imap.FlagFlagged) || !l.has(imap.FlagSeen) {
			t.Errorf("in alice's folder is %q with %v; want \\Flagged \\Seen", l.body, l.flags)
		}
		// What is taken away is out of reach at the next look, and the owner loses nothing by it.
		share(imap.RightSet(""))
		s.run(t, "mbsync", "-c", s.config, "-a")
		o.count(t, "alice", folder, 2)
	})
	m.try(t, "mbsync", "143, STARTTLS: another account", func(t *testing.T) {
		o.deliver(t, "second", note("for the second"))
		s := newMbsync(t, o, "second", "imap", "STARTTLS")
		s.sync(t)
		s.holding(t, "INBOX", "Subject: for the second\n")
	})
}
