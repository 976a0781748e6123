package smtpd

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/reception"
)

// Mailroom decides about envelopes and takes messages in. Its errors reach the
// client as *Error or *mail.Refusal say; any other is temporary.
type Mailroom interface {
	// Sender says whether the peer may send as from (MAIL).
	Sender(ctx context.Context, peer *mail.Peer, from mail.Address) error
	// Recipient says whether the peer may send to this address (RCPT).
	Recipient(ctx context.Context, envelope *mail.Envelope, to mail.Address) error
	// Deliver makes the message durable for every recipient of the envelope, or
	// for none. It returns nil only when it is on disk: the client reads 250 next.
	Deliver(ctx context.Context, envelope *mail.Envelope, body *draft.Draft) error
}

// Authenticator offers SASL mechanisms.
type Authenticator interface {
	// Mechanisms that may be used with or without TLS, best first.
	Mechanisms(tls bool) []string
	// External reports whether EXTERNAL may be used too: the client has shown a
	// certificate that somebody here has.
	External(state *tls.ConnectionState) bool
	// Start begins one. Its errors and the exchange's are those of package auth,
	// mail.ErrDenied, mail.ErrTryLater, or the box's own trouble.
	Start(mechanism string, peer netip.Addr, state *tls.ConnectionState) (auth.Exchange, error)
}

// Mode is what a listener is for.
type Mode struct {
	Submission  bool // for the office's own people: AUTH first (RFC 6409)
	ImplicitTLS bool // TLS from the first byte (RFC 8314)
}

// Options are what a Server needs; all but Trusted, Allowances, Judge, Room, Offers, Guards and Turner are required.
type Options struct {
	Hostname func() string // of the greeting and of Received; may change at set-up
	Mailroom Mailroom
	Auth     Authenticator
	TLS      *tls.Config
	// SubmissionTLS is used in its place where people hand in mail, and may ask for
	// certificates, which no other server should be asked for; nil: TLS is.
	SubmissionTLS *tls.Config
	Draft         func(limit int64) *draft.Draft // makes the body of a new message
	MaxSize       int64                          // of a message, in octets
	Trusted       func(netip.Addr) bool          // exempt from connection limits
	// Allowances bound what accounts send in a day; nil: nothing does.
	Allowances Allowances
	Judge      Judge // nil: strangers' messages are not judged
	// Room says whether a message of so many octets (0: not known yet) from outside may
	// be taken now, as mail.ErrNoSpace; nil: as long as anything can be stored.
	Room   func(size int64) error
	Offers Offers
	Guards Guards
	Turner Turner // nil: ETRN is not offered
	// Seen hears of each log-in, with the name that the client gave in EHLO; nil: nobody
	// does. It must not wait.
	Seen func(login mail.Login, peer netip.Addr, client string)
	Log  *slog.Logger
}

// Server receives mail on any number of listeners.
type Server struct {
	options Options
	meters  *meters            // of strangers
	desks   [2]*reception.Desk // of port 25 and of submission: see deskOf
	panics  atomic.Int64
}

// New makes a Server; Serve sets it to work.
func New(options Options) *Server {
	if options.Trusted == nil {
		options.Trusted = func(netip.Addr) bool { return false }
	}
	limits := reception.Limits{Total: maxConnections, PerAddress: maxConnectionsPerAddress, PerNetwork: maxConnectionsPerNetwork, Exempt: options.Trusted}
	return &Server{options: options, meters: newMeters(options.Guards.Rates), desks: [2]*reception.Desk{reception.New(limits, options.Log), reception.New(limits, options.Log)}}
}

// deskOf keeps submission apart from port 25: the whole world can fill that
// one up, and the office must be able to send all the same.
func (s *Server) deskOf(mode Mode) *reception.Desk {
	if mode.Submission {
		return s.desks[1]
	}
	return s.desks[0]
}

// Serve accepts connections until the listener fails, or Shutdown is called:
// reception.ErrClosed.
func (s *Server) Serve(l net.Listener, mode Mode) error {
	return s.deskOf(mode).Serve(l, func(c net.Conn) reception.Session { return newConn(s, c, mode) })
}

// Shutdown closes the listeners, tells waiting sessions 421, ends TLS
// handshakes, lets messages that are coming in be finished until ctx ends, and
// then cuts.
func (s *Server) Shutdown(ctx context.Context) error {
	submission := make(chan error, 1)
	go func() { submission <- s.desks[1].Shutdown(ctx) }()
	return errors.Join(s.desks[0].Shutdown(ctx), <-submission)
}

// Drop cuts every session of an account at once.
func (s *Server) Drop(account mail.AccountID) { s.desks[1].Drop(account) } // only submission has log-ins

// Panics is how many sessions have ended in a programmer's error.
func (s *Server) Panics() int64 { return s.panics.Load() }
