package firewall

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Where the box of these tests stands, and who is around.
const (
	boxAddr, boxAddr6       = "192.0.2.10", "2001:db8:1::10"
	routerAddr, routerAddr6 = "192.0.2.1", "2001:db8:1::1"
	officeAddr, officeAddr6 = "192.0.2.20", "2001:db8:1::20"
	branchAddr, branchAddr6 = "198.51.100.20", "2001:db8:2::20" // behind the router, of the office
	worldAddr, worldAddr6   = "203.0.113.5", "2001:db8:9::5"
	phoneAddr, phoneAddr6   = "203.0.113.77", "2001:db8:9:7::77"
)

// openPorts are those on which the box of these tests listens.
func openPorts() []uint16 { return []uint16{25, 80, 110, 143, 443, 465, 587, 993, 995} }

// TestNamespace sends packets: rules are what the kernel makes of them.
func TestNamespace(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	w := newWorld(t)
	around := Surroundings{
		OnLink:  []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8:1::/64")},
		Routers: []netip.Addr{netip.MustParseAddr(routerAddr), netip.MustParseAddr(routerAddr6), netip.MustParseAddr("fe80::1%box")},
	}
	everybody := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	branch := []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8:2::/48"), netip.MustParsePrefix("198.51.100.16/28")}
	phones := []netip.Prefix{netip.MustParsePrefix("203.0.113.64/26"), netip.MustParsePrefix("2001:db8:9:7::/64")}
	smtpOnly, all := []uint16{25}, openPorts()
	for _, test := range []struct {
		name   string
		policy Policy
		want   map[string][]uint16
	}{
		{"not set up", Policy{}, map[string][]uint16{"office": all, "router": all, "branch": smtpOnly, "world": smtpOnly, "phone": smtpOnly}},
		{"set up", Policy{SetUp: true}, map[string][]uint16{"office": all, "router": smtpOnly, "branch": smtpOnly, "world": smtpOnly, "phone": smtpOnly}},
		{
			"with a branch", Policy{SetUp: true, Office: branch},
			map[string][]uint16{"office": all, "router": smtpOnly, "branch": all, "world": smtpOnly, "phone": smtpOnly},
		},
		{
			"with a router that is trusted", Policy{SetUp: true, Office: alone(around.Routers[:2])},
			map[string][]uint16{"office": all, "router": all, "branch": smtpOnly, "world": smtpOnly, "phone": smtpOnly},
		},
		{
			"with doors", Policy{SetUp: true, Doors: []Door{{[]uint16{993, 587, 993}, phones}, {[]uint16{443}, everybody}}},
			map[string][]uint16{"office": all, "router": {25, 443}, "branch": {25, 443}, "world": {25, 443}, "phone": {25, 443, 587, 993}},
		},
	} {
		if err := Apply(test.policy, around); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		var asking sync.WaitGroup
		for who, want := range test.want {
			for _, addr := range w.addresses[who] {
				asking.Go(func() {
					if got := w.reaches(t, addr); !slices.Equal(got, want) {
						t.Errorf("%s: from %s (%s) ports %v answer; want %v", test.name, who, addr, got, want)
					}
				})
			}
		}
		asking.Wait()
		if got := w.answer(t, netip.MustParseAddr(worldAddr), 113); !errors.Is(got, unix.ECONNREFUSED) {
			t.Errorf("%s: port 113 is %v for the world; want it refused at once", test.name, got)
		}
	}
	t.Run("too often", w.tooOften)
	t.Run("one table", func(t *testing.T) { w.oneTable(t, around) })
}

// tooOften calls from one address until nobody answers; others still are answered.
func (w *world) tooOften(t *testing.T) {
	if err := Apply(Policy{SetUp: true}, Surroundings{}); err != nil {
		t.Fatal(err)
	}
	for _, addrs := range [][2]string{{worldAddr, phoneAddr}, {worldAddr6, phoneAddr6}} {
		calls := 0
		for w.answer(t, netip.MustParseAddr(addrs[0]), 25) == nil && calls <= 2*worldBurst {
			calls++
		}
		if calls < worldBurst || calls > 2*worldBurst {
			t.Errorf("%s was answered %d times; want some more than %d", addrs[0], calls, worldBurst)
		}
		if err := w.answer(t, netip.MustParseAddr(addrs[1]), 25); err != nil {
			t.Errorf("%s has called for the first time: %v", addrs[1], err)
		}
	}
}

