package office

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/transfer"
)

// uidl lists what POP3 calls the messages of an INBOX, each with its number.
func (o *testOffice) uidl(t testing.TB, name string) []string {
	t.Helper()
	raw, err := tls.Dial("tcp", o.addrs["pop3s"], insecure())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	c := textproto.NewConn(raw)
	for _, command := range []string{"", "USER " + name + "@" + testDomain, "PASS " + testPassword, "UIDL"} {
		if command != "" {
			if err := c.PrintfLine("%s", command); err != nil {
				t.Fatal(err)
			}
		}
		if line, err := c.ReadLine(); err != nil || !strings.HasPrefix(line, "+OK") {
			t.Fatalf("%s: got %q, %v; want +OK", command, line, err)
		}
	}
	lines, err := c.ReadDotLines()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.PrintfLine("QUIT"); err != nil {
		t.Fatal(err)
	}
	if line, err := c.ReadLine(); err != nil || !strings.HasPrefix(line, "+OK") { // the maildrop is free
		t.Fatalf("QUIT: got %q, %v; want +OK", line, err)
	}
	return lines
}

// TestUIDLLasts: a program that leaves mail on the box knows it by its UIDL. Were
// that to change, it would fetch everything once more; were one given twice, it
// would never fetch the second. So they stand through a restart, and through
// indexes that are made anew from the log, and what has gone leaves no name.
func TestUIDLLasts(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	send := func() {
		t.Helper()
		if err := o.submit(t, "bob@"+testDomain, "Subject: x\r\nFrom: alice@example.test\r\n\r\nx\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		send()
	}
	all := o.uidl(t, "bob")
	o.dele(t, "bob")
	want := o.uidl(t, "bob")
	if len(all) != 3 || len(want) != 2 {
		t.Fatalf("UIDL lists %q, and without the first %q", all, want)
	}
	for _, lost := range []string{"nothing", "mail/accounts/*/index.db"} {
		if err := o.stop(); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(o.data, lost))
		if err != nil || len(files) == 0 && lost != "nothing" {
			t.Fatalf("%s: %q, %v", lost, files, err)
		}
		for _, file := range files {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		o = startOffice(t, o.data)
		if got := o.uidl(t, "bob"); !slices.Equal(got, want) {
			t.Errorf("after a restart without %s UIDL lists %q, want %q", lost, got, want)
		}
	}
	send()
	got := o.uidl(t, "bob")
	if len(got) != 3 || !slices.Equal(got[:2], want) {
		t.Fatalf("with one more UIDL lists %q, want %q and another", got, want)
	}
	_, fresh, _ := strings.Cut(got[2], " ")
	for _, line := range all {
		if _, old, _ := strings.Cut(line, " "); old == fresh {
			t.Errorf("the new message has the name %q, which another had", fresh)
		}
	}
}

// TestUIDLAndUndo: what stays keeps its UIDL whatever is brought back around it, as of
// a moment or from an archive, and again from the log; what comes back is a new
// message to POP3, under a name that no other had.
func TestUIDLAndUndo(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	bob, err := o.directory.Resolve(ctx, mail.Address{Local: "bob", Domain: testDomain})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := o.submit(t, "bob@"+testDomain, fmt.Sprintf("Subject: %d\r\nFrom: alice@example.test\r\n\r\nx\r\n", i)); err != nil {
			t.Fatal(err)
		}
	}
	names := func() (list []string) {
		t.Helper()
		for _, line := range o.uidl(t, "bob") {
			_, name, _ := strings.Cut(line, " ")
			list = append(list, name)
		}
		return list
	}
	before := names()
	var archive bytes.Buffer
	if _, err := (archives{o.Office}).Export(ctx, bob, transfer.Maildir, &archive); err != nil {
		t.Fatal(err)
	}
	moment := time.Now()
	o.dele(t, "bob")
	account, err := o.store.Account(ctx, bob)
	if err != nil {
		t.Fatal(err)
	}
	done, err := account.RestoreAsOf(ctx, mail.AsOf{At: moment, InPlace: true}, nil)
	if err != nil || done.Back != 1 {
		t.Fatalf("as of then %+v came back, %v; want 1", done, err)
	}
	restored := names()
	if len(restored) != 3 || !slices.Equal(restored[:2], before[1:]) || slices.Contains(before, restored[2]) {
		t.Errorf("as of then UIDL lists %q; want %q and a new one", restored, before[1:])
	}
	again, err := transfer.OpenStream(&archive, "Old")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (archives{o.Office}).Import(ctx, bob, "", again); err != nil {
		t.Fatal(err)
	}
	imported := names()
	if len(imported) < 3 || !slices.Equal(imported[:3], restored) {
		t.Errorf("with an archive read in UIDL lists %q; want %q first", imported, restored)
	}
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(o.data, "mail/accounts/*/index.db"))
	if err != nil || len(files) == 0 {
		t.Fatalf("indexes: %q, %v", files, err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	o = startOffice(t, o.data)
	if got := names(); !slices.Equal(got, imported) {
		t.Errorf("made anew UIDL lists %q; want %q", got, imported)
	}
}

// TestTwoProtocols: POP3 and IMAP on one mailbox see what the other does: what IMAP
// removes is gone to an open POP3 session, which keeps its numbers, and what POP3
// removes is told to IDLE at QUIT and not before.
func TestTwoProtocols(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	for i := range 3 {
		if err := o.submit(t, "bob@"+testDomain, fmt.Sprintf("Subject: %d\r\nFrom: alice@example.test\r\n\r\nx\r\n", i)); err != nil {
			t.Fatal(err)
		}
	}
	pop, imap := o.lines(t, "pop3s"), o.lines(t, "imaps")
	pop.say("USER bob@%s", testDomain)
	pop.until("+OK")
	pop.say("PASS %s", testPassword)
	pop.until("+OK 3 messages")
	imap.say("a LOGIN bob@%s %q", testDomain, testPassword)
	imap.until("a OK")
	imap.say("b SELECT INBOX")
	imap.until("b OK")
	imap.say("c STORE 1 +FLAGS.SILENT (\\Deleted)")
	imap.until("c OK")
	imap.say("d EXPUNGE")
	imap.until("d OK")
	pop.say("RETR 1")
	pop.until("-ERR That message is no longer there")
	pop.say("RETR 2")
	pop.until(".")
	pop.say("DELE 1")
	pop.until("+OK")
	pop.say("DELE 3")
	pop.until("+OK")
	imap.say("e NOOP")
	if told := imap.until("e OK"); strings.Contains(told, "EXPUNGE") {
		t.Errorf("before QUIT IMAP is told\n%s", told)
	}
	imap.say("f IDLE")
	imap.until("+ ")
	pop.say("QUIT")
	pop.until("+OK")
	imap.until("* 2 EXPUNGE")
	imap.say("DONE")
	imap.until("f OK")
	imap.say("g FETCH 1:* (UID)")
	if left := imap.until("g OK"); strings.Count(left, "FETCH (") != 1 || !strings.Contains(left, "* 1 FETCH (UID 2") {
		t.Errorf("left:\n%s", left)
	}
	if left := o.uidl(t, "bob"); len(left) != 1 || !strings.HasSuffix(left[0], ".2") {
		t.Errorf("UIDL lists %q; want the second message", left)
	}
}
