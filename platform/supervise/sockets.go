package supervise

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Listeners are the descriptors of the open listening sockets, by unit. Plain
// numbers, because os.File.Fd would switch the socket, which every holder
// shares, to blocking mode.
type Listeners map[UnitName]int

// OpenSockets opens every socket unit. They are bound to their addresses, not
// to what the network happens to be at that moment, so this never waits. On
// error nothing stays open.
func OpenSockets(sockets []Socket) (Listeners, error) {
	l := Listeners{}
	for _, s := range sockets {
		fd, err := openSocket(s)
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("sockets: %s: listen on %s: %w", s.Name, s.Address, err)
		}
		l[s.Name] = fd
	}
	return l, nil
}

// Close closes them all; services keep their own copies.
func (l Listeners) Close() {
	for _, fd := range l {
		_ = unix.Close(fd) // a listening socket has nothing to flush
	}
}

func openSocket(s Socket) (int, error) {
	addr, err := netip.ParseAddrPort(s.Address)
	if err != nil {
		return -1, err
	}
	fd, err := listen(s, addr)
	if errors.Is(err, unix.EAFNOSUPPORT) && addr.Addr() == netip.IPv6Unspecified() && !s.V6Only {
		// A kernel without IPv6: "everywhere" is then all of IPv4.
		return listen(s, netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Port()))
	}
	return fd, err
}

// listen makes the socket by hand rather than through package net, which
// would register it with this process's own poller and accept settings.
func listen(s Socket, addr netip.AddrPort) (int, error) {
	family := unix.AF_INET6
	var sa unix.Sockaddr = &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
	if addr.Addr().Is4() {
		family = unix.AF_INET
		sa = &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	fail := func(err error) (int, error) {
		_ = unix.Close(fd)
		return -1, err
	}
	type option struct {
		level, name int
		on          bool
	}
	options := []option{{unix.SOL_SOCKET, unix.SO_REUSEADDR, true}}
	if family == unix.AF_INET6 {
		options = append(options, option{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, s.V6Only})
	}
	// Both are inherited by accepted connections.
	options = append(options,
		option{unix.IPPROTO_TCP, unix.TCP_NODELAY, s.NoDelay},
		option{unix.SOL_SOCKET, unix.SO_KEEPALIVE, s.KeepAlive})
	for _, o := range options {
		value := 0
		if o.on {
			value = 1
		}
		if err := unix.SetsockoptInt(fd, o.level, o.name, value); err != nil {
			return fail(err)
		}
	}
	if err := unix.Bind(fd, sa); err != nil {
		return fail(err)
	}
	if err := unix.Listen(fd, s.Backlog); err != nil {
		return fail(err)
	}
	return fd, nil
}
