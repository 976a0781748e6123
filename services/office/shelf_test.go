package office

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

// submission is a session of alice's on the submission port, logged in.
func (o *testOffice) submission(t *testing.T) (c *textproto.Conn, offered string) {
	t.Helper()
	conn, err := tls.Dial("tcp", o.addrs["submissions"], insecure())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	c = textproto.NewConn(conn)
	if _, _, err := c.ReadResponse(220); err != nil {
		t.Fatal(err)
	}
	offered = say(t, c, 250, "EHLO [127.0.0.1]")
	say(t, c, 235, "AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00alice@"+testDomain+"\x00"+testPassword)))
	return c, offered
}

// say says a line and gives the reply.
func say(t *testing.T, c *textproto.Conn, code int, line string) string {
	t.Helper()
	if err := c.PrintfLine("%s", line); err != nil {
		t.Fatal(err)
	}
	_, text, err := c.ReadResponse(code)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return text
}

// leave hands a message in to be sent later.
func leave(t *testing.T, c *textproto.Conn, parameter, subject string, to ...string) {
	t.Helper()
	say(t, c, 250, "MAIL FROM:<alice@"+testDomain+"> "+parameter)
	for _, a := range to {
		say(t, c, 250, "RCPT TO:<"+a+">")
	}
	say(t, c, 354, "DATA")
	say(t, c, 250, "Subject: "+subject+"\r\n\r\nlater\r\n.")
}

// TestFutureRelease: what is left for later is in nobody's mailbox and on nobody's line
// before its time, survives a restart, is seen and let go early by the administrator, and
// comes to people here and elsewhere, signed, with one Received of this box.
func TestFutureRelease(t *testing.T) {
	t.Parallel()
	far, reach := newFar(t)
	data := t.TempDir()
	o := startOffice(t, data, reach)
	o.setUpNow(t, 0)
	c, offered := o.submission(t)
	var seconds int64
	var until string
	for line := range strings.Lines(offered) {
		if _, err := fmt.Sscanf(line, "FUTURERELEASE %d %s", &seconds, &until); err == nil {
			break
		}
	}
	if last, err := time.Parse(time.RFC3339, until); err != nil || seconds != int64(maxFuture/time.Second) || time.Until(last) > maxFuture || time.Until(last) < maxFuture-time.Minute {
		t.Errorf("offered %q: %d, %q", offered, seconds, until)
	}
	say(t, c, 501, fmt.Sprintf("MAIL FROM:<alice@%s> HOLDFOR=%d", testDomain, seconds+1))
	leave(t, c, "HOLDFOR=1", "soon", "bob@"+testDomain, "x@far.test")
	leave(t, c, "HOLDUNTIL="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "early", "bob@"+testDomain, "y@far.test")
	leave(t, c, "HOLDFOR=3600", "never", "bob@"+testDomain)
	leave(t, c, "HOLDFOR=1", "in vain", "nobody@far.test")
	got := func() string {
		far.mu.Lock()
		defer far.mu.Unlock()
		return strings.Join(far.got, "\n")
	}
	inbox := func() string { return strings.Join(o.fetch(t, "bob"), "\n") }
	eventually(t, "what was to go soon has gone", func() bool {
		return strings.Contains(got(), "Subject: soon") && strings.Contains(inbox(), "Subject: soon")
	})
	eventually(t, "the report of what went in vain says for when it was left", func() bool {
		return strings.Contains(strings.Join(o.fetch(t, "alice"), "\n"), "\r\nFuture-Release-Request: until;20")
	})
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	o = startOffice(t, data, reach)
	admin := o.api(t, "admin")
	var list struct{ Messages []mail.Waiting }
	admin.do("GET", "/api/queue", nil, &list)
	// The IDs of what came within one millisecond are in any order.
	slices.SortFunc(list.Messages, func(a, b mail.Waiting) int { return len(b.To) - len(a.To) })
	if len(list.Messages) != 2 || list.Messages[0].HoldUntil == nil || list.Messages[0].To[0].Hop != "(later)" {
		t.Fatalf("the queue has %+v", list)
	}
	if text := inbox() + got(); strings.Contains(text, "early") || strings.Contains(text, "never") {
		t.Errorf("it went before its time: %s", text)
	}
	admin.do("POST", "/api/queue/"+list.Messages[0].ID+"/release", nil, nil)
	admin.do("DELETE", "/api/queue/"+list.Messages[1].ID, nil, nil)
	eventually(t, "what was released has gone", func() bool {
		return strings.Contains(got(), "Subject: early") && strings.Contains(inbox(), "Subject: early") && o.queue.Stats().Items == 0
	})
	far.mu.Lock()
	left := far.got[len(far.got)-1]
	far.mu.Unlock()
	for _, text := range []string{left, o.fetch(t, "bob")[1]} {
		header, _, _ := strings.Cut(text, "\r\n\r\n")
		if n := strings.Count(header, "Received: "); n != 1 || strings.Contains(text, "never") {
			t.Errorf("it has %d Received fields: %s", n, text)
		}
	}
	if !strings.Contains(left, "DKIM-Signature: ") {
		t.Errorf("it left unsigned: %s", left)
	}
}

