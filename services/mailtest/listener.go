package mailtest

import (
	"net"
	"net/netip"
	"sync"
)

// Listener is a net.Listener in memory: what Dial connects, Accept gives.
type Listener struct {
	addr   netip.AddrPort
	mu     sync.Mutex
	closed bool
	wake   *sync.Cond
	queue  []net.Conn
}

// Listen makes a Listener that says it listens at 192.0.2.1 on the given port.
func Listen(port uint16) *Listener {
	l := &Listener{addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), port)}
	l.wake = sync.NewCond(&l.mu)
	return l
}

// Dial connects from 192.0.2.2. It fails with net.ErrClosed once the Listener
// is closed.
func (l *Listener) Dial() (net.Conn, error) {
	return l.DialFrom(netip.AddrFrom4([4]byte{192, 0, 2, 2}))
}

// DialFrom is Dial from another address.
func (l *Listener) DialFrom(from netip.Addr) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, net.ErrClosed
	}
	client, server := Pipe(net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 49152)), l.Addr())
	l.queue = append(l.queue, server)
	l.wake.Signal()
	return client, nil
}

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if len(l.queue) > 0 {
			c := l.queue[0]
			l.queue = l.queue[1:]
			return c, nil
		}
		if l.closed {
			return nil, net.ErrClosed
		}
		l.wake.Wait()
	}
}

// Close ends Accept and Dial, and the connections that nobody has accepted.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, c := range l.queue {
		_ = c.Close() // a Pipe's never fails
	}
	l.queue = nil
	l.wake.Broadcast()
	return nil
}

// Addr is the address that it says it has.
func (l *Listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.addr) }
