package netconf

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Link is one wired network card as the kernel shows it.
type Link struct {
	Index   int
	Name    string
	MAC     net.HardwareAddr
	Up      bool // switched on by us
	Carrier bool // a cable with a live other end
	MTU     int

	// A VLAN is a card of its own, on top of another: its number, and that one's index and
	// name. Of real cards they are zero.
	VLAN   uint16
	Parent int
	On     string
}

// kernelAddress is one address on a card.
type kernelAddress struct {
	prefix netip.Prefix
	// life is how long the kernel keeps it; 0: for ever.
	life time.Duration
	// automatic: the kernel made it from a router advertisement; not ours to
	// remove.
	automatic bool
}

// route is a default route.
type route struct {
	gateway netip.Addr
	metric  int
	onlink  bool // the gateway is outside the card's prefix
}

// kernel is what the manager asks of the operating system. All methods are
// called from the manager's goroutine only.
type kernel interface {
	// links lists wired cards, and VLANs on them, in the order of their index.
	links() ([]Link, error)
	// tag makes a VLAN on top of a card; changed is called when it is there.
	tag(l Link, vlan uint16) error
	// untag removes a VLAN.
	untag(Link) error
	// up switches a card on, with sane IPv6 settings.
	up(Link) error
	setMTU(l Link, mtu int) error
	// addresses lists a card's unicast addresses except IPv6 link-local ones.
	addresses(Link) ([]kernelAddress, error)
	// setAddress adds the address or renews its lifetime.
	setAddress(Link, kernelAddress) error
	removeAddress(Link, netip.Prefix) error
	// routes lists a card's default routes that did not come from the kernel's
	// own router discovery.
	routes(Link) ([]route, error)
	setRoute(Link, route) error
	removeRoute(Link, route) error
	// solicit asks IPv6 routers for an advertisement.
	solicit(Link) error
	// watch calls changed after any change of cards or addresses, and told with
	// every RDNSS announcement, until ctx ends. Neither may block.
	watch(ctx context.Context, changed func(), told func(rdnss)) error
}
