package imapd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"time"

	"github.com/sanduk-mail/sanduk/services/imapd/inflate"
	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/reception"
)

// state is where a session stands (RFC 9051 §3). A set of states is their sum.
type state uint8

const (
	stranger state = 1 << iota // not authenticated
	user                       // authenticated, no mailbox selected
	selected
	anyState = stranger | user | selected
)

// session is one connection. One goroutine owns it; during IDLE, and after NOTIFY
// between commands, while that one only reads, a second one may write and move
// the view.
type session struct {
	server *Server
	conn   *conn    // the bare connection with its deadlines
	stream net.Conn // conn, or TLS on top of it
	tls    *tls.ConnectionState
	peer   netip.Addr
	log    *slog.Logger
	r      *wire.Reader
	w      *wire.Writer

	login   mail.Login
	visit   mail.Visit // for the Trail
	client  string     // what the client calls itself by ID
	seen    bool       // Options.Seen has heard of this log-in
	account Account    // nil before log-in
	sharing Sharer     // the account as one that is shared; nil: it can't be
	view    *view      // nil while no mailbox is selected
	notify  *notifier  // nil until NOTIFY is given

	rev2      bool     // ENABLE IMAP4rev2
	utf8      bool     // ENABLE UTF8=ACCEPT or IMAP4rev2
	utf8Only  bool     // ENABLE UTF8=ACCEPT itself (RFC 6855 has rules of its own)
	condstore bool     // the client has shown that it knows mod-sequences
	qresync   bool     // ENABLE QRESYNC
	uidOnly   bool     // ENABLE UIDONLY
	without   []string // what the client named by ID does without (profile.go)

	toldModSeq   bool            // a FETCH response has told one
	tag          string          // of the command that runs
	code         string          // response code of the tagged OK
	lowest       mail.UID        // above 0: the command has left out what has lower UIDs (messagelimit.go)
	nextProgress time.Time       // when the client hears that the command is worked on (inprogress.go)
	ending       bool            // LOGOUT or BYE
	startingTLS  bool            // the handshake comes after the tagged OK
	compression  switching       // of the connection after the tagged OK
	inflater     *inflate.Reader // nil unless COMPRESS is on
	badCommands  int
	failedLogins int
	commands     int // given before log-in
}

func newSession(s *Server, nc net.Conn, mode Mode) *session {
	c := &conn{Conn: nc}
	sess := &session{server: s, conn: c, stream: c, log: s.options.Log}
	sess.peer = reception.AddrOf(nc).WithZone("")
	sess.log = sess.log.With("peer", sess.peer.String())
	if mode.ImplicitTLS {
		sess.stream = tls.Server(c, s.options.TLS)
	}
	c.wait(readStall)
	sess.w = wire.NewWriter(&s.buffers, sess.stream)
	sess.r = wire.NewReader(&s.buffers, sess.stream, func() error {
		sess.w.Raw("+ OK\r\n")
		return sess.w.Flush()
	})
	return sess
}

// TurnAway tells a connection that is one too many so, and closes it.
func (s *session) TurnAway(text string) {
	defer s.conn.Close()
	_ = s.conn.SetDeadline(time.Now().Add(handshakeTime))
	if s.stream != net.Conn(s.conn) {
		return // a handshake is what there is no room for
	}
	s.w.Raw("* BYE [UNAVAILABLE] " + text + "\r\n")
	_ = s.w.Flush() // it is going either way
}