// TestReleasedJunk: what waited for a decision and is junk is junk when it is let go.
func TestReleasedJunk(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	alice := mail.Address{Local: "alice", Domain: testDomain}
	body := o.spool.New(mail.MaxMessage)
	defer body.Discard()
	if _, err := body.Write([]byte("Subject: cheap\r\n\r\ncheap\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := body.Finish(); err != nil {
		t.Fatal(err)
	}
	rules := []mail.ContentRule{{Name: "Cheap", In: true, Text: true, Words: []string{"cheap"}, Action: mail.ContentHold}}
	if err := o.directory.SetContent(t.Context(), testDomain, rules); err != nil {
		t.Fatal(err)
	}
	env := &mail.Envelope{ID: mail.NewID(time.Now()), Received: time.Now(), From: mail.Address{Local: "eve", Domain: "far.test"}, To: mail.To(alice), Peer: mail.Peer{Protocol: "ESMTP"}}
	env.Judgement = mail.Judgement{Junk: true, Fields: "Authentication-Results: mail." + testDomain + "; spf=fail smtp.mailfrom=far.test\r\n"}
	if err := o.mailroom.Deliver(t.Context(), env, body); err != nil {
		t.Fatal(err)
	}
	h := heldMail{o.Office}
	list, _, err := h.Held(t.Context(), mail.ID{})
	if err != nil || len(list) != 1 {
		t.Fatalf("held %+v, %v", list, err)
	}
	if err := h.Release(t.Context(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	junk := o.find(t, "Junk", "cheap")
	if got := o.fetch(t, "alice"); got != nil || strings.Count(junk, "Received: ") != 1 || !strings.Contains(junk, "spf=fail") {
		t.Errorf("alice's inbox has %q, junk %q", got, junk)
	}
}

// TestLaterKnown: what has waited for its time, and waits for another server then, goes by
// the ID that its sender and the Received field have.
func TestLaterKnown(t *testing.T) {
	t.Parallel()
	far, reach := newFar(t)
	far.world.Fail("far.test.", "MX", resolvertest.Fault{Rcode: dns.RcodeServerFailure})
	o := startOffice(t, t.TempDir(), reach)
	o.setUpNow(t, 0)
	c, _ := o.submission(t)
	leave(t, c, "HOLDFOR=3600", "later", "bob@"+testDomain, "x@far.test")
	admin := o.api(t, "admin")
	var before, after struct{ Messages []mail.Waiting }
	admin.do("GET", "/api/queue", nil, &before)
	admin.do("POST", "/api/queue/"+before.Messages[0].ID+"/release", nil, nil)
	eventually(t, "it waits for far.test", func() bool {
		admin.do("GET", "/api/queue", nil, &after)
		return len(after.Messages) == 1 && after.Messages[0].To[0].Hop == "far.test"
	})
	if got, want := after.Messages[0].Message, before.Messages[0].Message; got != want || after.Messages[0].ID == before.Messages[0].ID {
		t.Errorf("received as %s; want %s", got, want)
	}
}

// TestLaterGone: who has left something for later and is not there when its time comes,
// or may not write as that any more, has written nothing; the postmaster hears of it.
func TestLaterGone(t *testing.T) {
	t.Parallel()
	far, reach := newFar(t)
	o := startOffice(t, t.TempDir(), reach)
	o.setUpNow(t, 0)
	c, _ := o.submission(t)
	leave(t, c, "HOLDFOR=3600", "never", "bob@"+testDomain, "x@far.test")
	a, err := o.directory.Look(t.Context(), mail.Address{Local: "alice", Domain: testDomain})
	if err != nil {
		t.Fatal(err)
	}
	admin := o.api(t, "admin")
	admin.do("DELETE", "/api/accounts/"+a.Address.String(), nil, nil)
	var list struct{ Messages []mail.Waiting }
	admin.do("GET", "/api/queue", nil, &list)
	admin.do("POST", "/api/queue/"+list.Messages[0].ID+"/release", nil, nil)
	eventually(t, "the postmaster has heard of it", func() bool {
		return strings.Contains(strings.Join(o.fetch(t, "admin"), "\n"), "is not here any more") && o.queue.Stats().Items == 0
	})
	far.mu.Lock()
	defer far.mu.Unlock()
	if got := o.fetch(t, "bob"); got != nil || far.got != nil {
		t.Errorf("bob has %q, far.test %q", got, far.got)
	}
}

// TestDecided: who decides about a message is told what is in the way in words for him.
func TestDecided(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want string
	}{
		{&mail.Refusal{Status: mail.Status4_3_2NotAccepting, Text: "Too much of what you have sent", Cause: mail.ErrTooMany}, "Too much of what its sender has sent"},
		{&mail.Refusal{Status: mail.Status4_2_2MailboxFull, Text: "The mailbox is full"}, "can't go on now: The mailbox is full"},
	} {
		rule, ok := errors.AsType[*mail.RuleError](decided(test.err))
		if !ok || !strings.Contains(rule.Text, test.want) {
			t.Errorf("%v is said as %v; want %q", test.err, rule, test.want)
		}
	}
	if err := decided(mail.ErrNoSpace); err != mail.ErrNoSpace {
		t.Errorf("another error becomes %v", err)
	}
}
