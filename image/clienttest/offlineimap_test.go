package clienttest

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/sanduk-mail/sanduk/image/debroot"
)

// inRoot makes a home directory for a program of the root "clients".
func (o *office) inRoot(t *testing.T) *program {
	t.Helper()
	dir, err := debroot.Unpack(t.Context(), root, "clients")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")
	write(t, filepath.Join(dir, "etc/group"), "root:x:0:\n")
	p := o.newProgram(t)
	p.root = dir
	return p
}

// testOfflineIMAP keeps a Maildir and the box the same, in both directions.
func testOfflineIMAP(t *testing.T, o *office, m *matrix) {
	const owner = "offlineimap"
	p := o.inRoot(t)
	config := p.file(t, "offlineimaprc", fmt.Sprintf(`[general]
accounts = box
metadata = %[1]s/meta
[Account box]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = %[1]s/mail
[Repository far]
type = IMAP
remotehost = %[2]s
remoteport = %[3]s
remoteuser = %[4]s
remotepass = %[5]s
ssl = yes
sslcacertfile = %[6]s
`, p.home, hostname, o.port("imaps"), at(owner), password, o.caFile))
	sync := func(t *testing.T) { p.must(t, "", "offlineimap", "-c", config, "-o", "-u", "basic") }
	files := func(t *testing.T, folder string) []string {
		names, err := filepath.Glob(filepath.Join(p.home, "mail", folder, "[cn][ue][rw]", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	m.try(t, owner, "993: fetch everything", func(t *testing.T) {
		o.deliver(t, owner, note("offline one"), note("offline two"))
		sync(t)
		if got := files(t, "INBOX"); len(got) != 2 {
			t.Errorf("%d files in INBOX; want 2", len(got))
		}
	})
	m.try(t, owner, "993: flags and new messages go up, flags come down", func(t *testing.T) {
		write(t, filepath.Join(p.home, "mail/INBOX/cur/1600000000.1.here:2,FS"), strings.ReplaceAll(noteFrom(at(owner), "offline three"), "\r\n", "\n"))
		sync(t)
		all := o.count(t, owner, "INBOX", 3)
		flagged := 0
		for _, l := range all {
			if l.has(imap.FlagFlagged) && strings.Contains(string(l.body), "offline three") {
				flagged++
			}
		}
		if flagged != 1 {
			t.Errorf("the message from here is flagged on the box %d times; want once", flagged)
		}
	})
}
