package netconf

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TestVLAN: the static address moves to the VLAN and back, and nothing of it stays behind.
func TestVLAN(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := Config{Mode: ModeStatic, Address: netip.MustParsePrefix("10.9.8.7/24"), Gateway: netip.MustParseAddr("10.9.8.1")}
		r := startManager(t, config, nil)
		await := func(what string, cards []string, has map[int]string) {
			t.Helper()
			time.Sleep(2 * heal)
			var got []string
			for _, c := range r.last().Cards {
				got = append(got, c.Name)
			}
			if !slices.Equal(got, cards) {
				t.Errorf("%s: cards %q; want %q", what, got, cards)
			}
			for index, want := range has {
				if got := r.kernel.has(index); got != want {
					t.Errorf("%s: card %d has %q; want %q", what, index, got, want)
				}
			}
		}
		const address = "10.9.8.7/24 via 10.9.8.1"
		await("without", []string{"eth0", "eth1"}, map[int]string{2: address})
		config.VLAN = 7
		r.Reload(t.Context(), config, "")
		await("with", []string{"eth0.7", "eth1.7"}, map[int]string{2: "", 4: address})
		config.VLAN = 8
		r.Reload(t.Context(), config, "")
		await("with another", []string{"eth0.8", "eth1.8"}, map[int]string{2: "", 4: "", 6: address})
		before := r.kernel.count()
		await("again", []string{"eth0.8", "eth1.8"}, nil)
		if n := r.kernel.count() - before; n != 0 {
			t.Errorf("%d changes although all is in order", n)
		}
		config.Interface = "eth0"
		r.Reload(t.Context(), config, "")
		await("of one card", []string{"eth1", "eth0.8"}, map[int]string{2: "", 6: address})
		config.VLAN, config.Interface = 0, ""
		r.Reload(t.Context(), config, "")
		await("without again", []string{"eth0", "eth1"}, map[int]string{2: address, 6: ""})
	})
}

func TestVLANName(t *testing.T) {
	t.Parallel()
	for card, want := range map[string]string{"eth0": "eth0.4094", "enx001122334455": "enx0011223.4094"} {
		if got := vlanName(card, 4094); got != want || len(got) >= unix.IFNAMSIZ {
			t.Errorf("vlanName(%s) = %s; want %s", card, got, want)
		}
	}
}

// TestNamespaceVLAN: an office whose packets carry a number.
func TestNamespaceVLAN(t *testing.T) {
	t.Parallel() // the namespaces keep them apart
	if !inNamespace(t) {
		return
	}
	n := cable(t)
	n.do(func() {
		far, err := netlink.LinkByName("far")
		must(t, err)
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.ParentIndex = "tagged", far.Attrs().Index
		if err := netlink.LinkAdd(&netlink.Vlan{LinkAttrs: attrs, VlanId: 7}); err != nil {
			t.Skipf("NOT RUN: this machine's kernel makes no VLAN: %v", err)
		}
		tagged, err := netlink.LinkByName("tagged")
		must(t, err)
		must(t, netlink.LinkSetUp(tagged))
		a, err := netlink.ParseAddr("10.9.8.1/24")
		must(t, err)
		must(t, netlink.AddrAdd(tagged, a))
	})
	_, states := realManager(t, Config{Mode: ModeStatic, VLAN: 7, Address: netip.MustParsePrefix("10.9.8.7/24"), Gateway: netip.MustParseAddr("10.9.8.1")})
	await(t, states, "static address on the VLAN", func(s Status) bool {
		return hasAddress("10.9.8.7/24")(s) && s.Cards[0].Name == "box.7" && s.Cards[0].Cable
	})
}
