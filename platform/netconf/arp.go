package netconf

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"time"
)

const (
	arpSize    = 28 // of an IPv4-over-Ethernet packet (RFC 826)
	arpRequest = 1
	arpReply   = 2

	// leaseProbes and leaseProbeGap are RFC 5227's probing in short: the server
	// has usually looked already, and somebody waits for the address.
	leaseProbes   = 2
	leaseProbeGap = 250 * time.Millisecond
	// The same for an address that nobody gave us, after RFC 3927 §9.
	localProbes   = 3
	localProbeGap = 1500 * time.Millisecond
	// announcements tell switches and neighbours who has the address now.
	announcements   = 2
	announcementGap = 2 * time.Second
)

// arpPacket is one ARP message for IPv4 over Ethernet.
type arpPacket struct {
	op                   uint16
	senderMAC, targetMAC net.HardwareAddr
	sender, target       netip.Addr
}

func (p arpPacket) bytes() []byte {
	b := make([]byte, arpSize)
	copy(b, []byte{0, 1, 8, 0, 6, 4}) // Ethernet, IPv4, address lengths 6 and 4
	binary.BigEndian.PutUint16(b[6:], p.op)
	sender, target := p.sender.As4(), p.target.As4()
	copy(b[8:14], p.senderMAC)
	copy(b[14:18], sender[:])
	copy(b[18:24], p.targetMAC)
	copy(b[24:28], target[:])
	return b
}

// parseARP reads one ARP packet without its Ethernet header; padding behind it
// is ignored.
func parseARP(b []byte) (arpPacket, bool) {
	if len(b) < arpSize || !bytes.Equal(b[:6], []byte{0, 1, 8, 0, 6, 4}) {
		return arpPacket{}, false
	}
	p := arpPacket{
		op:        binary.BigEndian.Uint16(b[6:]),
		senderMAC: bytes.Clone(b[8:14]),
		sender:    netip.AddrFrom4([4]byte(b[14:18])),
		targetMAC: bytes.Clone(b[18:24]),
		target:    netip.AddrFrom4([4]byte(b[24:28])),
	}
	return p, p.op == arpRequest || p.op == arpReply
}

// arpWire carries ARP on one card; all sends are broadcast.
type arpWire interface {
	send(arpPacket) error
	packets() <-chan arpPacket
	close()
}

// prober asks the cable whether an IPv4 address is taken.
type prober struct {
	open func(Link) (arpWire, error)
	// own reports whether a hardware address is one of the box's own: two of its
	// cards may stand in the same network and hear each other.
	own func(net.HardwareAddr) bool
}

// ownHardware is the real prober.own.
func ownHardware(mac net.HardwareAddr) bool {
	ifaces, err := net.Interfaces()
	return err == nil && slices.ContainsFunc(ifaces, func(i net.Interface) bool {
		return bytes.Equal(i.HardwareAddr, mac)
	})
}

// conflict probes for address a, count times with gap after each, and returns
// the hardware address of another device that has it or probes for it too
// (RFC 5227 §2.1.1), or nil. Trouble with the card counts as "nobody".
func (pr prober) conflict(ctx context.Context, link Link, a netip.Addr, count int, gap time.Duration) net.HardwareAddr {
	w, err := pr.open(link)
	if err != nil {
		return nil
	}
	defer w.close()
	probe := arpPacket{
		op: arpRequest, senderMAC: link.MAC, sender: netip.IPv4Unspecified(),
		targetMAC: make(net.HardwareAddr, 6), target: a,
	}
	for range count {
		_ = w.send(probe) // a card that can't send hears nothing either
		timer := time.NewTimer(gap)
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				timer.Stop()
				return nil
			case <-timer.C:
				waiting = false
			case p, ok := <-w.packets():
				if !ok {
					timer.Stop()
					return nil
				}
				if (p.sender == a || p.sender.IsUnspecified() && p.target == a) && !pr.own(p.senderMAC) {
					timer.Stop()
					return p.senderMAC
				}
			}
		}
	}
	return nil
}

// announce tells everybody on the cable that a is ours (RFC 5227 §2.3).
func (pr prober) announce(ctx context.Context, link Link, a netip.Addr) {
	w, err := pr.open(link)
	if err != nil {
		return
	}
	defer w.close()
	for i := range announcements {
		if i > 0 && !sleep(ctx, announcementGap) {
			return
		}
		_ = w.send(arpPacket{ // best effort, repeated
			op: arpRequest, senderMAC: link.MAC, sender: a, targetMAC: make(net.HardwareAddr, 6), target: a,
		})
	}
}
