package uplink

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/resolver"
)

const (
	// Limit bounds one look: nobody waits longer in front of a page for a hint.
	Limit = 12 * time.Second
	// serverTime bounds the talk with one server; a filter that drops packets costs all
	// of it.
	serverTime = 6 * time.Second
	// maxToday is how many servers of a domain are named.
	maxToday = 5
)

// Way is how an office's mail comes and goes.
type Way string

// The ways.
const (
	Direct   Way = "direct"   // the domain's MX record points at the box
	Provider Way = "provider" // collected from the provider's mailboxes, sent through its server
	Inside   Way = "inside"   // no mail but the office's own
)

// Port says what is known of a port.
type Port string

// What can be known of a port.
const (
	PortUnknown Port = ""
	PortOpen    Port = "open"
	PortClosed  Port = "closed"
)

// Line is what stands between the box and the Internet, as far as addresses tell.
type Line string

// The lines.
const (
	LineUnknown Line = ""
	LinePublic  Line = "public" // the box has a public address itself
	LineRouter  Line = "router" // a router translates: it can pass ports on to the box
	LineShared  Line = "shared" // the provider translates for many customers: nothing can be passed on
)

// Findings are what the box has found.
type Findings struct {
	Internet bool         // DNS answers for the world
	Local    []netip.Addr // the box's own addresses
	Public   netip.Addr   // by which others see it; zero: not known
	Line     Line
	Sending  Port     // whether other servers' port 25 can be reached
	Name     string   // what Public is called in DNS; "": nothing, or not known
	Named    bool     // that name leads back to Public
	Today    []string // the servers that take the domain's mail now
	Advice   Way
}

// DNS is who is asked (a resolver.Client).
type DNS interface {
	MX(ctx context.Context, domain string) (resolver.Answer[resolver.MX], error)
	Addresses(ctx context.Context, host string) (resolver.Answer[netip.Addr], error)
	PTR(ctx context.Context, addr netip.Addr) (resolver.Answer[string], error)
}

// Finder looks.
type Finder struct {
	DNS DNS
	// Addresses are the box's own.
	Addresses func() []netip.Addr
	// Port of other mail servers; 0: 25, and then only servers with public addresses are
	// asked: what else a domain names as its mail server is a machine in the office,
	// which tells nothing of the Internet.
	Port uint16
	// Known are domains whose servers are asked when the office's own don't answer; nil:
	// those of three large mail services.
	Known []string
}

// Find looks, for an office with this domain; "" for one that has none yet.
func (f *Finder) Find(ctx context.Context, domain string) Findings {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	known := f.Known
	if known == nil {
		known = []string{"gmail.com", "outlook.com", "yahoo.com"}
	}
	found := Findings{Local: f.Addresses()}
	var own target
	var others []target
	var looking sync.WaitGroup
	looking.Go(func() { own = f.servers(ctx, domain) })
	looking.Go(func() { others = each(known, func(d string) target { return f.servers(ctx, d) }) })
	looking.Wait()
	found.Today = own.names
	for _, t := range append(others, own) {
		found.Internet = found.Internet || len(t.names) > 0
	}
	f.send(ctx, &found, own, others)
	f.line(ctx, &found)
	found.Advice = found.advice(domain)
	return found
}

// send tries to reach other servers, the domain's own before those of others.
func (f *Finder) send(ctx context.Context, found *Findings, own target, others []target) {
	for _, round := range [][]target{{own}, others} {
		for _, g := range each(round, func(t target) greeting { return f.greet(ctx, t.addrs, literal(found.Local)) }) {
			switch {
			case g.answered:
				found.Sending, found.Internet = PortOpen, true
				if !found.Public.IsValid() {
					found.Public = g.seen
				}
			case g.tried && found.Sending == PortUnknown:
				found.Sending = PortClosed
			}
		}
		if found.Sending == PortOpen && found.Public.IsValid() {
			return
		}
	}
}

// line judges by the addresses what stands in between, and asks for the public one's name.
func (f *Finder) line(ctx context.Context, found *Findings) {
	own := slices.IndexFunc(found.Local, isPublic4)
	switch {
	case slices.ContainsFunc(found.Local, isShared):
		found.Line = LineShared
	case own >= 0:
		found.Line, found.Public = LinePublic, found.Local[own]
	case found.Public.IsValid() && slices.Contains(found.Local, found.Public):
		found.Line = LinePublic
	case found.Public.IsValid():
		found.Line = LineRouter
	}
	if !found.Public.IsValid() {
		return
	}
	names, err := f.DNS.PTR(ctx, found.Public)
	if err != nil || len(names.Records) == 0 {
		return
	}
	found.Name = strings.TrimSuffix(names.Records[0], ".")
	back, err := f.DNS.Addresses(ctx, found.Name)
	found.Named = err == nil && slices.ContainsFunc(back.Records, func(a netip.Addr) bool { return a.Unmap() == found.Public })
}

// advice is what the findings speak for. Straight to the box only where nothing speaks
// against it: mail that others refuse is worse than mail that comes by the provider.
func (f *Findings) advice(domain string) Way {
	switch {
	case domain == "" || !f.Internet:
		return Inside
	case f.Sending == PortOpen && f.Named && (f.Line == LinePublic || f.Line == LineRouter):
		return Direct
	}
	return Provider
}

// target is one domain's mail servers.
type target struct {
	names []string
	addrs []netip.Addr // of the first that has any that can be asked
}

// servers asks where a domain's mail goes.
func (f *Finder) servers(ctx context.Context, domain string) (t target) {
	if domain == "" {
		return t
	}
	answer, err := f.DNS.MX(ctx, domain)
	if err != nil {
		return t
	}
	list := slices.Clone(answer.Records)
	slices.SortStableFunc(list, func(a, b resolver.MX) int { return int(a.Preference) - int(b.Preference) })
	for _, mx := range list[:min(len(list), maxToday)] {
		if mx.Host == "" {
			continue // takes no mail (RFC 7505)
		}
		t.names = append(t.names, mx.Host)
		if len(t.addrs) > 0 {
			continue
		}
		addrs, err := f.DNS.Addresses(ctx, mx.Host)
		if err != nil {
			continue
		}
		for _, a := range addrs.Records {
			if a = a.Unmap(); f.Port != 0 || isPublic(a) && !slices.Contains(f.Addresses(), a) {
				t.addrs = append(t.addrs, a)
			}
		}
	}
	return t
}

// each does the same for all at once.
func each[A, B any](list []A, do func(A) B) []B {
	done := make([]B, len(list))
	var all sync.WaitGroup
	for i, a := range list {
		all.Go(func() { done[i] = do(a) })
	}
	all.Wait()
	return done
}
