package lan

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Network is what the machine knows of its surroundings now.
type Network interface {
	// OnLink are the networks that the box's interfaces stand in.
	OnLink() ([]netip.Prefix, error)
	// Gateways are the addresses of the default routers.
	Gateways() ([]netip.Addr, error)
}

// freshFor is how long an answer of the Network is used again: short beside
// the time in which an address changes hands, long beside a burst of connections.
const freshFor = 2 * time.Second

// Policy decides who is local.
type Policy struct {
	network Network
	setUp   func() bool           // whether the box has been set up
	trusted func() []netip.Prefix // what was named at the set-up; they are also free of rate limits
	more    func() mail.Admission // what the administrator lets in since

	mu     sync.Mutex
	asked  time.Time
	around surroundings
}

// surroundings is what the machine said when it was asked.
type surroundings struct {
	known    bool
	onLink   []netip.Prefix
	gateways []netip.Addr // without zones
}

// New makes a Policy.
func New(network Network, setUp func() bool, trusted func() []netip.Prefix, more func() mail.Admission) *Policy {
	return &Policy{network: network, setUp: setUp, trusted: trusted, more: more}
}

// Admission is the policy as the machine's packet filter is told it: what it can't see by
// itself.
type Admission struct {
	SetUp bool
	mail.Admission
	ExtraPort uint16 // a further one of submission; 0: none
}

// Admission is how the policy is now.
func (p *Policy) Admission() Admission {
	a := Admission{SetUp: p.setUp(), Admission: p.more()}
	a.Office = slices.Concat(p.trusted(), a.Office)
	return a
}

// Admits reports whether the address may use the service: the office's may use all.
func (p *Policy) Admits(service mail.Service, addr netip.Addr) bool {
	if p.Local(addr) {
		return true
	}
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(p.more().Doors, func(d mail.Door) bool { return d.Service == service && holds(d.Networks, addr) })
}

func holds(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// Trusted reports whether the administrator has named the address's network.
func (p *Policy) Trusted(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return holds(p.trusted(), addr)
}

// Local reports whether the address belongs to the office. When the machine
// can't say where it stands, only loopback and what was added count.
func (p *Policy) Local(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if addr.IsLoopback() || p.Trusted(addr) || holds(p.more().Office, addr) {
		return true
	}
	around := p.surroundings()
	switch {
	case !around.known:
		return false // nor is it known who masquerades
	case slices.Contains(around.gateways, addr):
		return !p.setUp()
	case addr.Is6() && addr.IsLinkLocalUnicast():
		return true // of one wire by definition (RFC 4291 §2.5.6)
	}
	return holds(around.onLink, addr)
}

func (p *Policy) surroundings() surroundings {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.asked.IsZero() && time.Since(p.asked) < freshFor {
		return p.around
	}
	onLink, err1 := p.network.OnLink()
	routers, err2 := p.network.Gateways()
	p.asked, p.around = time.Now(), surroundings{}
	if err1 == nil && err2 == nil {
		gateways := make([]netip.Addr, len(routers))
		for i, router := range routers {
			// A router of IPv6 is link-local and comes with the name of its card;
			// clients are compared without it.
			gateways[i] = router.Unmap().WithZone("")
		}
		p.around = surroundings{known: true, onLink: onLink, gateways: gateways}
	}
	return p.around
}

// Listener lets only those through who may use the service: others are closed at once,
// before a byte is exchanged, so that they learn no more than from a closed port.
func (p *Policy) Listener(l net.Listener, service mail.Service) net.Listener {
	return &listener{l, p, service}
}

type listener struct {
	net.Listener
	policy  *Policy
	service mail.Service
}

// Accept waits for a client that is let in.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		addr, err := netip.ParseAddrPort(c.RemoteAddr().String())
		if err == nil && l.policy.Admits(l.service, addr.Addr()) {
			return c, nil
		}
		_ = c.Close() // it was never served
	}
}
