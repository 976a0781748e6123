package netconf

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

func TestLease(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*dhcpv4.DHCPv4)
		ok     bool
		check  func(*testing.T, *Lease)
	}{
		{"as it should be", func(*dhcpv4.DHCPv4) {}, true, nil},
		{"no address", func(p *dhcpv4.DHCPv4) { p.YourIPAddr = net.IPv4zero }, false, nil},
		{"loopback", func(p *dhcpv4.DHCPv4) { p.YourIPAddr = net.IPv4(127, 0, 0, 1) }, false, nil},
		{"multicast", func(p *dhcpv4.DHCPv4) { p.YourIPAddr = net.IPv4(224, 0, 0, 1) }, false, nil},
		{"network address", func(p *dhcpv4.DHCPv4) { p.YourIPAddr = net.IPv4(192, 168, 7, 0) }, false, nil},
		{"broadcast address", func(p *dhcpv4.DHCPv4) { p.YourIPAddr = net.IPv4(192, 168, 7, 255) }, false, nil},
		{"link-local", func(p *dhcpv4.DHCPv4) { p.YourIPAddr = net.IPv4(169, 254, 1, 1) }, false, nil},
		{"mask with holes", func(p *dhcpv4.DHCPv4) {
			p.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionSubnetMask, []byte{255, 0, 255, 0}))
		}, false, nil},
		{"mask of the whole world", func(p *dhcpv4.DHCPv4) {
			p.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionSubnetMask, []byte{0, 0, 0, 0}))
		}, false, nil},
		{"short mask", func(p *dhcpv4.DHCPv4) {
			p.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionSubnetMask, []byte{255, 255}))
		}, false, nil},
		{"no mask", func(p *dhcpv4.DHCPv4) { p.DeleteOption(dhcpv4.OptionSubnetMask) }, true, func(t *testing.T, l *Lease) {
			if l.Address.Bits() != 24 {
				t.Errorf("prefix %v, want /24", l.Address)
			}
		}},
		{"no server", func(p *dhcpv4.DHCPv4) { p.DeleteOption(dhcpv4.OptionServerIdentifier) }, false, nil},
		{"no lease time", func(p *dhcpv4.DHCPv4) { p.DeleteOption(dhcpv4.OptionIPAddressLeaseTime) }, false, nil},
		{"lease of a second", func(p *dhcpv4.DHCPv4) { p.UpdateOption(dhcpv4.OptIPAddressLeaseTime(time.Second)) }, false, nil},
		{"lease for ever", func(p *dhcpv4.DHCPv4) {
			p.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionIPAddressLeaseTime, []byte{255, 255, 255, 255}))
		}, true, func(t *testing.T, l *Lease) {
			if l.Expires != maxLease {
				t.Errorf("expires after %v, want %v", l.Expires, maxLease)
			}
		}},
		{"times out of order", func(p *dhcpv4.DHCPv4) {
			p.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionRenewTimeValue, []byte{0, 0, 255, 0}))
			p.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionRebindingTimeValue, []byte{0, 0, 0, 0}))
		}, true, func(t *testing.T, l *Lease) {
			if !(0 < l.Renew && l.Renew < l.Rebind && l.Rebind < l.Expires) {
				t.Errorf("times %v %v %v are not ascending", l.Renew, l.Rebind, l.Expires)
			}
		}},
		{"router is nonsense", func(p *dhcpv4.DHCPv4) {
			p.UpdateOption(dhcpv4.OptRouter(net.IPv4(127, 0, 0, 1), net.IPv4(192, 168, 7, 254)))
		}, true, func(t *testing.T, l *Lease) {
			if want := netip.MustParseAddr("192.168.7.254"); l.Gateway != want {
				t.Errorf("gateway %v, want %v", l.Gateway, want)
			}
		}},
		{"router is the box", func(p *dhcpv4.DHCPv4) {
			p.UpdateOption(dhcpv4.OptRouter(net.IPv4(192, 168, 7, 20)))
		}, true, func(t *testing.T, l *Lease) {
			if l.Gateway.IsValid() {
				t.Errorf("gateway %v, want none", l.Gateway)
			}
		}},
		{"many name servers", func(p *dhcpv4.DHCPv4) {
			var many []net.IP
			for i := range 60 {
				many = append(many, net.IPv4(192, 168, 7, byte(100+i)))
			}
			p.UpdateOption(dhcpv4.OptDNS(many...))
		}, true, func(t *testing.T, l *Lease) {
			if len(l.DNS) != maxNameservers {
				t.Errorf("%d name servers, want %d", len(l.DNS), maxNameservers)
			}
		}},
		{"tiny MTU", func(p *dhcpv4.DHCPv4) {
			p.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionInterfaceMTU, []byte{0, 68}))
		}, true, func(t *testing.T, l *Lease) {
			if l.MTU != 0 {
				t.Errorf("MTU %d, want it ignored", l.MTU)
			}
		}},
		{"tunnel's MTU", func(p *dhcpv4.DHCPv4) {
			p.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionInterfaceMTU, []byte{0x05, 0xA0}))
		}, true, func(t *testing.T, l *Lease) {
			if l.MTU != 1440 {
				t.Errorf("MTU %d, want 1440", l.MTU)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := &dhcpClient{link: testLink()}
			p := newDHCPServer().answer(c.message(dhcpv4.MessageTypeDiscover), netip.Addr{})
			test.change(p)
			l, err := newLease(p, time.Now())
			if (err == nil) != test.ok {
				t.Fatalf("got error %v, want accepted=%v", err, test.ok)
			}
			if test.check != nil && err == nil {
				test.check(t, l)
			}
		})
	}
}

