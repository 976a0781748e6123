package resolver_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/sanduk-mail/sanduk/services/resolver"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

// signed is an Internet where all zones but plain.test and the reverse one are.
func signed(t testing.TB, how resolvertest.Signing) *resolvertest.Internet {
	n := resolvertest.New(t, zones())
	n.Sign(t, how, "", "com", "example.com", "test")
	return n
}

func forms() map[string]resolvertest.Signing {
	return map[string]resolvertest.Signing{"NSEC": {}, "NSEC3": {NSEC3: true}, "opt-out": {NSEC3: true, OptOut: true}}
}

func TestValidated(t *testing.T) {
	t.Parallel()
	for form, how := range forms() {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			n := signed(t, how)
			c := n.Client().Validated()
			for _, test := range []struct {
				name   string
				secure bool
				none   error
			}{
				{"first.example.com", true, nil},
				{"www.example.com", true, nil},
				{"host.wild.example.com", true, nil},
				{"first.old.example.com", true, nil},
				{"missing.example.com", !how.OptOut, resolver.ErrNoName},
				{"missing.com", !how.OptOut, resolver.ErrNoName},
				{"down.example.com", true, resolver.ErrNoData},
				{"x.missing.example.com", !how.OptOut, resolver.ErrNoName},
				{"example.com", true, resolver.ErrNoData},
				{"mail.plain.test", false, nil},
				{"missing.plain.test", false, resolver.ErrNoName},
				{"away.example.com", false, nil},
			} {
				a, err := c.A(t.Context(), test.name)
				if !errors.Is(err, test.none) || err != nil && test.none == nil {
					t.Errorf("%s: got %v, want %v", test.name, err, test.none)
				}
				if a.Authenticated != test.secure {
					t.Errorf("%s: got authenticated %t, want %t", test.name, a.Authenticated, test.secure)
				}
			}
			tlsa, err := c.TLSA(t.Context(), "_25._tcp.first.example.com")
			if err != nil || !tlsa.Authenticated {
				t.Errorf("TLSA: got %v, %v", tlsa, err)
			}
			none, err := c.TLSA(t.Context(), "_25._tcp.second.example.com")
			if !errors.Is(err, resolver.ErrNoName) || none.Authenticated == how.OptOut {
				t.Errorf("no TLSA: got authenticated %t, %v", none.Authenticated, err)
			}
			none, err = c.TLSA(t.Context(), "host.wild.example.com")
			if !errors.Is(err, resolver.ErrNoData) || none.Authenticated == how.OptOut {
				t.Errorf("no TLSA at a wildcard: got authenticated %t, %v", none.Authenticated, err)
			}
			if plain, err := n.Client().A(t.Context(), "first.example.com"); err != nil || plain.Authenticated {
				t.Errorf("without proof: got authenticated %t, %v", plain.Authenticated, err)
			}
		})
	}
}

// strip takes records of some types out of an answer.
func strip(kinds ...uint16) func(*dns.Msg) {
	return func(m *dns.Msg) {
		gone := func(rr dns.RR) bool { return slices.Contains(kinds, rr.Header().Rrtype) }
		m.Answer, m.Ns = slices.DeleteFunc(m.Answer, gone), slices.DeleteFunc(m.Ns, gone)
	}
}

