package office

import (
	"crypto/tls"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
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
