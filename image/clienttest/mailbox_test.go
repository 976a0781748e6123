package clienttest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// letter is a message in a mailbox.
type letter struct {
	uid   imap.UID
	flags []imap.Flag
	body  []byte
}

// has reports whether a flag is set.
func (l letter) has(flag imap.Flag) bool { return slices.Contains(l.flags, flag) }

// imap logs in over TLS with a client library of somebody else's.
func (o *office) imap(t *testing.T, local, password string) *imapclient.Client {
	t.Helper()
	c, err := o.imapErr(local, password)
	if err != nil {
		t.Fatalf("IMAP as %s: %v", local, err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func (o *office) imapErr(local, password string) (*imapclient.Client, error) {
	conn, err := net.DialTimeout("tcp", o.addrs["imaps"], answerTime)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(programTime)); err != nil {
		return nil, err
	}
	line := &talk{Conn: conn}
	if err := line.secure(o); err != nil {
		return nil, err
	}
	c := imapclient.New(line.Conn, nil)
	if err := c.Login(at(local), password).Wait(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// letters reads everything in somebody's mailbox.
func (o *office) letters(t *testing.T, local, mailbox string) []letter {
	t.Helper()
	c := o.imap(t, local, password)
	defer c.Close()
	return letters(t, c, mailbox)
}

// newest reads the last message of somebody's inbox only.
func (o *office) newest(t *testing.T, local string) []letter {
	t.Helper()
	c := o.imap(t, local, password)
	defer c.Close()
	selected, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		t.Fatalf("EXAMINE INBOX: %v", err)
	}
	if selected.NumMessages == 0 {
		return nil
	}
	return fetch(t, c, imap.SeqSetNum(selected.NumMessages))
}

func letters(t *testing.T, c *imapclient.Client, mailbox string) []letter {
	t.Helper()
	selected, err := c.Select(mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		t.Fatalf("EXAMINE %s: %v", mailbox, err)
	}
	if selected.NumMessages == 0 {
		return nil
	}
	all := fetch(t, c, imap.SeqSet{{Start: 1, Stop: 0}})
	if len(all) != int(selected.NumMessages) {
		t.Errorf("%s: %d messages fetched, %d selected", mailbox, len(all), selected.NumMessages)
	}
	return all
}

func fetch(t *testing.T, c *imapclient.Client, set imap.SeqSet) []letter {
	t.Helper()
	all, err := fetchErr(c, set)
	if err != nil {
		t.Fatalf("FETCH: %v", err)
	}
	return all
}

func fetchErr(c *imapclient.Client, set imap.SeqSet) ([]letter, error) {
	section := &imap.FetchItemBodySection{Peek: true}
	found, err := c.Fetch(set, &imap.FetchOptions{UID: true, Flags: true, BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	var all []letter
	for _, m := range found {
		all = append(all, letter{m.UID, m.Flags, m.FindBodySection(section)})
	}
	return all, err
}

// find returns the message whose received bytes are body, and checks what the box put in front.
func find(t *testing.T, all []letter, body []byte) letter {
	t.Helper()
	for _, l := range all {
		if prefix, ok := bytes.CutSuffix(l.body, body); ok && isPrefix(prefix) {
			return l
		}
	}
	t.Fatalf("none of %d messages is the one of %d bytes that begins %.60q", len(all), len(body), body)
	return letter{}
}

// isPrefix says whether bytes are what the box puts in front of a message: three whole fields, each once.
func isPrefix(text []byte) bool {
	var names []string
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\r\n")) {
			return false
		}
		if line[0] == ' ' || line[0] == '\t' {
			continue
		}
		name, _, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return false
		}
		names = append(names, string(name))
	}
	return slices.Equal(names, []string{"Return-Path", "Delivered-To", "Received"})
}

// count waits until a mailbox has so many messages, and returns them.
func (o *office) count(t *testing.T, local, mailbox string, want int) []letter {
	t.Helper()
	all := o.letters(t, local, mailbox)
	if len(all) != want {
		t.Fatalf("%s of %s holds %d messages; want %d", mailbox, local, len(all), want)
	}
	return all
}

// deliver gives the box messages for somebody, as another server does.
func (o *office) deliver(t *testing.T, local string, bodies ...string) {
	t.Helper()
	c := o.smtp(t)
	for _, body := range bodies {
		c.envelope(t, "sender@example.net", at(local), "")
		if got := c.data(t, []byte(body)); !strings.HasPrefix(got, "250 ") {
			t.Fatalf("deliver to %s: %s", local, got)
		}
	}
	c.do(t, "221 ", "QUIT")
	c.Close()
}

// note is a small message with a subject, from somebody outside.
func note(subject string) string { return noteFrom("sender@example.net", subject) }

// noteFrom is one that says who wrote it: whoever logs in to send may only name himself.
func noteFrom(author, subject string) string {
	return "From: Sender <" + author + ">\r\nTo: <somebody@" + domain + ">\r\nSubject: " + subject +
		"\r\nDate: Mon, 02 Mar 2026 10:00:00 +0100\r\nMessage-ID: <" + strings.ReplaceAll(subject, " ", ".") +
		"@example.net>\r\n\r\nThis is " + subject + ".\r\n.and a dot\r\n"
}

// manifest lists every message of everybody: whose, where, UID, flags, SHA-256.
func (o *office) manifest(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, local := range append(people(), "admin") {
		c := o.imap(t, local, password)
		boxes, err := c.List("", "*", nil).Collect()
		if err != nil {
			t.Fatalf("LIST as %s: %v", local, err)
		}
		for _, box := range boxes {
			if slices.Contains(box.Attrs, imap.MailboxAttrNoSelect) {
				continue
			}
			list = append(list, fmt.Sprintf("%s %q", local, box.Mailbox))
			for _, l := range letters(t, c, box.Mailbox) {
				flags := slices.Clone(l.flags)
				slices.Sort(flags)
				flags = slices.DeleteFunc(flags, func(f imap.Flag) bool { return f == "\\Recent" }) // belongs to a session
				list = append(list, fmt.Sprintf("%s %q %d %v %x", local, box.Mailbox, l.uid, flags, sha256.Sum256(l.body)))
			}
		}
		c.Close()
	}
	slices.Sort(list)
	return list
}

// sameManifest compares two lists and names what differs.
func sameManifest(t *testing.T, when string, before, after []string) {
	t.Helper()
	for _, line := range before {
		if _, ok := slices.BinarySearch(after, line); !ok {
			t.Errorf("%s: gone or changed: %s", when, line)
		}
	}
	for _, line := range after {
		if _, ok := slices.BinarySearch(before, line); !ok {
			t.Errorf("%s: new or changed: %s", when, line)
		}
	}
}

// popped reads everything in somebody's maildrop over POP3, as canonical lines.
func (o *office) popped(t *testing.T, local string) [][]byte {
	t.Helper()
	c := o.talk(t, "pop3s", "+OK")
	defer c.Close()
	c.do(t, "+OK", "USER %s", at(local))
	c.do(t, "+OK", "PASS %s", password)
	var n, octets int
	if _, err := fmt.Sscanf(c.do(t, "+OK", "STAT"), "+OK %d %d", &n, &octets); err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for i := range n {
		var size int
		if _, err := fmt.Sscanf(c.do(t, "+OK", "LIST %d", i+1), "+OK %d %d", new(int), &size); err != nil {
			t.Fatal(err)
		}
		c.do(t, "+OK", "RETR %d", i+1)
		body, err := c.dotted()
		if err != nil {
			t.Fatalf("RETR %d: %v", i+1, err)
		}
		// A last line that was not ended gets its end on the wire, which is not counted.
		if len(body) != size && len(body) != size+2 {
			t.Errorf("LIST says that message %d has %d octets; RETR gave %d", i+1, size, len(body))
		}
		octets -= size
		all = append(all, body)
	}
	if octets != 0 {
		t.Errorf("STAT and the sum of LIST differ by %d octets", octets)
	}
	c.do(t, "+OK", "QUIT")
	return all
}

// dotted reads a multi-line answer, with the stuffed dots taken out and the line ends kept.
func (c *talk) dotted() ([]byte, error) {
	var body bytes.Buffer
	for {
		line, err := c.in.ReadBytes('\n')
		if err != nil {
			return nil, io.ErrUnexpectedEOF
		}
		if bytes.Equal(line, []byte(".\r\n")) {
			return body.Bytes(), nil
		}
		body.Write(bytes.TrimPrefix(line, []byte(".")))
	}
}
