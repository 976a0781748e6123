package smtpd

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

func TestReceive(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	c := dial(t, s.listen(t, Mode{}))
	c.toData()
	c.send("Subject: hi\r\n\r\n..dot\r\n. \r\n.x\r\nbye\r\n.\r\n")
	c.expect("250 2.0.0 Stored as ")
	c.dialogue(`
		C: MAIL FROM:<> BODY=8BITMIME SIZE=10
		S: 250
		C: RCPT TO:<@relay.test,@other.test:alice@example.test>
		S: 250
		C: RCPT TO:<Postmaster>
		S: 250
		C: RCPT TO:<"odd one"@example.test>
		S: 250
		C: DATA
		S: 354
		C: .
		S: 250
		C: QUIT
		S: 221`)
	c.expectEnd()
	s.wantMessages(t, "Subject: hi\r\n\r\n.dot\r\n \r\nx\r\nbye\r\n", "")
	first, second := s.room.taken()[0].envelope, s.room.taken()[1].envelope
	if first.From.String() != "bob@else.test" || first.Peer.Helo != "client.test" || first.Peer.Protocol != "ESMTP" || first.ID.IsZero() || first.Received.IsZero() {
		t.Errorf("first envelope: %+v", first)
	}
	if !second.From.IsZero() || !second.EightBit || len(second.To) != 3 || second.To[1].Domain != "box.example.test" || second.To[2].Local != "odd one" {
		t.Errorf("second envelope: %+v", second)
	}
}

func TestReplies(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxCommandLine)
	for name, script := range map[string]string{
		"sequence": `
			C: MAIL FROM:<a@b.test>
			S: 503 5.5.1 Say EHLO first
			C: DATA
			S: 503
			C: EHLO
			S: 501
			C: EHLO client.test
			S: 250-
			C: RCPT TO:<alice@example.test>
			S: 503 5.5.1 Say MAIL first
			C: MAIL FROM:<a@b.test>
			S: 250
			C: MAIL FROM:<a@b.test>
			S: 503
			C: DATA
			S: 554 5.5.1 No recipient
			C: STARTTLS
			S: 503
			C: RSET
			S: 250
			C: DATA
			S: 503`,
		"recipients": `
			C: EHLO client.test
			S: 250-
			C: MAIL FROM: <a@b.test>
			S: 250
			C: RCPT TO:<someone@elsewhere.test>
			S: 550 5.7.1 This server takes mail for its own domains only
			C: RCPT TO:<nobody@example.test>
			S: 550 5.1.1 Nobody here
			C: RCPT TO:<trouble@example.test>
			S: 451 4.3.0 The server has a problem of its own
			C: RCPT TO:<not an address>
			S: 501 5.1.3
			C: RCPT TO:alice@example.test
			S: 501 5.5.2 Write TO:<address>
			C: RCPT TO:<alice@example.test> NOTIFY=NEVER
			S: 555 5.5.4 The parameter NOTIFY
			C: RCPT TO:<poštar@example.test>
			S: 553 5.6.7
			C: DATA
			S: 554`,
		"parameters": `
			C: EHLO client.test
			S: 250-
			C: MAIL FROM:<a@b.test> SIZE=1048577
			S: 552 5.3.4
			C: MAIL FROM:<a@b.test> SIZE=-1
			S: 501
			C: MAIL FROM:<a@b.test> BODY=TERNARYMIME
			S: 501 5.5.4 BODY is 7BIT, 8BITMIME or BINARYMIME
			C: MAIL FROM:<a@b.test> SMTPUTF8=1
			S: 501
			C: MAIL FROM:<a@b.test> SIZE=1 size=2
			S: 501 5.5.4 The parameter SIZE is given twice
			C: MAIL FROM:<a@b.test> RET=FULL
			S: 555 5.5.4 The parameter RET
			C: ETRN example.test
			S: 500
			C: MAIL FROM:<a@b.test> EVIL@{}=1
			S: 555 5.5.4 The parameter EVIL???
			C: MAIL FROM:<poštar@b.test>
			S: 553 5.6.7
			C: MAIL FROM:<poštar@b.test> SMTPUTF8
			S: 250
			C: RCPT TO:<poštar@example.test>
			S: 250`,
		"helo has no parameters": `
			C: HELO client.test
			S: 250 box.example.test
			C: MAIL FROM:<a@b.test> SIZE=1
			S: 555
			C: MAIL FROM:<a@b.test>
			S: 250`,
		"other commands": `
			C: NOOP whatever
			S: 250
			C: VRFY alice
			S: 252
			C: EXPN list
			S: 502 5.5.1
			C: HELP
			S: 214
			C: ETRN example.test
			S: 503
			C: STARTTLSfoo
			S: 500
			C: AUTH PLAIN AGFsaWNlAHNlY3JldA==
			S: 503
			C: EHLO client.test
			S: 250-
			C: AUTH PLAIN AGFsaWNlAHNlY3JldA==
			S: 502
			C: DATA now
			S: 503`,
		"long line": "C: NOOP " + long + `
			S: 500 5.5.2 The line is too long
			C: NOOP
			S: 250`,
		"control characters": "C: NOOP \x00\nS: 501\nC: NOOP a\rb\nS: 501",
		"too many errors": strings.Repeat("C: BOGUS\nS: 500\n", maxBadCommands) +
			"S: 421 4.7.0 Too many",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t)
			c := dial(t, s.listen(t, Mode{}))
			c.expect("220")
			c.dialogue(script)
			s.wantMessages(t)
		})
	}
}

