package smtpd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/reception"
)

// conn is one session. Only its own goroutine touches it, but for raw, cancel,
// wake and what mu guards.
type conn struct {
	server *Server
	desk   *reception.Desk
	ctx    context.Context // of everything done for the session; ends with Cut
	cancel context.CancelFunc
	log    *slog.Logger
	mode   Mode
	raw    net.Conn // as accepted; closing it ends the session
	wire   *wire
	tls    *tls.ConnectionState // nil without TLS
	peer   mail.Peer

	unwelcome    *mail.Refusal // what is known of the peer's address; nil: nothing bad
	greeted      bool          // HELO or EHLO has been said
	esmtp        bool          // it was EHLO
	transaction  *transaction
	badCommands  int
	idleCommands int // since the last message; recipients that are accepted don't count
	badRcpts     int
	authFailures int

	asked struct { // see asking
		ctx   context.Context
		end   context.CancelFunc
		since time.Time
	}

	wake  chan struct{} // closed by the first Interrupt: a pause ends
	mu    sync.Mutex
	phase phase // guarded by mu
	woken bool  // guarded by mu
}

// phase is what a session does as Interrupt sees it.
type phase uint8

const (
	working phase = iota // it looks at Desk.Closing when it is done
	waiting              // for a line from the client
	shaking              // hands, for TLS: there is nobody to talk to yet
)

func newConn(s *Server, nc net.Conn, mode Mode) *conn {
	c := &conn{server: s, desk: s.deskOf(mode), raw: nc, mode: mode, wire: newWire(nc), wake: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.peer.Addr = reception.AddrOf(nc)
	c.log = s.options.Log.With("peer", c.peer.Addr)
	return c
}

// TurnAway says why and closes. A listener with implicit TLS has no one to
// talk to yet, so it only closes.
func (c *conn) TurnAway(why string) {
	defer c.Cut()
	if c.mode.ImplicitTLS {
		return
	}
	c.wire.reply(421, mail.Status4_3_2NotAccepting, why)
	_ = c.wire.flush() // best effort
}

// Serve runs the session to its end. A panic ends this session only. TLS is
// closed as such, so that a client can tell an end from a cut (RFC 8446 §6.1).
func (c *conn) Serve() {
	defer c.Cut()
	defer func() { _ = c.wire.conn.Close() }() // the peer may be gone
	defer func() {
		if p := recover(); p != nil {
			c.server.panics.Add(1)
			c.log.Error("a session panicked", "panic", p, "stack", string(debug.Stack()))
		}
		c.reset()
	}()
	err := c.session()
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
	default:
		c.log.Info("session ended", "verb", "accept", "err", err)
	}
}

// session greets and then executes commands until one of them ends it.
func (c *conn) session() error {
	if c.mode.ImplicitTLS {
		if err := c.handshake(); err != nil {
			return err
		}
	}
	if err := c.admit(); err != nil {
		if err := c.answer(err); err != nil {
			_ = c.wire.flush() // the last word, if it still gets through
			return err
		}
	}
	c.wire.reply(220, 0, c.server.options.Hostname()+" ESMTP Sanduk")
	for {
		line, err := c.readLine(maxCommandLine)
		if err == nil {
			err = c.execute(line)
		}
		if err == nil {
			continue
		}
		if errors.Is(err, errQuit) {
			return c.wire.flush()
		}
		if err := c.answer(err); err != nil {
			_ = c.wire.flush() // the last word, if it still gets through
			return err
		}
	}
}

// readLine waits for a line of at most limit octets; while it waits, Shutdown may
// interrupt it. The deadline stands before the phase is set, and Closing is
// looked at after: so either Shutdown sees a waiting session and moves its
// deadline, or the session sees that the server is closing.
func (c *conn) readLine(limit int) (string, error) {
	if err := c.wire.await(); err != nil {
		return "", err
	}
	c.enter(waiting)
	defer c.enter(working)
	if c.desk.Closing() {
		return "", errShutdown
	}
	line, err := c.wire.readLine(limit)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if c.desk.Closing() {
			return "", errShutdown
		}
		return "", errIdle
	}
	return line, err
}

