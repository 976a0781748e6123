package netconf

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// netlinkKernel is the real kernel. It needs CAP_NET_ADMIN, and CAP_NET_RAW for
// solicit.
type netlinkKernel struct {
	log *slog.Logger
}

func (k netlinkKernel) links() ([]Link, error) {
	all, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list network cards: %w", err)
	}
	var list []Link
	for _, l := range all {
		a := l.Attrs()
		// Real cards are "device"; "veth" is a container's idea of one.
		vlan, isVLAN := l.(*netlink.Vlan)
		if t := l.Type(); t != "device" && t != "veth" && !isVLAN {
			continue
		}
		if a.EncapType != "ether" || a.Flags&net.FlagLoopback != 0 || a.MasterIndex != 0 || len(a.HardwareAddr) != 6 {
			continue
		}
		link := Link{
			Index: a.Index, Name: a.Name, MAC: a.HardwareAddr, MTU: a.MTU,
			Up:      a.Flags&net.FlagUp != 0,
			Carrier: a.Flags&net.FlagUp != 0 && a.RawFlags&unix.IFF_LOWER_UP != 0,
		}
		if isVLAN {
			link.VLAN, link.Parent = uint16(vlan.VlanId), a.ParentIndex
		}
		list = append(list, link)
	}
	for i := range list {
		if j := slices.IndexFunc(list, func(l Link) bool { return l.Index == list[i].Parent }); j >= 0 {
			list[i].On = list[j].Name
		}
	}
	slices.SortFunc(list, func(a, b Link) int { return a.Index - b.Index })
	return list, nil
}

func (k netlinkKernel) tag(l Link, vlan uint16) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex = vlanName(l.Name, vlan), l.Index
	err := netlink.LinkAdd(&netlink.Vlan{LinkAttrs: attrs, VlanId: int(vlan), VlanProtocol: netlink.VLAN_PROTOCOL_8021Q})
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("make VLAN %d on %s: %w", vlan, l.Name, err)
	}
	return nil
}

// vlanName is the usual name; a card's can be too long for it.
func vlanName(card string, vlan uint16) string {
	number := fmt.Sprintf(".%d", vlan)
	return card[:min(len(card), unix.IFNAMSIZ-1-len(number))] + number
}

func (k netlinkKernel) untag(l Link) error {
	if err := netlink.LinkDel(device(l)); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove VLAN %d from %s: %w", l.VLAN, l.On, err)
	}
	return nil
}

func (k netlinkKernel) up(l Link) error {
	for _, s := range linkSysctls(l.Name) {
		// Not fatal: PID 1 has set the defaults, and /proc may be read-only here.
		if err := os.WriteFile(s.Path, []byte(s.Value), 0); err != nil {
			k.log.Debug("kernel setting left alone", "path", s.Path, "error", err)
		}
	}
	if err := netlink.LinkSetUp(device(l)); err != nil {
		return fmt.Errorf("switch on %s: %w", l.Name, err)
	}
	return nil
}

func (k netlinkKernel) setMTU(l Link, mtu int) error {
	if err := netlink.LinkSetMTU(device(l), mtu); err != nil {
		return fmt.Errorf("set MTU %d on %s: %w", mtu, l.Name, err)
	}
	return nil
}

func (k netlinkKernel) addresses(l Link) ([]kernelAddress, error) {
	all, err := netlink.AddrList(device(l), netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list addresses of %s: %w", l.Name, err)
	}
	var list []kernelAddress
	for _, a := range all {
		p, ok := prefixOf(a.IPNet)
		if !ok || p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() {
			continue
		}
		list = append(list, kernelAddress{
			prefix:    p,
			automatic: p.Addr().Is6() && a.Flags&unix.IFA_F_PERMANENT == 0,
		})
	}
	return list, nil
}

func (k netlinkKernel) setAddress(l Link, a kernelAddress) error {
	addr := &netlink.Addr{IPNet: ipNet(a.prefix)}
	if a.life > 0 {
		addr.ValidLft = int(min(a.life/time.Second, math.MaxInt32))
		addr.PreferedLft = addr.ValidLft
	}
	if ip := a.prefix.Addr(); ip.Is4() {
		if a.prefix.Bits() < 31 {
			addr.Broadcast = net.IP(lastAddr(a.prefix).AsSlice())
		}
		if ip.IsLinkLocalUnicast() {
			addr.Scope = unix.RT_SCOPE_LINK
		}
	}
	if err := netlink.AddrReplace(device(l), addr); err != nil {
		return fmt.Errorf("set address %s on %s: %w", a.prefix, l.Name, err)
	}
	return nil
}

func (k netlinkKernel) removeAddress(l Link, p netip.Prefix) error {
	err := netlink.AddrDel(device(l), &netlink.Addr{IPNet: ipNet(p)})
	if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
		return fmt.Errorf("remove address %s from %s: %w", p, l.Name, err)
	}
	return nil
}

