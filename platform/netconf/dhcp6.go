package netconf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"golang.org/x/sys/unix"
)

const (
	// informTries and informWait are RFC 8415 §18.2.6 in short: the box asks
	// again later anyway.
	informTries = 3
	informWait  = time.Second
	// informDelay leaves the router time to name servers itself.
	informDelay = 5 * time.Second
	// informAgain is the pause after silence.
	informAgain = 5 * time.Minute
	// renewServers is how long before their end name servers are asked for anew.
	renewServers = 2 * time.Minute
	// minRefresh and defaultRefresh are RFC 8415 §7.6 (IRT_MINIMUM and
	// IRT_DEFAULT).
	minRefresh     = 10 * time.Minute
	defaultRefresh = 24 * time.Hour

	dhcp6ClientPort = 546
	dhcp6ServerPort = 547
)

// inform asks the DHCPv6 servers on a card's network for name servers (RFC 8415
// §18.2.6, without an address: those come from the routers). It returns after at
// most seven seconds.
func inform(ctx context.Context, link Link) (rdnss, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		ctlErr := c.Control(func(fd uintptr) {
			err = errors.Join(
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
				unix.BindToDevice(int(fd), link.Name))
		})
		return errors.Join(ctlErr, err)
	}}
	c, err := lc.ListenPacket(ctx, "udp6", fmt.Sprintf("[::]:%d", dhcp6ClientPort))
	if err != nil {
		return rdnss{}, fmt.Errorf("ask DHCPv6 on %s: %w", link.Name, err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	request, err := informRequest(link)
	if err != nil {
		return rdnss{}, fmt.Errorf("ask DHCPv6 on %s: %w", link.Name, err)
	}
	to := &net.UDPAddr{IP: net.ParseIP("ff02::1:2"), Port: dhcp6ServerPort, Zone: link.Name}
	buf := make([]byte, maxPacket)
	wait := informWait
	for range informTries {
		if _, err := c.WriteTo(request.ToBytes(), to); err != nil {
			return rdnss{}, fmt.Errorf("ask DHCPv6 on %s: %w", link.Name, err)
		}
		if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return rdnss{}, fmt.Errorf("ask DHCPv6 on %s: %w", link.Name, err)
		}
		for {
			n, _, err := c.ReadFrom(buf)
			if err != nil {
				break
			}
			if r, ok := parseInform(buf[:n], request); ok {
				r.index = link.Index
				return r, nil
			}
		}
		wait *= 2
	}
	return rdnss{}, fmt.Errorf("ask DHCPv6 on %s: no answer", link.Name)
}

func informRequest(link Link) (*dhcpv6.Message, error) {
	m, err := dhcpv6.NewMessage()
	if err != nil {
		return nil, err
	}
	m.MessageType = dhcpv6.MessageTypeInformationRequest
	m.AddOption(dhcpv6.OptClientID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: link.MAC}))
	m.AddOption(dhcpv6.OptElapsedTime(0))
	m.AddOption(dhcpv6.OptRequestedOption(dhcpv6.OptionDNSRecursiveNameServer, dhcpv6.OptionInformationRefreshTime))
	return m, nil
}

// parseInform reads one reply; ok is false when it does not answer the request
// or names no server.
func parseInform(b []byte, request *dhcpv6.Message) (r rdnss, ok bool) {
	m, err := dhcpv6.MessageFromBytes(b)
	if err != nil || m.MessageType != dhcpv6.MessageTypeReply || m.TransactionID != request.TransactionID {
		return rdnss{}, false
	}
	// RFC 8415 §16.10: a server identifier, and our own identifier if any.
	if m.Options.ServerID() == nil {
		return rdnss{}, false
	}
	if id := m.Options.ClientID(); id != nil && !bytes.Equal(id.ToBytes(), request.Options.ClientID().ToBytes()) {
		return rdnss{}, false
	}
	for _, ip := range m.Options.DNS() {
		if a, valid := netip.AddrFromSlice(ip.To16()); valid && usableServer(a) && len(r.servers) < maxNameservers {
			r.servers = append(r.servers, a)
		}
	}
	r.life = min(max(m.Options.InformationRefreshTime(defaultRefresh), minRefresh), maxRDNSSLife)
	return r, len(r.servers) > 0
}

// informIfSilent asks DHCPv6 where the routers gave the card an address but no
// name server.
func (m *Manager) informIfSilent(ctx context.Context, c *card) {
	now := time.Now()
	have, err := m.kernel.addresses(c.link)
	if err != nil || !c.link.Carrier || !slices.ContainsFunc(have, func(a kernelAddress) bool { return a.automatic }) {
		c.informAt = time.Time{}
		return
	}
	if slices.ContainsFunc(c.named, func(n nameserver) bool { return n.expires.After(now.Add(renewServers)) }) {
		return
	}
	if c.informAt.IsZero() {
		c.informAt = now.Add(informDelay)
	}
	if now.Before(c.informAt) {
		return
	}
	c.informAt = now.Add(informAgain)
	link := c.link
	go func() {
		r, err := m.inform(ctx, link)
		if err != nil {
			m.options.Log.Debug("DHCPv6 named no servers", "interface", link.Name, "error", err)
			return
		}
		m.hear(r)
	}()
}
