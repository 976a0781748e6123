package netconf

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

const (
	ipv4Header = 20
	udpHeader  = 8
	protoUDP   = 17

	dhcpClientPort = 68
	dhcpServerPort = 67
)

var errNotDHCP = errors.New("not a DHCP reply")

// udpPayload finds the DHCP message in an IPv4 packet as an AF_PACKET socket
// yields it (which may have padding behind it). The UDP checksum is not looked
// at: on virtual cards it is often not filled in yet when we see the packet.
func udpPayload(b []byte) ([]byte, error) {
	if len(b) < ipv4Header || b[0]>>4 != 4 {
		return nil, errNotDHCP
	}
	header := int(b[0]&0x0F) * 4
	total := int(binary.BigEndian.Uint16(b[2:]))
	if header < ipv4Header || total < header+udpHeader || total > len(b) {
		return nil, errNotDHCP
	}
	const fragment = 0x3FFF // "more fragments" and the offset
	if b[9] != protoUDP || binary.BigEndian.Uint16(b[6:])&fragment != 0 {
		return nil, errNotDHCP
	}
	if checksum(b[:header]) != 0 {
		return nil, errNotDHCP
	}
	u := b[header:total]
	size := int(binary.BigEndian.Uint16(u[4:]))
	if size < udpHeader || size > len(u) {
		return nil, errNotDHCP
	}
	if binary.BigEndian.Uint16(u) != dhcpServerPort || binary.BigEndian.Uint16(u[2:]) != dhcpClientPort {
		return nil, errNotDHCP
	}
	return u[udpHeader:size], nil
}

// udpBroadcast wraps a message for 255.255.255.255:67. The source may be
// 0.0.0.0. The payload is at most one DHCP message long.
func udpBroadcast(payload []byte, from netip.Addr) []byte {
	if !from.Is4() {
		from = netip.IPv4Unspecified()
	}
	total := ipv4Header + udpHeader + len(payload)
	b := make([]byte, total)
	b[0] = 4<<4 | ipv4Header/4
	b[1] = 0xC0 // CS6, network control
	binary.BigEndian.PutUint16(b[2:], uint16(total))
	b[8] = 64 // time to live
	b[9] = protoUDP
	src, dst := from.As4(), [4]byte{255, 255, 255, 255}
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	binary.BigEndian.PutUint16(b[10:], checksum(b[:ipv4Header]))

	u := b[ipv4Header:]
	binary.BigEndian.PutUint16(u, dhcpClientPort)
	binary.BigEndian.PutUint16(u[2:], dhcpServerPort)
	binary.BigEndian.PutUint16(u[4:], uint16(udpHeader+len(payload)))
	copy(u[udpHeader:], payload)
	pseudo := append(append([]byte{}, b[12:20]...), 0, protoUDP, u[4], u[5])
	sum := checksum(append(pseudo, u...))
	if sum == 0 {
		sum = 0xFFFF // RFC 768: zero means "none"
	}
	binary.BigEndian.PutUint16(u[6:], sum)
	return b
}

// checksum is the Internet checksum (RFC 1071).
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xFFFF {
		sum = sum>>16 + sum&0xFFFF
	}
	return ^uint16(sum)
}