func TestAttacks(t *testing.T) {
	t.Parallel()
	asNone := func(rcode int) func(*dns.Msg) {
		return func(m *dns.Msg) { m.Answer, m.Ns, m.Rcode = nil, nil, rcode }
	}
	for form, how := range forms() {
		for name, attack := range map[string]struct {
			at, kind string
			change   func(*dns.Msg)
		}{
			"signature taken off":     {"first.example.com", "A", strip(dns.TypeRRSIG)},
			"address changed":         {"first.example.com", "A", func(m *dns.Msg) { m.Answer[0].(*dns.A).A[3] = 66 }},
			"address added":           {"first.example.com", "A", func(m *dns.Msg) { m.Answer = append(m.Answer, record("first.example.com. 300 A 192.0.2.66")) }},
			"answer withheld":         {"first.example.com", "A", asNone(dns.RcodeSuccess)},
			"name withheld":           {"first.example.com", "A", asNone(dns.RcodeNameError)},
			"DS withheld":             {"example.com", "DS", asNone(dns.RcodeSuccess)},
			"DS and proof changed":    {"example.com", "DS", strip(dns.TypeDS)},
			"keys withheld":           {"example.com", "DNSKEY", asNone(dns.RcodeSuccess)},
			"a key too many":          {"example.com", "DNSKEY", func(m *dns.Msg) { m.Answer = append(m.Answer, record("example.com. 300 DNSKEY 257 3 13 AAAA")) }},
			"another zone's signer":   {"first.example.com", "A", func(m *dns.Msg) { m.Answer[1].(*dns.RRSIG).SignerName = "plain.test." }},
			"below its zone's signer": {"first.example.com", "A", func(m *dns.Msg) { m.Answer[1].(*dns.RRSIG).SignerName = "first.example.com." }},
			"made from a wildcard": {"first.example.com", "A", func(m *dns.Msg) {
				m.Answer[1].(*dns.RRSIG).Labels = 2
			}},
		} {
			n := signed(t, how)
			n.Fail(attack.at, attack.kind, resolvertest.Fault{Change: attack.change})
			a, err := n.Client().Validated().A(t.Context(), "first.example.com")
			if !errors.Is(err, resolver.ErrBogus) {
				t.Errorf("%s, %s: got %v (authenticated %t), %v; want ErrBogus", form, name, a.Records, a.Authenticated, err)
			}
		}
		if how.OptOut {
			continue // there, anybody may say that a name which is not there is a zone without keys
		}
		n := signed(t, how)
		n.Fail("missing.example.com", "A", resolvertest.Fault{Change: func(m *dns.Msg) {
			m.Ns = slices.DeleteFunc(m.Ns, func(rr dns.RR) bool {
				h := rr.Header()
				return h.Rrtype == dns.TypeNSEC || h.Rrtype == dns.TypeNSEC3
			})
		}})
		if _, err := n.Client().Validated().A(t.Context(), "missing.example.com"); !errors.Is(err, resolver.ErrBogus) {
			t.Errorf("%s: no proof of a missing name: got %v, want ErrBogus", form, err)
		}
	}
}

func record(text string) dns.RR {
	rr, err := dns.NewRR(text)
	if err != nil {
		panic(err)
	}
	return rr
}

// TestReplayedProof holds that the proof for one name serves for no other.
func TestReplayedProof(t *testing.T) {
	t.Parallel()
	for form, how := range forms() {
		n := signed(t, how)
		var other *dns.Msg
		n.Fail("zzz.example.com", "A", resolvertest.Fault{Change: func(m *dns.Msg) { other = m.Copy() }})
		if _, err := n.Client().Validated().A(t.Context(), "zzz.example.com"); !errors.Is(err, resolver.ErrNoName) {
			t.Fatalf("%s: %v", form, err)
		}
		n.Fail("first.example.com", "A", resolvertest.Fault{Change: func(m *dns.Msg) { m.Answer, m.Ns, m.Rcode = nil, other.Ns, other.Rcode }})
		if _, err := n.Client().Validated().A(t.Context(), "first.example.com"); !errors.Is(err, resolver.ErrBogus) {
			t.Errorf("%s: got %v, want ErrBogus", form, err)
		}
	}
}

func TestLapsedSignatures(t *testing.T) {
	t.Parallel()
	n := resolvertest.New(t, zones())
	n.Sign(t, resolvertest.Signing{}, "", "com")
	n.Sign(t, resolvertest.Signing{Lapsed: time.Minute}, "example.com")
	if _, err := n.Client().Validated().A(t.Context(), "first.example.com"); !errors.Is(err, resolver.ErrBogus) {
		t.Errorf("got %v, want ErrBogus", err)
	}
	// A box that does not know the date does not judge dates.
	unsure := n.Client(func(o *resolver.Options) { o.Sure = func() bool { return false } }).Validated()
	if a, err := unsure.A(t.Context(), "first.example.com"); err != nil || !a.Authenticated {
		t.Errorf("not sure of the date: %v, authenticated %t; want the proof", err, a.Authenticated)
	}
	// Who does not ask for proof still gets the answer.
	if _, err := n.Client().A(t.Context(), "first.example.com"); err != nil {
		t.Error(err)
	}
}

