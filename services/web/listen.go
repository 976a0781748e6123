package web

import (
	"errors"
	"net"
	"net/netip"
	"sync"
)

// limitListener accepts at most maxConns connections, at most maxPeerConns from
// one address (of IPv6, one /64, which one machine has to itself), and at most
// maxOutsideConns from outside the office; what is over that is closed at once,
// so that neither a machine gone wild nor the Internet can keep the office from
// the pages.
type limitListener struct {
	net.Listener
	trusted func(netip.Addr) bool // exempt from the limit per address
	local   func(netip.Addr) bool // the office's own

	mu      sync.Mutex
	total   int
	outside int
	peers   map[netip.Prefix]int
}

func newLimitListener(l net.Listener, trusted, local func(netip.Addr) bool) *limitListener {
	return &limitListener{Listener: l, trusted: trusted, local: local, peers: make(map[netip.Prefix]int)}
}

func (l *limitListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer := addrOf(conn.RemoteAddr().String())
		if leave := l.enter(peer); leave != nil {
			return &limitConn{Conn: conn, leave: sync.OnceFunc(leave)}, nil
		}
		_ = conn.Close() // nothing was said yet, so nothing is lost
	}
}

// enter counts a connection and returns how to leave; nil when there are too many.
func (l *limitListener) enter(peer netip.Addr) (leave func()) {
	local, trusted, group := l.local(peer), l.trusted(peer), groupOf(peer)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= maxConns || !local && l.outside >= maxOutsideConns || l.peers[group] >= maxPeerConns && !trusted {
		return nil
	}
	l.add(group, local, 1)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.add(group, local, -1)
	}
}

// add has mu.
func (l *limitListener) add(group netip.Prefix, local bool, n int) {
	l.total += n
	if !local {
		l.outside += n
	}
	if l.peers[group] += n; l.peers[group] == 0 {
		delete(l.peers, group)
	}
}

// groupOf is what counts as one machine.
func groupOf(peer netip.Addr) netip.Prefix {
	peer = peer.Unmap().WithZone("")
	bits := peer.BitLen()
	if peer.Is6() && !peer.IsLinkLocalUnicast() {
		bits = 64
	}
	group, _ := peer.Prefix(bits) // the zero Addr has the zero Prefix
	return group
}

type limitConn struct {
	net.Conn
	leave func()
}

func (c *limitConn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// CloseWrite lets net/http end its side first and wait a moment, so that a
// refusal reaches a client that is still sending.
func (c *limitConn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// addrOf reads the address of "host:port"; the zero Addr when there is none.
func addrOf(hostPort string) netip.Addr {
	ap, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}
