package mdns

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// cable joins fake wires: what one sends to the group all others get.
type cable struct {
	mu    sync.Mutex
	wires []*fakeWire
	seen  []seen
}

// seen is a packet on the cable.
type seen struct {
	data      []byte
	multicast bool
	to        netip.AddrPort
}

type fakeWire struct {
	mu    sync.Mutex
	cable *cable // guarded by mu
	addr  netip.AddrPort
	index int
	in    chan packet
}

func (c *cable) plug(addr string, index int) *fakeWire {
	w := &fakeWire{cable: c, addr: netip.AddrPortFrom(netip.MustParseAddr(addr), port), index: index, in: make(chan packet, queue)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wires = append(c.wires, w)
	return w
}

func (c *cable) send(from *fakeWire, data []byte, multicast bool, to netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, seen{data, multicast, to})
	for _, w := range c.wires {
		if w != from && (multicast || w.addr == to) {
			select {
			case w.in <- packet{data, from.addr, w.index, multicast}:
			default:
			}
		}
	}
}

// took returns the packets since the last call.
func (c *cable) took() []seen {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.seen
	c.seen = nil
	return s
}

func (w *fakeWire) join(Interface)               { /* it is in everything */ }
func (w *fakeWire) multicast(data []byte, _ int) { w.on().send(w, data, true, netip.AddrPort{}) }
func (w *fakeWire) unicast(data []byte, _ int, to netip.AddrPort) {
	w.on().send(w, data, false, to)
}

// on is the cable that the wire is plugged into.
func (w *fakeWire) on() *cable {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cable
}

func (w *fakeWire) packets() <-chan packet { return w.in }
func (w *fakeWire) close()                 {}

// device is a responder on the cable and the names it had.
type device struct {
	*Responder
	wire *fakeWire

	mu    sync.Mutex
	names []string // guarded by mu
}

func start(t *testing.T, c *cable, addr string) *device {
	t.Helper()
	d := &device{wire: c.plug(addr, 2)}
	r, err := New(Options{Name: "mailbox", Log: slog.New(slog.DiscardHandler), OnName: d.named})
	if err != nil {
		t.Fatal(err)
	}
	r.open = func(*slog.Logger) (wire, error) { return d.wire, nil }
	d.Responder = r
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("responder ended with %v", err)
		}
	})
	r.SetInterfaces([]Interface{card(addr)})
	return d
}

func card(addr string) Interface {
	return Interface{Index: 2, Name: "eth0", Prefixes: []netip.Prefix{
		netip.PrefixFrom(netip.MustParseAddr(addr), 24), netip.MustParsePrefix("fe80::2/64"),
	}}
}

func (d *device) named(n string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names = append(d.names, n)
}

func (d *device) name() string {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.names) == 0 {
		return ""
	}
	return d.names[len(d.names)-1]
}

// ask sends one question to the group.
func ask(t *testing.T, w *fakeWire, kind dnsmessage.Type, name string, class dnsmessage.Class) {
	t.Helper()
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: 77})
	if err := b.StartQuestions(); err != nil {
		t.Fatal(err)
	}
	if err := b.Question(dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: kind, Class: class}); err != nil {
		t.Fatal(err)
	}
	data, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	w.on().send(w, data, true, netip.AddrPort{})
}

func answers(t *testing.T, list []seen) []message {
	t.Helper()
	var out []message
	for _, s := range list {
		m, err := parse(s.data)
		if err != nil {
			t.Fatalf("what we sent can't be read: %v", err)
		}
		if m.response {
			out = append(out, m)
		}
	}
	return out
}

func TestClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cable
		d := start(t, &c, "192.168.7.20")
		time.Sleep(5 * time.Second)
		if got := d.name(); got != "mailbox.local" {
			t.Fatalf("name %q, want mailbox.local", got)
		}
		list := c.took()
		if len(list) != probes+announcements {
			t.Fatalf("%d packets, want %d probes and %d announcements", len(list), probes, announcements)
		}
		first, err := parse(list[0].data)
		if err != nil || first.response || len(first.authority) != 1 || !first.questions[0].unicast {
			t.Errorf("first packet %+v, %v; want a probe", first, err)
		}
		last, err := parse(list[4].data)
		if err != nil || !last.response || len(last.answers) != 1 || last.answers[0].ttl != recordTTL {
			t.Errorf("last packet %+v, %v; want an announcement of the one address", last, err)
		}
	})
}

func TestConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cable
		one := start(t, &c, "192.168.7.20")
		time.Sleep(5 * time.Second)
		two := start(t, &c, "192.168.7.21")
		time.Sleep(5 * time.Second)
		three := start(t, &c, "192.168.7.22")
		time.Sleep(5 * time.Second)
		for d, want := range map[*device]string{one: "mailbox.local", two: "mailbox-2.local", three: "mailbox-3.local"} {
			if got := d.name(); got != want {
				t.Errorf("name %q, want %q", got, want)
			}
		}
		if len(one.names) != 1 {
			t.Errorf("the first device's names %q, want it undisturbed", one.names)
		}
	})
}

