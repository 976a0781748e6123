package smtpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/reception"
)

// stored is one message that the fake mailroom took.
type stored struct {
	envelope mail.Envelope
	body     string
}

// fakeRoom takes mail for example.test; the local part says what else happens.
type fakeRoom struct {
	mu       sync.Mutex
	messages []stored
	fail     error // of the next deliveries
	entered  chan struct{}
	release  chan struct{}
}

func (r *fakeRoom) Sender(_ context.Context, peer *mail.Peer, from mail.Address) error {
	if peer.Login.Account != 0 && !from.IsZero() && from.Canonical() != peer.Login.Address.Canonical() {
		return &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: "You can't send as somebody else"}
	}
	return nil
}

func (r *fakeRoom) Recipient(_ context.Context, _ *mail.Envelope, to mail.Address) error {
	switch {
	case !strings.EqualFold(to.Domain, "example.test") && !strings.EqualFold(to.Domain, "box.example.test"):
		return &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: "This server takes mail for its own domains only"}
	case to.Local == "nobody":
		return &mail.Refusal{Status: mail.Status5_1_1NoSuchMailbox, Text: "Nobody here has this address"}
	case to.Local == "trouble":
		return errors.New("secret detail of a broken disk")
	case to.Local == "panic":
		panic("a programmer's error")
	}
	return nil
}

func (r *fakeRoom) Deliver(_ context.Context, envelope *mail.Envelope, body *draft.Draft) error {
	if r.entered != nil {
		r.entered <- struct{}{}
		<-r.release
	}
	text, err := io.ReadAll(body.Reader())
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return r.fail
	}
	r.messages = append(r.messages, stored{*envelope, string(text)})
	return nil
}

func (r *fakeRoom) taken() []stored {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.messages
}

// fakeAuth knows alice, whose password is "secret".
type fakeAuth struct{}

func (fakeAuth) External(*tls.ConnectionState) bool { return false }

func (fakeAuth) Mechanisms(tls bool) []string {
	if tls {
		return []string{"PLAIN"}
	}
	return nil
}

func (fakeAuth) Start(string, netip.Addr, *tls.ConnectionState) (auth.Exchange, error) {
	return &fakeExchange{}, nil
}

type fakeExchange struct{ login mail.Login }

func (e *fakeExchange) Next(_ context.Context, response []byte) ([]byte, bool, error) {
	if response == nil {
		return []byte{}, false, nil
	}
	if !bytes.Equal(response, []byte("\x00alice\x00secret")) {
		return nil, false, mail.ErrDenied
	}
	e.login = mail.Login{Account: 1, Address: mail.Address{Local: "alice", Domain: "example.test"}}
	return nil, true, nil
}

func (e *fakeExchange) Login() mail.Login { return e.login }

// testServer is a Server with its fakes.
type testServer struct {
	*Server
	room *fakeRoom
}

const testMaxSize = 1 << 20

func newTestServer(t testing.TB) *testServer {
	t.Helper()
	fs, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	spool, err := draft.NewSpool(fs, "spool", nil)
	if err != nil {
		t.Fatal(err)
	}
	room := &fakeRoom{}
	s := New(Options{
		Hostname: func() string { return "box.example.test" },
		Mailroom: room, Auth: fakeAuth{}, TLS: testTLS(t), Draft: spool.New, MaxSize: testMaxSize,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	return &testServer{s, room}
}

// listen serves on loopback until the test ends, and fails it if a session panicked.
func (s *testServer) listen(t testing.TB, mode Mode) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l, mode) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; !errors.Is(err, reception.ErrClosed) {
			t.Errorf("Serve: %v; want ErrClosed", err)
		}
	})
	return l.Addr().String()
}

// client speaks raw SMTP.
type client struct {
	t testing.TB
	net.Conn
	w *wire
}

func dial(t testing.TB, addr string) *client {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &client{t, c, newWire(c)}
}

func (c *client) startTLS() {
	c.t.Helper()
	c.Conn = tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true})
	c.w = newWire(c.Conn)
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatalf("send %.60q: %v", text, err)
	}
}

// reply reads one reply, its lines joined by LF.
func (c *client) reply() (string, error) {
	var lines []string
	for {
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			return "", err
		}
		line, err := c.w.readLine(4096)
		if err != nil {
			return strings.Join(lines, "\n"), err
		}
		lines = append(lines, line)
		if len(line) < 4 || line[3] != '-' {
			return strings.Join(lines, "\n"), nil
		}
	}
}

// expect reads a reply that begins with want.
func (c *client) expect(want string) string {
	c.t.Helper()
	got, err := c.reply()
	if err != nil || !strings.HasPrefix(got, want) {
		c.t.Fatalf("got reply %q, %v; want %q…", got, err, want)
	}
	return got
}

// expectEnd wants the server to have closed the connection.
func (c *client) expectEnd() {
	c.t.Helper()
	if got, err := c.reply(); err == nil {
		c.t.Fatalf("got reply %q; want the end of the connection", got)
	}
}

// dialogue runs a script: lines "C: text" are sent with CRLF, lines "S: text"
// are beginnings of expected replies.
func (c *client) dialogue(script string) {
	c.t.Helper()
	for line := range strings.SplitSeq(strings.TrimSpace(script), "\n") {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "C:"); ok {
			c.send(strings.TrimPrefix(text, " ") + "\r\n")
		} else if text, ok := strings.CutPrefix(line, "S: "); ok {
			got, err := c.reply()
			if err != nil || !strings.HasPrefix(got, text) {
				c.t.Fatalf("in the dialogue: got reply %q, %v; want %q…", got, err, text)
			}
		} else {
			c.t.Fatalf("bad dialogue line %q", line)
		}
	}
}

// toData brings a session to the point where the message comes.
func (c *client) toData() {
	c.t.Helper()
	c.dialogue(`
		S: 220 box.example.test ESMTP
		C: EHLO client.test
		S: 250-box.example.test
		C: MAIL FROM:<bob@else.test>
		S: 250 2.0.0
		C: RCPT TO:<alice@example.test>
		S: 250 2.0.0
		C: DATA
		S: 354 `)
}

func (s *testServer) wantMessages(t testing.TB, want ...string) {
	t.Helper()
	got := s.room.taken()
	if len(got) != len(want) {
		t.Fatalf("%d messages were stored; want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].body != want[i] {
			t.Errorf("message %d is %.200q; want %.200q", i, got[i].body, want[i])
		}
	}
	if n := s.Panics(); n != 0 {
		t.Errorf("%d sessions panicked", n)
	}
}

func repeatLine(line string, n int) string { return strings.Repeat(line+"\r\n", n) }

func chunk(text string, last bool) string {
	word := ""
	if last {
		word = " LAST"
	}
	return fmt.Sprintf("BDAT %d%s\r\n%s", len(text), word, text)
}
