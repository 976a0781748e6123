package pop3d

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/reception"
)

// session is one connection. Only its own goroutine touches it, but for link's
// interrupt and Close.
type session struct {
	server *Server
	log    *slog.Logger
	mode   Mode
	link   *link
	wire   *wire
	peer   netip.Addr
	tls    *tls.ConnectionState // nil without TLS

	state     state
	utf8      bool   // the client has said UTF8
	timestamp string // of the greeting; "": APOP is not offered
	user      string // from USER, for the PASS that follows at once
	commands  int    // given before log-in
	failures  int    // log-ins that failed
	bad       int    // commands in a row that made no sense
	login     mail.Login
	drop      *maildrop // nil until log-in
}

func newSession(s *Server, nc net.Conn, mode Mode) *session {
	l := &link{Conn: nc, until: time.Now().Add(idleTime)}
	peer := reception.AddrOf(nc)
	return &session{
		server: s, log: s.options.Log.With("peer", peer), mode: mode,
		link: l, wire: newWire(l), peer: peer, state: authorization,
	}
}

// TurnAway says why and closes. With implicit TLS there is no one to talk to
// yet, so it only closes.
func (s *session) TurnAway(why string) {
	defer func() { _ = s.link.Close() }() // nothing is lost with it
	if !s.mode.ImplicitTLS {
		s.wire.refuse(&Error{Code: codeTemporary, Text: why})
		_ = s.wire.out.Flush() // best effort
	}
}

// Interrupt wakes a session that waits for its client.
func (s *session) Interrupt() { s.link.interrupt() }

// Cut closes the connection under the session.
func (s *session) Cut() { _ = s.link.Close() } // the session sees it and ends

// Serve runs the session to its end. A panic ends this session only.
func (s *session) Serve() {
	defer func() { _ = s.link.Close() }() // what mattered has been flushed
	defer s.leave()
	defer func() {
		if p := recover(); p != nil {
			s.server.panics.Add(1)
			s.log.Error("a session panicked", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	err := s.run(s.server.ctx)
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
	default:
		s.log.Info("session ended", "err", err)
	}
}

// run greets and then executes commands until one of them ends the session.
func (s *session) run(ctx context.Context) error {
	if s.mode.ImplicitTLS {
		if err := s.startTLS(ctx); err != nil {
			return err
		}
	}
	s.greet()
	for {
		waited := s.wire.in.Buffered() == 0
		line, err := s.readLine()
		if err == nil {
			if s.drop != nil && waited && !s.link.inFlight() {
				s.arrived()
			}
			err = s.execute(ctx, line)
			s.slow()
		}
		if err == nil {
			s.bad = 0
			continue
		}
		if errors.Is(err, errQuit) {
			return s.wire.end()
		}
		if err := s.answer(err); err != nil {
			_ = s.wire.out.Flush() // the last word, if it still gets through
			return err
		}
	}
}

// lostError is what went wrong with the connection itself; there is no one left
// to answer.
type lostError struct{ error }

func (e lostError) Unwrap() error { return e.error }

// readLine waits for the client's next line.
func (s *session) readLine() (string, error) {
	if s.server.desk.Closing() {
		return "", mail.ErrClosed
	}
	line, err := s.wire.readLine()
	switch {
	case err == nil, errors.Is(err, errHangUp), errors.Is(err, errLineTooLong):
		return line, err
	case errors.Is(err, os.ErrDeadlineExceeded) && s.server.desk.Closing():
		return "", mail.ErrClosed
	}
	// RFC 1939 §3: at autologout nothing is said and nothing removed.
	return "", lostError{err}
}

// answer tells the client what went wrong. It gives an error when the session
// ends with it.
func (s *session) answer(err error) error {
	if _, ok := errors.AsType[lostError](err); ok || errors.Is(err, errHangUp) {
		return err
	}
	if _, ok := errors.AsType[syntaxError](err); ok {
		s.bad++
	}
	e := replyTo(err)
	if e.Cause != nil {
		s.log.Error("a command could not be carried out", "err", err)
	}
	most := maxBadBeforeLogin
	if s.state == transaction {
		most = maxBadCommands
	}
	switch {
	case s.bad >= most:
		s.wire.refuse(&Error{Text: "Too many commands that make no sense, good-bye"})
		return errHangUp
	case s.failures >= maxFailedLogins && s.state == authorization:
		s.wire.refuse(e)
		return errHangUp
	}
	s.wire.refuse(e)
	if e.Last {
		return errHangUp
	}
	return nil
}

// execute carries out one command line: which command, may it come now, and only
// then what it says.
func (s *session) execute(ctx context.Context, line string) error {
	if s.state == authorization {
		if s.commands++; s.commands > maxStrangerCommands {
			return &Error{Text: "Too many commands before log-in, good-bye", Last: true}
		}
	}
	name, arg, hasArg := strings.Cut(line, " ")
	name = strings.ToUpper(name)
	user := s.user
	s.user = ""
	for i := range s.server.commands {
		c := &s.server.commands[i]
		if c.name != name {
			continue
		}
		switch {
		case c.states&s.state == 0 && s.state == authorization:
			return syntaxError{"Log in first"}
		case c.states&s.state == 0:
			return syntaxError{"You are logged in already"}
		case !hasArg && c.args == needed:
			return syntaxError{name + " lacks its argument"}
		case strings.TrimSpace(arg) != "" && c.args == none:
			return syntaxError{name + " takes no argument"}
		}
		if c.name == "PASS" {
			s.user = user // good for the command right behind USER alone
		}
		return c.run(ctx, s, arg)
	}
	if s.state == authorization && foreign(name) {
		return errHangUp
	}
	return syntaxError{"There is no such command"}
}

// foreign knows the first words of other protocols. Whoever speaks them has been
// led here, by a web page or a wrong setting, and what follows might read like
// commands.
func foreign(name string) bool {
	switch name {
	case "GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE", "PRI", "EHLO", "HELO", "LHLO", "HOST:", "SSH-2.0":
		return true
	}
	return name != "" && (name[0] < ' ' || name[0] > '~' || strings.HasPrefix(name, "SSH-"))
}

// slow has a client that gives commands all the time wait, with what it was answered.
func (s *session) slow() {
	if s.drop == nil {
		return
	}
	if wait := s.server.pace.Command(s.login.Account, time.Now()); wait > 0 {
		if err := s.wire.out.Flush(); err == nil { // else the next read says so
			time.Sleep(wait)
		}
	}
}

// leave gives the maildrop back.
func (s *session) leave() {
	if s.drop != nil {
		s.note()
		s.server.unlock(s.login.Account)
		s.drop = nil
	}
}