// TestPowerCut: the whole office gets its power back at once.
func TestPowerCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cable
		var devices []*device
		for _, a := range []string{"192.168.7.20", "192.168.7.21", "192.168.7.22", "192.168.7.23"} {
			devices = append(devices, start(t, &c, a))
		}
		time.Sleep(time.Minute)
		var names []string
		for _, d := range devices {
			names = append(names, d.name())
		}
		slices.Sort(names)
		want := []string{"mailbox-2.local", "mailbox-3.local", "mailbox-4.local", "mailbox.local"}
		if !slices.Equal(names, want) {
			t.Errorf("names %q, want %q", names, want)
		}
	})
}

func TestLateConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Two networks with a box each are joined by a cable.
		var left, right cable
		one, two := start(t, &left, "192.168.7.20"), start(t, &right, "192.168.7.21")
		time.Sleep(5 * time.Second)
		two.wire.mu.Lock()
		two.wire.cable = &left
		two.wire.mu.Unlock()
		left.mu.Lock()
		left.wires = append(left.wires, two.wire)
		left.mu.Unlock()
		w := left.plug("192.168.7.30", 2)
		ask(t, w, dnsmessage.TypeA, "mailbox.local.", dnsmessage.ClassINET)
		time.Sleep(time.Minute)
		names := []string{one.name(), two.name()}
		slices.Sort(names)
		if want := []string{"mailbox-2.local", "mailbox.local"}; !slices.Equal(names, want) {
			t.Errorf("names %q, want %q", names, want)
		}
	})
}

func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cable
		start(t, &c, "192.168.7.20")
		time.Sleep(5 * time.Second)
		c.took()
		peer := c.plug("192.168.7.30", 2)
		legacy := &fakeWire{cable: &c, addr: netip.MustParseAddrPort("192.168.7.31:40000"), index: 2, in: make(chan packet, queue)}
		far := &fakeWire{cable: &c, addr: netip.MustParseAddrPort("8.8.8.8:40000"), index: 2, in: make(chan packet, queue)}
		const in = dnsmessage.ClassINET

		tests := []struct {
			name    string
			from    *fakeWire
			kind    dnsmessage.Type
			host    string
			class   dnsmessage.Class
			replies int
			unicast bool
		}{
			{"A", peer, dnsmessage.TypeA, "mailbox.local.", in, 1, false},
			{"letter case", peer, dnsmessage.TypeA, "MailBox.LOCAL.", in, 1, false},
			{"AAAA that we lack", peer, dnsmessage.TypeAAAA, "mailbox.local.", in, 1, false},
			{"any", peer, dnsmessage.TypeALL, "mailbox.local.", in, 1, false},
			{"by unicast", peer, dnsmessage.TypeA, "mailbox.local.", in | topBit, 1, true},
			{"ordinary resolver", legacy, dnsmessage.TypeA, "mailbox.local.", in, 1, true},
			{"from afar", far, dnsmessage.TypeA, "mailbox.local.", in, 0, false},
			{"other name", peer, dnsmessage.TypeA, "printer.local.", in, 0, false},
			{"other type", peer, dnsmessage.TypeMX, "mailbox.local.", in, 0, false},
			{"other class", peer, dnsmessage.TypeA, "mailbox.local.", dnsmessage.ClassCHAOS, 0, false},
		}
		for _, test := range tests {
			time.Sleep(2 * time.Second) // beyond the once-a-second rule
			ask(t, test.from, test.kind, test.host, test.class)
			list := c.took()[1:]
			if len(list) != test.replies {
				t.Errorf("%s: %d answers, want %d", test.name, len(list), test.replies)
				continue
			}
			if test.replies == 1 && list[0].multicast == test.unicast {
				t.Errorf("%s: answered by multicast=%v", test.name, list[0].multicast)
			}
		}
		// Legacy answers repeat ID and question and are short-lived (§6.7).
		time.Sleep(2 * time.Second)
		ask(t, legacy, dnsmessage.TypeA, "mailbox.local.", in)
		m := answers(t, c.took())[0]
		if m.id != 77 || len(m.questions) != 1 || m.answers[0].ttl != legacyTTL {
			t.Errorf("legacy answer %+v", m)
		}
		// A second question within the second is not answered by multicast again.
		time.Sleep(2 * time.Second)
		for range 20 {
			ask(t, peer, dnsmessage.TypeA, "mailbox.local.", in)
		}
		if n := len(answers(t, c.took())); n != 1 {
			t.Errorf("%d answers to 20 questions at once, want one", n)
		}
		// Nor is a flood of unicast questions answered without end.
		time.Sleep(2 * time.Second)
		for range 30 {
			for range 20 {
				ask(t, legacy, dnsmessage.TypeA, "mailbox.local.", in)
			}
			synctest.Wait()
		}
		if n := len(answers(t, c.took())); n > maxAnswers {
			t.Errorf("%d answers in a second, want at most %d", n, maxAnswers)
		}
	})
}

func TestKnownAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cable
		start(t, &c, "192.168.7.20")
		time.Sleep(5 * time.Second)
		c.took()
		peer := c.plug("192.168.7.30", 2)
		for ttl, want := range map[uint32]int{recordTTL: 0, recordTTL / 3: 1} {
			time.Sleep(2 * time.Second)
			b := dnsmessage.NewBuilder(nil, dnsmessage.Header{})
			name := dnsmessage.MustNewName("mailbox.local.")
			_ = b.StartQuestions()
			_ = b.Question(dnsmessage.Question{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET})
			_ = b.StartAnswers()
			_ = b.AResource(dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: ttl}, dnsmessage.AResource{A: [4]byte{192, 168, 7, 20}})
			data, err := b.Finish()
			if err != nil {
				t.Fatal(err)
			}
			c.send(peer, data, true, netip.AddrPort{})
			if n := len(answers(t, c.took())); n != want {
				t.Errorf("%d answers when the asker knows it for %d s, want %d", n, ttl, want)
			}
		}
	})
}

// TestOwnEcho: two cards in one network hear each other; that is no conflict.
func TestOwnEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cable
		d := start(t, &c, "192.168.7.20")
		second := card("192.168.7.21")
		second.Index, second.Name = 3, "eth1"
		d.SetInterfaces([]Interface{card("192.168.7.20"), second})
		other := c.plug("192.168.7.21", 2)
		time.Sleep(5 * time.Second)
		b, err := reply{name: dnsmessage.MustNewName("mailbox.local."), addrs: []netip.Addr{netip.MustParseAddr("192.168.7.21")}, ttl: recordTTL}.bytes()
		if err != nil {
			t.Fatal(err)
		}
		other.multicast(b, 2)
		time.Sleep(5 * time.Second)
		if got := d.name(); got != "mailbox.local" {
			t.Errorf("name %q, want mailbox.local", got)
		}
	})
}

func TestAddressChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cable
		d := start(t, &c, "192.168.7.20")
		time.Sleep(5 * time.Second)
		c.took()
		d.SetInterfaces([]Interface{card("192.168.7.99")})
		time.Sleep(5 * time.Second)
		list := answers(t, c.took())
		if len(list) != announcements || list[0].answers[0].addr != netip.MustParseAddr("192.168.7.99") {
			t.Errorf("got %+v, want the new address announced twice", list)
		}
		d.SetInterfaces(nil)
		if got := d.name(); got != "" {
			t.Errorf("name %q without a cable, want none", got)
		}
	})
}

func TestName(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"mailbox": true, "mail-2": true, "": false, "-x": false, "a.b": false, "büro": false, strings.Repeat("x", 61): false,
	} {
		if _, err := New(Options{Name: name}); (err == nil) != ok {
			t.Errorf("name %q: %v, want accepted=%v", name, err, ok)
		}
	}
}

func TestCompareRecords(t *testing.T) {
	t.Parallel()
	a := func(texts ...string) (l []netip.Addr) {
		for _, s := range texts {
			l = append(l, netip.MustParseAddr(s))
		}
		return l
	}
	// RFC 6762 §8.2: 169.254.200.50 wins over 169.254.99.200.
	if got := compareRecords(a("169.254.99.200"), a("169.254.200.50")); got >= 0 {
		t.Errorf("compared as %d, want less", got)
	}
	if got := compareRecords(a("10.0.0.1"), a("fd00::1", "10.0.0.1")); got >= 0 {
		t.Errorf("fewer records compared as %d, want less", got)
	}
	if got := compareRecords(a("fd00::1", "10.0.0.1"), a("10.0.0.1", "fd00::1")); got != 0 {
		t.Errorf("order mattered: %d", got)
	}
}

func FuzzParse(f *testing.F) {
	name := dnsmessage.MustNewName("mailbox.local.")
	addrs := []netip.Addr{netip.MustParseAddr("192.168.7.20"), netip.MustParseAddr("fd00::20")}
	if b, err := probe(name, addrs); err == nil {
		f.Add(b)
	}
	if b, err := (reply{name: name, addrs: addrs, missing: true, ttl: recordTTL, unique: true}).bytes(); err == nil {
		f.Add(b)
	}
	if b, err := (reply{id: 7, name: name, addrs: addrs, question: &question{kind: dnsmessage.TypeA}, ttl: legacyTTL}).bytes(); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parse(b)
		if err != nil {
			return
		}
		if len(m.questions) > maxQuestions || len(m.answers)+len(m.authority) > maxRecords {
			t.Errorf("%d questions and %d records accepted", len(m.questions), len(m.answers)+len(m.authority))
		}
	})
}
