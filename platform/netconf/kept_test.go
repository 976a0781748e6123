package netconf

import (
	"context"
	"encoding/json"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// keptClient is a client that comes up with a lease of the start before.
func keptClient(address string) func(*dhcpClient) {
	return func(c *dhcpClient) {
		c.kept = true
		c.previous = &Lease{Address: netip.MustParsePrefix(address), Start: time.Now().Round(0), Expires: time.Hour}
	}
}

// TestKeptLease: what was leased before the start is asked for, and used as soon as the server says yes.
func TestKeptLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newDHCPServer()
		start := time.Now()
		probed := make(chan time.Time, 1)
		events := startClient(t, s, func(c *dhcpClient) {
			keptClient("192.168.7.20/24")(c)
			c.inUse = func(context.Context, Link, netip.Addr) bool {
				time.Sleep(time.Second)
				probed <- time.Now()
				return false
			}
		})
		wantLease(t, events, "192.168.7.20/24")
		if took := time.Since(start); took > 10*time.Millisecond {
			t.Errorf("leased after %v, want as soon as the server answers", took)
		}
		<-probed
		wantSeen(t, s, request)
		wantLease(t, events, "192.168.7.20/24")
		if got := time.Since(start).Round(time.Minute); got != 30*time.Minute {
			t.Errorf("reported again after %v, want when it is renewed", got)
		}
	})
}

// TestKeptLeaseTaken: another device took the address while the box was off, and the server doesn't know.
func TestKeptLeaseTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newDHCPServer()
		probes := 0
		events := startClient(t, s, func(c *dhcpClient) {
			keptClient("192.168.7.20/24")(c)
			c.inUse = func(context.Context, Link, netip.Addr) bool {
				probes++
				return probes == 1
			}
		})
		wantLease(t, events, "192.168.7.20/24")
		if e := <-events; !e.lost {
			t.Fatalf("got %+v, want the address given up", e)
		}
		s.set(func(s *dhcpServer) { s.address = netip.MustParseAddr("192.168.7.21") })
		if e := <-events; e.lease != nil || e.lost || !strings.Contains(e.reason, "another device") {
			t.Fatalf("got %+v, want word of the other device", e)
		}
		wantLease(t, events, "192.168.7.21/24")
		wantSeen(t, s, request, decline, discover, request)
	})
}

// TestKeptLeaseSilence: after a power cut the box is there before the router, and used at its address.
func TestKeptLeaseSilence(t *testing.T) {
	for name, taken := range map[string]bool{"free": false, "taken": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newDHCPServer()
				s.silent = true
				start := time.Now()
				events := startClient(t, s, func(c *dhcpClient) {
					keptClient("192.168.7.20/24")(c)
					c.inUse = func(context.Context, Link, netip.Addr) bool { return taken && time.Since(start) < time.Minute }
				})
				if !taken {
					wantLease(t, events, "192.168.7.20/24")
					if got := time.Since(start); got > patience {
						t.Errorf("in use after %v, want before a link-local one is looked for", got)
					}
				}
				if e := <-events; e.lease != nil || e.lost || e.reason != "no DHCP server answers" {
					t.Errorf("got %+v, want word that nobody answers", e)
				}
				time.Sleep(3 * time.Minute)
				s.set(func(s *dhcpServer) { s.silent = false })
				for e := range events {
					if e.lease != nil {
						return
					}
				}
			})
		})
	}
}

// restarted is a manager that comes up so long after another one was cut off. The server is as the later one finds it.
func restarted(t *testing.T, off time.Duration, server func(*dhcpServer)) *rig {
	t.Helper()
	before, state := t.TempDir(), t.TempDir()
	r := startManager(t, Config{}, func(r *rig) { r.options.StateDir = before })
	time.Sleep(heal + time.Second)
	r.want(t, 2, "192.168.7.20/24 via 192.168.7.1")
	data, err := os.ReadFile(filepath.Join(before, leasesFile))
	if err == nil {
		err = os.WriteFile(filepath.Join(state, leasesFile), data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(off)
	return startManager(t, Config{}, func(r *rig) {
		r.options.StateDir = state
		r.server.set(server)
	})
}

func TestManagerKeepsLease(t *testing.T) {
	for name, c := range map[string]struct {
		off    time.Duration
		server func(*dhcpServer)
		soon   string // on the card before anything was waited for
		then   string // 20 s later
	}{
		"the server knows the box": {time.Minute, func(*dhcpServer) {}, "192.168.7.20/24 via 192.168.7.1", "192.168.7.20/24 via 192.168.7.1"},
		"no server answers":        {time.Minute, func(s *dhcpServer) { s.silent = true }, "", "192.168.7.20/24 via 192.168.7.1"},
		"another network":          {time.Minute, func(s *dhcpServer) { s.address = netip.MustParseAddr("192.168.7.77") }, "", "192.168.7.77/24 via 192.168.7.1"},
		"the lease is over":        {2 * time.Hour, func(s *dhcpServer) {}, "", "192.168.7.20/24 via 192.168.7.1"},
		"over, and no server":      {2 * time.Hour, func(s *dhcpServer) { s.silent = true }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := restarted(t, c.off, c.server)
				time.Sleep(settle)
				r.want(t, 2, c.soon)
				time.Sleep(9 * time.Second)
				r.want(t, 2, c.then)
			})
		})
	}
}

