package porch

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Options are what a Porch needs, all of it.
type Options struct {
	// Unlock opens the mail with what was typed. A *Refusal is shown to whoever typed it.
	Unlock func(ctx context.Context, phrase string) error
	// Local says whether an address is in the office's network.
	Local func(netip.Addr) bool
	// TLS is for HTTPS. Its certificate can't be the box's own, which is locked in.
	TLS    *tls.Config
	Logger *slog.Logger
}

// Refusal is why a phrase opens nothing, in words for whoever typed it.
type Refusal struct{ Public string }

func (r *Refusal) Error() string { return "porch: " + r.Public }

// Limits of what strangers can cost.
const (
	maxConns    = 100
	lineTime    = 10 * time.Second // for a mail program to take its answer
	requestTime = 15 * time.Second
	maxBody     = 4 << 10 // bytes: a phrase has 40
	maxHeaders  = 16 << 10
	partingTime = 3 * time.Second // for the last answers
)

// Porch stands before a locked box. See the package comment.
type Porch struct {
	o      Options
	opened chan struct{}
	once   sync.Once
	slots  chan struct{}
}

// New makes a Porch.
func New(o Options) *Porch {
	return &Porch{o: o, opened: make(chan struct{}), slots: make(chan struct{}, maxConns)}
}

// Serve answers on listeners, by the names of the sockets, and returns nil when the mail is open or ctx ends.
func (p *Porch) Serve(ctx context.Context, listeners map[string]net.Listener) error {
	servers := map[string]*http.Server{"https": p.server(p.pages(), p.o.TLS), "http": p.server(http.HandlerFunc(toHTTPS), nil)}
	ended := make(chan error, len(listeners))
	for name, l := range listeners {
		go func() { ended <- p.serve(servers[name], name, l) }()
	}
	var err error
	select {
	case <-p.opened:
	case <-ctx.Done():
	case err = <-ended:
	}
	parting, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingTime)
	defer cancel()
	for _, s := range servers {
		if s.Shutdown(parting) != nil {
			_ = s.Close() // whoever is slow asks again
		}
	}
	for _, l := range listeners {
		_ = l.Close() // PID 1 holds the socket itself
	}
	return err
}

// serve answers on one socket.
func (p *Porch) serve(s *http.Server, name string, l net.Listener) error {
	var err error
	switch {
	case s == nil:
		err = p.turnAway(l, word(name))
	case s.TLSConfig != nil:
		err = s.ServeTLS(limited{l, p}, "", "")
	default:
		err = s.Serve(limited{l, p})
	}
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (p *Porch) server(h http.Handler, t *tls.Config) *http.Server {
	if t != nil {
		t = t.Clone() // net/http adds HTTP/2 to it
	}
	return &http.Server{
		Handler: p.guard(h), TLSConfig: t, MaxHeaderBytes: maxHeaders,
		ReadTimeout: requestTime, WriteTimeout: requestTime, IdleTimeout: requestTime,
		ErrorLog: slog.NewLogLogger(p.o.Logger.Handler(), slog.LevelDebug), // strangers' broken handshakes
	}
}

// word is what a protocol says when it will be of use later; "" where TLS comes first, which would take the box's own
// certificate: these connections are closed.
func word(socket string) string {
	switch socket {
	case "smtp", "submission":
		return "421 4.3.2 This server waits for its owner; please try again later\r\n" // RFC 5321 §3.8, RFC 3463 §3.4
	case "imap":
		return "* BYE [UNAVAILABLE] The mail is locked until its recovery phrase is typed\r\n" // RFC 9051 §7.1
	case "pop3":
		return "-ERR [SYS/TEMP] The mail is locked until its recovery phrase is typed\r\n" // RFC 3206 §3
	}
	return ""
}

// turnAway says the word to everybody who comes.
func (p *Porch) turnAway(l net.Listener, word string) error {
	for {
		c, err := limited{l, p}.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(lineTime)) // fails only on a closed connection
			_, _ = c.Write([]byte(word))                // whoever is gone needs no answer
		}()
	}
}

// limited lets so many connections in at a time; the others wait outside.
type limited struct {
	net.Listener
	p *Porch
}

func (l limited) Accept() (net.Conn, error) {
	l.p.slots <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.p.slots
		return nil, err
	}
	return &counted{Conn: c, leave: sync.OnceFunc(func() { <-l.p.slots })}, nil
}

type counted struct {
	net.Conn
	leave func()
}

func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}
