package netconf

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeKernel is a machine with some cards. Changes to it wake the manager, as
// rtnetlink would.
type fakeKernel struct {
	mu      sync.Mutex
	cards   []Link
	addrs   map[int][]kernelAddress
	rts     map[int][]route
	changed func()
	told    func(rdnss)
	writes  int // changes made by the manager
	made    int // VLANs
}

func newFakeKernel(cards int) *fakeKernel {
	k := &fakeKernel{addrs: make(map[int][]kernelAddress), rts: make(map[int][]route)}
	for i := range cards {
		l := testLink()
		l.Index, l.Name, l.Up = 2+i, "eth"+string(rune('0'+i)), false
		l.MAC = net.HardwareAddr{2, 0, 0, 0, 0, byte(i + 1)}
		l.Carrier = i == 0
		k.cards = append(k.cards, l)
	}
	return k
}

// card is the one of that index.
func (k *fakeKernel) card(l Link) *Link {
	return &k.cards[slices.IndexFunc(k.cards, func(c Link) bool { return c.Index == l.Index })]
}

// edit changes the machine from outside.
func (k *fakeKernel) edit(f func()) {
	k.mu.Lock()
	f()
	k.mu.Unlock()
	k.changed()
}

func (k *fakeKernel) write(f func()) error {
	k.mu.Lock()
	f()
	k.writes++
	k.mu.Unlock()
	k.changed()
	return nil
}

func (k *fakeKernel) links() ([]Link, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.cards), nil
}

func (k *fakeKernel) tag(l Link, vlan uint16) error {
	return k.write(func() {
		v := l
		k.made++
		v.Index, v.Name, v.VLAN, v.Parent, v.On, v.Up = 3+k.made, vlanName(l.Name, vlan), vlan, l.Index, l.Name, false
		k.cards = append(k.cards, v)
	})
}

func (k *fakeKernel) untag(l Link) error {
	return k.write(func() {
		k.cards = slices.DeleteFunc(k.cards, func(c Link) bool { return c.Index == l.Index })
		delete(k.addrs, l.Index)
		delete(k.rts, l.Index)
	})
}

func (k *fakeKernel) up(l Link) error {
	return k.write(func() { k.card(l).Up = true })
}

func (k *fakeKernel) setMTU(l Link, mtu int) error {
	return k.write(func() { k.card(l).MTU = mtu })
}

func (k *fakeKernel) addresses(l Link) ([]kernelAddress, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.addrs[l.Index]), nil
}

func (k *fakeKernel) setAddress(l Link, a kernelAddress) error {
	return k.write(func() {
		if i := indexAddress(k.addrs[l.Index], a.prefix); i >= 0 {
			k.addrs[l.Index][i] = a
			return
		}
		k.addrs[l.Index] = append(k.addrs[l.Index], a)
	})
}

func (k *fakeKernel) removeAddress(l Link, p netip.Prefix) error {
	return k.write(func() {
		k.addrs[l.Index] = slices.DeleteFunc(k.addrs[l.Index], func(a kernelAddress) bool { return a.prefix == p })
	})
}

func (k *fakeKernel) routes(l Link) ([]route, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.rts[l.Index]), nil
}

func (k *fakeKernel) setRoute(l Link, r route) error {
	return k.write(func() { k.rts[l.Index] = append(k.rts[l.Index], r) })
}

func (k *fakeKernel) removeRoute(l Link, r route) error {
	return k.write(func() {
		k.rts[l.Index] = slices.DeleteFunc(k.rts[l.Index], func(x route) bool { return x.gateway == r.gateway && x.metric == r.metric })
	})
}

func (k *fakeKernel) solicit(Link) error { return nil }

func (k *fakeKernel) watch(_ context.Context, changed func(), told func(rdnss)) error {
	k.changed, k.told = changed, told
	return nil
}

// count is how many changes the manager has made.
func (k *fakeKernel) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.writes
}