// TestIdleCommands: a session that only keeps itself alive ends; one that brings
// messages does not, however many recipients they have.
func TestIdleCommands(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	addr := s.listen(t, Mode{})
	c := dial(t, addr)
	c.expect("220")
	for range maxIdleCommands {
		c.dialogue("C: NOOP\nS: 250")
	}
	c.dialogue("C: NOOP\nS: 421 4.7.0")
	c.expectEnd()
	c = dial(t, addr)
	c.expect("220")
	c.dialogue("C: EHLO client.test\nS: 250-")
	for range 3 {
		c.dialogue("C: MAIL FROM:<b@c.test>\nS: 250")
		for range maxIdleCommands {
			c.dialogue("C: RCPT TO:<alice@example.test>\nS: 250")
		}
		c.dialogue("C: DATA\nS: 354\nC: .\nS: 250")
	}
}

func TestOtherProtocolHangsUp(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"GET / HTTP/1.1", "POST /x HTTP/1.1", "PRI * HTTP/2.0"} {
		s := newTestServer(t)
		c := dial(t, s.listen(t, Mode{}))
		c.expect("220")
		c.send(line + "\r\nHost: x\r\n\r\nEHLO me\r\n")
		c.expectEnd()
	}
}

// TestUnfinished holds that a message that is not read to its end is never
// taken, and that its rest is never executed.
func TestUnfinished(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	addr := s.listen(t, Mode{})
	for _, part := range []string{"Subject: cut\r\n\r\nhalf a", "Subject: x\r\n.\r", "x\r\n."} {
		c := dial(t, addr)
		c.toData()
		c.send(part)
		c.Close()
	}
	c := dial(t, addr)
	c.expect("220")
	c.dialogue("C: EHLO client.test\nS: 250-\nC: MAIL FROM:<b@c.test>\nS: 250\nC: RCPT TO:<alice@example.test>\nS: 250")
	c.send("BDAT 100 LAST\r\nonly a part")
	c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	s.wantMessages(t)
}

// TestCutChunkOverTLS: a client that closes TLS politely inside its last chunk
// has not sent a whole message.
func TestCutChunkOverTLS(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	c := dial(t, s.listen(t, Mode{}))
	c.expect("220")
	c.dialogue("C: EHLO client.test\nS: 250-\nC: STARTTLS\nS: 220")
	c.startTLS()
	c.dialogue("C: EHLO client.test\nS: 250-\nC: MAIL FROM:<b@c.test>\nS: 250\nC: RCPT TO:<alice@example.test>\nS: 250")
	c.send("BDAT 100 LAST\r\nonly a part")
	c.Conn.Close() // sends close_notify
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	s.wantMessages(t)
}

func TestChunks(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	c := dial(t, s.listen(t, Mode{}))
	c.expect("220")
	begin := "C: MAIL FROM:<b@c.test>\nS: 250\nC: RCPT TO:<alice@example.test>\nS: 250"
	c.dialogue("C: EHLO client.test\nS: 250-\n" + begin)
	c.send(chunk("Subject: x\r\n\r", false) + chunk("\n.\r\nbody", false) + chunk("", true))
	c.expect("250 2.0.0 13 octets")
	c.expect("250")
	c.expect("250 2.0.0 Stored")
	c.dialogue(begin)
	c.send(chunk("a", false))
	c.expect("250")
	c.dialogue(`
		C: DATA
		S: 503
		C: RCPT TO:<alice@example.test>
		S: 503
		C: RSET
		S: 250`)
	c.send(chunk("QUIT\r\nQUIT\r\n", true)) // refused, and its bytes are no commands
	c.expect("503")
	c.dialogue("C: NOOP\nS: 250")
	c.dialogue(begin)
	c.send(chunk(repeatLine("x", testMaxSize/3+1), true))
	c.expect("552 5.3.4")
	c.dialogue("C: NOOP\nS: 250")
	c.dialogue(begin)
	c.send(chunk("lone \r cr", true))
	c.expect("554 5.6.0 The message holds a CR without its LF")
	c.send("BDAT x LAST\r\nQUIT\r\n")
	c.expect("501")
	c.expectEnd()
	s.wantMessages(t, "Subject: x\r\n\r\n.\r\nbody")
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	c := dial(t, s.listen(t, Mode{}))
	c.toData()
	c.send(repeatLine("x", testMaxSize/3+1) + ".\r\n")
	c.expect("552 5.3.4")
	c.dialogue("C: NOOP\nS: 250") // the session goes on
	c.dialogue("C: MAIL FROM:<b@c.test>\nS: 250\nC: RCPT TO:<alice@example.test>\nS: 250\nC: DATA\nS: 354")
	go func() { // the server stops reading; what comes back is all that counts
		_, _ = io.WriteString(c.Conn, repeatLine("x", testMaxSize)+".\r\n")
	}()
	c.expectEnd()
	s.wantMessages(t)
}

