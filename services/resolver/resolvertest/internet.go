package resolvertest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sanduk-mail/sanduk/services/resolver"
)

// Fault is what happens to a question instead of its answer.
type Fault struct {
	Rcode    int           // such as dns.RcodeServerFailure; 0 answers as usual
	Silent   bool          // there is no answer at all
	Delay    time.Duration // before the answer
	Truncate bool          // over UDP the answer does not fit
	Times    int           // how often this happens; 0: always
	// Change changes the answer, as an attacker on the way does.
	Change func(*dns.Msg)
}

// Internet is all there is of DNS in a test.
type Internet struct {
	mu      sync.Mutex
	zones   map[string]*zone // by name, with a dot at the end; the root is always there
	records map[string][]dns.RR
	faults  map[string]*Fault
	asked   map[string]int
}

// server is the address that the Internet's own Client asks.
const server = "192.0.2.53:53"

// New makes an Internet of these zones: names and zone files, in which names
// without a dot at the end are below the zone's. An SOA record is added where
// there is none.
func New(t testing.TB, zones map[string]string) *Internet {
	t.Helper()
	n := &Internet{
		zones:   map[string]*zone{".": {name: "."}},
		records: make(map[string][]dns.RR),
		faults:  make(map[string]*Fault),
		asked:   make(map[string]int),
	}
	n.Add(t, "", "")
	for name, text := range zones {
		n.Add(t, name, text)
	}
	return n
}

// Add adds a zone, or more records to one.
func (n *Internet) Add(t testing.TB, name, text string) {
	t.Helper()
	name = dns.CanonicalName(name)
	parser := dns.NewZoneParser(strings.NewReader(text), name, "")
	parser.SetDefaultTTL(300)
	var list []dns.RR
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		list = append(list, rr)
	}
	if err := parser.Err(); err != nil {
		t.Fatalf("zone %s: %v", name, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.zones[name] == nil {
		n.zones[name] = &zone{name: name}
	}
	for _, rr := range list {
		owner := dns.CanonicalName(rr.Header().Name)
		n.records[owner] = append(n.records[owner], rr)
	}
	if len(of(n.records[name], dns.TypeSOA)) == 0 {
		soa := &dns.SOA{Hdr: header(name, dns.TypeSOA, 300), Ns: "ns." + strings.TrimPrefix(name, "."), Mbox: "hostmaster." + strings.TrimPrefix(name, "."),
			Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: 60}
		ns := &dns.NS{Hdr: header(name, dns.TypeNS, 300), Ns: "ns.invalid."}
		n.records[name] = append(n.records[name], soa, ns)
	}
}

// Remove takes all records of a name away.
func (n *Internet) Remove(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.records, dns.CanonicalName(name))
}

// Fail makes questions for a name and type meet a fault. The type "*" is all.
func (n *Internet) Fail(name, kind string, f Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults[key(name, kind)] = &f
}

// Asked is how often a name and type has been asked for.
func (n *Internet) Asked(name, kind string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked[key(name, kind)]
}

func key(name, kind string) string { return dns.CanonicalName(name) + " " + kind }

// Client is a client that knows this Internet only, and its root's keys.
func (n *Internet) Client(change ...func(*resolver.Options)) *resolver.Client {
	o := resolver.Options{Server: netip.MustParseAddrPort(server), Exchange: n.Exchange, Anchors: n.Anchors()}
	for _, c := range change {
		c(&o)
	}
	return resolver.New(o)
}

// Exchange is a resolver.Exchange.
func (n *Internet) Exchange(ctx context.Context, _ netip.AddrPort, tcp bool, query *dns.Msg) (*dns.Msg, error) {
	wire, err := query.Pack() // what can't be sent must fail here too
	if err != nil {
		return nil, err
	}
	received := new(dns.Msg)
	if err := received.Unpack(wire); err != nil {
		return nil, err
	}
	f := n.fault(received.Question[0])
	if f.Delay > 0 || f.Silent {
		wait := f.Delay
		if f.Silent {
			wait = 24 * time.Hour
		}
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	answer := n.answer(received, f)
	if !tcp && (f.Truncate || answer.Len() > udpSize(received)) {
		answer.Answer, answer.Ns, answer.Truncated = nil, nil, true
	}
	if wire, err = answer.Pack(); err != nil {
		return nil, fmt.Errorf("answer to %v: %w", received.Question[0], err)
	}
	sent := new(dns.Msg)
	return sent, sent.Unpack(wire)
}

func udpSize(query *dns.Msg) int {
	if o := query.IsEdns0(); o != nil {
		return int(o.UDPSize())
	}
	return dns.MinMsgSize
}

// fault counts the question and gives what shall happen to it.
func (n *Internet) fault(q dns.Question) Fault {
	n.mu.Lock()
	defer n.mu.Unlock()
	kind := dns.TypeToString[q.Qtype]
	n.asked[key(q.Name, kind)]++
	for _, k := range []string{key(q.Name, kind), key(q.Name, "*")} {
		f := n.faults[k]
		if f == nil {
			continue
		}
		now := *f
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				delete(n.faults, k)
			}
		}
		return now
	}
	return Fault{}
}

