package clienttest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// smuggled is what a message would be followed by if the box took another end of line for its end.
const smuggled = "MAIL FROM:<smuggler@example.net>\r\nRCPT TO:<refused@" + domain + ">\r\nDATA\r\nSubject: smuggled\r\n\r\ntwo\r\n"

// testRefusals holds that bad input gets a clear answer, stores nothing, and hurts nobody else.
func testRefusals(t *testing.T, o *office, m *matrix) {
	const owner = "refused"
	what := "bad input"
	bad := []struct{ name, body string }{
		{"a bare CR", "Subject: x\r\n\r\none\rtwo\r\n"},
		{"a bare LF", "Subject: x\r\n\r\none\ntwo\r\n"},
		{"a NUL", "Subject: x\r\n\r\none\x00two\r\n"},
		{"an end of message with an LF", "Subject: x\r\n\r\none\n.\r\n" + smuggled},
		{"an end of message with a CR", "Subject: x\r\n\r\none\r.\r\n" + smuggled},
		{"a dot between LFs", "Subject: x\r\n\r\none\r\n.\n" + smuggled},
	}
	for _, b := range bad {
		m.try(t, what, "DATA with "+b.name+": 5xx", func(t *testing.T) {
			c := o.smtp(t)
			c.envelope(t, "sender@example.net", at(owner), "")
			c.do(t, "354 ", "DATA")
			if got, err := c.say(b.body + ".\r\n"); err != nil || !strings.HasPrefix(got, "554 5.6.0") {
				t.Errorf("got %q, %v; want 554 5.6.0", got, err)
			}
			c.do(t, "250 ", "NOOP") // in step: nothing of the text was taken for a command
			o.count(t, owner, "INBOX", 0)
		})
	}
	m.try(t, what, "150 MB and one byte by SIZE: 552", func(t *testing.T) {
		o.smtp(t).do(t, "552 5.3.4", "MAIL FROM:<sender@example.net> SIZE=%d", 150<<20+1)
	})
	if long() || onHost() { // a minute and a half in an emulator
		m.try(t, what, "150 MB and some bytes without SIZE: 552", func(t *testing.T) {
			c := o.smtp(t)
			c.envelope(t, "sender@example.net", at(owner), "")
			if got := c.data(t, bytes.Repeat([]byte("0123456789abcde\r\n"), 150<<20/17+1)); !strings.HasPrefix(got, "552 5.3.4") {
				t.Errorf("got %q; want 552 5.3.4", got)
			}
			o.count(t, owner, "INBOX", 0)
		})
	}
	m.try(t, what, "addresses: 550 and 501", func(t *testing.T) {
		c := o.smtp(t)
		c.do(t, "250 ", "MAIL FROM:<sender@example.net>")
		c.do(t, "550 5.1.1", "RCPT TO:<%s>", at("nobody"))
		c.do(t, "550 5.", "RCPT TO:<somebody@elsewhere.example>")
		c.do(t, "550 5.", "RCPT TO:<\"%s%%elsewhere.example\"@%s>", owner, domain)
		c.do(t, "5", "RCPT TO:<@%s:somebody@elsewhere.example> X", domain)
		c.do(t, "501 ", "RCPT TO:<no address>")
		c.do(t, "554 ", "DATA")
	})
	m.try(t, what, "a connection cut inside a message: nothing stored", func(t *testing.T) {
		c := o.smtp(t)
		c.envelope(t, "sender@example.net", at(owner), "")
		c.do(t, "354 ", "DATA")
		if _, err := io.WriteString(c, "Subject: half\r\n\r\nhalf of it\r\n"); err != nil {
			t.Fatal(err)
		}
		c.Close()
		o.count(t, owner, "INBOX", 0)
	})
	m.try(t, what, "a log-in before TLS", func(t *testing.T) { testNoTLS(t, o) })
	m.try(t, what, "bad base64", func(t *testing.T) {
		c := o.talk(t, "submissions", "220 ")
		c.do(t, "250-", "EHLO desk.example.net")
		c.do(t, "501 5.5.2", "AUTH PLAIN ====")
		i := o.talk(t, "imaps", "* OK")
		i.do(t, "+", "a AUTHENTICATE PLAIN")
		i.do(t, "a BAD", "!!!!")
	})
	m.try(t, what, "HTTP on port 25: hung up", func(t *testing.T) {
		c := o.talk(t, "smtp", "220 ")
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<x@example.net>\r\n"); err != nil {
			t.Fatal(err)
		}
		if rest := c.hangsUp(t, "GET /"); strings.Contains(rest, "250") {
			t.Errorf("the box goes on with %q", rest)
		}
	})
	m.try(t, what, "lines without an end", func(t *testing.T) { testLongLines(t, o) })
	m.try(t, what, "APPEND with a NUL: literal8 only", func(t *testing.T) { testAppendNUL(t, o, owner) })
	m.try(t, what, "huge literals", func(t *testing.T) { testLiterals(t, o, owner) })
	m.try(t, what, "binary noise on every port", func(t *testing.T) { testNoise(t, o) })
}

