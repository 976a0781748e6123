package pop3d

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/reception"
)

// Mode is what a listener is for.
type Mode struct {
	ImplicitTLS bool // TLS from the first byte (RFC 8314); else STLS is offered
}

// Options are what a Server needs; all but TLS, Trusted, Rules, Trail and Version are required.
type Options struct {
	Open    func(ctx context.Context, id mail.AccountID) (Account, error)
	Auth    Authenticator
	TLS     *tls.Config           // nil: no STLS, and no implicit TLS either
	Trusted func(netip.Addr) bool // exempt from the limit of connections per address
	Trail   Trail                 // nil: nobody hears what clients fetch and delete
	Rules   Rules                 // nil: none holds for anybody
	Version string                // told by CAPA after log-in; one word
	// Seen hears of each log-in; POP3 has no way to say what the client calls itself. nil:
	// nobody does. It must not wait.
	Seen func(login mail.Login, peer netip.Addr, client string)
	Log  *slog.Logger
}

// Server serves POP3 on any number of listeners.
type Server struct {
	options  Options
	commands []command // never changed
	desk     *reception.Desk
	panics   atomic.Int64
	pace     reception.Pace

	ctx context.Context // of every command; ends when sessions are cut
	cut context.CancelFunc

	mu   sync.Mutex
	open map[mail.AccountID]struct{}  // maildrops in use; guarded by mu
	last map[mail.AccountID]time.Time // log-ins of accounts that have a delay; guarded by mu
}

// New makes a Server; Serve sets it to work.
func New(options Options) *Server {
	limits := reception.Limits{Total: maxConnections, PerAddress: maxConnectionsPerAddress, Exempt: options.Trusted}
	ctx, cut := context.WithCancel(context.Background())
	return &Server{
		options:  options,
		commands: commands(),
		desk:     reception.New(limits, options.Log),
		ctx:      ctx,
		cut:      cut,
		open:     make(map[mail.AccountID]struct{}),
		last:     make(map[mail.AccountID]time.Time),
	}
}

// Serve accepts connections until the listener fails, or Shutdown is called:
// reception.ErrClosed.
func (s *Server) Serve(l net.Listener, mode Mode) error {
	return s.desk.Serve(l, func(c net.Conn) reception.Session { return newSession(s, c, mode) })
}

// Shutdown closes the listeners and tells every session that waits for its
// client; a command that runs is finished first. When ctx ends before all are
// gone, the rest is cut, and its error returned.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.cut()
	stop := context.AfterFunc(ctx, s.cut)
	defer stop()
	return s.desk.Shutdown(ctx)
}

// Drop cuts every session of an account at once.
func (s *Server) Drop(account mail.AccountID) { s.desk.Drop(account) }

// Panics is how many sessions have ended in a programmer's error.
func (s *Server) Panics() int64 { return s.panics.Load() }

// Hold keeps an account's maildrop from being opened until release is called, for work
// that changes INBOX: a session's messages must not go from under it (RFC 1939 §3). It
// waits for nothing; ok is false while a session has it open.
func (s *Server) Hold(id mail.AccountID) (release func(), ok bool) {
	if !s.lock(id) {
		return nil, false
	}
	return func() { s.unlock(id) }, true
}

// lock takes an account's maildrop for one session.
func (s *Server) lock(id mail.AccountID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.open[id]; taken {
		return false
	}
	s.open[id] = struct{}{}
	return true
}

func (s *Server) unlock(id mail.AccountID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, id)
}