// dhcpFrame is an honest reply as it comes from the card.
func dhcpFrame() []byte {
	c := &dhcpClient{link: testLink()}
	p := newDHCPServer().answer(c.message(dhcpv4.MessageTypeDiscover), netip.Addr{})
	b := udpBroadcast(p.ToBytes(), netip.MustParseAddr("192.168.7.1"))
	// From the server's port to the client's; the UDP checksum is not looked at.
	b[21], b[23] = dhcpServerPort, dhcpClientPort
	return b
}

func TestUDPPayload(t *testing.T) {
	t.Parallel()
	if _, err := parseDHCP(append(dhcpFrame(), make([]byte, 10)...)); err != nil {
		t.Errorf("honest packet with padding: %v", err)
	}
	for name, spoil := range map[string]func([]byte) []byte{
		"empty":             func(b []byte) []byte { return nil },
		"cut in IP":         func(b []byte) []byte { return b[:15] },
		"cut in UDP":        func(b []byte) []byte { return b[:24] },
		"cut in DHCP":       func(b []byte) []byte { return b[:100] },
		"IPv6":              func(b []byte) []byte { b[0] = 6<<4 | 5; return b },
		"header too short":  func(b []byte) []byte { b[0] = 4<<4 | 4; return b },
		"header checksum":   func(b []byte) []byte { b[8]++; return b },
		"UDP length beyond": func(b []byte) []byte { b[24] = 0xFF; return b },
		"UDP length small":  func(b []byte) []byte { b[24], b[25] = 0, 7; return b },
		"port":              func(b []byte) []byte { b[23]++; return b },
	} {
		if _, err := parseDHCP(spoil(dhcpFrame())); err == nil {
			t.Errorf("%s: packet accepted", name)
		}
	}
}

func FuzzDHCP(f *testing.F) {
	f.Add(dhcpFrame())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parseDHCP(b)
		if err != nil {
			return
		}
		l, err := newLease(p, time.Time{})
		if err != nil {
			return
		}
		if !usableHost(l.Address) || l.Renew <= 0 || l.Renew >= l.Rebind || l.Rebind >= l.Expires || l.Expires > maxLease ||
			len(l.DNS) > maxNameservers || len(l.NTP) > maxTimeServers {
			t.Errorf("lease accepted that breaks its promises: %+v", l)
		}
	})
}

// FuzzUDP: the layers under DHCP, with the IP checksum put right so that the
// fuzzer gets past it.
func FuzzUDP(f *testing.F) {
	f.Add(dhcpFrame())
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= ipv4Header {
			if h := int(b[0]&15) * 4; h >= ipv4Header && h <= len(b) {
				b[10], b[11] = 0, 0
				sum := checksum(b[:h])
				b[10], b[11] = byte(sum>>8), byte(sum)
			}
		}
		if p, err := parseDHCP(b); err == nil {
			_, _ = newLease(p, time.Time{})
		}
	})
}

func FuzzARP(f *testing.F) {
	f.Add(arpPacket{op: arpRequest, senderMAC: testLink().MAC, sender: netip.IPv4Unspecified(), targetMAC: make(net.HardwareAddr, 6), target: netip.MustParseAddr("169.254.1.1")}.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := parseARP(b)
		if !ok {
			return
		}
		if again, ok := parseARP(p.bytes()); !ok || again.sender != p.sender || again.target != p.target {
			t.Errorf("packet changed on the way: %+v, want %+v", again, p)
		}
	})
}
