package netconf

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// inNamespace runs the calling test once more in a network namespace of its own
// and reports whether this is that run. Network namespaces need root.
func inNamespace(t *testing.T) bool {
	t.Helper()
	const inside = "SANDUK_TEST_NETNS"
	if os.Getenv(inside) == t.Name() {
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("NOT RUN: needs root to make a network namespace")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), inside+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		if strings.Contains(err.Error(), "operation not permitted") {
			t.Skip("NOT RUN: this machine does not let root make a network namespace")
		}
		t.Errorf("in its namespace: %v\n%s", err, out)
	}
	return false
}

// network is the other end of the box's cable, in a namespace of its own.
type network struct {
	t       *testing.T
	ns, own netns.NsHandle
}

// cable makes a pair of cards: "box" stays here, "far" goes to another namespace,
// is switched on and gets the addresses.
func cable(t *testing.T, addresses ...string) network {
	t.Helper()
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "box"}, PeerName: "far"}))
	runtime.LockOSThread()
	own, err := netns.Get()
	must(t, err)
	ns, err := netns.New() // the thread is in it now
	must(t, err)
	must(t, netns.Set(own))
	runtime.UnlockOSThread()
	n := network{t, ns, own}
	far, err := netlink.LinkByName("far")
	must(t, err)
	must(t, netlink.LinkSetNsFd(far, int(ns)))
	n.do(func() {
		far, err := netlink.LinkByName("far")
		must(t, err)
		must(t, netlink.LinkSetUp(far))
		for _, text := range addresses {
			a, err := netlink.ParseAddr(text)
			must(t, err)
			a.Flags = unix.IFA_F_NODAD
			must(t, netlink.AddrAdd(far, a))
		}
	})
	return n
}

// do runs f on the far side: sockets that it opens stay there.
func (n network) do(f func()) {
	n.t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must(n.t, netns.Set(n.ns))
	defer func() { must(n.t, netns.Set(n.own)) }()
	f()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serveDHCP runs the test's server on the far end.
func (n network) serveDHCP(s *dhcpServer) {
	t := n.t
	t.Helper()
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		_ = c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BROADCAST, 1)
			if err == nil {
				err = unix.BindToDevice(int(fd), "far")
			}
		})
		return err
	}}
	var c net.PacketConn
	n.do(func() {
		var err error
		c, err = lc.ListenPacket(t.Context(), "udp4", "0.0.0.0:67")
		must(t, err)
	})
	t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, maxPacket)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			p, err := dhcpv4.FromBytes(b[:n])
			if err != nil {
				continue
			}
			to := &net.UDPAddr{IP: net.IPv4bcast, Port: dhcpClientPort}
			var unicast netip.Addr
			if !p.ClientIPAddr.IsUnspecified() {
				to = from.(*net.UDPAddr)
				unicast = s.server
			}
			if r := s.answer(p, unicast); r != nil {
				_, _ = c.WriteTo(r.ToBytes(), to) // a lost reply fails the test by its absence
			}
		}
	}()
}

// realManager runs a manager on the namespace's cards; states arrive at the
// channel.
func realManager(t *testing.T, config Config) (dir string, states <-chan Status) {
	t.Helper()
	dir = t.TempDir()
	ch := make(chan Status, 100)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	m := NewManager(Options{Config: config, Hostname: "mail", RunDir: dir, Log: log, OnChange: func(s Status) { ch <- s }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("manager ended with %v", err)
		}
	})
	return dir, ch
}

// await waits for a state that fits; the deadline is only there to end a broken
// run.
func await(t *testing.T, states <-chan Status, what string, fits func(Status) bool) Status {
	t.Helper()
	var last Status
	deadline := time.After(2 * time.Minute)
	for {
		select {
		case last = <-states:
			if fits(last) {
				return last
			}
		case <-deadline:
			t.Fatalf("no %s; last state %+v", what, last)
		}
	}
}

