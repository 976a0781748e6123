package netconf

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
)

// ndMessage is an RTM_NEWNDUSEROPT body with one RDNSS option.
func ndMessage(index int32, life uint32, servers ...string) []byte {
	option := []byte{optRDNSS, byte(1 + 2*len(servers)), 0, 0}
	option = binary.BigEndian.AppendUint32(option, life)
	for _, s := range servers {
		a := netip.MustParseAddr(s).As16()
		option = append(option, a[:]...)
	}
	b := make([]byte, ndOptHeader)
	b[0] = 10 // AF_INET6
	binary.NativeEndian.PutUint16(b[2:], uint16(len(option)))
	binary.NativeEndian.PutUint32(b[4:], uint32(index))
	b[8] = icmpRouterAdvertisement
	return append(b, option...)
}

func TestRDNSS(t *testing.T) {
	t.Parallel()
	r, ok := parseND(ndMessage(3, 600, "2001:db8::53", "::1", "fe80::1", "ff02::1"))
	if !ok || r.index != 3 || r.life != 10*time.Minute {
		t.Fatalf("got %+v, %v; want card 3 and ten minutes", r, ok)
	}
	if len(r.servers) != 2 {
		t.Fatalf("servers %v, want the two that can be talked to", r.servers)
	}
	now := time.Now()
	known := remember(nil, r, now)
	if got := forgetExpired(known, now.Add(9*time.Minute)); len(got) != 2 {
		t.Errorf("after nine minutes %v, want both", got)
	}
	if got := forgetExpired(known, now.Add(10*time.Minute)); len(got) != 0 {
		t.Errorf("after ten minutes %v, want none", got)
	}
	r.life = 0
	if got := remember(remember(nil, rdnss{servers: r.servers, life: time.Hour}, now), r, now); len(got) != 0 {
		t.Errorf("after a lifetime of zero %v, want none", got)
	}
	for i := range 100 {
		known = remember(known, rdnss{servers: []netip.Addr{netip.AddrFrom16([16]byte{0x20, 1, byte(i)})}, life: time.Hour}, now)
	}
	if len(known) != maxRDNSS {
		t.Errorf("%d servers remembered, want at most %d", len(known), maxRDNSS)
	}
}

func FuzzND(f *testing.F) {
	f.Add(ndMessage(3, 600, "2001:db8::53"))
	f.Add(ndMessage(3, 0xFFFFFFFF, "2001:db8::53", "2001:db8::54", "fe80::1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := parseND(b)
		if ok && (r.index <= 0 || r.life > maxRDNSSLife || len(r.servers) > maxRDNSS) {
			t.Errorf("accepted %+v", r)
		}
	})
}

// informReply is an honest DHCPv6 reply.
func informReply(t testing.TB) (reply []byte, request *dhcpv6.Message) {
	t.Helper()
	request, err := informRequest(testLink())
	if err != nil {
		t.Fatal(err)
	}
	request.TransactionID = dhcpv6.TransactionID{1, 2, 3}
	m, err := dhcpv6.NewReplyFromMessage(request,
		dhcpv6.WithServerID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: net.HardwareAddr{2, 1, 1, 1, 1, 1}}),
		dhcpv6.WithDNS(net.ParseIP("::1"), net.ParseIP("2001:db8::53")))
	if err != nil {
		t.Fatal(err)
	}
	return m.ToBytes(), request
}

func TestInform(t *testing.T) {
	t.Parallel()
	reply, request := informReply(t)
	r, ok := parseInform(reply, request)
	if !ok || len(r.servers) != 1 || r.servers[0] != netip.MustParseAddr("2001:db8::53") || r.life != defaultRefresh {
		t.Errorf("got %+v, %v; want the one server that can be talked to, for a day", r, ok)
	}
	request.TransactionID[0]++
	if r, ok := parseInform(reply, request); ok {
		t.Errorf("another's answer accepted: %+v", r)
	}
}

func FuzzInform(f *testing.F) {
	reply, request := informReply(f)
	f.Add(reply)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := parseInform(b, request)
		if ok && (len(r.servers) == 0 || len(r.servers) > maxNameservers || r.life < minRefresh || r.life > maxRDNSSLife) {
			t.Errorf("accepted %+v", r)
		}
	})
}
