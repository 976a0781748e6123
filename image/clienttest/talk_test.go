package clienttest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// talk is a conversation in lines: the smallest client there can be, for what real ones are too well-behaved to say.
type talk struct {
	net.Conn
	in *bufio.Reader
}

// dial connects to a service; one whose name ends in s begins with TLS.
func (o *office) dial(service string) (*talk, error) {
	conn, err := net.DialTimeout("tcp", o.addrs[service], answerTime)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		conn.Close()
		return nil, err
	}
	c := &talk{conn, bufio.NewReader(conn)}
	if strings.HasSuffix(service, "s") {
		return c, c.secure(o)
	}
	return c, nil
}

// secure goes on over TLS.
func (c *talk) secure(o *office) error {
	secured := tls.Client(c.Conn, o.tls())
	if err := secured.Handshake(); err != nil {
		c.Close()
		return err
	}
	c.Conn, c.in = secured, bufio.NewReader(secured)
	return nil
}

// talk connects, reads the greeting, and hangs up at the end of the test.
func (o *office) talk(t *testing.T, service, greeting string) *talk {
	t.Helper()
	c, err := o.dial(service)
	if err != nil {
		t.Fatalf("%s: %v", service, err)
	}
	t.Cleanup(func() { c.Close() })
	c.expect(t, service, greeting)
	return c
}

// reply reads one line, or all lines of an SMTP reply.
func (c *talk) reply() (string, error) {
	var all strings.Builder
	for {
		line, err := c.in.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			return all.String(), err
		}
		if len(line) < 4 || line[3] != '-' || line[0] < '2' || line[0] > '5' {
			return strings.TrimRight(all.String(), "\r\n"), nil
		}
	}
}

// say sends text as it is and reads the reply.
func (c *talk) say(text string) (string, error) {
	if _, err := io.WriteString(c, text); err != nil {
		return "", err
	}
	return c.reply()
}

// expect reads a reply that has to begin with want, and returns it.
func (c *talk) expect(t *testing.T, after, want string) string {
	t.Helper()
	got, err := c.reply()
	if err != nil || !strings.HasPrefix(got, want) {
		t.Fatalf("after %.80q: got %.300q, %v; want %q", after, got, err, want)
	}
	return got
}

// do sends a line and expects a reply.
func (c *talk) do(t *testing.T, want, format string, args ...any) string {
	t.Helper()
	line := fmt.Sprintf(format, args...)
	if _, err := io.WriteString(c, line+"\r\n"); err != nil {
		t.Fatalf("%.80q: %v", line, err)
	}
	return c.expect(t, line, want)
}

// hangsUp reads what the other side still says, and fails unless it then hangs up.
func (c *talk) hangsUp(t *testing.T, after string) string {
	t.Helper()
	rest, err := io.ReadAll(io.LimitReader(c.in, 1<<20))
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		t.Fatalf("after %.80q: the box does not hang up; it said %.300q", after, rest)
	}
	return string(rest)
}

// smtp opens a session on port 25, as another server does.
func (o *office) smtp(t *testing.T) *talk {
	t.Helper()
	c := o.talk(t, "smtp", "220 "+hostname)
	c.do(t, "250-", "EHLO sender.example.net")
	return c
}

// envelope begins a message.
func (c *talk) envelope(t *testing.T, from, to, parameters string) {
	t.Helper()
	c.do(t, "250 ", "MAIL FROM:<%s>%s", from, parameters)
	c.do(t, "250 ", "RCPT TO:<%s>", to)
}

// data sends a message with DATA and returns the reply to its end.
func (c *talk) data(t *testing.T, body []byte) string {
	t.Helper()
	c.do(t, "354 ", "DATA")
	reply, err := c.say(string(stuffed(body)) + ".\r\n")
	if err != nil {
		t.Fatalf("end of DATA: %v", err)
	}
	return reply
}

// stuffed doubles the dots at the beginnings of lines (RFC 5321 §4.5.2).
func stuffed(body []byte) []byte {
	body = bytes.ReplaceAll(body, []byte("\r\n."), []byte("\r\n.."))
	if bytes.HasPrefix(body, []byte(".")) {
		body = append([]byte("."), body...)
	}
	return body
}

// bdat sends a message in chunks of a size (RFC 3030) and returns the last reply.
func (c *talk) bdat(t *testing.T, body []byte, size int) string {
	t.Helper()
	for ; len(body) > size; body = body[size:] {
		if got, err := c.say(fmt.Sprintf("BDAT %d\r\n%s", size, body[:size])); err != nil || !strings.HasPrefix(got, "250 ") {
			t.Fatalf("BDAT: %q, %v", got, err)
		}
	}
	got, err := c.say(fmt.Sprintf("BDAT %d LAST\r\n%s", len(body), body))
	if err != nil {
		t.Fatalf("BDAT LAST: %v", err)
	}
	return got
}