// oneTable: rules take the place of those before them, and nobody else's.
func (w *world) oneTable(t *testing.T, around Surroundings) {
	for range 3 {
		if err := Apply(Policy{SetUp: true}, around); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	tables, err := conn.ListTables()
	if err != nil || len(tables) != 1 || tables[0].Name != tableName {
		t.Errorf("tables are %v, %v; want the one", tables, err)
	}
	if got := w.reaches(t, netip.MustParseAddr(worldAddr)); !slices.Equal(got, []uint16{25}) {
		t.Errorf("the world reaches ports %v", got)
	}
}

// world is the other end of the box's cable, where everybody is.
type world struct {
	ns, own   netns.NsHandle
	addresses map[string][]netip.Addr
}

// newWorld lays a cable and puts everybody on its far end.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{addresses: map[string][]netip.Addr{}}
	for who, pair := range map[string][2]string{
		"router": {routerAddr, routerAddr6}, "office": {officeAddr, officeAddr6}, "branch": {branchAddr, branchAddr6},
		"world": {worldAddr, worldAddr6}, "phone": {phoneAddr, phoneAddr6},
	} {
		w.addresses[who] = []netip.Addr{netip.MustParseAddr(pair[0]), netip.MustParseAddr(pair[1])}
	}
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "box"}, PeerName: "far"}))
	runtime.LockOSThread()
	var err error
	w.own, err = netns.Get()
	must(t, err)
	w.ns, err = netns.New() // the thread is in it now
	must(t, err)
	must(t, netns.Set(w.own))
	runtime.UnlockOSThread()
	far, err := netlink.LinkByName("far")
	must(t, err)
	must(t, netlink.LinkSetNsFd(far, int(w.ns)))
	w.do(t, func() {
		var all []string
		for _, addrs := range w.addresses {
			for _, a := range addrs {
				all = append(all, netip.PrefixFrom(a, a.BitLen()).String())
			}
		}
		configure(t, "far", all...)
	})
	configure(t, "lo")
	configure(t, "box", boxAddr+"/24", boxAddr6+"/64")
	w.do(t, func() {
		route(t, "far", "192.0.2.0/24")
		route(t, "far", "2001:db8:1::/64")
	})
	route(t, "box", "0.0.0.0/0") // whoever is not near is on the same cable here
	route(t, "box", "::/0")
	for _, port := range openPorts() {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		must(t, err)
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				c.Close()
			}
		}()
	}
	return w
}

// answerTime is more than a busy machine needs to answer over its own cable.
const answerTime = 700 * time.Millisecond

// answer calls a port of the box.
func (w *world) answer(t *testing.T, from netip.Addr, port uint16) (err error) {
	to := boxAddr
	if from.Is6() {
		to = boxAddr6
	}
	w.do(t, func() {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from.AsSlice()}, Timeout: answerTime}
		var c net.Conn
		if c, err = d.Dial("tcp", net.JoinHostPort(to, fmt.Sprint(port))); err == nil {
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
	})
	return err
}

// reaches are the ports of the box that answer, asked all at once.
func (w *world) reaches(t *testing.T, from netip.Addr) []uint16 {
	t.Helper()
	found := make(chan uint16)
	for _, port := range openPorts() {
		go func() {
			if w.answer(t, from, port) != nil {
				port = 0
			}
			found <- port
		}()
	}
	var ports []uint16
	for range openPorts() {
		if port := <-found; port != 0 {
			ports = append(ports, port)
		}
	}
	slices.Sort(ports)
	return ports
}

// do runs f on the far side.
func (w *world) do(t *testing.T, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := netns.Set(w.ns); err != nil {
		t.Error(err)
		return
	}
	defer func() {
		if err := netns.Set(w.own); err != nil {
			panic(err) // the thread would be lost in the other namespace
		}
	}()
	f()
}

// configure switches a card on and gives it addresses.
func configure(t *testing.T, card string, addresses ...string) {
	t.Helper()
	link, err := netlink.LinkByName(card)
	must(t, err)
	must(t, netlink.LinkSetUp(link))
	for _, text := range addresses {
		a, err := netlink.ParseAddr(text)
		must(t, err)
		a.Flags = unix.IFA_F_NODAD
		must(t, netlink.AddrAdd(link, a))
	}
}

func route(t *testing.T, card, network string) {
	t.Helper()
	link, err := netlink.LinkByName(card)
	must(t, err)
	_, dst, err := net.ParseCIDR(network)
	must(t, err)
	must(t, netlink.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: dst, Scope: netlink.SCOPE_LINK}))
}

// inNamespace runs the calling test once more in a network namespace of its own and
// reports whether this is that run.
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

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