func hasAddress(p string) func(Status) bool {
	return func(s Status) bool {
		return len(s.Cards) == 1 && slices.Contains(s.Cards[0].Addresses, netip.MustParsePrefix(p))
	}
}

func TestNamespaceDHCP(t *testing.T) {
	t.Parallel() // the namespaces keep them apart
	if !inNamespace(t) {
		return
	}
	n := cable(t, "192.168.7.1/24")
	s := newDHCPServer()
	s.lease = 30 * time.Second
	s.options = append(s.options,
		dhcpv4.OptGeneric(dhcpv4.OptionRenewTimeValue, []byte{0, 0, 0, 15}),
		dhcpv4.OptGeneric(dhcpv4.OptionRebindingTimeValue, []byte{0, 0, 0, 25}),
		dhcpv4.OptGeneric(dhcpv4.OptionInterfaceMTU, []byte{0x05, 0xA0}))
	n.serveDHCP(s)
	dir, states := realManager(t, Config{})
	await(t, states, "lease", hasAddress("192.168.7.20/24"))

	gateways, err := DefaultGateways()
	if want := netip.MustParseAddr("192.168.7.1"); err != nil || !slices.Contains(gateways, want) {
		t.Errorf("routers %v, %v; want %v", gateways, err, want)
	}
	prefixes, err := OnLinkPrefixes()
	if err != nil || !slices.Contains(prefixes, netip.MustParsePrefix("192.168.7.0/24")) || !slices.Contains(prefixes, netip.MustParsePrefix("fe80::/64")) {
		t.Errorf("networks %v, %v; want 192.168.7.0/24 and fe80::/64", prefixes, err)
	}
	all, err := Addresses()
	if err != nil || !slices.Contains(all, Address{"box", netip.MustParsePrefix("192.168.7.20/24")}) {
		t.Errorf("addresses %v, %v; want the leased one", all, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "resolv.conf"))
	if err != nil || !strings.Contains(string(b), "nameserver 192.168.7.1\n") {
		t.Errorf("resolv.conf %q, %v", b, err)
	}
	if l, err := netlink.LinkByName("box"); err != nil || l.Attrs().MTU != 1440 {
		t.Errorf("MTU of the card %v, %v; want 1440", l.Attrs().MTU, err)
	}
	// The renewal goes to the server alone, over an ordinary socket.
	s.took()
	deadline := time.Now().Add(25 * time.Second)
	for len(s.took()) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("no renewal")
		}
		runtimePause()
	}
	if _, sent := s.heard(); sent != s.server {
		t.Errorf("renewal sent to %v, want unicast to the server", sent)
	}
	// A refused renewal takes the address away and gets the new one.
	s.set(func(s *dhcpServer) { s.address = netip.MustParseAddr("192.168.7.33") })
	await(t, states, "new address", func(st Status) bool {
		return hasAddress("192.168.7.33/24")(st) && !hasAddress("192.168.7.20/24")(st)
	})
}

// runtimePause waits a little for another process or the kernel: real time, which
// a test in a namespace can't fake.
func runtimePause() {
	<-time.After(20 * time.Millisecond)
}

func TestNamespaceConflict(t *testing.T) {
	t.Parallel() // the namespaces keep them apart
	if !inNamespace(t) {
		return
	}
	// Somebody has the address that the server gives out.
	n := cable(t, "192.168.7.1/24", "192.168.7.20/24")
	s := newDHCPServer()
	n.serveDHCP(s)
	_, states := realManager(t, Config{})
	await(t, states, "refusal", func(st Status) bool { return len(st.Problems()) > 0 && st.Cards[0].Cable })
	deadline := time.Now().Add(time.Minute)
	for !slices.Contains(s.took(), dhcpv4.MessageTypeDecline) {
		if time.Now().After(deadline) {
			t.Fatal("taken address not declined")
		}
		runtimePause()
	}
}

