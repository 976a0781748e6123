package mdns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// queue is how many packets wait; a flood loses what is behind.
const queue = 64

// group4 and group6 are the addresses of RFC 6762 §3.
func group4() *net.UDPAddr { return &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: port} }
func group6() *net.UDPAddr { return &net.UDPAddr{IP: net.ParseIP("ff02::fb"), Port: port} }

// sockets is the real wire: one socket per family for all cards.
type sockets struct {
	log *slog.Logger
	v4  *ipv4.PacketConn // nil: the kernel has no such family
	v6  *ipv6.PacketConn
	in  chan packet
}

// listen opens port 5353 in both families; one of them is enough.
func listen(log *slog.Logger) (wire, error) {
	s := &sockets{log: log, in: make(chan packet, queue)}
	err4, err6 := s.listen4(), s.listen6()
	if s.v4 == nil && s.v6 == nil {
		return nil, fmt.Errorf("mdns: %w", errors.Join(err4, err6))
	}
	var wg sync.WaitGroup
	if s.v4 != nil {
		wg.Go(s.read4)
	}
	if s.v6 != nil {
		wg.Go(s.read6)
	}
	go func() {
		wg.Wait()
		close(s.in)
	}()
	return s, nil
}

// shared lets another responder (on an ordinary server) use the port too.
func shared() net.ListenConfig {
	return net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		ctlErr := c.Control(func(fd uintptr) {
			err = errors.Join(
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
		})
		return errors.Join(ctlErr, err)
	}}
}

func (s *sockets) listen4() error {
	lc := shared()
	c, err := lc.ListenPacket(context.Background(), "udp4", fmt.Sprintf("0.0.0.0:%d", port))
	if err != nil {
		return err
	}
	p := ipv4.NewPacketConn(c)
	err = errors.Join(p.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true),
		p.SetMulticastTTL(255), p.SetTTL(255), p.SetMulticastLoopback(false))
	if err != nil {
		c.Close()
		return err
	}
	s.v4 = p
	return nil
}

func (s *sockets) listen6() error {
	lc := shared()
	c, err := lc.ListenPacket(context.Background(), "udp6", fmt.Sprintf("[::]:%d", port))
	if err != nil {
		return err
	}
	p := ipv6.NewPacketConn(c)
	err = errors.Join(p.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true),
		p.SetMulticastHopLimit(255), p.SetHopLimit(255), p.SetMulticastLoopback(false))
	if err != nil {
		c.Close()
		return err
	}
	s.v6 = p
	return nil
}

// join is repeated for cards that come back; being a member already is fine.
func (s *sockets) join(c Interface) {
	ifi := &net.Interface{Index: c.Index, Name: c.Name}
	if s.v4 != nil {
		if err := s.v4.JoinGroup(ifi, group4()); err != nil && !errors.Is(err, unix.EADDRINUSE) {
			s.log.Debug("mdns group not joined", "interface", c.Name, "error", err)
		}
	}
	if s.v6 != nil {
		if err := s.v6.JoinGroup(ifi, group6()); err != nil && !errors.Is(err, unix.EADDRINUSE) {
			s.log.Debug("mdns group not joined", "interface", c.Name, "error", err)
		}
	}
}

func (s *sockets) multicast(data []byte, index int) {
	if s.v4 != nil {
		_, err := s.v4.WriteTo(data, &ipv4.ControlMessage{IfIndex: index}, group4())
		s.sent(err)
	}
	if s.v6 != nil {
		_, err := s.v6.WriteTo(data, &ipv6.ControlMessage{IfIndex: index}, group6())
		s.sent(err)
	}
}

func (s *sockets) unicast(data []byte, index int, to netip.AddrPort) {
	addr := net.UDPAddrFromAddrPort(to)
	var err error
	switch {
	case to.Addr().Is4() && s.v4 != nil:
		_, err = s.v4.WriteTo(data, &ipv4.ControlMessage{IfIndex: index}, addr)
	case s.v6 != nil:
		_, err = s.v6.WriteTo(data, &ipv6.ControlMessage{IfIndex: index}, addr)
	}
	s.sent(err)
}

// sent: a card without an address of one family can't send in it; that is usual.
func (s *sockets) sent(err error) {
	if err != nil {
		s.log.Debug("mdns packet not sent", "error", err)
	}
}

func (s *sockets) packets() <-chan packet { return s.in }

func (s *sockets) close() {
	if s.v4 != nil {
		s.v4.Close()
	}
	if s.v6 != nil {
		s.v6.Close()
	}
}

func (s *sockets) read4() {
	buf := make([]byte, maxPacket)
	for {
		n, cm, from, err := s.v4.ReadFrom(buf)
		if err != nil {
			return
		}
		if cm != nil {
			s.deliver(buf[:n], from, cm.IfIndex, cm.Dst.IsMulticast())
		}
	}
}

func (s *sockets) read6() {
	buf := make([]byte, maxPacket)
	for {
		n, cm, from, err := s.v6.ReadFrom(buf)
		if err != nil {
			return
		}
		if cm != nil {
			s.deliver(buf[:n], from, cm.IfIndex, cm.Dst.IsMulticast())
		}
	}
}

func (s *sockets) deliver(data []byte, from net.Addr, index int, multicast bool) {
	addr, ok := from.(*net.UDPAddr)
	if !ok {
		return
	}
	ap := addr.AddrPort()
	ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	select {
	case s.in <- packet{bytes.Clone(data), ap, index, multicast}:
	default:
	}
}
