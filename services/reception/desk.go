package reception

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Session is one connection as a protocol server sees it.
type Session interface {
	// Serve runs the session to its end and closes the connection.
	Serve()
	// TurnAway says why the connection can't be served and closes it.
	TurnAway(why string)
	// Interrupt wakes a session that waits for its client, so that it sees
	// Desk.Closing. One that is at work sees it when it is done. It may be called
	// at any time and from any goroutine.
	Interrupt()
	// Cut closes the connection under the session, which then ends.
	Cut()
}

// Limits bound how many sessions run at once.
type Limits struct {
	Total      int                   // of this Desk
	PerAddress int                   // from one address
	PerNetwork int                   // from one Network; 0: no bound
	Exempt     func(netip.Addr) bool // addresses to which PerAddress and PerNetwork don't apply; nil: none
}

// Desk admits connections of one protocol.
type Desk struct {
	limits Limits
	log    *slog.Logger

	mu        sync.Mutex
	closed    bool
	listeners map[net.Listener]struct{}
	sessions  map[Session]mail.AccountID // whose it is; 0 before the log-in
	addresses map[netip.Addr]int
	networks  map[netip.Prefix]int
	running   sync.WaitGroup // one for each of sessions
}

// New makes a Desk.
func New(limits Limits, log *slog.Logger) *Desk {
	if limits.Exempt == nil {
		limits.Exempt = func(netip.Addr) bool { return false }
	}
	return &Desk{
		limits:    limits,
		log:       log,
		listeners: make(map[net.Listener]struct{}),
		sessions:  make(map[Session]mail.AccountID),
		addresses: make(map[netip.Addr]int),
		networks:  make(map[netip.Prefix]int),
	}
}

// ErrClosed is what Serve returns after Shutdown.
var ErrClosed = errors.New("reception: closed")

// acceptPause is how long Serve waits when no connection can be accepted for
// want of descriptors, before it tries again.
const acceptPause = 50 * time.Millisecond

// Serve accepts connections and runs a session for each until the listener
// fails or Shutdown is called.
func (d *Desk) Serve(l net.Listener, open func(net.Conn) Session) error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return ErrClosed
	}
	d.listeners[l] = struct{}{}
	d.mu.Unlock()
	defer d.forget(l)
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			d.start(AddrOf(conn), open(conn))
		case d.Closing():
			return ErrClosed
		case passes(err):
			d.log.Warn("no connection can be accepted just now", "verb", "accept", "err", err)
			time.Sleep(acceptPause)
		default:
			return err
		}
	}
}

func (d *Desk) forget(l net.Listener) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.listeners, l)
}

// passes tells a shortage, and a connection that was broken before it was
// accepted, from a listener that is broken: the second group is what accept(2)
// says to treat like no connection.
func passes(err error) bool {
	for _, errno := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ECONNABORTED, syscall.EPROTO, syscall.EPERM, syscall.ENOPROTOOPT, syscall.EOPNOTSUPP,
		syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ENONET, syscall.ETIMEDOUT,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// AddrOf is the address a connection comes from, IPv4 as IPv4; the zero Addr
// when the connection has none.
func AddrOf(conn net.Conn) netip.Addr {
	remote := conn.RemoteAddr()
	if remote == nil {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddrPort(remote.String())
	if err != nil {
		return netip.Addr{}
	}
	return addr.Addr().Unmap()
}

// Network is the network that an address is counted with: what one customer of a
// provider has (/64 of IPv6), or what is rented and listed together (/24 of IPv4).
// It is the zero Prefix for the zero Addr.
func Network(addr netip.Addr) netip.Prefix {
	bits := 64
	if addr = addr.Unmap().WithZone(""); addr.Is4() {
		bits = 24
	}
	network, _ := addr.Prefix(bits) // an address that is none has no network
	return network
}

// start runs the session in a goroutine of its own, or turns it away.
func (d *Desk) start(addr netip.Addr, s Session) {
	if refusal := d.admit(addr, s); refusal != "" {
		d.log.Info("connection turned away", "verb", "accept", "peer", addr, "why", refusal)
		go s.TurnAway(refusal)
		return
	}
	go func() {
		defer d.release(addr, s)
		s.Serve()
	}()
}

// admit counts s in and returns "", or says why it can't be served.
func (d *Desk) admit(addr netip.Addr, s Session) string {
	exempt := d.limits.Exempt(addr)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return "The server is shutting down, try again in a moment"
	case len(d.sessions) >= d.limits.Total:
		return "Too many connections, try again later"
	case d.addresses[addr] >= d.limits.PerAddress && !exempt:
		return "Too many connections from your address, try again later"
	case d.limits.PerNetwork > 0 && d.networks[Network(addr)] >= d.limits.PerNetwork && !exempt:
		return "Too many connections from your network, try again later"
	}
	d.sessions[s] = 0
	d.addresses[addr]++
	d.networks[Network(addr)]++
	d.running.Add(1)
	return ""
}

func (d *Desk) release(addr netip.Addr, s Session) {
	d.mu.Lock()
	delete(d.sessions, s)
	if d.addresses[addr]--; d.addresses[addr] == 0 {
		delete(d.addresses, addr)
	}
	network := Network(addr)
	if d.networks[network]--; d.networks[network] == 0 {
		delete(d.networks, network)
	}
	d.mu.Unlock()
	d.running.Done()
}

// Own notes whose session s is from now on.
func (d *Desk) Own(s Session, account mail.AccountID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, runs := d.sessions[s]; runs {
		d.sessions[s] = account
	}
}

// Drop cuts every session of an account: its password has changed, or it is
// gone. A log-in that was being checked at this very moment may still come after.
func (d *Desk) Drop(account mail.AccountID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s, owner := range d.sessions {
		if owner == account {
			s.Cut()
		}
	}
}

// Closing reports whether Shutdown has been called.
func (d *Desk) Closing() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed
}

// Shutdown closes the listeners, interrupts every session, and waits until all
// have ended. When ctx ends first, the rest is cut and ctx's error returned.
func (d *Desk) Shutdown(ctx context.Context) error {
	d.mu.Lock()
	d.closed = true
	for l := range d.listeners {
		_ = l.Close() // its Serve returns; there is nothing else to do about it
	}
	for s := range d.sessions {
		s.Interrupt()
	}
	d.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		d.running.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
	}
	d.mu.Lock()
	for s := range d.sessions {
		s.Cut()
	}
	d.mu.Unlock()
	<-gone
	return ctx.Err()
}