// TestServerWithoutDNSSEC is the router that passes no signatures on.
func TestServerWithoutDNSSEC(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := signed(t, resolvertest.Signing{})
		for _, name := range []string{".", "com", "example.com", "first.example.com"} {
			n.Fail(name, "*", resolvertest.Fault{Change: strip(dns.TypeRRSIG, dns.TypeNSEC)})
		}
		c := n.Client().Validated()
		if a, err := c.A(t.Context(), "first.example.com"); err != nil || a.Authenticated {
			t.Errorf("got authenticated %t, %v; want an insecure answer", a.Authenticated, err)
		}
		if can, err := c.CanValidate(t.Context()); can || err != nil {
			t.Errorf("CanValidate: got %t, %v", can, err)
		}
		for _, name := range []string{".", "com", "example.com", "first.example.com"} {
			n.Fail(name, "*", resolvertest.Fault{})
		}
		time.Sleep(11 * time.Minute)
		if a, err := c.A(t.Context(), "first.example.com"); err != nil || !a.Authenticated {
			t.Errorf("once it does: got authenticated %t, %v", a.Authenticated, err)
		}
		if can, err := c.CanValidate(t.Context()); !can || err != nil {
			t.Errorf("CanValidate: got %t, %v", can, err)
		}
	})
}

// TestServerWithoutEDNS is an older router still.
func TestServerWithoutEDNS(t *testing.T) {
	t.Parallel()
	n := signed(t, resolvertest.Signing{})
	old := func(m *dns.Msg) {
		if m.IsEdns0() != nil {
			m.Answer, m.Ns, m.Extra, m.Rcode = nil, nil, nil, dns.RcodeFormatError
		}
	}
	for _, name := range []string{".", "com", "example.com", "first.example.com"} {
		n.Fail(name, "*", resolvertest.Fault{Change: old})
	}
	for _, c := range []*resolver.Client{n.Client(), n.Client().Validated()} {
		if a, err := c.A(t.Context(), "first.example.com"); err != nil || a.Authenticated || len(a.Records) != 1 {
			t.Errorf("got %+v, %v; want an insecure answer", a, err)
		}
	}
}

func TestIsland(t *testing.T) {
	t.Parallel()
	n := resolvertest.New(t, zones())
	n.Sign(t, resolvertest.Signing{}, "", "example.com") // com is not signed
	if a, err := n.Client().Validated().A(t.Context(), "first.example.com"); err != nil || a.Authenticated {
		t.Errorf("got authenticated %t, %v; want an insecure answer", a.Authenticated, err)
	}
}

// TestQuestions bounds what a proof costs once the zone is known.
func TestQuestions(t *testing.T) {
	t.Parallel()
	n := signed(t, resolvertest.Signing{NSEC3: true})
	c := n.Client().Validated()
	for _, name := range []string{"first.example.com", "second.example.com", "deep.down.example.com"} {
		if _, err := c.A(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	for _, q := range []string{". DNSKEY", "com DS", "com DNSKEY", "example.com DS", "example.com DNSKEY"} {
		name, kind, _ := strings.Cut(q, " ")
		if got := n.Asked(name, kind); got != 1 {
			t.Errorf("%s was asked %d times, want once", q, got)
		}
	}
}

// FuzzAnswer gives answers that are any bytes: nothing may panic, hang or be
// believed as proven.
func FuzzAnswer(f *testing.F) {
	n := signed(f, resolvertest.Signing{NSEC3: true})
	for _, name := range []string{"first.example.com.", "missing.example.com.", "www.example.com.", "host.wild.example.com."} {
		q := new(dns.Msg)
		q.SetQuestion(name, dns.TypeA)
		q.SetEdns0(1232, true)
		answer, err := n.Exchange(f.Context(), resolverServer(), true, q)
		if err != nil {
			f.Fatal(err)
		}
		wire, err := answer.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		msg := new(dns.Msg)
		if msg.Unpack(wire) != nil {
			return
		}
		n := resolvertest.New(t, map[string]string{"com": "", "example.com": "first A 192.0.2.1"})
		n.Sign(t, resolvertest.Signing{NSEC3: true}, "", "com", "example.com") // other keys than the seeds'
		n.Fail("first.example.com", "A", resolvertest.Fault{Change: func(m *dns.Msg) { m.Answer, m.Ns, m.Rcode = msg.Answer, msg.Ns, msg.Rcode }})
		a, err := n.Client().Validated().A(t.Context(), "first.example.com")
		if a.Authenticated || errors.Is(err, resolver.ErrPanic) {
			t.Errorf("got %v, %v", a, err)
		}
	})
}

func resolverServer() netip.AddrPort { return netip.MustParseAddrPort("192.0.2.53:53") }
