package dnstls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	// port is DNS over TLS's (RFC 7858 §3.1).
	port = 853
	// askTime bounds one question to one server, with the handshake.
	askTime = 5 * time.Second
	// idleTime is how long a connection waits for the next question (RFC 7858 §3.4);
	// servers close theirs after some ten seconds.
	idleTime = 8 * time.Second
	// maxIdle is how many connections wait at once.
	maxIdle = 8
	// maxAsking is how many questions are under way at once: a mail server that checks
	// three hundred senders at once asks some of each.
	maxAsking = 256
)

// Options is what a Forwarder needs.
type Options struct {
	Listen  string                                       // address and port, such as 127.0.0.1:53
	Servers func() (addresses []netip.Addr, name string) // asked in this order; name stands in their certificates
	Roots   *x509.CertPool                               // nil: the system's
	Sure    func() bool                                  // whether the clock is known to be right
	Log     *slog.Logger
	port    uint16 // 0: 853; for tests
}

// Forwarder passes questions on.
type Forwarder struct {
	options Options
	asking  chan struct{} // a place for each question

	mu   sync.Mutex
	idle []*connection // the newest last
}

// connection is one to a server, in use by nobody.
type connection struct {
	*dns.Conn
	to    server
	since time.Time
}

// server is whom a connection is to.
type server struct {
	addr netip.Addr
	name string
}

// New returns a Forwarder that does nothing until Run.
func New(o Options) *Forwarder {
	if o.port == 0 {
		o.port = port
	}
	return &Forwarder{options: o, asking: make(chan struct{}, maxAsking)}
}

// Run answers until ctx ends, which is nil. It returns an error if it can't listen.
func (f *Forwarder) Run(ctx context.Context) error {
	packets, err := net.ListenPacket("udp", f.options.Listen)
	if err != nil {
		return fmt.Errorf("dnstls: %w", err)
	}
	listener, err := net.Listen("tcp", packets.LocalAddr().String())
	if err != nil {
		return errors.Join(fmt.Errorf("dnstls: %w", err), packets.Close())
	}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) { f.serve(ctx, w, q) })
	servers := []*dns.Server{{PacketConn: packets, Handler: handler}, {Listener: listener, Handler: handler}}
	ended := make(chan error, len(servers))
	for _, s := range servers {
		go func() { ended <- s.ActivateAndServe() }()
	}
	defer f.closeIdle()
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	// Not Shutdown, which waits for questions under way: nobody hears their answers.
	if e := errors.Join(packets.Close(), listener.Close()); err != nil {
		return fmt.Errorf("dnstls: %w", errors.Join(err, e))
	}
	return nil
}

// serve answers one question.
func (f *Forwarder) serve(ctx context.Context, w dns.ResponseWriter, q *dns.Msg) {
	select {
	case f.asking <- struct{}{}:
		defer func() { <-f.asking }()
	default:
		f.fail(w, q)
		return
	}
	answer, err := f.ask(ctx, q)
	if err != nil {
		f.options.Log.Debug("no answer over TLS", "err", err)
		f.fail(w, q)
		return
	}
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
		size := dns.MinMsgSize
		if edns := q.IsEdns0(); edns != nil {
			size = max(size, int(edns.UDPSize()))
		}
		answer.Truncate(size)
	}
	_ = w.WriteMsg(answer) // who asked has gone
}

func (f *Forwarder) fail(w dns.ResponseWriter, q *dns.Msg) {
	_ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)) // who asked has gone
}

// ask asks the servers in turn.
func (f *Forwarder) ask(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
	addresses, name := f.options.Servers()
	last := errors.New("there is no server")
	for _, addr := range addresses {
		answer, err := f.askServer(ctx, server{addr, name}, q)
		if err == nil {
			return answer, nil
		}
		last = fmt.Errorf("%s: %w", addr, err)
	}
	return nil, last
}

// askServer asks one, over a connection that is there already if it can: one that the
// server has closed meanwhile costs another try.
func (f *Forwarder) askServer(ctx context.Context, to server, q *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	for c := f.take(to); c != nil; c = f.take(to) {
		if answer, err := f.exchange(ctx, c, q); err == nil {
			return answer, nil
		}
	}
	c, err := f.connect(ctx, to)
	if err != nil {
		return nil, err
	}
	return f.exchange(ctx, c, q)
}

// exchange asks over a connection, and keeps it for the next question if that went well.
func (f *Forwarder) exchange(ctx context.Context, c *connection, q *dns.Msg) (*dns.Msg, error) {
	client := dns.Client{Net: "tcp-tls", Timeout: askTime}
	answer, _, err := client.ExchangeWithConnContext(ctx, q, c.Conn)
	if err != nil {
		_ = c.Close() // it is of no use
		return nil, err
	}
	f.put(c)
	return answer, nil
}

func (f *Forwarder) connect(ctx context.Context, to server) (*connection, error) {
	d := tls.Dialer{Config: &tls.Config{
		ServerName: to.name, RootCAs: f.options.Roots, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection does it, with the dates as they can be judged
		VerifyConnection:   func(s tls.ConnectionState) error { return f.verify(to.name, s.PeerCertificates) },
	}}
	c, err := d.DialContext(ctx, "tcp", netip.AddrPortFrom(to.addr, f.options.port).String())
	if err != nil {
		return nil, err
	}
	return &connection{Conn: &dns.Conn{Conn: c}, to: to}, nil
}

// verify judges a certificate (RFC 8310 §8.1): by its name, its authority and, if it can be
// known, the time.
func (f *Forwarder) verify(name string, chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return errors.New("the server shows no certificate")
	}
	o := x509.VerifyOptions{DNSName: name, Roots: f.options.Roots, Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	if !f.options.Sure() {
		o.CurrentTime = chain[0].NotAfter
	}
	_, err := chain[0].Verify(o)
	return err
}

// take gives a connection that waits, or nil.
func (f *Forwarder) take(to server) *connection {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expire()
	for i := len(f.idle) - 1; i >= 0; i-- {
		if c := f.idle[i]; c.to == to {
			f.idle = append(f.idle[:i], f.idle[i+1:]...)
			return c
		}
	}
	return nil
}

func (f *Forwarder) put(c *connection) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.since = time.Now()
	f.idle = append(f.idle, c)
	f.expire()
}

// expire closes what has waited too long, and too many. The lock is held.
func (f *Forwarder) expire() {
	for len(f.idle) > 0 && (len(f.idle) > maxIdle || time.Since(f.idle[0].since) > idleTime) {
		_ = f.idle[0].Close() // nothing is on it
		f.idle = f.idle[1:]
	}
}

func (f *Forwarder) closeIdle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.idle {
		_ = c.Close() // nothing is on it
	}
	f.idle = nil
}
