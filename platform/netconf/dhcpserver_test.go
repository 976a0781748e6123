package netconf

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// dhcpServer is a DHCP server with one address to give, for tests. Its fields
// may be changed through set while it runs.
type dhcpServer struct {
	mu      sync.Mutex
	address netip.Addr
	server  netip.Addr
	lease   time.Duration
	options []dhcpv4.Option

	silent bool // answers nothing
	nak    bool // refuses every request

	seen     []dhcpv4.MessageType
	last     *dhcpv4.DHCPv4 // last message seen
	lastSent netip.Addr     // where the last message was sent: zero: broadcast
}

func newDHCPServer() *dhcpServer {
	return &dhcpServer{
		address: netip.MustParseAddr("192.168.7.20"),
		server:  netip.MustParseAddr("192.168.7.1"),
		lease:   time.Hour,
		options: []dhcpv4.Option{
			dhcpv4.OptSubnetMask(net.CIDRMask(24, 32)),
			dhcpv4.OptRouter(net.IPv4(192, 168, 7, 1)),
			dhcpv4.OptDNS(net.IPv4(192, 168, 7, 1), net.IPv4(192, 168, 7, 2)),
			dhcpv4.OptNTPServers(net.IPv4(192, 168, 7, 3)),
		},
	}
}

func (s *dhcpServer) set(f func(*dhcpServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// heard returns the last message and where it was sent.
func (s *dhcpServer) heard() (*dhcpv4.DHCPv4, netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, s.lastSent
}

// took returns the message types seen so far and forgets them.
func (s *dhcpServer) took() []dhcpv4.MessageType {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	s.seen = nil
	return seen
}

// answer is the reply to p, or nil.
func (s *dhcpServer) answer(p *dhcpv4.DHCPv4, to netip.Addr) *dhcpv4.DHCPv4 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen, s.last, s.lastSent = append(s.seen, p.MessageType()), p, to
	if s.silent {
		return nil
	}
	kind := dhcpv4.MessageTypeOffer
	switch p.MessageType() {
	case dhcpv4.MessageTypeDiscover:
	case dhcpv4.MessageTypeRequest:
		kind = dhcpv4.MessageTypeAck
		wanted, _ := netip.AddrFromSlice(p.RequestedIPAddress().To4())
		if !wanted.IsValid() {
			wanted, _ = netip.AddrFromSlice(p.ClientIPAddr.To4())
		}
		if s.nak || wanted != s.address {
			kind = dhcpv4.MessageTypeNak
		}
	default:
		return nil
	}
	options := append(slices.Clone(s.options),
		dhcpv4.OptMessageType(kind),
		dhcpv4.OptServerIdentifier(s.server.AsSlice()),
		dhcpv4.OptIPAddressLeaseTime(s.lease))
	r, err := dhcpv4.NewReplyFromRequest(p)
	if err != nil {
		return nil
	}
	r.YourIPAddr = s.address.AsSlice()
	for _, o := range options {
		r.UpdateOption(o)
	}
	return r
}

// fakeDHCP is a dhcpWire with a server at its other end.
type fakeDHCP struct {
	server *dhcpServer
	delay  time.Duration
	in     chan *dhcpv4.DHCPv4

	mu     sync.Mutex
	closed bool
}

func (s *dhcpServer) open(Link) (dhcpWire, error) {
	return &fakeDHCP{server: s, delay: time.Millisecond, in: make(chan *dhcpv4.DHCPv4, wireQueue)}, nil
}

func (w *fakeDHCP) send(p *dhcpv4.DHCPv4, _, to netip.Addr) error {
	// Through bytes and back, as on a cable.
	sent, err := dhcpv4.FromBytes(p.ToBytes())
	if err != nil {
		return err
	}
	r := w.server.answer(sent, to)
	if r == nil {
		return nil
	}
	time.AfterFunc(w.delay, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.closed {
			select {
			case w.in <- r:
			default:
			}
		}
	})
	return nil
}

func (w *fakeDHCP) replies() <-chan *dhcpv4.DHCPv4 { return w.in }

func (w *fakeDHCP) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}

// fakeARP is a cable on which other devices have some addresses.
type fakeARP struct {
	taken func(netip.Addr) bool
	in    chan arpPacket
}

func arpCable(taken func(netip.Addr) bool) prober {
	return prober{
		open: func(Link) (arpWire, error) {
			return &fakeARP{taken: taken, in: make(chan arpPacket, wireQueue)}, nil
		},
		own: func(mac net.HardwareAddr) bool { return mac[0] == 2 && mac[1] == 0 },
	}
}

func (w *fakeARP) send(p arpPacket) error {
	if p.sender.IsUnspecified() && w.taken(p.target) {
		w.in <- arpPacket{op: arpReply, senderMAC: net.HardwareAddr{2, 9, 9, 9, 9, 9}, sender: p.target, target: p.sender}
	}
	return nil
}
func (w *fakeARP) packets() <-chan arpPacket { return w.in }
func (w *fakeARP) close()                    {}

func nobody(netip.Addr) bool { return false }
