package relay

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver"
)

// DNS is what a Client asks of package resolver. For DANE it has to be a
// resolver.Client made by Validated: an answer that is not Authenticated promises
// nothing.
type DNS interface {
	MX(ctx context.Context, domain string) (resolver.Answer[resolver.MX], error)
	Addresses(ctx context.Context, host string) (resolver.Answer[netip.Addr], error)
	TXT(ctx context.Context, name string) (resolver.Answer[string], error)
	TLSA(ctx context.Context, name string) (resolver.Answer[resolver.TLSA], error)
}

// Options are what a Client needs. Hostname, DNS and Log are required. The functions
// are called by many goroutines at once.
type Options struct {
	Hostname   func() string                                           // of EHLO, and by which we know ourselves among MX hosts
	DNS        DNS                                                     // see there
	Route      func(mail.Hop) Route                                    // nil: all mail goes to the hops' own servers
	Self       func(netip.Addr) bool                                   // whether an address is the box's, also as seen from outside; nil: none is
	Port       uint16                                                  // of other servers; 0: 25
	PolicyPort uint16                                                  // of hosts with MTA-STS policies; 0: 443
	Roots      *x509.CertPool                                          // who is trusted for certificates; nil: the system's list
	Dial       func(context.Context, netip.AddrPort) (net.Conn, error) // nil: over the network
	Policies   PolicyFile                                              // nil: MTA-STS policies are forgotten with the Client
	Evidence   Sink                                                    // of how TLS went; nil: nobody wants it
	Sure       func() bool                                             // whether certificates may be judged by the box's clock; nil: they may
	Log        *slog.Logger
}

const smtpPort = 25 // RFC 5321 §4.5.4.2

// Client sends mail to other servers. All of its methods may be called by any number
// of goroutines.
type Client struct {
	options    Options
	pool       pool
	sts        stsCache
	passedOver passedOver
	panics     atomic.Int64
}

// New makes a Client. Close ends it.
func New(options Options) *Client {
	if options.Port == 0 {
		options.Port = smtpPort
	}
	if options.PolicyPort == 0 {
		options.PolicyPort = policyPort
	}
	if options.Dial == nil {
		options.Dial = func(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr.String())
		}
	}
	c := &Client{options: options}
	if options.Policies != nil {
		if err := c.loadPolicies(); err != nil {
			options.Log.Warn("MTA-STS policies of before can't be read; they are fetched again", "verb", "relay", "err", err)
		}
	}
	return c
}

// Send tries to hand a message over to the servers of its hop, and gives one
// Attempt for each recipient, in the order of job.To: FateRelayed once a server has
// answered for it, FateFailed if it never will be taken, FateDeferred for everything
// else, the end of ctx included. It takes as long as the servers do: minutes
// where they are slow, hours for a large message over a slow line.
func (c *Client) Send(ctx context.Context, job *mail.Job) []mail.Attempt {
	d := &delivery{
		c: c, job: job, hop: fold(job.Hop), began: time.Now(),
		attempts: make([]mail.Attempt, len(job.To)), done: make([]bool, len(job.To)), temporary: make([]bool, len(job.To)),
	}
	func() {
		defer func() {
			if p := recover(); p != nil {
				c.panics.Add(1)
				c.options.Log.Error("sending a message panicked", "verb", "relay", "id", job.ID, "hop", job.Hop, "panic", p, "stack", string(debug.Stack()))
				d.noteAll(said(status4_3_0Local, nil, "the box has a defect that this server has met; its log says more"), nil)
			}
		}()
		d.run(ctx)
	}()
	return d.conclude()
}

// Close ends idle connections politely, which takes a few seconds at most. Sends that
// are under way go on until their own ctx ends.
func (c *Client) Close() {
	c.pool.close()
	if c.options.Policies != nil {
		c.savePolicies()
	}
}

// Panics is how many Sends have ended in a programmer's error.
func (c *Client) Panics() int64 { return c.panics.Load() }
