package clienttest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/sanduk-mail/sanduk/image/vm"
)

const (
	// smallDisk leaves the data partition some 200 MB behind the boot partition.
	smallDisk = 768 << 20
	// fillSize is one message of those that fill it, and fillMost how many are tried.
	fillSize = 12 << 20
	fillMost = 40
)

// TestFullDisk fills a small disk: sending and filing are refused for the time being, reading and deleting work, and a
// restart changes nothing.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if onHost() {
		t.Skip("SKIPPED on the host: its disk is not to be filled")
	}
	o := newOffice(t, vm.Options{DiskSize: smallDisk})
	first := note("before the disk is full")
	o.deliver(t, "alice", first)
	body := attachment(fillSize)
	taken, reply := 0, ""
	for reply == "" && taken < fillMost {
		c := o.smtp(t)
		if got := o.offer(t, c, body); strings.HasPrefix(got, "250 ") {
			taken++
		} else {
			reply = got
		}
		c.Close()
	}
	if !strings.HasPrefix(reply, "452 4.3.1") {
		t.Fatalf("after %d messages of %d bytes: %q; want 452 4.3.1", taken, len(body), reply)
	}
	t.Logf("the disk is full after %d messages of %d bytes: %s", taken, len(body), reply)

	i := o.talk(t, "imaps", "* OK")
	i.do(t, "a OK", "a LOGIN %q %q", at("alice"), password)
	if got := i.appendMessage(t, body); !strings.HasPrefix(got, "b NO") {
		t.Errorf("APPEND on a full disk: %q; want NO", got)
	}
	check := func(when string) {
		t.Helper()
		find(t, o.letters(t, "alice", "INBOX"), []byte(first))
		if newest := o.newest(t, "second"); len(newest) != 1 || int(newest[0].uid) != taken {
			t.Errorf("%s: %d messages, the last of which is %+v; want the %d that were taken", when, len(newest), newest, taken)
		} else {
			find(t, newest, body)
		}
		if len(o.popped(t, "alice")) != 1 {
			t.Errorf("%s: POP3 does not show the message", when)
		}
	}
	check("full")
	o.off(t)
	o.again(t)
	check("full, after a restart")

	c := o.imap(t, "second", password)
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	flags := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}
	if _, err := c.Store(imap.SeqSet{{Start: 1, Stop: 0}}, flags, nil).Collect(); err != nil {
		t.Errorf("marking messages on a full disk: %v", err)
	}
	if _, err := c.Expunge().Collect(); err != nil {
		t.Errorf("removing messages on a full disk: %v", err)
	}
	o.deliver(t, "alice", note("a small one still fits")) // what is kept for such moments
	o.off(t)
}

// offer sends a large message and returns the reply that decides: to MAIL, which says the size, or to the end of DATA.
func (o *office) offer(t *testing.T, c *talk, body []byte) string {
	t.Helper()
	got, err := c.say(fmt.Sprintf("MAIL FROM:<sender@example.net> SIZE=%d\r\n", len(body)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got, "250 ") {
		return got
	}
	c.do(t, "250 ", "RCPT TO:<%s>", at("second"))
	return c.data(t, body)
}

// appendMessage files a message in INBOX with the tag b, and returns the answer.
func (c *talk) appendMessage(t *testing.T, body []byte) string {
	t.Helper()
	got, err := c.say(fmt.Sprintf("b APPEND INBOX {%d}\r\n", len(body)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got, "+") {
		return got
	}
	if got, err = c.say(string(body) + "\r\n"); err != nil {
		t.Fatal(err)
	}
	return got
}
