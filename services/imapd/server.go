package imapd

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/reception"
)

// Mode is what a listener is for.
type Mode struct {
	ImplicitTLS bool // TLS from the first byte (RFC 8314); else STARTTLS is offered
}

// Options are what a Server needs; all but TLS, MessageLimit, KeptTexts, Trail, Trusted and Version are
// required.
type Options struct {
	Open    func(ctx context.Context, id mail.AccountID) (Account, error)
	Auth    Authenticator
	Draft   func(limit int64) *draft.Draft // makes the body of a message that is being appended
	MaxSize int64                          // of one message, in bytes: APPENDLIMIT
	TLS     *tls.Config                    // nil: no STARTTLS, and no implicit TLS either
	// MessageLimit is how many messages one command may work on; 0 for a million.
	MessageLimit int
	// KeptTexts is how many bytes of what was told of messages are kept in memory, of
	// all accounts, 4 MiB at the least; 0 for 64 MiB.
	KeptTexts int64
	Trail     Trail                 // nil: nobody hears what clients fetch and take away
	Trusted   func(netip.Addr) bool // exempt from the limit of connections per address
	Version   string                // told by ID after log-in
	// Seen hears of each log-in, once it is known what the client calls itself (""); nil:
	// nobody does. It must not wait.
	Seen func(login mail.Login, peer netip.Addr, client string)
	Log  *slog.Logger
}

// Server serves IMAP on any number of listeners.
type Server struct {
	options  Options
	commands map[string]command // never changed
	desk     *reception.Desk
	panics   atomic.Int64
	pace     reception.Pace
	recent   recentMarks
	buffers  wire.Buffers
	rendered renderedTexts
	deflated sync.Pool // of *bytes.Buffer: what COMPRESS is about to send

	ctx context.Context // of every command; ends when sessions are cut
	cut context.CancelFunc

	mu       sync.Mutex
	accounts map[mail.AccountID]int // logged-in sessions
}

// New makes a Server; Serve sets it to work.
func New(options Options) *Server {
	limits := reception.Limits{Total: maxConnections, PerAddress: maxConnectionsPerAddress, Exempt: options.Trusted}
	ctx, cut := context.WithCancel(context.Background())
	return &Server{
		options:  options,
		commands: commandsByName(),
		desk:     reception.New(limits, options.Log),
		recent:   recentMarks{next: make(map[recentKey]mail.UID)},
		rendered: renderedTexts{most: slabs(options.KeptTexts)},
		ctx:      ctx,
		cut:      cut,
		accounts: make(map[mail.AccountID]int),
	}
}

// Serve accepts connections until the listener fails, or Shutdown is called:
// reception.ErrClosed.
func (s *Server) Serve(l net.Listener, mode Mode) error {
	return s.desk.Serve(l, func(c net.Conn) reception.Session { return newSession(s, c, mode) })
}

// Shutdown closes the listeners and says BYE to every session that waits for
// its client; a command that runs is finished first. When ctx ends before all
// are gone, the rest is cut, and its error returned.
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
