package smtpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// peerConn is a connection that comes from an address.
type peerConn struct {
	net.Conn
	addr string
}

func (c *peerConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(c.addr), 4000))
}

const stranger = "192.0.2.1"

// visit opens a session from an address, in a bubble. Replies come by read.
func (s *testServer) visit(t testing.TB, addr string) *pipeClient {
	client, server := net.Pipe()
	go newConn(s.Server, &peerConn{server, addr}, Mode{}).Serve()
	t.Cleanup(func() { client.Close() })
	return &pipeClient{t, client}
}

func (c *pipeClient) say(line, want string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, line+"\r\n"); err != nil {
		c.t.Fatalf("say %q: %v", line, err)
	}
	c.read(want)
}

// greet brings a session to its first MAIL.
func (c *pipeClient) greet() {
	c.t.Helper()
	c.read("220")
	c.say("HELO c.test", "250")
	c.say("MAIL FROM:<a@b.test>", "250")
}

func (c *pipeClient) readEnd() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.Conn); err != nil || len(rest) > 0 {
		c.t.Errorf("got %q, %v; want the end of the connection", rest, err)
	}
}

// guardedServer has guards, from which 198.51.100.0/24 is exempt.
func guardedServer(t testing.TB, guards Guards) *testServer {
	s := newTestServer(t)
	office := netip.MustParsePrefix("198.51.100.0/24")
	guards.Exempt = func(addr netip.Addr) bool { return office.Contains(addr) }
	s.options.Guards = guards
	s.meters = newMeters(guards.Rates)
	return s
}

// TestBanner: strangers wait for the greeting, the office's own do not.
func TestBanner(t *testing.T) {
	t.Parallel()
	s := guardedServer(t, StandardGuards())
	synctest.Test(t, func(t *testing.T) {
		for addr, want := range map[string]time.Duration{stranger: s.options.Guards.Banner, "198.51.100.7": 0} {
			began := time.Now()
			s.visit(t, addr).read("220")
			if got := time.Since(began); got != want {
				t.Errorf("%s is greeted after %v; want %v", addr, got, want)
			}
		}
	})
}

// TestEarlyTalker: who talks before the greeting hears 554 and nothing else.
func TestEarlyTalker(t *testing.T) {
	t.Parallel()
	s := guardedServer(t, StandardGuards())
	synctest.Test(t, func(t *testing.T) {
		c := s.visit(t, stranger)
		time.Sleep(time.Second)
		go func() { _, _ = io.WriteString(c.Conn, "EHLO spam.test\r\n") }() // the server closes in the midst of it
		c.read("554 5.5.1 You spoke before you were greeted")
		c.readEnd()
	})
}

// TestGoneBeforeBanner: a client that leaves while it waits holds nothing up.
func TestGoneBeforeBanner(t *testing.T) {
	t.Parallel()
	s := guardedServer(t, StandardGuards())
	synctest.Test(t, func(t *testing.T) {
		c := s.visit(t, stranger)
		synctest.Wait()
		c.Close()
	})
}

// TestShutdownWhileWaiting: neither a greeting that is kept back nor a tarpit
// holds up a shutdown.
func TestShutdownWhileWaiting(t *testing.T) {
	t.Parallel()
	for name, bring := range map[string]func(c *pipeClient){
		"banner": func(*pipeClient) {},
		"tarpit": func(c *pipeClient) {
			c.greet()
			for range 2 {
				c.say("RCPT TO:<nobody@example.test>", "550")
			}
			_, _ = io.WriteString(c.Conn, "RCPT TO:<nobody@example.test>\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := guardedServer(t, Guards{Banner: time.Hour, Tarpit: time.Hour})
			if name == "tarpit" {
				s.options.Guards.Banner = 0
			}
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				session := newConn(s.Server, &peerConn{server, stranger}, Mode{})
				go session.Serve()
				defer client.Close()
				c := &pipeClient{t, client}
				bring(c)
				synctest.Wait()
				began := time.Now()
				go func() { _ = s.desks[0].Shutdown(context.Background()) }()
				synctest.Wait()
				session.Interrupt()
				if name == "tarpit" {
					c.read("550")
				}
				c.read("421 4.3.2")
				if took := time.Since(began); took != 0 {
					t.Errorf("it took %v; want no time", took)
				}
			})
		})
	}
}

