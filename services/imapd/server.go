package imapd

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Mode is what a listener is for.
type Mode struct {
	ImplicitTLS bool // TLS from the first byte (RFC 8314); else STARTTLS is offered
}

// Options are what a Server needs; all but TLS, Trusted and Version are required.
type Options struct {
	Open    func(ctx context.Context, id mail.AccountID) (Account, error)
	Auth    Authenticator
	Draft   func(limit int64) *draft.Draft // makes the body of a message that is being appended
	MaxSize int64                          // of one message, in bytes: APPENDLIMIT
	TLS     *tls.Config                    // nil: no STARTTLS, and no implicit TLS either
	Trusted func(netip.Addr) bool          // exempt from the limit of connections per address
	Version string                         // told by ID after log-in
	Log     *slog.Logger
}

// Server serves IMAP on any number of listeners.
type Server struct {
	options  Options
	commands map[string]command // never changed
	buffers  wire.Buffers
	panics   atomic.Int64
	recent   recentMarks

	ctx  context.Context // of every command; ends when sessions are cut
	cut  context.CancelFunc
	idle sync.WaitGroup // one for each of sessions

	mu       sync.Mutex
	closed   bool
	lists    map[net.Listener]struct{}
	sessions map[*session]struct{}
	peers    map[netip.Addr]int
	accounts map[mail.AccountID]int // logged-in sessions
}

// New makes a Server; Serve sets it to work.
func New(options Options) *Server {
	if options.Trusted == nil {
		options.Trusted = func(netip.Addr) bool { return false }
	}
	ctx, cut := context.WithCancel(context.Background())
	return &Server{
		options:  options,
		commands: commandsByName(),
		recent:   recentMarks{next: make(map[recentKey]mail.UID)},
		ctx:      ctx,
		cut:      cut,
		lists:    make(map[net.Listener]struct{}),
		sessions: make(map[*session]struct{}),
		peers:    make(map[netip.Addr]int),
		accounts: make(map[mail.AccountID]int),
	}
}

// ErrServerClosed is what Serve returns after Shutdown.
var ErrServerClosed = errors.New("imapd: server closed")

// acceptPause is how long Serve waits when no connection can be accepted for
// want of descriptors, before it tries again.
const acceptPause = 50 * time.Millisecond

// Serve accepts connections until the listener fails or Shutdown is called.
func (s *Server) Serve(l net.Listener, mode Mode) error {
	if mode.ImplicitTLS && s.options.TLS == nil {
		return errors.New("imapd: implicit TLS needs a TLS configuration")
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrServerClosed
	}
	s.lists[l] = struct{}{}
	s.mu.Unlock()
	for {
		nc, err := l.Accept()
		if err != nil {
			if s.ctx.Err() != nil || s.isClosed() {
				return ErrServerClosed
			}
			if temporary, ok := errors.AsType[interface {
				error
				Temporary() bool
			}](err); ok && temporary.Temporary() {
				s.options.Log.Warn("no connection can be accepted just now", "err", err)
				select {
				case <-time.After(acceptPause):
				case <-s.ctx.Done():
				}
				continue
			}
			return err
		}
		s.start(nc, mode)
	}
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// start serves nc in a goroutine of its own, or turns it away.
func (s *Server) start(nc net.Conn, mode Mode) {
	sess := newSession(s, nc, mode)
	refusal := s.admit(sess)
	go func() {
		if refusal != "" {
			sess.turnAway(refusal)
			return
		}
		defer s.release(sess)
		sess.serve(s.ctx)
	}()
}

// admit counts the session in and returns "", or says why it can't be served.
func (s *Server) admit(sess *session) string {
	trusted := s.options.Trusted(sess.peer)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return "The server is closing, please come back in a moment"
	case len(s.sessions) >= maxConnections:
		return "There are too many connections, try again later"
	case s.peers[sess.peer] >= maxConnectionsPerAddress && !trusted:
		return "There are too many connections from your address, try again later"
	}
	s.sessions[sess] = struct{}{}
	s.peers[sess.peer]++
	s.idle.Add(1)
	return ""
}

func (s *Server) release(sess *session) {
	s.mu.Lock()
	delete(s.sessions, sess)
	if s.peers[sess.peer]--; s.peers[sess.peer] == 0 {
		delete(s.peers, sess.peer)
	}
	s.mu.Unlock()
	if sess.account != nil {
		s.releaseLogin(sess.login.Account)
	}
	s.idle.Done()
}

// admitLogin counts one more session of an account, unless it has too many.
func (s *Server) admitLogin(id mail.AccountID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts[id] >= maxConnectionsPerAccount {
		return false
	}
	s.accounts[id]++
	return true
}

func (s *Server) releaseLogin(id mail.AccountID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts[id]--; s.accounts[id] == 0 {
		delete(s.accounts, id)
	}
}

// Panics is how many sessions have ended in a programmer's error.
func (s *Server) Panics() int64 { return s.panics.Load() }

// Shutdown closes the listeners and says BYE to every session that waits for
// its client; a command that runs is finished first. When ctx ends before all
// are gone, the rest is cut, and its error returned.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	for l := range s.lists {
		_ = l.Close() // its Serve returns; there is nothing else to do about it
	}
	for sess := range s.sessions {
		sess.conn.interrupt()
	}
	s.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		s.idle.Wait()
		close(gone)
	}()
	var err error
	select {
	case <-gone:
	case <-ctx.Done():
		err = ctx.Err()
		s.cut()
		s.mu.Lock()
		for sess := range s.sessions {
			_ = sess.conn.Close() // the session sees it and ends
		}
		s.mu.Unlock()
		<-gone
	}
	s.cut()
	return err
}
