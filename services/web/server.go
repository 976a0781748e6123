package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sanduk-mail/sanduk/services/web/claim"
)

// Options are what a Server needs. Fields marked optional may be left zero.
type Options struct {
	Box           Box
	Accounts      Accounts
	Authenticator Authenticator
	Tokens        Tokens     // optional: without it there are no API tokens
	Addresses     Addresses  // optional: without it there are no addresses but people's own
	Undo          Undo       // optional: without it nothing can be brought back here
	Archives      Archives   // optional: without it no mail is moved in or out
	Collector     Collector  // optional: without it nothing is collected from providers
	Sources       Sources    // of Collector
	Mover         Mover      // optional: without it no mailboxes are moved in; wants Sources
	Health        Doctor     // optional: without it nobody says how the mail is
	Verdicts      Verdicts   // optional: without it nobody says what is known of mail
	Routes        Routes     // optional: without it nobody says which way mail goes
	Networking    Networking // optional: without it the machine's network is somebody else's
	Encryption    Encryption // optional: without it nobody says how the disk is encrypted
	Admissions    Admissions // optional: without it there are no such settings
	BlockLists    BlockLists // optional: without it there are no such settings
	Sizes         Sizes      // optional: likewise
	Access        Access     // optional: likewise
	POP3          POP3       // optional: likewise
	LogInCerts    LogInCerts // optional: likewise
	APOP          APOP       // optional: likewise
	Shares        Shares     // optional: likewise
	Spares        Spares     // optional: without it the box is nobody's spare server
	Content       Content    // optional: without it there are no rules on contents
	Decisions     Decisions  // optional: without it no mail waits for a decision
	Sending       Sending    // optional: without it nobody says how much people may send
	DNS           Zone       // optional: without it nobody says what to publish in DNS
	Queue         Queue      // optional: without it nobody sees what waits
	Audit         Audit      // optional: without it nobody keeps who changed what
	Log           BoxLog     // optional: without it nobody reads the log
	Tally         Tally      // optional: without it nobody says how much mail there was
	Trace         Trace      // optional: without it nobody says what happened to mail
	Search        Search     // optional: without it mail is not searched
	Computer      Computer   // optional: without it there are no updates and no restart
	Certificates  Certificates
	// BoxCertificate is how those are changed; optional: they can't be.
	BoxCertificate BoxCertificate
	Machine        Machine
	UpdateSource   UpdateSource  // optional: nobody brings updates
	Monitor        Monitor       // optional: nobody watches over the box
	Disks          Disks         // optional: the machine doesn't tell of them
	Uplink         Uplink        // optional: nobody looks how mail can reach the box
	SecondFactors  SecondFactors // optional: nobody has any
	AppPasswords   AppPasswords  // optional: nobody has any
	Passkeys       Passkeys      // optional: nobody has any
	Devices        Devices       // optional: nobody remembers them
	Claim          *claim.Code   // nil on a box that has been set up
	WayBack        WayBack       // nil: nobody stands at the box

	// Local says whether an address is in the office's network.
	Local func(netip.Addr) bool
	// Trusted addresses are exempt from the limit of connections per address;
	// optional.
	Trusted func(netip.Addr) bool
	// Names are host names under which the box is reached besides its own and
	// its domains': mailbox.local, and localhost while developing.
	Names []string
	// TLS is for port 443.
	TLS *tls.Config
	// Challenge answers below /.well-known/acme-challenge/ on port 80, for the
	// whole world; optional: 404.
	Challenge http.Handler
	// Ports are those at which programs reach the box; the zero value means the
	// standard ones.
	Ports Ports
	// Recoverable says for how long a removed person's mail can be brought
	// back; 0 if it isn't said.
	Recoverable time.Duration
	Version     string
	Pages       fs.FS            // optional: the built web app; the embedded one when nil
	Clock       func() time.Time // optional: time.Now
	Logger      *slog.Logger
}

// Mode says what a listener speaks.
type Mode uint8

