package smtpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/reception"
)

func TestSubmission(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	c := dial(t, s.listen(t, Mode{Submission: true}))
	c.expect("220")
	c.dialogue(`
		C: EHLO client.test
		S: 250-box.example.test
		C: AUTH PLAIN AGFsaWNlAHNlY3JldA==
		S: 538 5.7.11
		C: MAIL FROM:<alice@example.test>
		S: 530 5.7.0 Say STARTTLS first`)
	c.send("STARTTLS\r\nRSET\r\n") // what is said in the clear behind STARTTLS is dropped
	c.expect("220")
	c.startTLS()
	c.dialogue(`
		C: MAIL FROM:<alice@example.test>
		S: 503
		C: EHLO client.test
		S: 250-box.example.test
		C: MAIL FROM:<alice@example.test>
		S: 530 5.7.0 Log in first
		C: AUTH BOGUS
		S: 504 5.5.4
		C: AUTH PLAIN %%%
		S: 501 5.5.2 That is not base64
		C: AUTH PLAIN
		S: 334
		C: *
		S: 501 5.7.0 Log-in cancelled
		C: AUTH PLAIN AGFsaWNlAHdyb25n
		S: 535 5.7.8
		C: AUTH PLAIN
		S: 334
		C: AGFsaWNlAHNlY3JldA==
		S: 235
		C: AUTH PLAIN AGFsaWNlAHNlY3JldA==
		S: 503
		C: STARTTLS
		S: 503
		C: MAIL FROM:<bob@example.test>
		S: 550 5.7.1
		C: MAIL FROM:<alice@example.test> AUTH=<>
		S: 250
		C: RCPT TO:<bob@example.test>
		S: 250
		C: DATA
		S: 354
		C: From: alice@example.test
		C: Date: Sun, 22 Nov 2026 10:00:00 +0000
		C: Message-ID: <1@client.test>
		C:
		C: hello
		C: .
		S: 250`)
	s.wantMessages(t, "From: alice@example.test\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@client.test>\r\n\r\nhello\r\n")
	if peer := s.room.taken()[0].envelope.Peer; peer.Protocol != "ESMTPSA" || peer.Login.Account != 1 || !strings.HasPrefix(peer.TLS, "TLS 1.3 ") {
		t.Errorf("peer is %+v", peer)
	}
}

func TestImplicitTLSAndGuessing(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	c := dial(t, s.listen(t, Mode{Submission: true, ImplicitTLS: true}))
	c.startTLS()
	c.expect("220")
	c.dialogue("C: EHLO client.test\nS: 250-")
	for range maxAuthFailures {
		c.dialogue("C: AUTH PLAIN AGFsaWNlAHdyb25n\nS: 535")
	}
	c.expectEnd()
}

// TestPipelining holds that a group of commands is answered in one write.
func TestPipelining(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	client, server := net.Pipe() // a write of a Pipe is what one Read gets
	defer client.Close()
	done := make(chan struct{})
	go func() {
		newConn(s.Server, server, Mode{}).Serve()
		close(done)
	}()
	read := func() string {
		buffer := make([]byte, 64<<10)
		n, err := client.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
	read() // the greeting
	group := "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<alice@example.test>\r\nRCPT TO:<nobody@example.test>\r\nDATA\r\n"
	if _, err := io.WriteString(client, group); err != nil {
		t.Fatal(err)
	}
	got := read()
	if strings.Count(got, "\r\n250 ") != 3 || !strings.Contains(got, "\r\n550 5.1.1") || !strings.Contains(got, "\r\n354 ") {
		t.Errorf("one write holds %q; want the replies to all five commands", got)
	}
	client.Close()
	<-done
}

// TestPatience holds the deadlines: an idle session gets 421, a message that
// moves slowly is taken however long it takes, one that stalls or drips is not.
func TestPatience(t *testing.T) {
	t.Parallel()
	prologue := "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
	block := repeatLine(strings.Repeat("z", 998), 40)
	for name, test := range map[string]struct {
		steps  []step
		stored int
		want   string
	}{
		"idle":    {[]step{{"", commandTimeout + time.Second}}, 0, "421 4.4.2"},
		"slow":    {[]step{{prologue, 0}, {block, 2 * time.Minute}, {block, 2 * time.Minute}, {block, 2 * time.Minute}, {block, 2 * time.Minute}, {block + ".\r\n", 2 * time.Minute}}, 1, "250 2.0.0 Stored"},
		"stalled": {[]step{{prologue, 0}, {block, dataTimeout + time.Second}, {".\r\n", 0}}, 0, ""},
		"drip":    {append([]step{{prologue, 0}}, drip(20)...), 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestServer(t)
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				var got bytes.Buffer
				read := make(chan struct{})
				go func() { // ends with the connection
					_, _ = io.Copy(&got, client)
					close(read)
				}()
				go newConn(s.Server, server, Mode{}).Serve()
				for _, step := range test.steps {
					_, _ = io.WriteString(client, step.text) // fails once the server has hung up
					time.Sleep(step.pause)                   // the bubble's clock
				}
				synctest.Wait()
				client.Close()
				<-read
				if !strings.Contains(got.String(), test.want) || len(s.room.taken()) != test.stored {
					t.Errorf("got %q and %d messages; want %q and %d", got.String(), len(s.room.taken()), test.want, test.stored)
				}
			})
		})
	}
}

// step is what a client sends, and how long it then does nothing.
type step struct {
	text  string
	pause time.Duration
}

// drip sends a byte a minute.
func drip(minutes int) []step {
	steps := slices.Repeat([]step{{"z", time.Minute}}, minutes)
	return append(steps, step{"\r\n.\r\n", 0})
}

