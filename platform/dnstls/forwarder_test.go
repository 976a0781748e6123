package dnstls

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const serverName = "dns.example.test"

// upstream is a DNS server over TLS.
type upstream struct {
	addr   netip.AddrPort
	roots  *x509.CertPool
	opened atomic.Int32 // connections
	asked  atomic.Int32
	closes atomic.Bool // after each answer, without a word
}

// newUpstream starts one whose certificate holds for that time.
func newUpstream(t *testing.T, from, until time.Time) *upstream {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: serverName}, DNSNames: []string{serverName},
		NotBefore: from, NotAfter: until, IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	u := &upstream{roots: x509.NewCertPool()}
	u.roots.AddCert(cert)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.addr = l.Addr().(*net.TCPAddr).AddrPort()
	counted := &countingListener{l, u}
	s := &dns.Server{
		Listener: tls.NewListener(counted, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}}),
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			u.asked.Add(1)
			answer := new(dns.Msg).SetReply(q)
			for i := range 60 { // more than one packet
				answer.Answer = append(answer.Answer, &dns.TXT{
					Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{fmt.Sprintf("%02d %s", i, strings.Repeat("x", 20))},
				})
			}
			_ = w.WriteMsg(answer)
			if u.closes.Load() {
				_ = w.Close()
			}
		}),
	}
	go func() { _ = s.ActivateAndServe() }()
	t.Cleanup(func() { _ = l.Close() })
	return u
}

type countingListener struct {
	net.Listener
	u *upstream
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.u.opened.Add(1)
	}
	return c, err
}

// places counts the forwarders of this run.
var places atomic.Int32

// forward starts a Forwarder to the server and returns where it answers.
func forward(t *testing.T, u *upstream, name string, sure bool) string {
	t.Helper()
	// A loopback address of its own: a port of 127.0.0.1 that is free now may be somebody else's a moment later.
	pid := os.Getpid()
	listen := fmt.Sprintf("127.%d.%d.%d:5300", 64+pid>>8&63, pid&255, 1+places.Add(1)%250)
	f := New(Options{
		Listen: listen, Roots: u.roots, Sure: func() bool { return sure }, Log: slog.New(slog.DiscardHandler), port: u.addr.Port(),
		Servers: func() ([]netip.Addr, string) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.9"), u.addr.Addr()}, name
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	for limit := time.Now().Add(10 * time.Second); ; {
		if c, err := net.Dial("tcp", listen); err == nil {
			_ = c.Close()
			return listen
		}
		if time.Now().After(limit) {
			t.Fatal("it does not listen")
		}
	}
}

// ask asks as a program does.
func ask(t *testing.T, network, server string, size uint16) *dns.Msg {
	t.Helper()
	q := new(dns.Msg).SetQuestion("Example.test.", dns.TypeTXT)
	if size > 0 {
		q.SetEdns0(size, true)
	}
	c := dns.Client{Net: network, Timeout: 20 * time.Second, UDPSize: size}
	answer, _, err := c.Exchange(q, server)
	if err != nil {
		t.Fatalf("%s: %v", network, err)
	}
	answer.Compress = true // as it came
	return answer
}

// TestForward: questions get whole answers over TCP and cut ones over UDP, from the second
// server where the first is not there, over one connection.
func TestForward(t *testing.T) {
	t.Parallel()
	now := time.Now()
	u := newUpstream(t, now.Add(-time.Hour), now.Add(time.Hour))
	server := forward(t, u, serverName, true)
	if got := ask(t, "tcp", server, 0); len(got.Answer) != 60 || got.Truncated || got.Question[0].Name != "Example.test." {
		t.Errorf("over TCP %d records, cut %v, to %s", len(got.Answer), got.Truncated, got.Question[0].Name)
	}
	if got := ask(t, "udp", server, 0); !got.Truncated || len(got.Answer) >= 60 || got.Len() > dns.MinMsgSize {
		t.Errorf("over UDP %d records in %d bytes, cut %v", len(got.Answer), got.Len(), got.Truncated)
	}
	if got := ask(t, "udp", server, 1232); !got.Truncated || got.Len() > 1232 || got.Len() < 600 {
		t.Errorf("over UDP with EDNS %d bytes, cut %v", got.Len(), got.Truncated)
	}
	if n := u.opened.Load(); n != 1 {
		t.Errorf("%d connections for three questions one after another; want 1", n)
	}
	// One that the server closes meanwhile is no reason to fail.
	u.closes.Store(true)
	for range 3 {
		if got := ask(t, "tcp", server, 0); len(got.Answer) != 60 {
			t.Errorf("after the server closed: %d records, %s", len(got.Answer), dns.RcodeToString[got.Rcode])
		}
	}
}

// TestWhoAnswers: whoever is not the server that was named is not asked, nor is anybody in
// the clear.
func TestWhoAnswers(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, test := range []struct {
		about       string
		name        string
		sure        bool
		from, until time.Duration
		answered    bool
	}{
		{"right", serverName, true, -time.Hour, time.Hour, true},
		{"another name", "dns.other.test", true, -time.Hour, time.Hour, false},
		{"another name, no clock", "dns.other.test", false, -time.Hour, time.Hour, false},
		{"over", serverName, true, -2 * time.Hour, -time.Hour, false},
		{"over, no clock", serverName, false, -2 * time.Hour, -time.Hour, true},
		{"not yet", serverName, true, time.Hour, 2 * time.Hour, false},
		{"not yet, no clock", serverName, false, time.Hour, 2 * time.Hour, true},
	} {
		t.Run(test.about, func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t, now.Add(test.from), now.Add(test.until))
			got := ask(t, "tcp", forward(t, u, test.name, test.sure), 0)
			if answered := got.Rcode == dns.RcodeSuccess; answered != test.answered || (u.asked.Load() > 0) != test.answered {
				t.Errorf("%s, the server was asked %d times; want an answer: %v", dns.RcodeToString[got.Rcode], u.asked.Load(), test.answered)
			}
		})
	}
	t.Run("another authority", func(t *testing.T) {
		t.Parallel()
		u := newUpstream(t, now.Add(-time.Hour), now.Add(time.Hour))
		u.roots = newUpstream(t, now.Add(-time.Hour), now.Add(time.Hour)).roots
		if got := ask(t, "tcp", forward(t, u, serverName, false), 0); got.Rcode != dns.RcodeServerFailure || u.asked.Load() > 0 {
			t.Errorf("%s, asked %d times", dns.RcodeToString[got.Rcode], u.asked.Load())
		}
	})
}