func (c *conn) enter(p phase) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = p
}

// Interrupt makes a waiting session look at the server's state, and ends one
// that has not begun. One that is about to wait looks by itself. The lock keeps
// a deadline in the past from reaching a session that has gone on to work, whose
// message it would cut off.
func (c *conn) Interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.phase {
	case waiting:
		_ = c.raw.SetReadDeadline(time.Unix(1, 0)) // a closed connection needs no waking
	case shaking:
		_ = c.raw.Close() // the handshake fails and the session ends
	}
	if !c.woken {
		c.woken = true
		close(c.wake)
	}
}

// Cut closes the connection under the session, which sees it and ends; what is
// being done for it is given up.
func (c *conn) Cut() {
	c.cancel()
	_ = c.raw.Close() // it may be closed already
}

// Errors that end a session after their reply.
var (
	errQuit     = errors.New("the client said QUIT")
	errShutdown = &Error{Code: 421, Status: mail.Status4_3_2NotAccepting, Text: "The server is shutting down"}
	errIdle     = &Error{Code: 421, Status: mail.Status4_4_2Timeout, Text: "Nothing was said for five minutes, closing"}
	errTooMany  = &Error{Code: 421, Status: mail.Status4_7_0TryLater, Text: "Too many commands that lead to nothing, closing"}
)

// answer writes the reply that belongs to err. It returns an error when the
// session is over.
func (c *conn) answer(err error) error {
	if _, ok := errors.AsType[*lostError](err); ok || errors.Is(err, errHangUp) {
		return err
	}
	reply := replyTo(err)
	if reply.Cause != nil && reply.Status.Class() == 4 {
		c.log.Error("a command failed", "reply", reply.Code, "err", err)
	}
	c.wire.reply(reply.Code, reply.Status, reply.Text)
	if reply.Code == 421 {
		return err
	}
	if reply.Code/10 == 50 {
		if c.badCommands++; c.badCommands >= maxBadCommands {
			c.wire.reply(errTooMany.Code, errTooMany.Status, errTooMany.Text)
			return fmt.Errorf("%d bad commands: %w", c.badCommands, errHangUp)
		}
	}
	return nil
}

// handshake goes over to TLS (RFC 3207 §4, RFC 8314 §3.3).
func (c *conn) handshake() error {
	config := c.server.options.TLS
	if c.mode.Submission && c.server.options.SubmissionTLS != nil {
		config = c.server.options.SubmissionTLS
	}
	conn := tls.Server(c.raw, config)
	ctx, cancel := context.WithTimeout(c.ctx, handshakeTimeout)
	defer cancel()
	c.enter(shaking)
	defer c.enter(working)
	if c.desk.Closing() {
		return fmt.Errorf("tls handshake: the server is shutting down: %w", errHangUp)
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("tls handshake: %w: %w", err, errHangUp)
	}
	state := conn.ConnectionState()
	c.tls = &state
	c.peer.TLS = tls.VersionName(state.Version) + " " + tls.CipherSuiteName(state.CipherSuite)
	c.wire.replaceConn(conn)
	return nil
}

// reset forgets the mail transaction, and its body with it.
func (c *conn) reset() {
	if c.transaction != nil {
		c.transaction.discard()
		c.transaction = nil
	}
}

// protocol is the "with" of Received (RFC 3848, RFC 6531 §3.7.3).
func (c *conn) protocol(utf8 bool) string {
	if !c.esmtp {
		return "SMTP"
	}
	var b strings.Builder
	b.WriteString("ESMTP")
	if utf8 {
		b.Reset()
		b.WriteString("UTF8SMTP")
	}
	if c.tls != nil {
		b.WriteByte('S')
	}
	if c.peer.Login.Account != 0 {
		b.WriteByte('A')
	}
	return b.String()
}