// answer is what a recursive server would say.
func (n *Internet) answer(query *dns.Msg, f Fault) *dns.Msg {
	n.mu.Lock()
	defer n.mu.Unlock()
	msg := new(dns.Msg)
	msg.SetReply(query)
	msg.RecursionAvailable = true
	signed := false
	if o := query.IsEdns0(); o != nil {
		signed = o.Do()
		msg.SetEdns0(1232, signed)
	}
	if f.Rcode != 0 {
		msg.Rcode = f.Rcode
		return msg
	}
	q := query.Question[0]
	b := &answering{n: n, msg: msg, signed: signed}
	b.find(dns.CanonicalName(q.Name), q.Qtype, 0)
	if f.Change != nil {
		f.Change(msg)
	}
	return msg
}

// answering fills one answer.
type answering struct {
	n      *Internet
	msg    *dns.Msg
	signed bool
}

// find answers for one name, and for what it is an alias of.
func (b *answering) find(name string, kind uint16, depth int) {
	if depth > 20 {
		return
	}
	z := b.n.zoneOf(name, kind)
	owner := name
	here, exists := b.n.at(z, name)
	if !exists && b.dname(z, name, kind, depth) {
		return
	}
	if !exists {
		owner = b.n.wildcard(z, name)
		if here, exists = b.n.records[owner]; exists {
			b.deny(z, name, owner)
		}
	}
	if !exists {
		b.msg.Rcode = dns.RcodeNameError
		b.none(z, name, true)
		return
	}
	if alias := of(here, dns.TypeCNAME); len(alias) > 0 && kind != dns.TypeCNAME {
		b.add(z, &b.msg.Answer, name, alias)
		b.find(dns.CanonicalName(alias[0].(*dns.CNAME).Target), kind, depth+1)
		return
	}
	set := of(here, kind)
	switch {
	case kind == dns.TypeDNSKEY && z.name == name:
		set = z.dnskeys()
	case kind == dns.TypeDS && b.n.zones[name] != nil:
		set = b.n.zones[name].ds()
	}
	if len(set) == 0 {
		b.none(z, owner, false)
		return
	}
	b.add(z, &b.msg.Answer, name, set)
}

// dname answers below a DNAME, with the CNAME made of it (RFC 6672 §3.1).
func (b *answering) dname(z *zone, name string, kind uint16, depth int) bool {
	for a := parent(name); a != "."; a = parent(a) {
		if d := of(b.n.records[a], dns.TypeDNAME); len(d) > 0 {
			target := strings.TrimSuffix(name, a) + d[0].(*dns.DNAME).Target
			b.add(z, &b.msg.Answer, a, d)
			b.msg.Answer = append(b.msg.Answer, &dns.CNAME{Hdr: header(name, dns.TypeCNAME, 300), Target: target})
			b.find(dns.CanonicalName(target), kind, depth+1)
			return true
		}
	}
	return false
}

// none adds the SOA record and the proof of a negative answer.
func (b *answering) none(z *zone, name string, noName bool) {
	b.add(z, &b.msg.Ns, z.name, of(b.n.records[z.name], dns.TypeSOA))
	switch {
	case !b.signed || z.key == nil:
	case noName:
		b.deny(z, name, b.n.wildcard(z, name))
		b.deny(z, b.n.wildcard(z, name), "")
	case z.nsec3:
		b.prove3(z, name)
	default:
		b.prove(z, name)
	}
}

// add adds a set of records, under the name asked for, with its signature.
func (b *answering) add(z *zone, section *[]dns.RR, name string, set []dns.RR) {
	var sig *dns.RRSIG
	if b.signed && z.key != nil {
		sig = z.sign(set)
	}
	for _, rr := range set {
		rr = dns.Copy(rr)
		rr.Header().Name = name
		*section = append(*section, rr)
	}
	if sig != nil {
		sig.Hdr.Name = name
		*section = append(*section, sig)
	}
}

// zoneOf is the zone that answers for a name. For DS that is the parent's.
func (n *Internet) zoneOf(name string, kind uint16) *zone {
	if kind == dns.TypeDS && name != "." {
		name = parent(name)
	}
	for ; ; name = parent(name) {
		if z := n.zones[name]; z != nil {
			return z
		}
	}
}

// at is the records of a name; exists is true also when there are only names
// below it.
func (n *Internet) at(z *zone, name string) (here []dns.RR, exists bool) {
	here, exists = n.records[name]
	if exists || n.zones[name] != nil {
		return here, true
	}
	for other := range n.records {
		if dns.IsSubDomain(name, other) {
			return nil, true
		}
	}
	return nil, name == z.name
}

// wildcard is the one that answers for a name that is not there.
func (n *Internet) wildcard(z *zone, name string) string {
	for a := parent(name); ; a = parent(a) {
		if _, exists := n.at(z, a); exists || a == "." {
			return "*." + strings.TrimPrefix(a, ".")
		}
	}
}

func parent(name string) string {
	labels := dns.SplitDomainName(name)
	if len(labels) < 2 {
		return "."
	}
	return strings.Join(labels[1:], ".") + "."
}

func of(list []dns.RR, kind uint16) []dns.RR {
	return slices.DeleteFunc(slices.Clone(list), func(rr dns.RR) bool { return rr.Header().Rrtype != kind })
}

func header(name string, kind uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
}
