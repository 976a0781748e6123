package syslog

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/platform/logbook"
)

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ line, want string }{
		{`{"time":"2026-11-23T01:02:03.123456789+01:00","level":"WARN","msg":"queue is long","n":5,"unit":"maild.service"}`,
			"<20>1 2026-11-23T00:02:03.123456Z mail.example.test maild - - - queue is long n=5"},
		{`{"time":"nonsense","level":"ERROR","msg":"ata1: failed","unit":"kernel","at_us":7}`, "<3>1 - mail.example.test kernel - - - ata1: failed at_us=7"},
		{`{"level":"INFO","msg":"x","unit":"netd.service","why":"two words","empty":"","list":["a"]}`, `<30>1 - mail.example.test netd - - - x empty="" list=["a"] why="two words"`},
		{`{"level":"DEBUG+1","msg":"Zoë","unit":"init"}`, "<31>1 - mail.example.test init - - - \ufeffZoë"},
		{`{"msg":"a\nforged <0>1 line\u0000","unit":"a b\n"}`, "<30>1 - mail.example.test ab - - - a forged <0>1 line "},
		{`{}`, "<30>1 - mail.example.test - - - - "},
		{`nonsense`, ""},
	} {
		if got := string(format([]byte(test.line), "mail.example.test", 2048)); got != test.want {
			t.Errorf("%s:\ngot  %q\nwant %q", test.line, got, test.want)
		}
	}
	if got := format([]byte(`{"msg":"`+strings.Repeat("é", 5000)+`"}`), "h", maxDatagram); len(got) > maxDatagram || len(got) < maxDatagram-3 || !utf8.Valid(got) {
		t.Errorf("a long line has %d bytes, want %d at most, of whole characters", len(got), maxDatagram)
	}
}

func FuzzFormat(f *testing.F) {
	f.Add([]byte(`{"time":"2026-11-23T01:02:03Z","level":"WARN","msg":"x","unit":"maild.service","n":[1,{"a":2}]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		got := format(line, "h", maxDatagram)
		if len(got) > maxDatagram || strings.ContainsAny(string(got), "\r\n\x00") || !utf8.Valid(got) {
			t.Errorf("%q gives %q", line, got)
		}
	})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		target Target
		want   error
	}{
		{Target{Transport: TLS, Host: "logs.example.test"}, nil},
		{Target{Transport: UDP, Host: "192.0.2.1", Port: 1514}, nil},
		{Target{Transport: "smtp", Host: "x"}, ErrTransport},
		{Target{Transport: TCP}, ErrHost},
		{Target{Transport: TCP, Host: "a b"}, ErrHost},
		{Target{Transport: TLS, Host: "a", CA: "x"}, ErrCA},
	} {
		if got := test.target.Check(); !errors.Is(got, test.want) {
			t.Errorf("%+v: got %v, want %v", test.target, got, test.want)
		}
	}
}

// book is a log of lines that grows.
type book struct {
	mu    sync.Mutex
	lines []json.RawMessage
	gone  int // of these from the beginning
	kept  logbook.Position
}

func (b *book) say(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range n {
		b.lines = append(b.lines, json.RawMessage(fmt.Sprintf(`{"msg":"line %d","unit":"u"}`, len(b.lines))))
	}
}

func (b *book) source(_ context.Context, after logbook.Position, _ int64) (Page, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	from, lost := int(after.Offset), false
	if from < b.gone {
		from, lost = b.gone, true
	}
	to := min(from+3, len(b.lines))
	return Page{Lines: b.lines[from:to], Next: logbook.Position{Offset: int64(to)}, Lost: lost}, nil
}

func (b *book) keep(p logbook.Position) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = p
	return nil
}

func (b *book) place() logbook.Position {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept
}

func (b *book) exporter(target *Target) *Exporter {
	return New(target, Options{
		Source: b.source, Hostname: func() string { return "h" }, Place: b.place, Keep: b.keep,
		Ready: func(context.Context) bool { return true }, Log: slog.New(slog.DiscardHandler),
	})
}

// run runs it until the test, or the returned function, ends it.
func run(t *testing.T, e *Exporter) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); e.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

// frames reads messages in octet counting.
func frames(t *testing.T, conn net.Conn) func() string {
	t.Helper()
	in := bufio.NewReader(conn)
	return func() string {
		t.Helper()
		var n int
		if _, err := fmt.Fscanf(in, "%d ", &n); err != nil {
			t.Fatalf("read a frame: %v", err)
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(in, text); err != nil {
			t.Fatal(err)
		}
		_, message, _ := strings.Cut(string(text), "- - - ")
		return message
	}
}

func target(t *testing.T, transport Transport, at net.Addr, ca string) *Target {
	t.Helper()
	host, port, err := net.SplitHostPort(at.String())
	if err != nil {
		t.Fatal(err)
	}
	var n uint16
	if _, err := fmt.Sscan(port, &n); err != nil {
		t.Fatal(err)
	}
	return &Target{Transport: transport, Host: host, Port: n, CA: ca}
}

// TestTCP: every line comes, in order, also behind a restart of the box; and what went
// from the log before it could be sent is told of.
func TestTCP(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := &book{}
	b.say(10)
	stop := run(t, b.exporter(target(t, TCP, l.Addr(), "")))
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	next := frames(t, conn)
	for n := range 10 {
		if got, want := next(), fmt.Sprintf("line %d", n); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	stop()
	conn.Close()
	if got := b.place().Offset; got != 10 {
		t.Errorf("kept place %d, want 10", got)
	}
	b.say(10)
	b.mu.Lock()
	b.gone = 15
	b.mu.Unlock()
	run(t, b.exporter(target(t, TCP, l.Addr(), "")))
	if conn, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	next = frames(t, conn)
	if got := next(); !strings.Contains(got, "are gone") {
		t.Errorf("got %q, want that lines are gone", got)
	}
	for n := 15; n < 20; n++ {
		if got, want := next(), fmt.Sprintf("line %d", n); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestUDP(t *testing.T) {
	t.Parallel()
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := &book{}
	b.say(2)
	run(t, b.exporter(target(t, UDP, l.LocalAddr(), "")))
	for n := range 2 {
		text := make([]byte, 4096)
		size, _, err := l.ReadFrom(text)
		if want := fmt.Sprintf("<30>1 - h u - - - line %d", n); err != nil || string(text[:size]) != want {
			t.Fatalf("got %q, %v, want %q", text[:size], err, want)
		}
	}
}

// certificate makes one for 127.0.0.1, signed by itself.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "collector"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TestTLS: lines go to a collector whose certificate holds, and none to another.
func TestTLS(t *testing.T) {
	t.Parallel()
	cert, ca := certificate(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	type came struct {
		conn net.Conn
		err  error
	}
	conns := make(chan came)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			err = conn.(*tls.Conn).HandshakeContext(t.Context())
			select {
			case conns <- came{conn, err}:
			case <-t.Context().Done():
				return
			}
		}
	}()
	_, strangers := certificate(t)
	b := &book{}
	b.say(1)
	e := b.exporter(target(t, TLS, l.Addr(), strangers))
	run(t, e)
	if c := <-conns; c.err == nil {
		t.Error("a collector with another's certificate was believed")
	}
	e.Set(target(t, TLS, l.Addr(), ca))
	for {
		c := <-conns
		if c.err != nil {
			continue // a try that was under way when the target changed
		}
		if got := frames(t, c.conn)(); got != "line 0" {
			t.Errorf("got %q, want the line", got)
		}
		return
	}
}
