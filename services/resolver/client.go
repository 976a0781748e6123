package resolver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Options say how a Client asks. The zero value asks the system's servers.
type Options struct {
	// Server is asked instead of the system's servers, if it is valid.
	Server netip.AddrPort
	// Conf is the system's list of servers; "" is /etc/resolv.conf.
	Conf string
	// Anchors are the root's keys that are believed; nil: the ones IANA publishes.
	Anchors []*dns.DS
	// Exchange sends queries; nil: over the network.
	Exchange Exchange
	// Sure says whether the times of signatures may be judged by the box's clock; nil: they may. While it is not sure,
	// what is signed is proven, and when it was signed is not looked at: else nothing that is signed could be found.
	Sure func() bool
}

// Client asks DNS. Its methods return an error that is ErrNone when there
// certainly is none; every other error is temporary.
type Client struct {
	shared   *shared
	validate bool
}

// shared is what a Client and its Validated twin have in common.
type shared struct {
	servers  func() ([]netip.AddrPort, error)
	exchange Exchange
	anchors  []*dns.DS
	sure     func() bool
	answers  *cache[question, *found]
	zones    *cache[string, *zone]

	mu      sync.Mutex
	flights map[question]*flight
}

// question is what is asked, and how.
type question struct {
	name     string
	kind     uint16
	validate bool
}

// found is what was found out. It is shared, and nobody changes it.
type found struct {
	records []dns.RR // of the type asked for
	name    string   // where they stand
	none    error    // nil, ErrNoName or ErrNoData
	secure  bool
	expires time.Time
	bytes   int
}

// flight is a question under way.
type flight struct {
	done  chan struct{}
	found *found
	err   error
}

// New makes a Client.
func New(options Options) *Client {
	r := &shared{
		exchange: options.Exchange,
		anchors:  options.Anchors,
		sure:     options.Sure,
		answers:  newCache[question, *found](cacheBytes),
		zones:    newCache[string, *zone](cacheBytes / 4),
		flights:  make(map[question]*flight),
	}
	if r.sure == nil {
		r.sure = func() bool { return true }
	}
	if r.exchange == nil {
		r.exchange = network
	}
	if r.anchors == nil {
		r.anchors = rootAnchors()
	}
	if options.Server.IsValid() {
		r.servers = func() ([]netip.AddrPort, error) { return []netip.AddrPort{options.Server}, nil }
	} else {
		path := options.Conf
		if path == "" {
			path = "/etc/resolv.conf"
		}
		r.servers = (&system{path: path}).current
	}
	return &Client{shared: r}
}

// Validated is a Client with the same cache that proves its answers with DNSSEC
// and sets Authenticated. It asks more questions for each answer, so it is for
// those who need the proof.
func (c *Client) Validated() *Client { return &Client{c.shared, true} }

// CanValidate says whether the servers pass on what DNSSEC needs.
func (c *Client) CanValidate(ctx context.Context) (bool, error) {
	root, err := c.shared.newValidation().keys(ctx, ".")
	if err != nil {
		return false, err
	}
	return root.secure, nil
}

// lookupTimeout bounds one look-up with all its aliases and proofs: less than
// any SMTP client waits for a reply.
const lookupTimeout = 45 * time.Second

// lookup finds the records of one type, following aliases. Whoever asks what is
// being asked already waits for that; a caller who goes away leaves it going on
// for the others.
func (c *Client) lookup(ctx context.Context, name string, kind uint16) (*found, error) {
	owner, err := absolute(name)
	if err != nil {
		return &found{}, err
	}
	q := question{owner, kind, c.validate}
	if f, ok := c.shared.answers.get(q); ok {
		return f, nil
	}
	fl := c.shared.begin(ctx, q)
	select {
	case <-fl.done:
		return fl.found, fl.err
	case <-ctx.Done():
		return &found{}, fmt.Errorf("%w: %w", ErrServer, &unanswered{context.Cause(ctx)})
	}
}

// begin joins the flight of a question, or starts it.
func (r *shared) begin(ctx context.Context, q question) *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	if fl, ok := r.flights[q]; ok {
		return fl
	}
	fl := &flight{done: make(chan struct{}), found: &found{}}
	r.flights[q] = fl
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		defer func() {
			if p := recover(); p != nil { // what is read here comes from anybody, on a goroutine of its own
				fl.err = fmt.Errorf("%w: %v\n%s", ErrPanic, p, debug.Stack())
			}
			r.mu.Lock()
			delete(r.flights, q)
			r.mu.Unlock()
			close(fl.done)
		}()
		if f, err := r.resolve(ctx, q); err != nil {
			fl.err = err
		} else {
			fl.found = f
			r.answers.put(q, f, f.bytes, f.expires)
		}
	}()
	return fl
}

