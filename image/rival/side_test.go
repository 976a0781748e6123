package rival

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/dovecot"
)

// side is one of the two servers that people read their mail from.
type side struct {
	imaps, pop3s string
	delivers     string // SMTP or LMTP
	greeting     string // its command
	tls          *tls.Config
	cpu          func() time.Duration
	memory       func() int64
	tidy         func() // before memory is looked at
}

// sides starts both, with empty mailboxes: the box, and Dovecot as Debian's packages set it up.
func sides(b *testing.B) (box, rival *side) {
	b.Helper()
	return boxSide(b), dovecotSide(b)
}

func boxSide(b *testing.B) *side {
	b.Helper()
	p := startSelf(b, "sanduk", scratch(b))
	b.Cleanup(p.stop)
	return &side{
		imaps: p.imaps, pop3s: p.pop3s, delivers: p.smtp, greeting: "EHLO", tls: &tls.Config{InsecureSkipVerify: true},
		cpu: func() time.Duration { return p.cpu(b) },
		memory: func() int64 {
			n, err := dovecot.Resident(p.id)
			if err != nil {
				b.Fatal(err)
			}
			return n
		},
		tidy: func() {
			if err := syscall.Kill(p.id, tidySignal); err != nil {
				b.Fatal(err)
			}
			time.Sleep(time.Second) // another process does it
		},
	}
}

func dovecotSide(b *testing.B) *side {
	b.Helper()
	config, err := os.ReadFile("testdata/local.conf")
	if err != nil {
		b.Fatal(err)
	}
	text := string(config)
	addrs := make(map[string]string)
	for _, name := range []string{"IMAPS", "POP3S", "LMTP"} {
		port := freePort(b)
		addrs[name] = "127.0.0.1:" + port
		text = strings.ReplaceAll(text, "port = "+name, "port = "+port)
	}
	d, err := dovecot.Start(b.Context(), dovecot.Options{Module: "../..", Root: "rival", Config: text, Packaged: true, Answers: addrs["IMAPS"]})
	if err != nil {
		b.Skipf("SKIPPED: %v", err)
	}
	b.Cleanup(func() {
		d.Stop()
		if b.Failed() {
			b.Logf("Dovecot said %s", d.Log())
		} else if err := d.Empty(); err != nil {
			b.Error(err)
		}
	})
	return &side{
		imaps: addrs["IMAPS"], pop3s: addrs["POP3S"], delivers: addrs["LMTP"], greeting: "LHLO", tls: &tls.Config{RootCAs: d.Roots, ServerName: "127.0.0.1"},
		cpu: func() time.Duration {
			n, err := d.CPU()
			if err != nil {
				b.Fatal(err)
			}
			return n
		},
		memory: func() int64 {
			n, err := d.Memory()
			if err != nil {
				b.Fatal(err)
			}
			return n
		},
		tidy: func() {},
	}
}

// reader is a connection of a program that reads mail.
type reader struct {
	b    *testing.B
	conn net.Conn
	in   *bufio.Reader
}

// readTime bounds one answer: a search through everything takes long without an index.
const readTime = time.Minute

// open connects to an address of the side and reads the greeting.
func (s *side) open(b *testing.B, addr string) *reader {
	b.Helper()
	conn, err := tls.Dial("tcp", addr, s.tls)
	if err != nil {
		b.Fatal(err)
	}
	r := &reader{b, conn, bufio.NewReaderSize(conn, 64<<10)}
	r.line()
	return r
}

// imap logs in.
func (s *side) imap(b *testing.B, who int) *reader {
	b.Helper()
	r := s.open(b, s.imaps)
	r.do("LOGIN " + person(who) + ` "` + password + `"`)
	return r
}

func (r *reader) close() { _ = r.conn.Close() } // all is said

func (r *reader) send(text string) {
	r.b.Helper()
	if err := r.conn.SetDeadline(time.Now().Add(readTime)); err != nil {
		r.b.Fatal(err)
	}
	if _, err := io.WriteString(r.conn, text); err != nil {
		r.b.Fatal(err)
	}
}

// line reads one line.
func (r *reader) line() string {
	r.b.Helper()
	line, err := r.in.ReadString('\n')
	if err != nil {
		r.b.Fatalf("after %q: %v", line, err)
	}
	return line
}

// do gives an IMAP command, and returns how many bytes came up to the line that ends it. What is in between is not
// parsed: this is about servers.
func (r *reader) do(command string) int {
	r.b.Helper()
	r.send("x1 " + command + "\r\n")
	return r.answer(command)
}

func (r *reader) answer(command string) (size int) {
	r.b.Helper()
	for {
		line, err := r.in.ReadSlice('\n')
		size += len(line)
		if err != nil && err != bufio.ErrBufferFull {
			r.b.Fatal(err)
		}
		if !bytes.HasPrefix(line, []byte("x1 ")) {
			continue
		}
		if !bytes.HasPrefix(line, []byte("x1 OK")) {
			r.b.Fatalf("%.60q: %s", command, line)
		}
		return size
	}
}

// timed is how long a command takes.
func (r *reader) timed(command string) time.Duration {
	r.b.Helper()
	began := time.Now()
	r.do(command)
	return time.Since(began)
}

// fill appends messages to somebody's INBOX, many with each command.
func (s *side) fill(b *testing.B, who, messages int, text func(i int) string) {
	b.Helper()
	const most, bytes = 500, 8 << 20
	r := s.imap(b, who)
	defer r.close()
	var command strings.Builder
	n := 0
	flush := func() {
		if n > 0 {
			r.do("APPEND INBOX" + command.String())
		}
		command.Reset()
		n = 0
	}
	for i := range messages {
		t := text(i)
		fmt.Fprintf(&command, " (\\Seen) {%d+}\r\n%s", len(t), t)
		if n++; n == most || command.Len() > bytes {
			flush()
		}
	}
	flush()
}