// TestTurns: a group of commands goes on behind EHLO or DATA only when those have
// been answered.
func TestTurns(t *testing.T) {
	t.Parallel()
	const blind = "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nspam\r\n.\r\nQUIT\r\n"
	for _, test := range []struct{ first, want, then, refused string }{
		{"", "", blind, "554 5.5.1 You did not wait for the answer"},
		{"HELO c.test", "250", "MAIL FROM:<a@b.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nspam\r\n.\r\n", "250 2.0.0 OK|250 2.0.0 OK|554 5.5.1 You did not wait"},
	} {
		s := guardedServer(t, Guards{Turns: true})
		synctest.Test(t, func(t *testing.T) {
			c := s.visit(t, stranger)
			c.read("220")
			if test.first != "" {
				c.say(test.first, test.want)
			}
			go func() { _, _ = io.WriteString(c.Conn, test.then) }() // the server closes in the midst of it
			for want := range strings.SplitSeq(test.refused, "|") {
				c.read(want)
			}
			c.readEnd()
		})
		s.wantMessages(t)
	}
	s := guardedServer(t, Guards{Turns: true})
	synctest.Test(t, func(t *testing.T) {
		c := s.visit(t, "198.51.100.7")
		c.read("220")
		go func() { _, _ = io.WriteString(c.Conn, strings.ReplaceAll(blind, "EHLO", "HELO")) }()
		for _, want := range []string{"250 box", "250", "250", "354", "250 2.0.0 Stored", "221"} {
			c.read(want)
		}
		c.readEnd()
	})
	s.wantMessages(t, "spam\r\n")
}

// TestTarpit: answers about names that nobody has come later and later.
func TestTarpit(t *testing.T) {
	t.Parallel()
	s := guardedServer(t, Guards{Tarpit: time.Second})
	synctest.Test(t, func(t *testing.T) {
		c := s.visit(t, stranger)
		c.greet()
		for i, want := range []time.Duration{0, 0, 1, 2, 4, 8, 10, 10} {
			began := time.Now()
			c.say("RCPT TO:<nobody@example.test>", "550 5.1.1")
			if got := time.Since(began); got != want*time.Second {
				t.Errorf("refused recipient %d is answered after %v; want %d s", i+1, got, want)
			}
		}
		began := time.Now()
		c.say("RCPT TO:<alice@example.test>", "250")
		if got := time.Since(began); got != 0 {
			t.Errorf("a good recipient is answered after %v; want at once", got)
		}
	})
}

// TestRates: each bound puts off what is more, for as long as it says, and not
// what comes from another network or from the office.
func TestRates(t *testing.T) {
	t.Parallel()
	rate := Rate{Burst: 2, Every: time.Minute}
	recipient := func(to, want string) func(c *pipeClient) {
		return func(c *pipeClient) {
			c.greet()
			c.say("RCPT TO:<"+to+">", want)
		}
	}
	connection := func(want string) func(c *pipeClient) { return func(c *pipeClient) { c.read(want) } }
	for name, test := range map[string]struct {
		rates     Rates
		good, bad func(c *pipeClient)
	}{
		"connections": {Rates{Connections: rate}, connection("220"), connection("421 4.7.0")},
		"messages": {Rates{Messages: rate}, (*pipeClient).greet, func(c *pipeClient) {
			c.read("220")
			c.say("HELO c.test", "250")
			c.say("MAIL FROM:<a@b.test>", "451 4.7.0 Too many messages")
		}},
		"recipients": {Rates{Recipients: rate}, recipient("alice@example.test", "250"), recipient("alice@example.test", "451 4.7.0 Too many recipients")},
		"refused":    {Rates{Refused: rate}, recipient("nobody@example.test", "550"), connection("421 4.7.0")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := guardedServer(t, Guards{Rates: test.rates})
			synctest.Test(t, func(t *testing.T) {
				for range 2 {
					test.good(s.visit(t, stranger))
				}
				test.bad(s.visit(t, stranger))
				test.good(s.visit(t, "203.0.113.1"))
				for range 3 {
					test.good(s.visit(t, "198.51.100.7"))
				}
				time.Sleep(rate.Every)
				test.good(s.visit(t, stranger))
				test.bad(s.visit(t, stranger))
			})
		})
	}
}