// has lists "address via gateway" of a card.
func (k *fakeKernel) has(index int) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var parts []string
	for _, a := range k.addrs[index] {
		parts = append(parts, a.prefix.String())
	}
	for _, r := range k.rts[index] {
		parts = append(parts, "via "+r.gateway.String())
	}
	return strings.Join(parts, " ")
}

// rig is a manager on a fake machine.
type rig struct {
	*Manager
	kernel *fakeKernel
	server *dhcpServer
	dir    string

	mu     sync.Mutex
	ready  time.Time
	line   string
	latest Status
}

// last is the status told last.
func (r *rig) last() Status {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.latest
}

// locked makes a callback keep the rig's lock.
func locked[T any](r *rig, f func(T)) func(T) {
	return func(v T) {
		r.mu.Lock()
		defer r.mu.Unlock()
		f(v)
	}
}

func startManager(t *testing.T, config Config, change func(*rig)) *rig {
	t.Helper()
	r := &rig{kernel: newFakeKernel(2), server: newDHCPServer(), dir: t.TempDir()}
	r.Manager = NewManager(Options{
		Config: config, RunDir: r.dir, Log: slog.New(slog.DiscardHandler),
		OnReady:  func() { locked(r, func(at time.Time) { r.ready = at })(time.Now()) },
		OnStatus: locked(r, func(s string) { r.line = s }),
		OnChange: locked(r, func(s Status) { r.latest = s }),
	})
	r.Manager.kernel, r.Manager.dhcp, r.Manager.prober = r.kernel, r.server.open, arpCable(nobody)
	r.Manager.inform = func(context.Context, Link) (rdnss, error) { return rdnss{}, errors.New("no answer") }
	r.Manager.speed = func(string) int { return 1000 }
	if change != nil {
		change(r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("manager ended with %v", err)
		}
		synctest.Wait()
	})
	synctest.Wait()
	return r
}

func (r *rig) want(t *testing.T, index int, want string) {
	t.Helper()
	synctest.Wait()
	if got := r.kernel.has(index); got != want {
		t.Errorf("card %d has %q, want %q", index, got, want)
	}
}

func (r *rig) resolv(t *testing.T) string {
	t.Helper()
	synctest.Wait()
	b, err := os.ReadFile(filepath.Join(r.dir, "resolv.conf"))
	if err != nil {
		t.Fatal(err)
	}
	var servers []string
	for line := range strings.Lines(string(b)) {
		if s, ok := strings.CutPrefix(line, "nameserver "); ok {
			servers = append(servers, strings.TrimSpace(s))
		}
	}
	return strings.Join(servers, " ")
}

func TestManagerDHCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := startManager(t, Config{}, nil)
		time.Sleep(2 * time.Second)
		r.want(t, 2, "192.168.7.20/24 via 192.168.7.1")
		r.mu.Lock()
		if !r.ready.Equal(start) || !strings.HasPrefix(r.line, "eth0  1 Gbit/s, DHCP, 192.168.7.20") {
			t.Errorf("ready after %v with %q, want at once, and the card described", r.ready.Sub(start), r.line)
		}
		r.mu.Unlock()
		if got := r.resolv(t); got != "192.168.7.1 192.168.7.2" {
			t.Errorf("name servers %q", got)
		}
		s, err := ReadStatus(filepath.Join(r.dir, "status.json"))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"eth0  1 Gbit/s, DHCP, 192.168.7.20", "eth1  no cable"}
		if got := s.Lines(); !slices.Equal(got, want) {
			t.Errorf("status %q, want %q", got, want)
		}
		if p := s.Problems(); len(p) != 0 {
			t.Errorf("problems %q, want none", p)
		}
		// Nothing is written again and again once all is as it should be.
		before := r.kernel.count()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if after := r.kernel.count(); after != before {
			t.Errorf("%d changes while nothing changed", after-before)
		}
		// A renewal prolongs the address in the kernel.
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		have, _ := r.kernel.addresses(Link{Index: 2})
		if life := have[0].life; life < 59*time.Minute {
			t.Errorf("the kernel keeps the renewed address for %v, want nearly an hour", life)
		}
	})
}

