package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// session is a connection to a server that has been greeted, and is ready for
// MAIL. One goroutine uses it at a time.
type session struct {
	key    poolKey
	wire   *wire
	server string // the name it was looked up by
	addr   netip.AddrPort
	tls    string // as in mail.Attempt
	proven bool   // its name was verified as REQUIRETLS asks (RFC 8689 §4.2.1)
	ext    extensions

	ctx   context.Context // whose end cuts the connection; set by attend
	began time.Time       // when it was opened
	uses  int             // transactions begun
	heard int             // replies since it was taken from the pool
	old   bool            // it was taken from the pool
	dirty bool            // a transaction is half begun: RSET comes first
	over  bool            // it is closed
}

// extensions are what EHLO offered that is of use here.
type extensions struct {
	startTLS, pipelining, chunking, eightBit, utf8, dsn, requireTLS, priority bool

	sized      bool
	size       int64 // the largest message; 0: unsaid
	deliverBy  bool
	leastBy    time.Duration
	mechanisms []string // of AUTH, in upper case

	// RFC 9422; 0 where unsaid.
	rcptMax, rcptDomainMax, mailMax int
}

// attend cuts the connection when ctx ends, until the function it gives is called.
func (s *session) attend(ctx context.Context) (leave func()) {
	s.ctx = ctx
	raw := s.wire.conn
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() }) // whoever waits for it sees the end
	return func() { stop() }
}

// lost is lost with the box's own stop told apart.
func (s *session) lost(err error, doing string) *problem {
	if s.ctx.Err() != nil {
		err = context.Cause(s.ctx)
	}
	return lost(err, doing)
}

// close cuts the connection.
func (s *session) close() {
	s.over = true
	_ = s.wire.conn.Close() // there is nobody left to tell
}

// quit ends the session as RFC 5321 §4.1.1.10 asks: the client waits for the reply.
func (s *session) quit() {
	defer s.close()
	s.wire.until = time.Now().Add(quitTimeout)
	_, _, _ = s.wire.ask("QUIT", quitTimeout) // nothing hangs on the answer
}

// greet waits for the server's first words (RFC 5321 §3.1). A server that refuses
// everybody is passed over for the next; see problem.
func (s *session) greet() *problem {
	r, _, err := s.wire.reply(greetTimeout)
	switch {
	case err != nil:
		return s.lost(err, "waiting for its greeting")
	case r.Code != 220:
		return replied(r)
	}
	return nil
}

// hello says EHLO, or HELO to those who don't know it.
func (s *session) hello(name string) *problem {
	s.ext = extensions{}
	r, lines, err := s.wire.ask("EHLO "+name, greetTimeout)
	if err != nil {
		return s.lost(err, "waiting for the answer to EHLO")
	}
	if r.Code/100 == 2 {
		s.ext = readExtensions(lines)
		return nil
	}
	if r.Code/100 != 5 || r.Code == 521 || r.Code == 554 { // not for lack of a command
		return replied(r)
	}
	if r, _, err = s.wire.ask("HELO "+name, greetTimeout); err != nil {
		return s.lost(err, "waiting for the answer to HELO")
	}
	if r.Code/100 != 2 {
		return replied(r)
	}
	return nil
}

// readExtensions reads what EHLO listed: a keyword and its parameters per line
// behind the first (RFC 5321 §4.1.1.1). What can't be read is not offered.
func readExtensions(lines []string) extensions {
	var e extensions
	for _, line := range lines[1:] {
		words := strings.Fields(strings.ToUpper(line))
		if len(words) == 0 {
			continue
		}
		switch parameters := words[1:]; words[0] {
		case "STARTTLS":
			e.startTLS = true
		case "PIPELINING":
			e.pipelining = true
		case "CHUNKING":
			e.chunking = true
		case "8BITMIME":
			e.eightBit = true
		case "SMTPUTF8":
			e.utf8 = true
		case "DSN":
			e.dsn = true
		case "REQUIRETLS":
			e.requireTLS = true
		case "MT-PRIORITY":
			e.priority = true
		case "AUTH":
			e.mechanisms = parameters
		case "SIZE":
			e.sized = true
			if len(parameters) > 0 {
				e.size = max(0, number(parameters[0]))
			}
		case "DELIVERBY":
			e.deliverBy = true
			if len(parameters) > 0 {
				least := min(number(parameters[0]), int64(maxDeliverBy/time.Second))
				e.leastBy = time.Duration(max(0, least)) * time.Second
			}
		case "LIMITS":
			e.limits(parameters)
		}
	}
	return e
}

// maxDeliverBy is the longest time that DELIVERBY can say: nine digits of seconds
// (RFC 2852 §4).
const maxDeliverBy = 999_999_999 * time.Second

func (e *extensions) limits(parameters []string) {
	for _, p := range parameters {
		name, value, _ := strings.Cut(p, "=")
		n := int(min(max(0, number(value)), maxMostRecipients))
		switch name {
		case "RCPTMAX":
			e.rcptMax = n
		case "RCPTDOMAINMAX":
			e.rcptDomainMax = n
		case "MAILMAX":
			e.mailMax = n
		}
	}
}

// number is a decimal number, 0 if it is none.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// errHandshake marks a TLS handshake that did not succeed.
var errHandshake = errors.New("TLS")

// handshake goes over to TLS, as far as the policy allows (tls.go).
func (s *session) handshake(security *security) *problem {
	var checked error
	config := security.config(&checked)
	conn := tls.Client(s.wire.conn, config)
	ctx, cancel := context.WithTimeout(s.ctx, tlsTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		if s.ctx.Err() != nil {
			return s.lost(err, "starting TLS")
		}
		status := status4_7_5TLSUnverified
		if checked == nil {
			status = status4_7_4TLSMissing
		}
		return said(status, fmt.Errorf("%w: %w", errHandshake, err), "%s", security.refusal(err))
	}
	state := conn.ConnectionState()
	s.wire.replace(conn)
	words := "certificate not verified"
	if checked == nil && security.check != nil {
		words = security.words
		s.proven = security.binding
	}
	s.tls = tls.VersionName(state.Version) + " " + tls.CipherSuiteName(state.CipherSuite) + ", " + words
	security.tell(s.server, s.addr.Addr(), resultOf(checked), checked)
	return nil
}

// startTLS is RFC 3207. Without TLS it goes on in the clear where nothing forbids.
func (s *session) startTLS(security *security, name string) *problem {
	refused := mail.Reply{Text: "the server does not offer encryption (STARTTLS)"}
	if s.ext.startTLS {
		r, _, err := s.wire.ask("STARTTLS", tlsTimeout)
		if err != nil {
			return s.lost(err, "waiting for the answer to STARTTLS")
		}
		if r.Code == 421 {
			return replied(r)
		}
		if r.Code == 220 {
			if p := s.handshake(security); p != nil {
				return p
			}
			return s.hello(name) // RFC 3207 §4.2: what was offered before may be an attacker's
		}
		refused = r
	}
	security.tell(s.server, s.addr.Addr(), ResultNoSTARTTLS, nil)
	if security.must {
		return &problem{reply: refused, status: status4_7_4TLSMissing, cause: errors.New(security.words + " asks for TLS")}
	}
	return nil
}

// worn reports whether the session has had its share of transactions.
func (s *session) worn() bool {
	return s.uses >= maxUses || s.ext.mailMax > 0 && s.uses >= s.ext.mailMax || s.uses > 0 && time.Since(s.began) > maxLife
}