// TestKeptLeases: a file of before is as hostile as what comes from the cable.
func TestKeptLeases(t *testing.T) {
	good := Lease{
		Address: netip.MustParsePrefix("192.168.7.20/24"), Gateway: netip.MustParseAddr("192.168.7.1"), Server: netip.MustParseAddr("192.168.7.1"),
		DNS: []netip.Addr{netip.MustParseAddr("192.168.7.1")}, MTU: 1500,
		Start: time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC), Renew: time.Hour, Rebind: 2 * time.Hour, Expires: 3 * time.Hour,
	}
	bad := map[string]func(*Lease){
		"no address":       func(l *Lease) { l.Address = netip.Prefix{} },
		"broadcast":        func(l *Lease) { l.Address = netip.MustParsePrefix("192.168.7.255/24") },
		"link-local":       func(l *Lease) { l.Address = netip.MustParsePrefix("169.254.1.1/16") },
		"the whole world":  func(l *Lease) { l.Address = netip.MustParsePrefix("192.168.7.20/1") },
		"IPv6":             func(l *Lease) { l.Address = netip.MustParsePrefix("2001:db8::5/64") },
		"no server":        func(l *Lease) { l.Server = netip.Addr{} },
		"loopback gateway": func(l *Lease) { l.Gateway = netip.MustParseAddr("127.0.0.1") },
		"loopback DNS":     func(l *Lease) { l.DNS = append(l.DNS, netip.MustParseAddr("127.0.0.1")) },
		"many time servers": func(l *Lease) {
			for range maxTimeServers + 1 {
				l.NTP = append(l.NTP, l.Gateway)
			}
		},
		"small packets": func(l *Lease) { l.MTU = 68 },
		"for ever":      func(l *Lease) { l.Expires = 10 * maxLease },
		"no time":       func(l *Lease) { l.Expires = 0 },
		"never renewed": func(l *Lease) { l.Renew = l.Rebind },
	}
	all := map[string]*Lease{"good": &good, "none": nil}
	for name, change := range bad {
		l := good
		change(&l)
		all[name] = &l
	}
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	read := func(data []byte) (map[string]*Lease, error) {
		if err := os.WriteFile(filepath.Join(dir, leasesFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
		return keptLeases(dir)
	}
	kept, err := read(data)
	if err != nil || len(kept) != 1 || kept["good"] == nil || !kept["good"].Start.Equal(good.Start) || kept["good"].Gateway != good.Gateway {
		t.Errorf("kept %v (%v), want the good one", maps.Collect(maps.All(kept)), err)
	}
	for _, damaged := range []string{"", "null", "[1]", `{"a":{"Address":"x"}}`, strings.Repeat(" ", maxLeasesFile+1)} {
		if kept, err := read([]byte(damaged)); kept == nil || len(kept) != 0 || err == nil && damaged != "null" {
			t.Errorf("%.20q: %v, %v; want none, and an error", damaged, kept, err)
		}
	}
}

func FuzzKeptLeases(f *testing.F) {
	f.Add([]byte(`{"02:00:00:00:00:01":{"Address":"192.168.7.20/24","Gateway":"192.168.7.1","DNS":["192.168.7.1"],"NTP":null,"MTU":0,"Server":"192.168.7.1","Start":"2026-05-01T08:00:00Z","Renew":1800000000000,"Rebind":3150000000000,"Expires":3600000000000}}`))
	f.Add([]byte(`{"a":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		kept, _ := parseLeases(data)
		if kept == nil || len(kept) > maxCards {
			t.Fatalf("%d leases", len(kept))
		}
		for mac, l := range kept {
			if !usableHost(l.Address) || l.Expires > maxLease || len(l.DNS) > maxNameservers {
				t.Errorf("%s: %+v", mac, l)
			}
		}
	})
}