// maxAliases is how many CNAMEs are followed: real chains have three or four.
const maxAliases = 8

var errAliases = errors.New("too many aliases, or a circle of them")

// resolve asks and follows aliases, through one answer or several.
func (r *shared) resolve(ctx context.Context, q question) (*found, error) {
	f := &found{name: q.name, secure: q.validate, expires: time.Now().Add(maxTTL)}
	v := r.newValidation()
	for aliases := 0; ; {
		msg, err := r.ask(ctx, f.name, q.kind, q.validate)
		if err != nil {
			return nil, err
		}
		f.bytes += msg.Len() + 200 // of the maps and the list around it
		for {
			target, err := r.alias(ctx, v, q, f, msg)
			if err != nil {
				return nil, err
			}
			if target == "" {
				break
			}
			if aliases++; aliases > maxAliases {
				return nil, errAliases
			}
			f.name = target
		}
		f.records = rrset(msg.Answer, f.name, q.kind)
		switch {
		case len(f.records) > 0:
			return f, r.settle(ctx, v, q, f, msg, f.records)
		case msg.Rcode == dns.RcodeSuccess && aliases > 0 && len(msg.Ns) == 0 && !asked(msg, f.name):
			continue // the answer ends with an alias: what it leads to must be asked for
		}
		f.none = ErrNoData
		if msg.Rcode == dns.RcodeNameError {
			f.none = ErrNoName
		}
		return f, r.deny(ctx, v, q, f, msg)
	}
}

// asked says whether the message answers the question for this name.
func asked(msg *dns.Msg, name string) bool { return dns.CanonicalName(msg.Question[0].Name) == name }

// alias is where a CNAME at f.name leads; "" if there is none in the message.
func (r *shared) alias(ctx context.Context, v *validation, q question, f *found, msg *dns.Msg) (string, error) {
	if q.kind == dns.TypeCNAME {
		return "", nil
	}
	set := rrset(msg.Answer, f.name, dns.TypeCNAME)
	if len(set) == 0 {
		return "", nil
	}
	if len(set) > 1 {
		return "", fmt.Errorf("%w: two aliases at one name", ErrServer) // RFC 2181 §10.1
	}
	target := dns.CanonicalName(set[0].(*dns.CNAME).Target)
	if q.validate && len(signatures(msg.Answer, f.name, dns.TypeCNAME)) == 0 {
		// RFC 6672 §5.3.1: a CNAME made of a DNAME has no signature; the DNAME has.
		if owner, ok := dnameFor(msg.Answer, f.name, target); ok {
			set = rrset(msg.Answer, owner, dns.TypeDNAME)
		}
	}
	return target, r.settle(ctx, v, q, f, msg, set)
}

// settle takes a set of records into what is known of f: how long it holds, and
// whether it is proven.
func (r *shared) settle(ctx context.Context, v *validation, q question, f *found, msg *dns.Msg, set []dns.RR) error {
	f.expires = earlier(f.expires, time.Now().Add(lifetime(set, maxTTL)))
	if !q.validate {
		return nil
	}
	secure, err := v.positive(ctx, msg, set)
	f.secure = f.secure && secure
	return err
}

// deny takes a negative answer into f (RFC 2308 §5).
func (r *shared) deny(ctx context.Context, v *validation, q question, f *found, msg *dns.Msg) error {
	ttl := minTTL
	for _, rr := range msg.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			ttl = bounded(min(soa.Hdr.Ttl, soa.Minttl), maxNoneTTL)
		}
	}
	f.expires = earlier(f.expires, time.Now().Add(ttl))
	if !q.validate {
		return nil
	}
	secure, err := v.negative(ctx, msg, f.name, q.kind, f.none == ErrNoName)
	f.secure = f.secure && secure
	return err
}

// rrset is the records of one name and type.
func rrset(section []dns.RR, name string, kind uint16) []dns.RR {
	var set []dns.RR
	for _, rr := range section {
		if h := rr.Header(); h.Rrtype == kind && h.Class == dns.ClassINET && dns.CanonicalName(h.Name) == name {
			set = append(set, rr)
		}
	}
	return set
}

func lifetime(set []dns.RR, most time.Duration) time.Duration {
	ttl := most
	for _, rr := range set {
		ttl = min(ttl, bounded(rr.Header().Ttl, most))
	}
	return ttl
}

// bounded is a TTL within what is believed. The highest bit set means 0 (RFC
// 2181 §8).
func bounded(seconds uint32, most time.Duration) time.Duration {
	if seconds > 1<<31-1 {
		seconds = 0
	}
	return max(minTTL, min(most, time.Duration(seconds)*time.Second))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
