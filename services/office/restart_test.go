package office

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
)

// lines is an IMAP or POP3 connection line by line.
type lines struct {
	t   testing.TB
	raw *tls.Conn
	in  *bufio.Scanner
}

func (o *testOffice) lines(t testing.TB, listener string) *lines {
	t.Helper()
	raw, err := tls.Dial("tcp", o.addrs[listener], insecure())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	c := &lines{t, raw, bufio.NewScanner(raw)}
	c.until("")
	return c
}

func (c *lines) say(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.raw, format+"\r\n", args...); err != nil {
		c.t.Fatal(err)
	}
}

// until reads up to a line that begins so, and gives all.
func (c *lines) until(prefix string) string {
	c.t.Helper()
	var all strings.Builder
	for c.in.Scan() {
		fmt.Fprintln(&all, c.in.Text())
		if strings.HasPrefix(c.in.Text(), prefix) {
			return all.String()
		}
	}
	c.t.Fatalf("no line begins with %q, only\n%s%v", prefix, all.String(), c.in.Err())
	return ""
}

// TestRestart: a mail service that is restarted, as an update does, says good-bye to
// whoever waits in IDLE or in a maildrop. They come back at once, and by QRESYNC see
// what came meanwhile, and nothing twice.
func TestRestart(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	send := func(subject string) {
		t.Helper()
		if err := o.submit(t, "bob@"+testDomain, "Subject: "+subject+"\r\nFrom: alice@example.test\r\n\r\nx\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	send("before")
	login := func() *lines {
		t.Helper()
		c := o.lines(t, "imaps")
		c.say("a LOGIN bob@%s %q", testDomain, testPassword)
		c.until("a OK")
		c.say("b ENABLE QRESYNC")
		c.until("b OK")
		return c
	}
	idle := login()
	idle.say("c SELECT INBOX")
	opened := idle.until("c OK")
	idle.say("d IDLE")
	idle.until("+ ")
	pop := o.lines(t, "pop3s")
	pop.say("USER alice@%s", testDomain)
	pop.until("+OK")
	pop.say("PASS %s", testPassword)
	pop.until("+OK")
	send("in IDLE")
	idle.until("* 2 EXISTS")
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	idle.until("* BYE [UNAVAILABLE]")
	pop.until("-ERR [SYS/TEMP] The server is closing")

	o = startOffice(t, o.data)
	send("meanwhile")
	var validity, modSeq uint64
	for line := range strings.Lines(opened) {
		_, _ = fmt.Sscanf(line, "* OK [UIDVALIDITY %d]", &validity) // no other line has it
		_, _ = fmt.Sscanf(line, "* OK [HIGHESTMODSEQ %d]", &modSeq)
	}
	if validity == 0 || modSeq == 0 {
		t.Fatalf("SELECT gave\n%s", opened)
	}
	again := login()
	again.say("c SELECT INBOX (QRESYNC (%d %d))", validity, modSeq)
	resync := again.until("c OK")
	if !strings.Contains(resync, "* 3 EXISTS\n") || strings.Count(resync, " FETCH ") != 2 || !strings.Contains(resync, "UID 2 ") || !strings.Contains(resync, "UID 3 ") || strings.Contains(resync, "VANISHED") {
		t.Errorf("after the restart SELECT gives\n%s\nwant 3 messages, of which 2 and 3 are told", resync)
	}
	again.say("d IDLE")
	again.until("+ ")
	send("after")
	again.until("* 4 EXISTS")
}
