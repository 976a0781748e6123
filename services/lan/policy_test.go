package lan

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

type fakeNetwork struct {
	onLink   []netip.Prefix
	gateways []netip.Addr
	err      error
}

func (n *fakeNetwork) OnLink() ([]netip.Prefix, error) { return n.onLink, n.err }
func (n *fakeNetwork) Gateways() ([]netip.Addr, error) { return n.gateways, n.err }

func nobody() mail.Admission { return mail.Admission{} }

// TestAdmits: a door is for its service and its networks; what the administrator has added
// to the office is for all.
func TestAdmits(t *testing.T) {
	t.Parallel()
	prefix := netip.MustParsePrefix
	more := mail.Admission{
		Office: []netip.Prefix{prefix("198.51.100.0/24")},
		Doors: []mail.Door{
			{Service: mail.ServiceIMAP, Networks: []netip.Prefix{prefix("203.0.113.64/26")}},
			{Service: mail.ServiceSubmission, Networks: []netip.Prefix{prefix("0.0.0.0/0")}},
		},
	}
	network := &fakeNetwork{onLink: []netip.Prefix{prefix("192.168.1.0/24")}}
	trusted := []netip.Prefix{prefix("10.9.0.0/16")}
	p := New(network, func() bool { return true }, func() []netip.Prefix { return trusted }, func() mail.Admission { return more })
	for _, test := range []struct {
		addr                   string
		imap, pop3, submission bool
	}{
		{"192.168.1.7", true, true, true},
		{"198.51.100.7", true, true, true},
		{"10.9.1.1", true, true, true},
		{"::ffff:203.0.113.77", true, false, true},
		{"203.0.113.5", false, false, true},
		{"2001:db8::7", false, false, false},
	} {
		addr := netip.MustParseAddr(test.addr)
		for service, want := range map[mail.Service]bool{mail.ServiceIMAP: test.imap, mail.ServicePOP3: test.pop3, mail.ServiceSubmission: test.submission} {
			if got := p.Admits(service, addr); got != want {
				t.Errorf("Admits(%s, %s) = %v; want %v", service, addr, got, want)
			}
		}
	}
	if p.Local(netip.MustParseAddr("203.0.113.77")) || p.Trusted(netip.MustParseAddr("198.51.100.7")) {
		t.Error("who has a door is taken for the office’s, or the office’s for trusted")
	}
	a := p.Admission()
	if want := []netip.Prefix{trusted[0], more.Office[0]}; !a.SetUp || !slices.Equal(a.Office, want) || len(a.Doors) != 2 {
		t.Errorf("the packet filter is told %+v; want %v to be the office’s", a, want)
	}
	if len(more.Office) != 1 {
		t.Error("the settings were changed")
	}
}

func TestLocal(t *testing.T) {
	t.Parallel()
	network := &fakeNetwork{
		onLink:   []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("2001:db8::/64")},
		gateways: []netip.Addr{netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("fe80::1%eth0")},
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}
	for _, setUp := range []bool{false, true} {
		p := New(network, func() bool { return setUp }, func() []netip.Prefix { return trusted }, nobody)
		for addr, want := range map[string]bool{
			"192.168.1.7": true, "::ffff:192.168.1.7": true, "2001:db8::7": true, "127.0.0.1": true, "::1": true,
			"10.9.1.1": true, "10.8.1.1": false, "203.0.113.5": false, "2001:db8:1::7": false, "192.168.1.1": !setUp,
			"fe80::1%eth0": !setUp, "fe80::1": !setUp, "fe80::2%eth0": true,
		} {
			if got := p.Local(netip.MustParseAddr(addr)); got != want {
				t.Errorf("set up %v: Local(%s) = %v; want %v", setUp, addr, got, want)
			}
		}
		if !p.Trusted(netip.MustParseAddr("::ffff:10.9.1.1")) || p.Trusted(netip.MustParseAddr("192.168.1.7")) {
			t.Error("Trusted is what was added, and nothing else")
		}
	}
	trusted = append(trusted, netip.MustParsePrefix("192.168.1.1/32"))
	if !New(network, func() bool { return true }, func() []netip.Prefix { return trusted }, nobody).Local(netip.MustParseAddr("192.168.1.1")) {
		t.Error("a gateway that the administrator trusts is not local")
	}
}

func TestUnknownSurroundings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := &fakeNetwork{onLink: []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")}, err: errors.New("netlink is broken")}
		p := New(network, func() bool { return true }, func() []netip.Prefix { return nil }, nobody)
		addr := netip.MustParseAddr("192.168.1.7")
		if p.Local(addr) || p.Local(netip.MustParseAddr("fe80::1%eth0")) {
			t.Error("an address is local although the gateways are unknown")
		}
		if !p.Local(netip.MustParseAddr("127.0.0.1")) {
			t.Error("loopback is not local")
		}
		network.err = nil
		if p.Local(addr) {
			t.Error("the machine was asked again at once")
		}
		time.Sleep(freshFor)
		if !p.Local(addr) {
			t.Error("the machine was not asked again")
		}
	})
}

func TestListener(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	l := New(&fakeNetwork{}, func() bool { return true }, func() []netip.Prefix { return nil }, nobody).Listener(&stranger{Listener: inner}, mail.ServiceIMAP)
	for range 2 { // the first is made to look like a stranger
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Errorf("the local client can't be talked to: %v", err)
	}
	if got := l.(*listener).Listener.(*stranger).n; got != 2 {
		t.Errorf("%d connections accepted; want the stranger's and the local one", got)
	}
}

// stranger makes the first connection come from far away.
type stranger struct {
	net.Listener
	n int
}

func (s *stranger) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if s.n++; s.n == 1 && err == nil {
		return farConn{c}, nil
	}
	return c, err
}

type farConn struct{ net.Conn }

func (farConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(203, 0, 113, 5), Port: 999}
}