func TestLargestFits(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	c := dial(t, s.listen(t, Mode{}))
	c.toData()
	body := strings.Repeat("y", testMaxSize-2) + "\r\n"
	c.send(body + ".\r\n")
	c.expect("250")
	s.wantMessages(t, body)
}

// TestSmuggling holds that nothing but CR LF . CR LF ends a message, and that a
// message with another line end in it is refused as a whole.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"\n.\n", "\r.\r", "\n.\r\n", "\r\n.\n", "\r\n.\r", "\r.\r\n", "\r\n\x00.\r\n", ".\rX"} {
		s := newTestServer(t)
		c := dial(t, s.listen(t, Mode{}))
		c.toData()
		c.send("Subject: outer\r\n\r\nx" + end + "MAIL FROM:<evil@else.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nsmuggled\r\n.\r\n")
		if got := c.expect("554 5.6.0"); !strings.Contains(got, "nothing was stored") {
			t.Errorf("%q: got reply %q", end, got)
		}
		c.dialogue("C: NOOP\nS: 250")
		s.wantMessages(t)
	}
}

func TestLoop(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	c := dial(t, s.listen(t, Mode{}))
	c.toData()
	c.send(repeatLine("Received: from a by b", maxReceivedFields+1) + "\r\n.\r\n")
	c.expect("554 5.4.6")
	s.wantMessages(t)
}

func TestMailroomFails(t *testing.T) {
	t.Parallel()
	for want, fail := range map[string]error{
		"452 4.3.1": mail.ErrNoSpace, "451 4.3.0": errors.New("sync failed"), "552 5.2.2": &mail.Refusal{Status: mail.Status5_2_2MailboxFull, Text: "full"},
		"452 4.2.2": mail.ErrOverQuota, "451 4.4.2": context.DeadlineExceeded,
	} {
		s := newTestServer(t)
		s.room.fail = fail
		c := dial(t, s.listen(t, Mode{}))
		c.toData()
		c.send("x\r\n.\r\n")
		c.expect(want)
		c.dialogue("C: NOOP\nS: 250")
	}
}

// TestRoom: where there is no room for mail from outside, it has to wait when it says
// its size, or when it is there; who is of the office need not.
func TestRoom(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	s.options.Room = func(size int64) error {
		if size > 100 {
			return mail.ErrNoSpace
		}
		return nil
	}
	c := dial(t, s.listen(t, Mode{}))
	c.toData()
	c.send(strings.Repeat("x", 120) + "\r\n.\r\n")
	c.expect("452 4.3.1")
	c.dialogue("C: MAIL FROM:<b@c.test> SIZE=101\nS: 452 4.3.1\nC: MAIL FROM:<b@c.test> SIZE=100\nS: 250")
	s.wantMessages(t)
	own := newTestServer(t)
	own.options.Room = s.options.Room
	own.options.Guards.Exempt = func(netip.Addr) bool { return true }
	c = dial(t, own.listen(t, Mode{}))
	c.toData()
	c.send(strings.Repeat("x", 120) + "\r\n.\r\n")
	c.expect("250")
}

// TestPanic: a programmer's error ends its session, not the server.
func TestPanic(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	addr := s.listen(t, Mode{})
	c := dial(t, addr)
	c.expect("220")
	c.dialogue("C: EHLO client.test\nS: 250-\nC: MAIL FROM:<b@c.test>\nS: 250\nC: RCPT TO:<panic@example.test>")
	c.expectEnd()
	dial(t, addr).expect("220")
	if got := s.Panics(); got != 1 {
		t.Errorf("Panics() = %d; want 1", got)
	}
}
