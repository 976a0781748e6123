package netconf

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	// maxPacket is more than any Ethernet packet we ask for; longer ones are cut
	// and then refused by the parsers.
	maxPacket = 2048
	// wireQueue is how many packets wait for the state machine; a flood loses
	// what is behind, as a full socket buffer would.
	wireQueue = 16
)

// packetSocket is an AF_PACKET socket on one card that yields packets without
// their Ethernet header. It needs CAP_NET_RAW.
type packetSocket struct {
	file     *os.File
	index    int
	protocol uint16 // ETH_P_*
}

// openPacketSocket binds only after the filter is in place, so that nothing
// unfiltered is ever queued.
func openPacketSocket(link Link, protocol uint16, filter []bpf.Instruction) (*packetSocket, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	s := &packetSocket{file: os.NewFile(uintptr(fd), "packet:"+link.Name), index: link.Index, protocol: protocol}
	if err := setFilter(fd, filter); err != nil {
		s.file.Close()
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian16(protocol), Ifindex: link.Index}); err != nil {
		s.file.Close()
		return nil, fmt.Errorf("bind packet socket to %s: %w", link.Name, err)
	}
	return s, nil
}

func setFilter(fd int, filter []bpf.Instruction) error {
	raw, err := bpf.Assemble(filter)
	if err != nil {
		return fmt.Errorf("assemble packet filter: %w", err)
	}
	code := make([]unix.SockFilter, len(raw))
	for i, in := range raw {
		code[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return fmt.Errorf("attach packet filter: %w", err)
	}
	return nil
}

// broadcast sends one packet to everybody on the cable.
func (s *packetSocket) broadcast(b []byte) error {
	to := &unix.SockaddrLinklayer{
		Protocol: bigEndian16(s.protocol), Ifindex: s.index,
		Halen: 6, Addr: [8]byte{255, 255, 255, 255, 255, 255},
	}
	conn, err := s.file.SyscallConn()
	if err != nil {
		return err
	}
	var sendErr error
	err = conn.Write(func(fd uintptr) bool {
		sendErr = unix.Sendto(int(fd), b, 0, to)
		return !errors.Is(sendErr, unix.EAGAIN)
	})
	return errors.Join(err, sendErr)
}

// receive hands every packet to f until the socket is closed or breaks.
func (s *packetSocket) receive(f func([]byte)) {
	b := make([]byte, maxPacket)
	for {
		n, err := s.file.Read(b)
		if errors.Is(err, syscall.ENETDOWN) {
			continue // reported once when the card goes down; the socket lives on
		}
		if err != nil {
			return
		}
		f(b[:n])
	}
}

func bigEndian16(v uint16) uint16 { return v<<8 | v>>8 }

// dhcpFilter lets unfragmented UDP to port 68 pass.
func dhcpFilter() []bpf.Instruction {
	const fragmentOffset = 0x1FFF
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 9, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: protoUDP, SkipTrue: 6},
		bpf.LoadAbsolute{Off: 6, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: fragmentOffset, SkipTrue: 4},
		bpf.LoadMemShift{Off: 0},
		bpf.LoadIndirect{Off: 2, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: dhcpClientPort, SkipTrue: 1},
		bpf.RetConstant{Val: maxPacket},
		bpf.RetConstant{Val: 0},
	}
}

// rawDHCP is the real dhcpWire.
type rawDHCP struct {
	socket *packetSocket
	link   Link
	in     chan *dhcpv4.DHCPv4
	once   sync.Once
}

func openDHCP(link Link) (dhcpWire, error) {
	s, err := openPacketSocket(link, unix.ETH_P_IP, dhcpFilter())
	if err != nil {
		return nil, err
	}
	w := &rawDHCP{socket: s, link: link, in: make(chan *dhcpv4.DHCPv4, wireQueue)}
	go func() {
		defer close(w.in)
		s.receive(func(b []byte) {
			p, err := parseDHCP(b)
			if err != nil {
				return // noise, or hostile; either way not an answer
			}
			select {
			case w.in <- p:
			default:
			}
		})
	}()
	return w, nil
}

// parseDHCP reads one IPv4 packet as it comes from the card.
func parseDHCP(b []byte) (*dhcpv4.DHCPv4, error) {
	payload, err := udpPayload(b)
	if err != nil {
		return nil, err
	}
	return dhcpv4.FromBytes(payload)
}

func (w *rawDHCP) replies() <-chan *dhcpv4.DHCPv4 { return w.in }

func (w *rawDHCP) close() { w.once.Do(func() { w.socket.file.Close() }) }

func (w *rawDHCP) send(p *dhcpv4.DHCPv4, from, to netip.Addr) error {
	if !to.IsValid() {
		return w.socket.broadcast(udpBroadcast(p.ToBytes(), from))
	}
	// Renewal: the kernel finds the server's hardware address. The answer is
	// read by the packet socket like all others; this one only sends.
	d := net.Dialer{
		LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, dhcpClientPort)),
		Control: func(_, _ string, c syscall.RawConn) error {
			var err error
			ctlErr := c.Control(func(fd uintptr) {
				err = errors.Join(
					unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
					unix.BindToDevice(int(fd), w.link.Name))
			})
			return errors.Join(ctlErr, err)
		},
	}
	c, err := d.Dial("udp4", netip.AddrPortFrom(to, dhcpServerPort).String())
	if err != nil {
		return fmt.Errorf("renew from %s: %w", to, err)
	}
	defer c.Close()
	_, err = c.Write(p.ToBytes())
	return err
}

// rawARP is the real arpWire.
type rawARP struct {
	socket *packetSocket
	in     chan arpPacket
	once   sync.Once
}

func openARP(link Link) (arpWire, error) {
	// The protocol bound to (ETH_P_ARP) is the filter; this one only cuts.
	s, err := openPacketSocket(link, unix.ETH_P_ARP, []bpf.Instruction{bpf.RetConstant{Val: maxPacket}})
	if err != nil {
		return nil, err
	}
	w := &rawARP{socket: s, in: make(chan arpPacket, wireQueue)}
	go func() {
		defer close(w.in)
		s.receive(func(b []byte) {
			p, ok := parseARP(b)
			if !ok {
				return
			}
			select {
			case w.in <- p:
			default:
			}
		})
	}()
	return w, nil
}

func (w *rawARP) send(p arpPacket) error    { return w.socket.broadcast(p.bytes()) }
func (w *rawARP) packets() <-chan arpPacket { return w.in }
func (w *rawARP) close()                    { w.once.Do(func() { w.socket.file.Close() }) }