// TestShutdown: idle sessions hear 421 at once, a message on its way is finished.
func TestShutdown(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	s.room.entered, s.room.release = make(chan struct{}), make(chan struct{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l, Mode{}) }()
	idle, busy := dial(t, l.Addr().String()), dial(t, l.Addr().String())
	idle.expect("220")
	busy.toData()
	busy.send("x\r\n.\r\n")
	<-s.room.entered
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	idle.expect("421 4.3.2")
	idle.expectEnd()
	close(s.room.release)
	busy.expect("250")
	busy.expect("421")
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-served; err != reception.ErrClosed {
		t.Errorf("Serve: %v", err)
	}
	s.wantMessages(t, "x\r\n")
}

func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	addr := s.listen(t, Mode{})
	for range maxConnectionsPerAddress {
		dial(t, addr).expect("220")
	}
	dial(t, addr).expect("421 4.3.2 Too many connections from your address")
}

// TestTable compares what a server lists that has everything turned on with the
// table in ARCHITECTURE.md.
func TestTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## SMTP: what EHLO lists")
	table, _, _ = strings.Cut(table, "\n\n## ")
	documented := map[string]bool{}
	for row := range strings.Lines(table) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(row, "| "), " |"); ok && name == strings.ToUpper(name) && strings.HasPrefix(row, "| ") {
			documented[name] = true
		}
	}
	s := newTestServer(t)
	s.options.Offers, s.options.Turner = everything, fakeTurner{}
	listed := map[string]bool{}
	for _, mode := range []Mode{{}, {Submission: true}} {
		for _, state := range []*tls.ConnectionState{nil, {}} {
			c := newConn(s.Server, &scriptConn{}, mode)
			c.tls = state
			for _, line := range c.extensions() {
				listed[strings.Fields(line)[0]] = true
			}
		}
	}
	if !maps.Equal(documented, listed) {
		t.Errorf("ARCHITECTURE.md has %v; EHLO lists %v", slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(listed)))
	}
}

// TestCapabilities holds what EHLO lists, in its order, where nothing is turned on.
func TestCapabilities(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		mode Mode
		want string
	}{
		"mx":          {Mode{}, "PIPELINING 8BITMIME SMTPUTF8 ENHANCEDSTATUSCODES CHUNKING BINARYMIME SIZE LIMITS STARTTLS"},
		"submissions": {Mode{Submission: true, ImplicitTLS: true}, "PIPELINING 8BITMIME SMTPUTF8 ENHANCEDSTATUSCODES CHUNKING BINARYMIME SIZE LIMITS AUTH"},
	} {
		s := newTestServer(t)
		c := dial(t, s.listen(t, test.mode))
		if test.mode.ImplicitTLS {
			c.startTLS()
		}
		c.expect("220")
		c.send("EHLO c.test\r\n")
		var got []string
		for _, line := range strings.Split(c.expect("250-"), "\n")[1:] {
			got = append(got, strings.Fields(line[4:])[0])
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: got %q; want %q", name, got, test.want)
		}
	}
}

func TestReplyToHidesCauses(t *testing.T) {
	t.Parallel()
	reply := replyTo(io.ErrShortWrite)
	if reply.Code != 451 || strings.Contains(reply.Text, "short") {
		t.Errorf("an unknown error became %v", reply)
	}
	if got := replyTo(&mail.Refusal{Status: mail.Status4_3_1SystemFull, Text: "x"}).Code; got != 452 {
		t.Errorf("4.3.1 became %d; want 452", got)
	}
}

// FuzzSession holds that no bytes crash a session, keep it from ending, or get
// anything stored that did not come as a whole message.
func FuzzSession(f *testing.F) {
	prologue := "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<alice@example.test>\r\n"
	for _, seed := range []string{
		prologue + "DATA\r\nSubject: x\r\n\r\n..\r\n.\r\nQUIT\r\n",
		prologue + chunk("abc\r\n", false) + chunk("def", true) + "RSET\r\n",
		"EHLO x\r\nAUTH PLAIN AGFsaWNlAHNlY3JldA==\r\nMAIL FROM:<alice@example.test> SIZE=3\r\n",
		"HELO x\r\nMAIL FROM:<\"a\\\"b\"@c.test>\r\nRCPT TO:<@a:b@example.test>\r\n", "GET / HTTP/1.0\r\n\r\n", "\x00\xff\r\n\n\r",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, input []byte, submission bool) {
		s := newTestServer(t)
		conn := &scriptConn{in: bytes.NewReader(input)}
		c := newConn(s.Server, conn, Mode{Submission: submission})
		if submission {
			c.tls = &tls.ConnectionState{}
		}
		c.Serve()
		if s.Panics() != 0 {
			t.Fatal("the session panicked")
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(conn.out.String(), "\r\n"), "\r\n") {
			if len(line) < 4 || line[0] < '2' || line[0] > '5' || strings.ContainsAny(line, "\r\n\x00") {
				t.Errorf("not a reply line: %q", line)
			}
		}
		if n := len(s.room.taken()); n > bytes.Count(input, []byte("\r\n.\r\n"))+bytes.Count(bytes.ToUpper(input), []byte("LAST")) {
			t.Errorf("%d messages came out of %q", n, input)
		}
	})
}

// scriptConn is a client that has said everything already.
type scriptConn struct {
	net.Conn
	in  *bytes.Reader
	out bytes.Buffer
}

func (c *scriptConn) Read(p []byte) (int, error)       { return c.in.Read(p) }
func (c *scriptConn) Write(p []byte) (int, error)      { return c.out.Write(p) }
func (c *scriptConn) Close() error                     { return nil }
func (c *scriptConn) SetReadDeadline(time.Time) error  { return nil }
func (c *scriptConn) SetWriteDeadline(time.Time) error { return nil }
func (c *scriptConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4000}
}
