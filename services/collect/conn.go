package collect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sanduk-mail/sanduk/services/setup"
)

const (
	// connectTime is how long a server may take to answer the connection and TLS.
	connectTime = time.Minute
	// stallTime is how long a connection may go without a byte in either direction.
	// A server that looks for the messages of a large mailbox is silent for long.
	stallTime = 2 * time.Minute
	// idleTime is the same while a server is to say when there is new mail; RFC 2177
	// asks for a new IDLE before half an hour has passed.
	idleTime = 30 * time.Minute
	// sessionTime bounds a session, so that a server that gives a byte a minute does
	// not keep a place for ever. What is left is fetched by the next.
	sessionTime = time.Hour
)

// Dial opens a TCP connection.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// wire is a connection that ends when nothing moves, however slowly a large
// message may come. Deadlines that others set are theirs only.
type wire struct {
	net.Conn
	patience atomic.Int64 // nanoseconds without a byte
	budget   atomic.Int64 // bytes that may still come; below zero ends the connection
}

func newWire(c net.Conn) *wire {
	w := &wire{Conn: c}
	w.patience.Store(int64(stallTime))
	w.budget.Store(math.MaxInt64)
	return w
}

func (w *wire) Read(p []byte) (int, error) {
	if err := w.Conn.SetReadDeadline(time.Now().Add(time.Duration(w.patience.Load()))); err != nil {
		return 0, err
	}
	n, err := w.Conn.Read(p)
	if w.budget.Add(-int64(n)) < 0 {
		return 0, errProtocol
	}
	return n, err
}

// allow says how many bytes the server may send from now on.
func (w *wire) allow(n int64) { w.budget.Store(n) }

func (w *wire) Write(p []byte) (int, error) {
	if err := w.Conn.SetWriteDeadline(time.Now().Add(stallTime)); err != nil {
		return 0, err
	}
	return w.Conn.Write(p)
}

// SetDeadline does nothing: progress alone counts.
func (w *wire) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (w *wire) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// connect opens the connection to a source, with TLS where that comes first.
func connect(ctx context.Context, s *Source, dial Dial, roots *x509.CertPool) (*wire, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	conn, err := dial(ctx, "tcp", net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port))))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if s.TLS == setup.TLSImplicit {
		if conn, err = handshake(ctx, conn, roots, s.Host); err != nil {
			return nil, err
		}
	}
	return newWire(conn), nil
}

func tlsConfig(roots *x509.CertPool, host string) *tls.Config {
	return &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12}
}

// handshake puts TLS on a connection, which it closes when that fails.
func handshake(ctx context.Context, conn net.Conn, roots *x509.CertPool, host string) (net.Conn, error) {
	t := tls.Client(conn, tlsConfig(roots, host))
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return t, nil
}