// The modes of Serve.
const (
	Plain  Mode = iota // port 80
	Secure             // port 443
)

// Server serves both ports.
type Server struct {
	opt      Options
	log      *slog.Logger
	now      func() time.Time
	pages    *pages
	sessions sessions
	jobs     *jobs
	links    passwordLinks
	streams  *streams
	// resources are what two people could change at once, by the calls' paths.
	resources map[string]*resource

	signingIn, enrolling challenges // by passkeys

	secure, plain *http.Server
	setUp         atomic.Bool // seen true once; it never goes back
	settingUp     atomic.Bool
	panics        atomic.Int64
	moving        places
	bundling      chan struct{} // holds whoever makes a support bundle
	looking       chan struct{} // holds whoever looks how mail can reach the box
}

// New makes a Server. It refuses options without which it would be open or
// broken.
func New(opt Options) (*Server, error) {
	switch {
	case opt.Box == nil || opt.Accounts == nil || opt.Authenticator == nil || opt.Certificates == nil || opt.Machine == nil:
		return nil, errors.New("web: an interface is missing in the options")
	case opt.Local == nil:
		return nil, errors.New("web: nothing says which addresses are the office's")
	case opt.Logger == nil:
		return nil, errors.New("web: the options have no logger")
	}
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	if opt.Trusted == nil {
		opt.Trusted = func(netip.Addr) bool { return false }
	}
	if opt.Challenge == nil {
		opt.Challenge = http.NotFoundHandler()
	}
	opt.Ports = opt.Ports.orStandard()
	built := opt.Pages
	if built == nil {
		built = embedded()
	}
	p, err := newPages(built)
	if err != nil {
		return nil, fmt.Errorf("web: read the built pages: %w", err)
	}
	s := &Server{opt: opt, log: opt.Logger, now: opt.Clock, pages: p, sessions: sessions{now: opt.Clock}, signingIn: challenges{now: opt.Clock}, enrolling: challenges{now: opt.Clock}, links: passwordLinks{now: opt.Clock}, streams: newStreams(), jobs: newJobs(opt.Clock), bundling: make(chan struct{}, 1), looking: make(chan struct{}, 1)}
	s.resources = resources(s.api())
	s.secure = s.httpServer(s.SecureHandler())
	s.secure.TLSConfig = opt.TLS.Clone() // net/http adds HTTP/2 to it
	s.plain = s.httpServer(s.PlainHandler())
	return s, nil
}

func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // strangers' broken handshakes
	}
}

// Serve answers on l until Shutdown, and then returns nil. The listener is plain
// TCP in both modes.
func (s *Server) Serve(l net.Listener, mode Mode) error {
	limited := newLimitListener(l, s.opt.Trusted, s.opt.Local)
	var err error
	if mode == Secure {
		err = s.secure.ServeTLS(limited, "", "")
	} else {
		err = s.plain.Serve(limited)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown stops accepting, waits for requests that are running, and cuts what
// is left when ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.jobs.stop()
	s.streams.end()
	defer s.streams.looking.Wait()
	err := errors.Join(s.secure.Shutdown(ctx), s.plain.Shutdown(ctx), s.jobs.wait(ctx))
	if err != nil {
		err = errors.Join(err, s.secure.Close(), s.plain.Close())
	}
	return err
}

// Panics is how many requests have ended in a programmer's error.
func (s *Server) Panics() int64 { return s.panics.Load() }

// state asks the box, but not whether it is set up once that is known.
func (s *Server) state(ctx context.Context) (State, error) {
	state, err := s.opt.Box.State(ctx)
	if err != nil {
		return State{}, fmt.Errorf("ask the box for its state: %w", err)
	}
	if state.SetUp {
		s.setUp.Store(true)
	}
	return state, nil
}

// isSetUp is state for those who need only that.
func (s *Server) isSetUp(ctx context.Context) (bool, error) {
	if s.setUp.Load() {
		return true, nil
	}
	state, err := s.state(ctx)
	return state.SetUp, err
}