// TestMeter: a network has its share, whatever addresses of it are used, and the
// table never holds more than it may.
func TestMeter(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	for _, format := range []string{"192.0.2.%d", "2001:db8::%d", "::ffff:192.0.2.%d"} {
		m := meter{rate: Rate{Burst: 3, Every: time.Minute}}
		taken := 0
		for i := range 100 {
			if m.take(netip.MustParseAddr(fmt.Sprintf(format, i)), now, 1) {
				taken++
			}
		}
		if want := 3 * networkShare; taken != want {
			t.Errorf("%s: %d were let in; want %d", format, taken, want)
		}
		if addr := netip.MustParseAddr(fmt.Sprintf(format, 200)); !m.spent(addr, now) || m.spent(addr, now.Add(time.Hour)) {
			t.Errorf("%s: want the network spent now and not an hour later", format)
		}
	}
	m := meter{rate: Rate{Burst: 3, Every: time.Minute}}
	for i := range maxMarks {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		if i%2 == 1 {
			addr = netip.AddrFrom4([4]byte{byte(100 + i>>16), byte(i >> 8), byte(i), 1})
		}
		m.take(addr, now.Add(time.Duration(i)*time.Millisecond), 1)
		if len(m.marks) > maxMarks {
			t.Fatalf("%d marks; want at most %d", len(m.marks), maxMarks)
		}
	}
}

// blockList screens one address, and has trouble with another.
type blockList struct{}

func (blockList) Screen(_ context.Context, addr netip.Addr) error {
	switch addr.String() {
	case stranger:
		return &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: "Your address is on a block list"}
	case "203.0.113.9":
		return errors.New("the name server does not answer")
	}
	return nil
}

// TestScreen: who is on a list can reach the postmaster and nobody else; trouble
// with the list refuses nobody.
func TestScreen(t *testing.T) {
	t.Parallel()
	s := guardedServer(t, Guards{Screener: blockList{}})
	synctest.Test(t, func(t *testing.T) {
		c := s.visit(t, stranger)
		c.greet()
		c.say("RCPT TO:<alice@example.test>", "550 5.7.1 Your address is on a block list")
		c.say("RCPT TO:<postmaster@example.test>", "250")
		for _, addr := range []string{"203.0.113.9", "203.0.113.10", "198.51.100.7"} {
			c := s.visit(t, addr)
			c.greet()
			c.say("RCPT TO:<alice@example.test>", "250")
		}
	})
}

// TestHelo: no name that a client gives itself is refused; what is kept of it can
// stand in a header field.
func TestHelo(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	addr := s.listen(t, Mode{})
	for name, want := range map[string]string{
		"my office pc":                     "my?office?pc",
		"[192.0.2.1]":                      "[192.0.2.1]",
		"_bad_.name..":                     "_bad_.name..",
		"tab\there":                        "tab?here",
		"latin1-\xe9":                      "latin1-?",
		strings.Repeat("é", 200):           strings.Repeat("é", maxHelo/2),
		"x" + strings.Repeat("é", maxHelo): "x" + strings.Repeat("é", maxHelo/2),
	} {
		c := dial(t, addr)
		c.expect("220")
		c.dialogue("C: HELO " + name + "\nS: 250\n" + beginMessage + "\nC: DATA\nS: 354\nC: .\nS: 250")
		taken := s.room.taken()
		if got := taken[len(taken)-1].envelope.Peer.Helo; got != want {
			t.Errorf("HELO %.40q is kept as %.40q; want %.40q", name, got, want)
		}
	}
}

// TestSlowTransferIsNotSmuggling: when a message takes too long, what comes behind
// is never executed: not by DATA, nor by BDAT.
func TestSlowTransferIsNotSmuggling(t *testing.T) {
	t.Parallel()
	const inner = "\r\n.\r\nMAIL FROM:<evil@b.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nsmuggled\r\n.\r\n"
	for name, begin := range map[string]string{"DATA": "DATA\r\nSubject: outer\r\n", "BDAT": "BDAT 100000 LAST\r\nSubject: outer\r\n"} {
		s := newTestServer(t)
		synctest.Test(t, func(t *testing.T) {
			c := s.visit(t, stranger)
			c.greet()
			c.say("RCPT TO:<alice@example.test>", "250")
			read := make(chan struct{})
			go func() { // what the server says is of no interest here
				_, _ = io.Copy(io.Discard, c.Conn)
				close(read)
			}()
			_, _ = io.WriteString(c.Conn, begin)
			time.Sleep(dataTimeout + time.Second)
			if _, err := io.WriteString(c.Conn, inner); err == nil {
				t.Errorf("%s: the server still reads %v after the last octet", name, dataTimeout)
			}
			c.Close()
			<-read
		})
		s.wantMessages(t)
	}
}