func TestNamespaceRouter(t *testing.T) {
	t.Parallel() // the namespaces keep them apart
	if !inNamespace(t) {
		return
	}
	n := cable(t, "fe80::1/64")
	_, states := realManager(t, Config{})
	n.advertise()
	st := await(t, states, "IPv6 address and name server", func(st Status) bool {
		return len(st.Cards) == 1 && len(st.Cards[0].Addresses) > 0 && len(st.DNS) > 0
	})
	if p := st.Cards[0].Addresses[0]; !netip.MustParsePrefix("2001:db8:7::/64").Contains(p.Addr()) {
		t.Errorf("address %v, want one in 2001:db8:7::/64", p)
	}
	if st.DNS[0] != netip.MustParseAddr("2001:db8:7::53") {
		t.Errorf("name server %v, want 2001:db8:7::53", st.DNS)
	}
	if st.Cards[0].Source != SourceRouter || len(st.Problems()) != 0 {
		t.Errorf("status %+v, want a healthy IPv6-only network", st)
	}
	gateways, err := DefaultGateways()
	if err != nil || !slices.Contains(gateways, netip.MustParseAddr("fe80::1%box")) {
		t.Errorf("routers %v, %v; want fe80::1%%box", gateways, err)
	}
	all, err := Addresses()
	if err != nil || len(all) == 0 || !strings.HasPrefix(all[0].URLHost(), "[2001:db8:7:") {
		t.Errorf("addresses %v, %v; want the IPv6 one first", all, err)
	}
}

// advertise sends router advertisements from the far end until the test ends.
func (n network) advertise() {
	t := n.t
	t.Helper()
	ra := []byte{icmpRouterAdvertisement, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0}
	prefix := netip.MustParseAddr("2001:db8:7::").As16()
	ra = append(ra, 3, 4, 64, 0xC0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	ra = append(ra, prefix[:]...)
	dns := netip.MustParseAddr("2001:db8:7::53").As16()
	ra = append(ra, optRDNSS, 3, 0, 0, 0, 0, 2, 88)
	ra = append(ra, dns[:]...)
	var c net.PacketConn
	n.do(func() {
		var err error
		c, err = net.ListenPacket("ip6:ipv6-icmp", "fe80::1%far")
		must(t, err)
	})
	p := ipv6.NewPacketConn(c)
	if err := p.SetMulticastHopLimit(255); err != nil {
		t.Fatal(err)
	}
	ticker := time.NewTicker(300 * time.Millisecond)
	t.Cleanup(func() { ticker.Stop(); c.Close() })
	go func() {
		for range ticker.C {
			if _, err := p.WriteTo(ra, nil, &net.IPAddr{IP: net.IPv6linklocalallnodes, Zone: "far"}); err != nil {
				return
			}
		}
	}()
}

func TestNamespaceHotPlug(t *testing.T) {
	t.Parallel() // the namespaces keep them apart
	if !inNamespace(t) {
		return
	}
	_, states := realManager(t, Config{Mode: ModeStatic, Address: netip.MustParsePrefix("10.9.8.7/24"), Gateway: netip.MustParseAddr("10.9.8.1")})
	await(t, states, "empty machine", func(st Status) bool { return len(st.Cards) == 0 })
	n := cable(t, "10.9.8.1/24")
	await(t, states, "static address on the new card", func(st Status) bool {
		return hasAddress("10.9.8.7/24")(st) && st.Cards[0].Cable
	})
	n.do(func() {
		far, err := netlink.LinkByName("far")
		must(t, err)
		must(t, netlink.LinkSetDown(far))
	})
	await(t, states, "word of the pulled cable", func(st Status) bool { return !st.Cards[0].Cable })
	if gateways, err := DefaultGateways(); err != nil || len(gateways) != 0 {
		t.Errorf("routers %v, %v; want none without a cable", gateways, err)
	}
	box, err := netlink.LinkByName("box")
	must(t, err)
	must(t, netlink.LinkDel(box))
	await(t, states, "empty machine", func(st Status) bool { return len(st.Cards) == 0 })
}
