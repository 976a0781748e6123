package relay

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/mailtest"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

// world is the Internet of a test.
type world struct {
	*resolvertest.Internet
	mu    sync.Mutex
	hosts map[string]func(net.Conn) // by address and port
	calls []string
	told  []Evidence
	wg    sync.WaitGroup
}

// zones: peer.test has one server, two.test two, of which one is better.
func zones() map[string]string {
	return map[string]string{
		"test":       "",
		"peer.test":  "@ MX 10 mx\nmx A 192.0.2.1\n_mta-sts TXT \"none\"",
		"two.test":   "@ MX 10 mx1\n@ MX 20 mx2\nmx1 A 192.0.2.1\nmx2 A 192.0.2.2",
		"alone.test": "@ A 192.0.2.1\n@ AAAA 2001:db8::1",
		"null.test":  "@ MX 0 .",
		"loop.test":  "@ MX 10 box.example.test.\n@ MX 20 mx.peer.test.",
		"spare.test": "@ MX 10 mx.peer.test.\n@ MX 20 box.example.test.\n@ MX 30 mx2.two.test.",
		"self.test":  "@ MX 10 me\nme A 203.0.113.9",
		"three.test": "@ MX 10 mx1\n@ MX 20 mx2\n@ MX 30 mx3\nmx1 A 192.0.2.1\nmx2 A 192.0.2.2\nmx3 A 192.0.2.3",
		"plain.test": "@ MX 10 mx.peer.test.",
		"gone.test":  "@ MX 10 nowhere",
	}
}

func newWorld(t testing.TB) *world {
	w := &world{Internet: resolvertest.New(t, zones()), hosts: make(map[string]func(net.Conn))}
	t.Cleanup(w.wg.Wait)
	return w
}

func (w *world) dial(_ context.Context, addr netip.AddrPort) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, addr.String())
	host := w.hosts[addr.String()]
	if host == nil {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	near, far := mailtest.Pipe(net.TCPAddrFromAddrPort(netip.MustParseAddrPort("203.0.113.9:40000")), net.TCPAddrFromAddrPort(addr))
	w.wg.Go(func() { host(far); _ = far.Close() })
	return near, nil
}

func (w *world) Note(e Evidence) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, e)
}

func (w *world) results() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	for _, e := range w.told {
		list = append(list, fmt.Sprintf("%s %s %q", e.Domain, e.Kind, e.Result))
	}
	return list
}

func (w *world) called() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}

// client is a Client in this world; change changes its options.
func (w *world) client(t testing.TB, change ...func(*Options)) *Client {
	o := Options{
		Hostname: func() string { return "box.example.test" }, DNS: w.Client(), Dial: w.dial, Evidence: w,
		Self:  func(a netip.Addr) bool { return a == netip.MustParseAddr("203.0.113.9") },
		Roots: x509.NewCertPool(), Log: slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&o)
	}
	c := New(o)
	t.Cleanup(func() {
		c.Close()
		if c.Panics() != 0 {
			t.Errorf("%d Sends panicked", c.Panics())
		}
	})
	return c
}

// server is a scripted SMTP server.
type server struct {
	ehlo    []string          // extensions
	tls     *tls.Config       // for STARTTLS; it also makes EHLO offer it
	always  bool              // TLS from the first byte
	on      map[string]string // replies by how the command line begins; "" closes the connection. "greeting", "." and "SILENT" are more.
	inject  string            // sent behind the reply to STARTTLS
	discard bool              // keeps nothing of what is said

	mu       sync.Mutex
	lines    []string
	messages []string
	sessions int
}

func (s *server) said() []string { s.mu.Lock(); defer s.mu.Unlock(); return slices.Clone(s.lines) }
func (s *server) took() []string { s.mu.Lock(); defer s.mu.Unlock(); return slices.Clone(s.messages) }
func (s *server) met() int       { s.mu.Lock(); defer s.mu.Unlock(); return s.sessions }