// Serve runs the session to its end.
func (s *session) Serve() {
	ctx := s.server.ctx
	defer func() {
		s.stopNotify()
		if s.account != nil {
			s.sighted()
			s.server.releaseLogin(s.login.Account)
		}
		if v := recover(); v != nil {
			s.server.panics.Add(1)
			s.log.Error("imap session panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		}
		s.r.Release()
		_ = s.stream.Close() // says goodbye in TLS; there is no one to tell an error
	}()
	s.conn.until(time.Now().Add(loginTime))
	if t, ok := s.stream.(*tls.Conn); ok {
		if err := s.handshake(ctx, t); err != nil {
			s.log.Debug("tls handshake failed", "err", err)
			return
		}
	}
	s.w.Raw("* OK [CAPABILITY " + s.capabilities() + "] Sanduk is ready\r\n")
	for !s.ending {
		if err := s.w.Flush(); err != nil {
			return
		}
		if err := s.next(ctx); err != nil {
			s.end(err)
			return
		}
	}
	_ = s.w.Flush() // the session is over either way
}

// Interrupt makes the read that waits, and every later one, time out at once:
// the session then says BYE.
func (s *session) Interrupt() { s.conn.interrupt() }

// Cut closes the connection under the session, which sees it and ends.
func (s *session) Cut() { _ = s.conn.Close() }

func (s *session) handshake(ctx context.Context, t *tls.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		return err
	}
	state := t.ConnectionState()
	s.tls = &state
	return nil
}

// end says BYE where someone may read it.
func (s *session) end(err error) {
	if e, ok := errors.AsType[*Error](err); ok && e.Status == BYE {
		if e.Cause != nil {
			s.log.Warn("imap session ends", "err", err)
		}
		s.bye(e)
		return
	}
	if errors.Is(err, inflate.ErrCorrupt) {
		s.bye(&Error{Status: BYE, Text: "What came is not compressed as COMPRESS=DEFLATE asks"})
		return
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && s.conn.interrupted.Load():
		s.bye(&Error{Status: BYE, Code: "UNAVAILABLE", Text: "The server is closing, please come back in a moment"})
	case errors.Is(err, os.ErrDeadlineExceeded) && s.state() == stranger:
		s.bye(&Error{Status: BYE, Text: "It took too long to log in"})
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.bye(&Error{Status: BYE, Text: "Nothing was heard for too long"})
	case !errors.Is(err, errHangUp) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		s.log.Debug("imap connection lost", "err", err)
	}
}

func (s *session) bye(e *Error) {
	s.w.Raw("* BYE ")
	if e.Code != "" {
		s.w.Raw("[" + e.Code + "] ")
	}
	s.w.Raw(e.Text + "\r\n")
	_ = s.w.Flush() // the session is over either way
}

// state is where the session stands.
func (s *session) state() state {
	switch {
	case s.account == nil:
		return stranger
	case s.view == nil:
		return user
	}
	return selected
}

// next reads one command and answers it. Its errors end the session.
func (s *session) next(ctx context.Context) error {
	limits := strangerLimits()
	s.conn.wait(readStall)
	if s.account != nil {
		limits = userLimits()
		s.conn.wait(idleTime)
	}
	s.tag = ""
	if s.account != nil { // what was said so far has been flushed
		time.Sleep(s.server.pace.Command(s.login.Account, time.Now()))
	}
	if err := s.awaitCommand(ctx); err != nil {
		return err
	}
	s.conn.wait(readStall)
	if s.account == nil {
		if s.commands++; s.commands > maxStrangerCommands {
			return &Error{Status: BYE, Text: "Too many commands before log-in"}
		}
	}
	s.r.Begin(limits)
	tag, err := s.command(ctx)
	if err == nil && s.w.Err() != nil {
		return s.w.Err()
	}
	return s.answer(tag, err)
}

// command reads the command line, looks the command up, asks whether it may be
// given now, and only then reads its arguments and runs it.
func (s *session) command(ctx context.Context) (tag string, err error) {
	tag = s.r.Tag()
	s.r.SP()
	name := s.r.Keyword()
	if name == "UID" {
		s.r.SP()
		name += " " + s.r.Keyword()
	}
	if err := s.r.Err(); err != nil {
		if s.account == nil && isSyntax(err) {
			return tag, &Error{Status: BYE, Text: "This is an IMAP server, and that was no IMAP command"}
		}
		return tag, err
	}
	cmd, known := s.server.commands[name]
	switch {
	case !known && s.account == nil && isForeign(tag):
		return tag, &Error{Status: BYE, Text: "This is an IMAP server, and that was no IMAP command"}
	case !known:
		return tag, bad("There is no command %.30s", name)
	case cmd.states&s.state() == 0:
		return tag, wrongState(cmd, s.state())
	case s.uidOnly && cmd.numbers:
		return tag, uidRequired()
	}
	p := &parser{Reader: s.r, utf8: s.utf8, utf8Only: s.utf8Only}
	req := cmd.parse(p)
	if !cmd.streams {
		s.r.CRLF()
	}
	if err := s.r.Err(); err != nil {
		return tag, err
	}
	s.tag, s.code, s.lowest = tag, "", 0
	s.heard()
	err = req.run(ctx, s)
	var late error
	if (s.view != nil || s.notify != nil) && !errors.Is(err, errHangUp) && (err == nil || replyTo(err).Status == NO) {
		if late = s.news(ctx, !cmd.hold); errors.Is(late, errHangUp) {
			return tag, late
		}
		s.tellUntold(late != nil)
	}
	if err == nil || replyTo(err).Status == NO {
		s.tellLimit(err != nil)
	}
	if err != nil {
		return tag, err
	}
	s.badCommands = 0
	return tag, s.completed(ctx, tag, name, late)
}

// completed writes the tagged OK of a command. It is due even where the news of
// the mailbox could not be told: what the command has done is done, and a client
// that reads NO might do it again. The next command tries to tell them.
func (s *session) completed(ctx context.Context, tag, name string, late error) error {
	ends := false
	if late != nil {
		reply := replyTo(late)
		if ends = reply.Status == BYE; !ends {
			s.log.Warn("changes of a mailbox can't be told", "err", late)
			s.tagged("*", string(NO), reply.Code, "What is new in the mailbox can't be told just now")
		}
	}
	s.tagged(tag, "OK", s.code, name+" completed")
	switch {
	case ends:
		return late
	case s.startingTLS:
		return s.turnOnTLS(ctx)
	case s.compression != noSwitch:
		return s.switchCompression()
	}
	return nil
}

func wrongState(cmd command, now state) *Error {
	switch {
	case now == stranger:
		return bad("Log in first")
	case cmd.states == stranger:
		return bad("You are logged in already")
	}
	return bad("Select a mailbox first")
}

func isSyntax(err error) bool {
	_, ok := errors.AsType[*wire.SyntaxError](err)
	return ok
}

// answer tells the client about the error of a command, after skipping what is
// left of it. It returns what ends the session.
func (s *session) answer(tag string, err error) error {
	if err == nil {
		return nil
	}
	if s.w.Err() != nil || errors.Is(err, errHangUp) || connectionError(s.r.Err()) {
		return err
	}
	reply := replyTo(err)
	if reply.Status == BYE {
		return reply
	}
	if reply.Cause != nil {
		s.log.Warn("imap command failed", "err", err)
	}
	if e := s.r.Discard(); e != nil {
		if connectionError(e) {
			return e
		}
		return replyTo(e)
	}
	if tag == "" {
		tag = "*"
	}
	s.tagged(tag, string(reply.Status), reply.Code, reply.Text)
	if s.account == nil && s.failedLogins >= maxFailedLogins {
		return &Error{Status: BYE, Text: "Too many failed log-ins"}
	}
	if reply.Status != BAD {
		return nil
	}
	s.badCommands++
	if limit := maxBadCommands; s.badCommands >= limit || s.account == nil && s.badCommands >= maxBadBeforeLogin {
		return &Error{Status: BYE, Text: "Too many bad commands"}
	}
	return nil
}

// connectionError reports whether err came from the connection rather than from
// what was read there.
func connectionError(err error) bool {
	if err == nil || isSyntax(err) || errors.Is(err, wire.ErrLineTooLong) {
		return false
	}
	if _, ok := errors.AsType[*wire.TooLargeError](err); ok {
		return false
	}
	_, ok := errors.AsType[*wire.FatalError](err)
	return !ok
}

// tagged writes a status response: to a command, or untagged with tag "*".
func (s *session) tagged(tag, status, code, text string) {
	s.w.Raw(tag)
	s.w.SP()
	s.w.Raw(status)
	s.w.SP()
	if code != "" {
		s.w.Raw("[" + code + "] ")
	}
	s.w.Raw(text)
	s.w.CRLF()
}

// untagged writes "* OK [code] text".
func (s *session) untagged(code, text string) { s.tagged("*", "OK", code, text) }

// isForeign reports whether a tag is the first word of another protocol's
// command: a browser or a mail server that has the wrong port, or an attack that
// makes one talk to us.
func isForeign(tag string) bool {
	switch tag {
	case "GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "TRACE", "PATCH", "DELETE", "PRI",
		"EHLO", "HELO", "LHLO", "MAIL", "RCPT", "USER", "PASS", "HELP", "INVITE", "REGISTER":
		return true
	}
	return false
}
