package netconf

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// DefaultGateways lists the routers of all default routes, each once, IPv4
// first; a link-local IPv6 router carries its card as zone. It asks the kernel
// (rtnetlink, no file access, no privilege) anew at each call.
func DefaultGateways() ([]netip.Addr, error) {
	rib, err := syscall.NetlinkRIB(syscall.RTM_GETROUTE, syscall.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	messages, err := syscall.ParseNetlinkMessage(rib)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	var list []netip.Addr
	for _, m := range messages {
		if m.Header.Type != syscall.RTM_NEWROUTE || len(m.Data) < syscall.SizeofRtMsg {
			continue
		}
		// struct rtmsg: family, destination length, source length, TOS, table,
		// protocol, scope, type. A default route has destination length 0.
		if m.Data[1] != 0 || m.Data[4] != syscall.RT_TABLE_MAIN || m.Data[7] != syscall.RTN_UNICAST {
			continue
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(&m)
		if err != nil {
			continue
		}
		for _, gw := range gatewaysOf(attrs) {
			if !slices.Contains(list, gw) {
				list = append(list, gw)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	return list, nil
}

func gatewaysOf(attrs []syscall.NetlinkRouteAttr) []netip.Addr {
	var zone string
	var list []netip.Addr
	for _, a := range attrs {
		switch a.Attr.Type {
		case syscall.RTA_OIF:
			zone = zoneOf(a.Value)
		case syscall.RTA_GATEWAY:
			if ip, ok := netip.AddrFromSlice(a.Value); ok {
				list = append(list, ip)
			}
		case syscall.RTA_MULTIPATH:
			list = append(list, multipath(a.Value)...)
		}
	}
	for i, ip := range list {
		if ip.Is6() && ip.IsLinkLocalUnicast() && ip.Zone() == "" {
			list[i] = ip.WithZone(zone)
		}
	}
	return list
}

// multipath reads the next hops that IPv6 folds into one route when several
// routers advertise themselves (struct rtnexthop: length, flags, hops, ifindex).
func multipath(b []byte) []netip.Addr {
	const header = 8
	var list []netip.Addr
	for len(b) >= header {
		n := int(binary.NativeEndian.Uint16(b))
		if n < header || n > len(b) {
			break
		}
		zone := zoneOf(b[4:8])
		for hop := b[header:n]; len(hop) >= 4; {
			size := int(binary.NativeEndian.Uint16(hop))
			if size < 4 || size > len(hop) {
				break
			}
			if binary.NativeEndian.Uint16(hop[2:]) == syscall.RTA_GATEWAY {
				if ip, ok := netip.AddrFromSlice(hop[4:size]); ok {
					if ip.IsLinkLocalUnicast() && ip.Is6() {
						ip = ip.WithZone(zone)
					}
					list = append(list, ip)
				}
			}
			hop = hop[min(len(hop), (size+3)&^3):]
		}
		b = b[min(len(b), (n+3)&^3):]
	}
	return list
}

func zoneOf(index []byte) string {
	if len(index) != 4 {
		return ""
	}
	ifi, err := net.InterfaceByIndex(int(binary.NativeEndian.Uint32(index)))
	if err != nil {
		return ""
	}
	return strings.Clone(ifi.Name)
}
