package netconf

import (
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseConfig(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, json, field string // field: of the error; "ok": none
	}{
		{"dhcp", `{"mode":"dhcp"}`, "ok"},
		{"empty", `{}`, "ok"},
		{"static", `{"mode":"static","address":"192.168.1.20/24","gateway":"192.168.1.1","dns":["192.168.1.1","9.9.9.9"]}`, "ok"},
		{"no gateway", `{"mode":"static","address":"192.168.1.20/24"}`, "ok"},
		{"IPv6", `{"mode":"static","address":"fd00::20/64","gateway":"fe80::1","dns":["fd00::1"]}`, "ok"},
		{"both", `{"mode":"static","address":"10.0.0.2/8","address6":"fd00::20/64","gateway6":"fd00::1"}`, "ok"},
		{"card", `{"mode":"static","interface":"enp1s0","address":"10.0.0.2/8"}`, "ok"},
		{"DNS over TLS", `{"dns":["9.9.9.9"],"dns_tls":"dns.example.test"}`, "ok"},
		{"VLAN", `{"mode":"dhcp","vlan":7}`, "ok"},
		{"VLAN of a card", `{"mode":"static","interface":"eth1","vlan":4094,"address":"10.0.0.2/8"}`, "ok"},
		{"time servers", `{"ntp":["ntp.example.test","192.168.1.1"]}`, "ok"},
		{"point to point", `{"mode":"static","address":"10.0.0.0/31","gateway":"10.0.0.1"}`, "ok"},

		{"not JSON", `{"mode":`, ""},
		{"not an object", `[]`, ""},
		{"two values", `{} {}`, ""},
		{"wrong type", `{"dns":"192.168.1.1"}`, "dns"},
		{"unknown field", `{"netmask":"255.255.255.0"}`, "netmask"},
		{"DNS over TLS of nobody", `{"dns_tls":"dns.example.test"}`, "dns_tls"},
		{"DNS over TLS of no name", `{"dns":["9.9.9.9"],"dns_tls":"a b"}`, "dns_tls"},
		{"reserved VLAN", `{"vlan":4095}`, "vlan"},
		{"VLAN below nothing", `{"vlan":-1}`, "vlan"},
		{"VLAN by name", `{"vlan":"office"}`, "vlan"},
		{"unknown mode", `{"mode":"pppoe"}`, "mode"},
		{"dhcp with address", `{"mode":"dhcp","address":"192.168.1.20/24"}`, "address"},
		{"static without address", `{"mode":"static"}`, "address"},
		{"no length", `{"mode":"static","address":"192.168.1.20"}`, "address"},
		{"network address", `{"mode":"static","address":"192.168.1.0/24"}`, "address"},
		{"broadcast address", `{"mode":"static","address":"192.168.1.255/24"}`, "address"},
		{"loopback", `{"mode":"static","address":"127.0.0.2/8"}`, "address"},
		{"multicast", `{"mode":"static","address":"ff02::1/64"}`, "address"},
		{"everything", `{"mode":"static","address":"192.168.1.1/0"}`, "address"},
		{"gateway elsewhere", `{"mode":"static","address":"192.168.1.20/24","gateway":"192.168.2.1"}`, "gateway"},
		{"gateway is itself", `{"mode":"static","address":"192.168.1.20/24","gateway":"192.168.1.20"}`, "gateway"},
		{"gateway of the other family", `{"mode":"static","address":"192.168.1.20/24","gateway":"fe80::1"}`, "gateway"},
		{"address6 is IPv4", `{"mode":"static","address":"10.0.0.2/8","address6":"10.0.0.3/8"}`, "address6"},
		{"address6 twice", `{"mode":"static","address":"fd00::1/64","address6":"fd00::2/64"}`, "address6"},
		{"DNS name", `{"dns":["dns.example.test"]}`, "dns"},
		{"four DNS servers", `{"dns":["1.1.1.1","1.1.1.2","1.1.1.3","1.1.1.4"]}`, "dns"},
		{"local DNS", `{"dns":["127.0.0.1"]}`, "dns"},
		{"odd time server", `{"ntp":["a b"]}`, "ntp"},
		{"card with a path", `{"interface":"../x"}`, "interface"},
		{"long", `{"mode":"` + strings.Repeat("x", maxConfigSize) + `"}`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := ParseConfig([]byte(test.json))
			if test.field == "ok" {
				if err != nil {
					t.Fatalf("got %v, want it accepted", err)
				}
				// What is written is read back the same.
				b, err := json.Marshal(c)
				if err != nil {
					t.Fatal(err)
				}
				if again, err := ParseConfig(b); err != nil || again.Address != c.Address || again.Gateway != c.Gateway || again.VLAN != c.VLAN || again.DNSTLS != c.DNSTLS {
					t.Errorf("written as %s, read as %+v, %v; want %+v", b, again, err, c)
				}
				return
			}
			wrong, ok := errors.AsType[*ConfigError](err)
			if !ok || wrong.Field != test.field || wrong.Public == "" {
				t.Errorf("got %v, want an error about %q", err, test.field)
			}
		})
	}
}

func TestReadConfig(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "network.json")
	if c, err := ReadConfig(name); err != nil || c.Mode != ModeDHCP {
		t.Errorf("without a file: %+v, %v; want DHCP", c, err)
	}
	if err := os.WriteFile(name, []byte(`{"mode":"static","address":"10.0.0.2/8"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := ReadConfig(name); err != nil || c.Address != netip.MustParsePrefix("10.0.0.2/8") {
		t.Errorf("got %+v, %v; want 10.0.0.2/8", c, err)
	}
}

func TestResolvConf(t *testing.T) {
	t.Parallel()
	list := func(texts ...string) (l []netip.Addr) {
		for _, s := range texts {
			l = append(l, netip.MustParseAddr(s))
		}
		return l
	}
	got := resolvConf(chooseServers(list("192.168.7.1", "192.168.7.1", "192.168.7.2", "192.168.7.3", "192.168.7.4", "fe80::1%eth0")))
	want := "# Written by netd; it is made anew at every change of the network.\n" +
		"nameserver 192.168.7.1\nnameserver 192.168.7.2\nnameserver fe80::1%eth0\nsearch .\noptions timeout:3 attempts:2\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"mode":"static","address":"192.168.1.20/24","gateway":"192.168.1.1","dns":["192.168.1.1"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err == nil && c.Mode == ModeStatic && !usableHost(c.Address) {
			t.Errorf("accepted %v", c.Address)
		}
	})
}