func TestManagerCable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startManager(t, Config{}, nil)
		time.Sleep(2 * time.Second)
		r.kernel.edit(func() { r.kernel.cards[0].Carrier = false })
		time.Sleep(time.Second)
		r.want(t, 2, "192.168.7.20/24") // the address is ours still, the way out is not
		if got := r.last().Problems(); len(got) != 1 || !strings.Contains(got[0], "No network cable") {
			t.Errorf("problems %q, want the cable", got)
		}
		// Into another network: the old address goes.
		r.server.set(func(s *dhcpServer) { s.address = netip.MustParseAddr("192.168.7.77") })
		r.kernel.edit(func() { r.kernel.cards[0].Carrier = true })
		time.Sleep(time.Minute)
		r.want(t, 2, "192.168.7.77/24 via 192.168.7.1")
		// A second card appears with a cable in it.
		r.kernel.edit(func() { r.kernel.cards[1].Carrier = true })
		time.Sleep(time.Minute)
		r.want(t, 3, "192.168.7.77/24 via 192.168.7.1")
		// And is pulled out of the machine.
		r.kernel.edit(func() { r.kernel.cards = r.kernel.cards[:1] })
		time.Sleep(time.Second)
		synctest.Wait()
		if len(r.last().Cards) != 1 {
			t.Errorf("%d cards, want one", len(r.last().Cards))
		}
	})
}

func TestManagerFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startManager(t, Config{}, func(r *rig) {
			r.server.silent = true
			first := localCandidates(r.kernel.cards[0].MAC)().Addr()
			r.Manager.prober = arpCable(func(a netip.Addr) bool { return a == first })
		})
		time.Sleep(time.Minute)
		candidates := localCandidates(r.kernel.cards[0].MAC)
		candidates() // taken
		r.want(t, 2, candidates().String())
		if got := r.last().Cards[0]; got.Source != SourceLinkLocal || !strings.Contains(got.Problem, "router") {
			t.Errorf("status %+v, want link-local and a hint", got)
		}
		// A server comes up: its address takes the place.
		r.server.set(func(s *dhcpServer) { s.silent = false })
		time.Sleep(2 * time.Minute)
		r.want(t, 2, "192.168.7.20/24 via 192.168.7.1")
		// And goes for longer than the lease: link-local again.
		r.server.set(func(s *dhcpServer) { s.silent = true })
		time.Sleep(2 * time.Hour)
		candidates = localCandidates(r.kernel.cards[0].MAC)
		candidates()
		r.want(t, 2, candidates().String())
	})
}

func staticConfig() Config {
	return Config{
		Mode: ModeStatic, Address: netip.MustParsePrefix("192.168.7.5/24"), Gateway: netip.MustParseAddr("192.168.7.1"),
		DNS: []netip.Addr{netip.MustParseAddr("9.9.9.9")},
	}
}

func TestManagerStatic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startManager(t, staticConfig(), func(r *rig) {
			// Left behind by an earlier start; the automatic one is the kernel's.
			r.kernel.addrs[2] = []kernelAddress{
				{prefix: netip.MustParsePrefix("192.168.7.20/24")},
				{prefix: netip.MustParsePrefix("2001:db8::5/64"), automatic: true},
			}
		})
		r.want(t, 2, "2001:db8::5/64 192.168.7.5/24 via 192.168.7.1")
		if got := r.resolv(t); got != "9.9.9.9" {
			t.Errorf("name servers %q, want the admin's only", got)
		}
		// The cable is put into the other socket: the address follows it.
		r.kernel.edit(func() { r.kernel.cards[0].Carrier, r.kernel.cards[1].Carrier = false, true })
		time.Sleep(time.Second)
		r.want(t, 2, "2001:db8::5/64")
		r.want(t, 3, "192.168.7.5/24 via 192.168.7.1")
		// Back to DHCP.
		r.Reload(t.Context(), Config{Mode: ModeDHCP}, "mail")
		time.Sleep(5 * time.Second)
		r.want(t, 3, "192.168.7.20/24 via 192.168.7.1")
	})
}

func TestManagerStaticTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startManager(t, staticConfig(), func(r *rig) {
			r.Manager.prober = arpCable(func(a netip.Addr) bool { return a == netip.MustParseAddr("192.168.7.5") })
		})
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := r.last().Problems(); len(got) != 1 || !strings.Contains(got[0], "02:09:09:09:09:09") {
			t.Errorf("problems %q, want the other device named", got)
		}
	})
}

func TestManagerRestartKeepsAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startManager(t, Config{}, func(r *rig) {
			r.kernel.addrs[2] = []kernelAddress{{prefix: netip.MustParsePrefix("192.168.7.20/24")}}
			r.kernel.rts[2] = []route{{gateway: netip.MustParseAddr("192.168.7.1"), metric: metricDHCP}}
			r.server.silent = true
		})
		time.Sleep(5 * time.Second)
		r.want(t, 2, "192.168.7.20/24 via 192.168.7.1")
		last, _ := r.server.heard()
		if got := last.RequestedIPAddress(); got != nil {
			t.Errorf("still wishes for %v after silence", got)
		}
	})
}

func TestManagerRDNSS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startManager(t, Config{}, func(r *rig) { r.server.silent = true })
		r.kernel.told(rdnss{index: 2, servers: []netip.Addr{netip.MustParseAddr("fe80::1"), netip.MustParseAddr("2001:db8::53")}, life: time.Minute})
		time.Sleep(time.Second)
		if got := r.resolv(t); got != "fe80::1%eth0 2001:db8::53" {
			t.Errorf("name servers %q", got)
		}
		time.Sleep(2 * time.Minute)
		if got := r.resolv(t); got != "" {
			t.Errorf("name servers %q after their lifetime, want none", got)
		}
		// A flood is bounded and does not stop the manager.
		for i := range 10_000 {
			r.kernel.told(rdnss{index: 2, servers: []netip.Addr{netip.AddrFrom16([16]byte{0x20, byte(i), byte(i >> 8)})}, life: time.Minute})
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(r.last().DNS); n != maxNameservers {
			t.Errorf("%d name servers after a flood, want %d", n, maxNameservers)
		}
	})
}

func TestManagerDHCPv6(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan time.Time, 100)
		start := time.Now()
		r := startManager(t, Config{}, func(r *rig) {
			r.server.silent = true
			r.kernel.addrs[2] = []kernelAddress{{prefix: netip.MustParsePrefix("2001:db8::5/64"), automatic: true}}
			r.Manager.inform = func(_ context.Context, l Link) (rdnss, error) {
				asked <- time.Now()
				if len(asked) == 1 {
					return rdnss{}, errors.New("no answer")
				}
				return rdnss{index: l.Index, servers: []netip.Addr{netip.MustParseAddr("2001:db8::53")}, life: time.Hour}, nil
			}
		})
		if first := (<-asked).Sub(start); first < informDelay {
			t.Errorf("asked after %v, want the router to have its turn", first)
		}
		asked <- start // so that the next answer is a good one
		time.Sleep(10 * time.Minute)
		if got := r.resolv(t); got != "2001:db8::53" {
			t.Errorf("name servers %q", got)
		}
		<-asked
		if second := (<-asked).Sub(start); second < informAgain || len(asked) != 0 {
			t.Errorf("asked again after %v and %d times more, want once after %v", second, len(asked), informAgain)
		}
		// Asked for anew before they run out: there is never none.
		for range 20 {
			time.Sleep(time.Hour)
			if got := r.resolv(t); got != "2001:db8::53" {
				t.Errorf("name servers %q", got)
			}
		}
	})
}