func (k netlinkKernel) routes(l Link) ([]route, error) {
	var list []route
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		all, err := netlink.RouteListFiltered(family, &netlink.Route{LinkIndex: l.Index}, netlink.RT_FILTER_OIF)
		if err != nil {
			return nil, fmt.Errorf("list routes of %s: %w", l.Name, err)
		}
		for _, r := range all {
			gw, ok := netip.AddrFromSlice(r.Gw)
			if !ok || !isDefault(r.Dst) || r.Protocol == unix.RTPROT_RA || r.Protocol == unix.RTPROT_KERNEL {
				continue
			}
			list = append(list, route{gateway: gw.Unmap(), metric: r.Priority})
		}
	}
	return list, nil
}

func (k netlinkKernel) setRoute(l Link, r route) error {
	if err := netlink.RouteReplace(defaultRoute(l, r)); err != nil {
		return fmt.Errorf("set default route %s on %s: %w", r.gateway, l.Name, err)
	}
	return nil
}

func (k netlinkKernel) removeRoute(l Link, r route) error {
	err := netlink.RouteDel(defaultRoute(l, r))
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("remove default route %s from %s: %w", r.gateway, l.Name, err)
	}
	return nil
}

func defaultRoute(l Link, r route) *netlink.Route {
	n := &netlink.Route{
		LinkIndex: l.Index,
		Dst:       ipNet(netip.PrefixFrom(netip.IPv4Unspecified(), 0)),
		Gw:        r.gateway.AsSlice(),
		Priority:  r.metric,
		Protocol:  unix.RTPROT_STATIC,
	}
	if r.gateway.Is6() {
		n.Dst = ipNet(netip.PrefixFrom(netip.IPv6Unspecified(), 0))
	}
	if r.onlink {
		n.Flags = int(netlink.FLAG_ONLINK)
	}
	return n
}

// solicit sends one router solicitation (RFC 4861 §4.1); the kernel itself sends
// them only when a card comes up, not when this program starts again.
func (k netlinkKernel) solicit(l Link) error {
	c, err := net.ListenPacket("ip6:ipv6-icmp", "::")
	if err != nil {
		return fmt.Errorf("solicit routers on %s: %w", l.Name, err)
	}
	defer c.Close()
	p := ipv6.NewPacketConn(c)
	var none ipv6.ICMPFilter
	none.SetAll(true) // we only send; answers go to the kernel
	err = errors.Join(p.SetICMPFilter(&none), p.SetMulticastHopLimit(255))
	if err != nil {
		return fmt.Errorf("solicit routers on %s: %w", l.Name, err)
	}
	const routerSolicitation = 133
	// Type, code, checksum (filled in by the kernel), reserved.
	message := []byte{routerSolicitation, 0, 0, 0, 0, 0, 0, 0}
	if _, err := p.WriteTo(message, nil, &net.IPAddr{IP: net.IPv6linklocalallrouters, Zone: l.Name}); err != nil {
		return fmt.Errorf("solicit routers on %s: %w", l.Name, err)
	}
	return nil
}

func (k netlinkKernel) watch(ctx context.Context, changed func(), told func(rdnss)) error {
	const ndUserOptions = 20 // RTNLGRP_ND_USEROPT
	s, err := nl.Subscribe(unix.NETLINK_ROUTE,
		unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, ndUserOptions)
	if err != nil {
		return fmt.Errorf("watch network cards: %w", err)
	}
	// A timeout lets the reader see that ctx ended.
	if err := s.SetReceiveTimeout(&unix.Timeval{Sec: 1}); err != nil {
		s.Close()
		return fmt.Errorf("watch network cards: %w", err)
	}
	go func() {
		defer s.Close()
		for ctx.Err() == nil {
			messages, from, err := s.Receive()
			switch {
			case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
				continue
			case err != nil:
				// ENOBUFS: messages were lost; looking at everything makes up for it.
				changed()
				sleep(ctx, time.Second)
				continue
			case from.Pid != nl.PidKernel:
				continue
			}
			for _, m := range messages {
				if m.Header.Type != unix.RTM_NEWNDUSEROPT {
					changed()
				} else if r, ok := parseND(m.Data); ok {
					told(r)
				}
			}
		}
	}()
	return nil
}

func device(l Link) netlink.Link {
	return &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: l.Index, Name: l.Name}}
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func isDefault(n *net.IPNet) bool {
	if n == nil {
		return true
	}
	ones, _ := n.Mask.Size()
	return ones == 0
}

// linkSpeed is the card's speed in Mbit/s, 0 when it doesn't know.
func linkSpeed(name string) int {
	b, err := os.ReadFile(filepath.Join("/sys/class/net", name, "speed"))
	if err != nil {
		return 0
	}
	var mbit int
	if _, err := fmt.Sscan(string(b), &mbit); err != nil || mbit < 0 {
		return 0
	}
	return mbit
}