func testNoTLS(t *testing.T, o *office) {
	login := fmt.Sprintf("%q %q", at("refused"), password)
	c := o.talk(t, "submission", "220 ")
	c.do(t, "250-", "EHLO desk.example.net")
	c.do(t, "5", "AUTH PLAIN AHJlZnVzZWRAZXhhbXBsZS50ZXN0AGNvcnJlY3QgaG9yc2UgYmF0dGVyeSBzdGFwbGU=")
	i := o.talk(t, "imap", "* OK")
	i.do(t, "a NO [PRIVACYREQUIRED]", "a LOGIN %s", login)
	i.do(t, "b ", "b AUTHENTICATE PLAIN AHJlZnVzZWRAZXhhbXBsZS50ZXN0AGNvcnJlY3QgaG9yc2UgYmF0dGVyeSBzdGFwbGU=")
	i.do(t, "c BAD", "c SELECT INBOX") // not logged in, that is
	p := o.talk(t, "pop3", "+OK")
	p.do(t, "-ERR", "USER %s", at("refused"))
	p.do(t, "-ERR", "STAT")
}

func testLongLines(t *testing.T, o *office) {
	c := o.smtp(t)
	c.do(t, "500 5.5.2", "NOOP %s", strings.Repeat("x", 3000))
	c.do(t, "250 ", "NOOP") // the session goes on
	endless := strings.Repeat("x", 1<<20)
	for service, greeting := range map[string]string{"smtp": "220 ", "submission": "220 ", "imap": "* OK", "pop3": "+OK"} {
		c := o.talk(t, service, greeting)
		_, _ = io.WriteString(c, endless) // the box may hang up in the middle
		c.hangsUp(t, service+": a megabyte without a line end")
	}
}

func testAppendNUL(t *testing.T, o *office, owner string) {
	body := "Subject: nul\r\n\r\none\x00two\r\n"
	c := o.talk(t, "imaps", "* OK")
	c.do(t, "a OK", "a LOGIN %q %q", at(owner), password)
	c.do(t, "+", "b APPEND INBOX {%d}", len(body))
	if got, err := c.say(body + "\r\n"); err != nil || !strings.HasPrefix(got, "b NO") && !strings.HasPrefix(got, "b BAD") {
		t.Errorf("NUL in an ordinary literal: got %q, %v; want NO or BAD", got, err)
	}
	o.count(t, owner, "INBOX", 0)
	c.do(t, "+", "c APPEND Drafts ~{%d}", len(body))
	if got, err := c.say(body + "\r\n"); err != nil || !strings.HasPrefix(got, "c OK [APPENDUID") {
		t.Errorf("NUL in a literal8: got %q, %v; want OK", got, err)
	}
}

func testLiterals(t *testing.T, o *office, owner string) {
	c := o.talk(t, "imaps", "* OK")
	if got := c.do(t, "", "a LOGIN {%d}", 1<<30); strings.HasPrefix(got, "+") {
		t.Errorf("a stranger may send a gigabyte: %q", got)
	}
	c = o.talk(t, "imaps", "* OK")
	if _, err := fmt.Fprintf(c, "a LOGIN {%d+}\r\n", 1<<30); err != nil {
		t.Fatal(err)
	}
	chunk := bytes.Repeat([]byte("x"), 1<<16)
	for range 64 {
		if _, err := c.Write(chunk); err != nil {
			break // hung up, as it should
		}
	}
	c.hangsUp(t, "a gigabyte from a stranger")

	c = o.talk(t, "imaps", "* OK")
	c.do(t, "a OK", "a LOGIN %q %q", at(owner), password)
	c.do(t, "b NO [TOOBIG]", "b APPEND Drafts {%d}", 150<<20+1)
	c.do(t, "c OK", "c NOOP")
}

// testNoise writes bytes without sense to every port, and then greets each as ever.
func testNoise(t *testing.T, o *office) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 64<<10)
	for service, addr := range o.addrs {
		for round := range 3 {
			for i := range noise {
				noise[i] = byte(random.Uint32())
			}
			c, err := o.dial(strings.TrimSuffix(service, "s"))
			if err != nil {
				t.Fatalf("%s at %s: %v", service, addr, err)
			}
			_, _ = c.Write(noise[:1<<(8+4*round)]) // the box may hang up in the middle
			c.Close()
		}
	}
	for service, greeting := range map[string]string{"smtp": "220 ", "submissions": "220 ", "imaps": "* OK", "pop3s": "+OK"} {
		o.talk(t, service, greeting).Close()
	}
	o.ask(t, "GET", "https://"+o.addrs["https"]+"/", "", nil).want(t, 200)
}
