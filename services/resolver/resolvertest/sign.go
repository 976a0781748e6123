package resolvertest

import (
	"crypto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// zone is one zone, signed if it has a key.
type zone struct {
	name   string
	key    *dns.DNSKEY
	signer crypto.Signer
	nsec3  bool
	optOut bool
	// Inception and expiration of what is signed, around now.
	from, to time.Duration
}

// Signing says how zones are signed.
type Signing struct {
	NSEC3  bool          // hashed names in proofs
	OptOut bool          // of NSEC3: delegations without keys are not in the chain
	Lapsed time.Duration // the signatures ended so long ago
}

// Sign signs zones. A zone is believed only if all those above it are signed
// too; the root is "".
func (n *Internet) Sign(t testing.TB, how Signing, zones ...string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, name := range zones {
		z := n.zones[dns.CanonicalName(name)]
		if z == nil {
			t.Fatalf("there is no zone %q", name)
		}
		z.key = &dns.DNSKEY{Hdr: header(z.name, dns.TypeDNSKEY, 300), Flags: 257, Protocol: 3, Algorithm: dns.ECDSAP256SHA256}
		private, err := z.key.Generate(256)
		for err == nil && z.key.KeyTag() == 0 {
			private, err = z.key.Generate(256) // package dns signs with no key whose tag is 0, as one of 65,536 is
		}
		if err != nil {
			t.Fatal(err)
		}
		z.signer = private.(crypto.Signer)
		z.nsec3, z.optOut = how.NSEC3, how.OptOut
		z.from, z.to = -time.Hour, 24*time.Hour
		if how.Lapsed > 0 {
			z.from, z.to = -how.Lapsed-time.Hour, -how.Lapsed
		}
	}
}

// Anchors are the DS records of the root; none if it is not signed.
func (n *Internet) Anchors() []*dns.DS {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := []*dns.DS{}
	for _, rr := range n.zones["."].ds() {
		list = append(list, rr.(*dns.DS))
	}
	return list
}

func (z *zone) dnskeys() []dns.RR {
	if z.key == nil {
		return nil
	}
	return []dns.RR{z.key}
}

func (z *zone) ds() []dns.RR {
	if z.key == nil {
		return nil
	}
	ds := z.key.ToDS(dns.SHA256)
	ds.Hdr = header(z.name, dns.TypeDS, 300)
	return []dns.RR{ds}
}

func (z *zone) sign(set []dns.RR) *dns.RRSIG {
	now := time.Now()
	sig := &dns.RRSIG{
		Hdr: header("", dns.TypeRRSIG, set[0].Header().Ttl), Algorithm: z.key.Algorithm, KeyTag: z.key.KeyTag(), SignerName: z.name,
		Inception: uint32(now.Add(z.from).Unix()), Expiration: uint32(now.Add(z.to).Unix()),
	}
	if err := sig.Sign(z.signer, set); err != nil {
		panic(err) // a test's zone holds what can't be signed
	}
	return sig
}

// names are those of a zone, in canonical order, with what stands at each.
func (n *Internet) names(z *zone) ([]string, map[string][]uint16) {
	types := map[string][]uint16{}
	for name, list := range n.records {
		child := n.zones[name]
		inside := n.zoneOf(name, dns.TypeA) == z
		if !inside && (child == nil || n.zoneOf(name, dns.TypeDS) != z) {
			continue
		}
		if !inside { // a delegation
			types[name] = []uint16{dns.TypeNS}
			if child.key != nil {
				types[name] = append(types[name], dns.TypeDS)
			}
			continue
		}
		for _, rr := range list {
			types[name] = append(types[name], rr.Header().Rrtype)
		}
		if name == z.name && z.key != nil {
			types[name] = append(types[name], dns.TypeDNSKEY)
		}
	}
	var names []string
	for name := range types {
		types[name] = append(types[name], dns.TypeRRSIG)
		if !z.nsec3 {
			types[name] = append(types[name], dns.TypeNSEC)
		}
		slices.Sort(types[name])
		types[name] = slices.Compact(types[name])
		names = append(names, name)
	}
	slices.SortFunc(names, canonical)
	return names, types
}

// canonical is the order of RFC 4034 §6.1.
func canonical(a, b string) int {
	x, y := dns.SplitDomainName(a), dns.SplitDomainName(b)
	slices.Reverse(x)
	slices.Reverse(y)
	return slices.Compare(x, y)
}

// prove adds the NSEC record of a name, or the one around it.
func (b *answering) prove(z *zone, name string) {
	names, types := b.n.names(z)
	i, found := slices.BinarySearchFunc(names, name, canonical)
	if !found {
		i = (i + len(names) - 1) % len(names)
	}
	record := &dns.NSEC{Hdr: header(names[i], dns.TypeNSEC, 60), NextDomain: names[(i+1)%len(names)], TypeBitMap: types[names[i]]}
	b.once(z, record)
}

// deny adds the proof that a name is not there, and what is the closest that is.
func (b *answering) deny(z *zone, name, wildcard string) {
	switch {
	case !b.signed || z.key == nil:
	case !z.nsec3:
		b.prove(z, name)
	case wildcard == "":
		b.prove3(z, name)
	default:
		encloser := strings.TrimPrefix(wildcard, "*.")
		if encloser == "" {
			encloser = "."
		}
		b.prove3(z, encloser)
		for parent(name) != encloser {
			name = parent(name)
		}
		b.prove3(z, name)
	}
}

// prove3 adds the NSEC3 record of a name, or the one around its hash.
func (b *answering) prove3(z *zone, name string) {
	names, types := b.n.names(z)
	hashes := map[string]string{}
	for _, other := range names {
		if child := b.n.zones[other]; z.optOut && child != nil && child != z && child.key == nil {
			continue
		}
		for a := other; ; a = parent(a) { // names with nothing but others below them too
			hashes[dns.HashName(a, dns.SHA1, 1, "ab")] = a
			if a == z.name || a == "." {
				break
			}
		}
	}
	var order []string
	for h := range hashes {
		order = append(order, h)
	}
	slices.Sort(order)
	i, found := slices.BinarySearch(order, dns.HashName(name, dns.SHA1, 1, "ab"))
	if !found {
		i = (i + len(order) - 1) % len(order)
	}
	record := &dns.NSEC3{
		Hdr: header(strings.ToLower(order[i])+"."+strings.TrimPrefix(z.name, "."), dns.TypeNSEC3, 60), Hash: dns.SHA1, Iterations: 1, SaltLength: 1, Salt: "ab",
		HashLength: 20, NextDomain: order[(i+1)%len(order)], TypeBitMap: types[hashes[order[i]]],
	}
	if z.optOut {
		record.Flags = 1
	}
	b.once(z, record)
	if !found && z.optOut && b.n.zones[name] != nil { // a delegation outside of the chain: its parent's record proves it
		b.prove3(z, parent(name))
	}
}

// once adds a record of a proof that is not there yet.
func (b *answering) once(z *zone, record dns.RR) {
	if !slices.ContainsFunc(b.msg.Ns, func(rr dns.RR) bool { return dns.IsDuplicate(rr, record) }) {
		b.add(z, &b.msg.Ns, record.Header().Name, []dns.RR{record})
	}
}
