package netconf

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

const (
	discover = dhcpv4.MessageTypeDiscover
	request  = dhcpv4.MessageTypeRequest
	decline  = dhcpv4.MessageTypeDecline
)

func testLink() Link {
	return Link{Index: 2, Name: "eth0", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, Up: true, Carrier: true, MTU: 1500}
}

// startClient runs a client in the test's bubble; events come out of the channel.
func startClient(t *testing.T, s *dhcpServer, change func(*dhcpClient)) <-chan dhcpEvent {
	t.Helper()
	events := make(chan dhcpEvent, 100)
	c := &dhcpClient{
		link: testLink(), hostname: "mail", log: slog.New(slog.DiscardHandler),
		openWire: s.open,
		inUse:    func(context.Context, Link, netip.Addr) bool { return false },
		report:   func(e dhcpEvent) { events <- e },
	}
	if change != nil {
		change(c)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return events
}

func wantLease(t *testing.T, events <-chan dhcpEvent, want string) *Lease {
	t.Helper()
	e := <-events
	if e.lease == nil {
		t.Fatalf("got no lease (%s), want %s", e.reason, want)
	}
	if got := e.lease.Address.String(); got != want {
		t.Fatalf("leased %s, want %s", got, want)
	}
	return e.lease
}

func wantSeen(t *testing.T, s *dhcpServer, want ...dhcpv4.MessageType) {
	t.Helper()
	if got := s.took(); !slices.Equal(got, want) {
		t.Fatalf("server saw %v, want %v", got, want)
	}
}

func TestDHCPAcquireAndRenew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newDHCPServer()
		start := time.Now()
		events := startClient(t, s, nil)
		l := wantLease(t, events, "192.168.7.20/24")
		wantSeen(t, s, discover, request)
		last, _ := s.heard()
		if got := last.HostName(); got != "mail" {
			t.Errorf("host name sent %q, want mail", got)
		}
		if got, want := l.Gateway, netip.MustParseAddr("192.168.7.1"); got != want {
			t.Errorf("gateway %v, want %v", got, want)
		}
		if len(l.DNS) != 2 || len(l.NTP) != 1 {
			t.Errorf("DNS %v NTP %v, want two and one", l.DNS, l.NTP)
		}
		wantLease(t, events, "192.168.7.20/24")
		if got := time.Since(start).Round(time.Second); got != 30*time.Minute {
			t.Errorf("renewed after %v, want half of the hour", got)
		}
		wantSeen(t, s, request)
		last, sent := s.heard()
		if sent != s.server || last.RequestedIPAddress() != nil || last.ServerIdentifier() != nil {
			t.Errorf("renewal sent to %v with %v and %v, want to the server with neither option (RFC 2131 §4.3.2)",
				sent, last.RequestedIPAddress(), last.ServerIdentifier())
		}
	})
}

func TestDHCPRebindThenExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newDHCPServer()
		events := startClient(t, s, nil)
		start := time.Now()
		wantLease(t, events, "192.168.7.20/24")
		s.set(func(s *dhcpServer) { s.silent, s.seen = true, nil })
		e := <-events
		if e.lease != nil || !e.lost {
			t.Fatalf("got %+v, want the lease lost", e)
		}
		if got := time.Since(start).Round(time.Second); got != time.Hour {
			t.Errorf("lost after %v, want the hour of the lease", got)
		}
		tries := len(s.took())
		if tries < 4 || tries > 12 {
			t.Errorf("%d renewal tries, want a handful", tries)
		}
		if _, sent := s.heard(); sent.IsValid() {
			t.Errorf("last try sent to %v, want broadcast", sent)
		}
		s.set(func(s *dhcpServer) { s.silent = false })
		wantLease(t, events, "192.168.7.20/24")
	})
}

func TestDHCPRefusedRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newDHCPServer()
		events := startClient(t, s, nil)
		wantLease(t, events, "192.168.7.20/24")
		s.set(func(s *dhcpServer) { s.address = netip.MustParseAddr("192.168.7.99") })
		if e := <-events; e.lease != nil || !e.lost {
			t.Fatalf("got %+v, want the address given up at once", e)
		}
		wantLease(t, events, "192.168.7.99/24")
	})
}

func TestDHCPSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newDHCPServer()
		s.silent = true
		events := startClient(t, s, nil)
		start := time.Now()
		e := <-events
		if e.lease != nil || e.lost {
			t.Fatalf("got %+v, want only word that nobody answers", e)
		}
		if got := time.Since(start); got < patience || got > 2*patience {
			t.Errorf("word after %v, want after some %v", got, patience)
		}
		s.took()
		time.Sleep(time.Hour)
		if n := len(s.took()); n < 50 || n > 90 {
			t.Errorf("%d discovers in an hour, want about one every 64 s", n)
		}
		s.set(func(s *dhcpServer) { s.silent = false })
		for e = range events {
			if e.lease != nil {
				return
			}
		}
	})
}

func TestDHCPReboot(t *testing.T) {
	t.Run("same network", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newDHCPServer()
			events := startClient(t, s, func(c *dhcpClient) {
				c.previous = &Lease{Address: netip.MustParsePrefix("192.168.7.20/24"), Start: time.Now(), Expires: time.Hour}
			})
			wantLease(t, events, "192.168.7.20/24")
			wantSeen(t, s, request)
			if last, _ := s.heard(); last.ServerIdentifier() != nil {
				t.Error("server identifier sent, RFC 2131 §4.3.2 forbids it here")
			}
		})
	})
	t.Run("other network", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newDHCPServer()
			events := startClient(t, s, func(c *dhcpClient) {
				c.previous = &Lease{Address: netip.MustParsePrefix("10.1.1.1/24"), Start: time.Now(), Expires: time.Hour}
			})
			if e := <-events; !e.lost {
				t.Fatalf("got %+v, want the old address given up", e)
			}
			wantLease(t, events, "192.168.7.20/24")
		})
	})
}

func TestDHCPDecline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newDHCPServer()
		probes := 0
		events := startClient(t, s, func(c *dhcpClient) {
			c.inUse = func(context.Context, Link, netip.Addr) bool {
				probes++
				return probes == 1
			}
		})
		if e := <-events; e.lease != nil || e.reason == "" {
			t.Fatalf("got %+v, want a reason", e)
		}
		start := time.Now()
		wantLease(t, events, "192.168.7.20/24")
		if got := time.Since(start); got < declinePause {
			t.Errorf("asked again after %v, want at least %v", got, declinePause)
		}
		wantSeen(t, s, discover, request, decline, discover, request)
	})
}

// TestDHCPForged: replies with a wrong transaction, card or server are ignored.
func TestDHCPForged(t *testing.T) {
	c := &dhcpClient{link: testLink()}
	ask := c.request(dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(192, 168, 7, 1))))
	ask.TransactionID = dhcpv4.TransactionID{1, 2, 3, 4}
	good := newDHCPServer().answer(ask, netip.Addr{})
	if !c.isForUs(good, ask) || !sameServer(good, ask) {
		t.Fatal("honest reply refused")
	}
	for name, forge := range map[string]func(*dhcpv4.DHCPv4){
		"transaction": func(p *dhcpv4.DHCPv4) { p.TransactionID[0]++ },
		"card":        func(p *dhcpv4.DHCPv4) { p.ClientHWAddr = net.HardwareAddr{1, 1, 1, 1, 1, 1} },
		"request":     func(p *dhcpv4.DHCPv4) { p.OpCode = dhcpv4.OpcodeBootRequest },
		"server":      func(p *dhcpv4.DHCPv4) { p.UpdateOption(dhcpv4.OptServerIdentifier(net.IPv4(6, 6, 6, 6))) },
	} {
		p, err := dhcpv4.FromBytes(good.ToBytes())
		if err != nil {
			t.Fatal(err)
		}
		forge(p)
		if c.isForUs(p, ask) && sameServer(p, ask) {
			t.Errorf("reply with a forged %s accepted", name)
		}
	}
}
