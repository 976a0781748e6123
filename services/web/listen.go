package web

import (
	"errors"
	"net"
	"net/netip"
	"sync"
)

// limitListener accepts at most maxConns connections, and at most maxPeerConns
// from one address; what is over that is closed at once, so that a single
// machine gone wild can't keep the office from the pages.
type limitListener struct {
	net.Listener
	trusted func(netip.Addr) bool // exempt from the limit per address

	mu    sync.Mutex
	total int
	peers map[netip.Addr]int
}

func newLimitListener(l net.Listener, trusted func(netip.Addr) bool) *limitListener {
	return &limitListener{Listener: l, trusted: trusted, peers: make(map[netip.Addr]int)}
}

func (l *limitListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer := addrOf(conn.RemoteAddr().String())
		if l.enter(peer) {
			return &limitConn{Conn: conn, leave: sync.OnceFunc(func() { l.leave(peer) })}, nil
		}
		_ = conn.Close() // nothing was said yet, so nothing is lost
	}
}

func (l *limitListener) enter(peer netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= maxConns || l.peers[peer] >= maxPeerConns && !l.trusted(peer) {
		return false
	}
	l.total++
	l.peers[peer]++
	return true
}

func (l *limitListener) leave(peer netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.peers[peer]--; l.peers[peer] == 0 {
		delete(l.peers, peer)
	}
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