// reply finds the reply with the longest key that fits.
func (s *server) reply(line, otherwise string) (string, bool) {
	best, found := "", false
	for key := range s.on {
		if strings.HasPrefix(line, key) && (!found || len(key) > len(best)) {
			best, found = key, true
		}
	}
	if found {
		return s.on[best], s.on[best] != ""
	}
	return otherwise, true
}

// serve is a whole session.
func (s *server) serve(conn net.Conn) {
	s.mu.Lock()
	s.sessions++
	s.mu.Unlock()
	if s.always {
		conn = tls.Server(conn, s.tls)
	}
	in := bufio.NewReader(conn)
	say := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
	r, ok := s.reply("greeting", "220 mx.test ESMTP")
	if !ok {
		return
	}
	if r == "SILENT" {
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	say(r)
	s.commands(conn, in)
}

// commands is a session behind its greeting.
func (s *server) commands(conn net.Conn, in *bufio.Reader) {
	say := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
	var message strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.mu.Lock()
		if !s.discard {
			s.lines = append(s.lines, line)
		}
		s.mu.Unlock()
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		r, ok := s.reply(line, "250 2.0.0 fine")
		scripted := r != "250 2.0.0 fine"
		switch {
		case !ok:
			return
		case r == "SILENT":
			_, _ = io.Copy(io.Discard, in)
			return
		case verb == "BDAT":
			n, _ := strconv.Atoi(strings.Fields(line)[1])
			if _, err := io.CopyN(&message, in, int64(n)); err != nil {
				return
			}
			if strings.HasSuffix(line, "LAST") && !scripted {
				s.keep(&message)
			}
			say(r)
		case scripted:
			say(r)
			if verb == "DATA" && strings.HasPrefix(r, "354") && !s.data(in, say) {
				return
			}
		case verb == "EHLO":
			list := append([]string{"mx.test"}, s.ehlo...)
			if _, secure := conn.(*tls.Conn); !secure && s.tls != nil {
				list = append(list, "STARTTLS")
			}
			for i, ext := range list {
				dash := "-"
				if i == len(list)-1 {
					dash = " "
				}
				say("250" + dash + ext)
			}
		case verb == "STARTTLS":
			_, _ = io.WriteString(conn, "220 go\r\n"+s.inject)
			conn = tls.Server(conn, s.tls)
			in = bufio.NewReader(conn)
		case verb == "DATA":
			say("354 go")
			if !s.data(in, say) {
				return
			}
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say(r)
		}
	}
}

func (s *server) keep(message *strings.Builder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.discard {
		s.messages = append(s.messages, message.String())
	}
	message.Reset()
}

// data takes a message in; it gives false if the connection is to end.
func (s *server) data(in *bufio.Reader, say func(string)) bool {
	var message strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		message.WriteString(strings.TrimPrefix(line, "."))
	}
	r, ok := s.reply(".", "250 2.0.0 taken")
	if ok && strings.HasPrefix(r, "2") {
		s.keep(&message)
	}
	if ok {
		say(r)
	}
	return ok
}

// content is a message in memory.
type content struct{ *strings.Reader }

func (content) Close() error { return nil }

const testMessage = "From: a@example.test\r\nSubject: test\r\n\r\n.dot\r\nbody\r\n"

// job is a message for local parts at a hop.
func job(hop, text string, locals ...string) *mail.Job {
	j := &mail.Job{
		Hop: mail.Hop(hop), From: mail.Address{Local: "a", Domain: "example.test"}, Size: int64(len(text)), Try: 1,
		Open: func() (mail.Content, error) { return content{strings.NewReader(text)}, nil },
	}
	for _, l := range locals {
		j.To = append(j.To, mail.Recipient{Address: mail.Address{Local: l, Domain: hop}})
	}
	return j
}

// fates is attempts in short: fate, code and status of each.
func fates(attempts []mail.Attempt) string {
	var list []string
	for _, a := range attempts {
		name := map[mail.Fate]string{mail.FateRelayed: "relayed", mail.FateDeferred: "deferred", mail.FateFailed: "failed"}[a.Fate]
		list = append(list, fmt.Sprintf("%s %d %s", name, a.Reply.Code, a.Status))
	}
	return strings.Join(list, ", ")
}
