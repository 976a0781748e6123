package clienttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/sanduk-mail/sanduk/image/debroot"
)

// inRoot makes a home directory for a program of a root of package debroot.
func (o *office) inRoot(t *testing.T, name string) *program {
	t.Helper()
	dir, err := debroot.Unpack(t.Context(), root, name)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")
	write(t, filepath.Join(dir, "etc/group"), "root:x:0:\n")
	p := o.newProgram(t)
	p.root = dir
	return p
}

const (
	// largeSize is that of the large message that programs fetch, before it is encoded.
	largeSize = 8 << 20
	// killedNotes is how many messages go each way while a program is killed.
	killedNotes = 40
)

// offlineimap keeps one account's folders and a Maildir the same.
type offlineimap struct {
	*program
	maildir
	config string
}

func newOfflineIMAP(t *testing.T, o *office, local string) *offlineimap {
	t.Helper()
	p := o.inRoot(t, "clients")
	return &offlineimap{p, maildir(filepath.Join(p.home, "mail")), p.file(t, "offlineimaprc", fmt.Sprintf(`[general]
accounts = box
metadata = %[1]s/meta
[Account box]
localrepository = near
remoterepository = far
utf8foldernames = yes
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
`, p.home, hostname, o.port("imaps"), at(local), password, o.caFile))}
}

func (s *offlineimap) sync(t *testing.T) {
	t.Helper()
	s.must(t, "", "offlineimap", "-c", s.config, "-o", "-u", "basic")
}

// testOfflineIMAP keeps a Maildir and the box the same, in both directions.
func testOfflineIMAP(t *testing.T, o *office, m *matrix) {
	const owner, drawer = "offlineimap", "Фиока čaj"
	s := newOfflineIMAP(t, o, owner)
	d := s.maildir
	large := attachment(largeSize)
	m.try(t, owner, "993: fetch everything, a large message too", func(t *testing.T) {
		o.deliver(t, owner, note("offline one"), note("offline two"), string(large))
		s.sync(t)
		if got := d.files(t, "INBOX"); len(got) != 3 {
			t.Errorf("%d files in INBOX; want 3", len(got))
		}
		if text := read(t, d.holding(t, "INBOX", "Subject: holiday pictures")); !strings.HasSuffix(text, strings.ReplaceAll(string(large), "\r\n", "\n")) {
			t.Errorf("the large message is not as it was sent: %d bytes", len(text))
		}
	})
	m.try(t, owner, "993: flags and new messages go up, flags come down", func(t *testing.T) {
		write(t, filepath.Join(string(d), "INBOX/cur/1600000000.1.here:2,FS"), strings.ReplaceAll(noteFrom(at(owner), "offline three"), "\r\n", "\n"))
		c := o.imap(t, owner, password)
		defer c.Close()
		if _, err := c.Select("INBOX", nil).Wait(); err != nil {
			t.Fatal(err)
		}
		flags := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagAnswered}}
		if _, err := c.Store(uids(t, c, "offline one"), flags, nil).Collect(); err != nil {
			t.Fatal(err)
		}
		s.sync(t)
		if !marked("offline three", imap.FlagFlagged)(o.count(t, owner, "INBOX", 4)) {
			t.Error("the message from here is not flagged on the box")
		}
		if name := d.holding(t, "INBOX", "Subject: offline one\n"); !strings.HasSuffix(name, ":2,R") {
			t.Errorf("the answered message's file is %s; want :2,R at its end", filepath.Base(name))
		}
	})
	m.try(t, owner, "993: deletions go both ways", func(t *testing.T) {
		if err := os.Remove(d.holding(t, "INBOX", "Subject: offline two\n")); err != nil {
			t.Fatal(err)
		}
		c := o.imap(t, owner, password)
		defer c.Close()
		if _, err := c.Select("INBOX", nil).Wait(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Move(uids(t, c, "offline one"), "Archive").Wait(); err != nil {
			t.Fatal(err)
		}
		s.sync(t)
		if all := o.count(t, owner, "INBOX", 2); !without("offline two")(all) {
			t.Error("the deleted message is still on the box")
		}
		if got := d.files(t, "INBOX"); len(got) != 2 {
			t.Errorf("%d files in INBOX; want 2", len(got))
		}
		d.holding(t, "Archive", "Subject: offline one\n")
	})
	m.try(t, owner, "993: folders with UTF-8 names go both ways", func(t *testing.T) {
		c := o.imap(t, owner, password)
		defer c.Close()
		if err := c.Create(drawer, nil).Wait(); err != nil {
			t.Fatal(err)
		}
		for _, sub := range []string{"new", "cur", "tmp"} {
			if err := os.MkdirAll(filepath.Join(string(d), "Здесь", sub), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		write(t, filepath.Join(string(d), "Здесь/cur/1600000001.1.here:2,S"), strings.ReplaceAll(noteFrom(at(owner), "offline four"), "\r\n", "\n"))
		s.sync(t)
		if _, err := os.Stat(filepath.Join(string(d), drawer)); err != nil {
			t.Errorf("the box's folder is not here: %v", err)
		}
		if !marked("offline four", imap.FlagSeen)(o.count(t, owner, "Здесь", 1)) {
			t.Error("the message of the folder from here is not read on the box")
		}
	})
	m.try(t, owner, "993: killed in the middle, and again", func(t *testing.T) { testOfflineKilled(t, o, s, owner) })
}

// testOfflineKilled kills it while messages come and go up, then lets it end: everything is on both sides, once.
func testOfflineKilled(t *testing.T, o *office, s *offlineimap, owner string) {
	d := s.maildir
	var bodies []string
	for i := range killedNotes {
		bodies = append(bodies, note(fmt.Sprintf("from the box %03d", i)))
		write(t, filepath.Join(string(d), fmt.Sprintf("INBOX/new/17000%05d.1.here", i)), strings.ReplaceAll(noteFrom(at(owner), fmt.Sprintf("from here %03d", i)), "\r\n", "\n"))
	}
	before := len(o.letters(t, owner, "INBOX"))
	o.deliver(t, owner, bodies...)
	for range kills {
		both := func() int { return len(o.letters(t, owner, "INBOX")) + len(d.names(t, "INBOX")) }
		had := both()
		s.killWhen(t, "offlineimap has begun", func() bool { return both() > had }, "offlineimap", "-c", s.config, "-o", "-u", "basic")
	}
	s.sync(t)
	s.sync(t)
	all := o.letters(t, owner, "INBOX")
	sameOnBoth(t, subjects(all), d.subjects(t, "INBOX"))
	once := make(map[string]int)
	for _, subject := range subjects(all) {
		once[subject]++
	}
	for i := range killedNotes {
		// What it had stored on the box and not noted it finds again by its own field, if it got that far: no loss is
		// the promise, and a message from here may be there twice for each time it was killed.
		if n := once[fmt.Sprintf("from the box %03d", i)]; n != 1 {
			t.Errorf("message %d from the box is there %d times; want once", i, n)
		}
		if n := once[fmt.Sprintf("from here %03d", i)]; n < 1 || n > 1+kills {
			t.Errorf("message %d from here is there %d times", i, n)
		}
	}
	t.Logf("killed %d times; %d messages for %d", kills, len(all), before+2*killedNotes)
}
