package mdns

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// handle looks at one packet.
func (r *Responder) handle(p packet) {
	i := slices.IndexFunc(r.cards, func(c Interface) bool { return c.Index == p.index })
	if i < 0 || r.phase == idle {
		return
	}
	c := r.cards[i]
	// RFC 6762 §11: what was sent to the group can't have passed a router;
	// anything else must come from our own network.
	if !p.multicast && !c.near(p.from.Addr()) {
		return
	}
	m, err := parse(p.data)
	if err != nil {
		return // noise, or hostile
	}
	if m.response {
		// §6: answers come from port 5353 or they are forged.
		if p.from.Port() == port && r.contradicts(m.answers) {
			r.conflict()
		}
		return
	}
	if r.phase == probing {
		r.tie(c, m)
		return
	}
	r.answer(c, p, m)
}

// ours reports whether a is an address of the box on any card: two cards in one
// network hear each other.
func (r *Responder) ours(a netip.Addr) bool {
	return slices.ContainsFunc(r.cards, func(c Interface) bool { return slices.Contains(c.addrs(), a) })
}

// contradicts reports whether another device says that it has our name.
func (r *Responder) contradicts(records []record) bool {
	name := r.dnsName().String()
	return slices.ContainsFunc(records, func(x record) bool {
		return x.name == lower(name) && x.ttl > 0 && !r.ours(x.addr)
	})
}

// conflict is §9: while probing, the next name; later, probe again to find out
// who gives way.
func (r *Responder) conflict() {
	r.conflicts++
	delay := probeGap
	if r.conflicts >= manyConflicts {
		delay = conflictPause
	}
	if r.phase == probing {
		if r.number < maxNumber {
			r.number++
		}
		r.o.Log.Info("name is taken, trying another", "name", r.name())
	} else {
		r.o.Log.Warn("another device claims the name", "name", r.name())
	}
	r.probe(delay)
}

// tie is §8.2: another device probes for the same name at the same time. The one
// with the later records wins; the other waits, and then finds the name taken.
func (r *Responder) tie(c Interface, m message) {
	name := lower(r.dnsName().String())
	var theirs []netip.Addr
	for _, x := range m.authority {
		if x.name == name && !r.ours(x.addr) {
			theirs = append(theirs, x.addr)
		}
	}
	if len(theirs) > 0 && compareRecords(c.addrs(), theirs) < 0 {
		r.probe(lostTie)
	}
}

// compareRecords orders two sets of address records: sorted by type, then data,
// and then compared one by one; a set that runs out first is earlier.
func compareRecords(a, b []netip.Addr) int {
	order := func(x, y netip.Addr) int {
		return cmp.Or(cmp.Compare(x.BitLen(), y.BitLen()), x.Compare(y)) // A is 1, AAAA 28
	}
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, order)
	slices.SortFunc(b, order)
	return slices.CompareFunc(a, b, order)
}

// answer answers the questions about our name, if any.
func (r *Responder) answer(c Interface, p packet, m message) {
	q := r.asked(m.questions)
	if q == nil || len(c.addrs()) == 0 || r.knows(c, m) || !r.allowed() {
		return
	}
	near := c.near(p.from.Addr())
	switch {
	case p.from.Port() != port: // §6.7: an ordinary resolver
		if near {
			r.unicast(c, p, reply{id: m.id, name: r.dnsName(), addrs: only(c.addrs(), q.kind), question: q, ttl: legacyTTL})
		}
	case q.unicast && near && len(m.authority) == 0:
		r.unicast(c, p, reply{name: r.dnsName(), addrs: c.addrs(), missing: true, ttl: recordTTL, unique: true})
	default:
		// §6: once a second, but a probe for our name is answered at once.
		if len(m.authority) > 0 || time.Since(r.said[c.Index]) >= multicastGap {
			r.multicast(c)
		}
	}
}

func (r *Responder) unicast(c Interface, p packet, a reply) {
	b, err := a.bytes()
	if err != nil {
		r.o.Log.Error("mdns answer not built", "error", err)
		return
	}
	r.wire.unicast(b, c.Index, p.from)
}

// asked is the first question that we have to answer.
func (r *Responder) asked(questions []question) *question {
	name := lower(r.dnsName().String())
	for i, q := range questions {
		switch q.kind {
		case dnsmessage.TypeA, dnsmessage.TypeAAAA, dnsmessage.TypeALL:
			if q.name == name {
				return &questions[i]
			}
		}
	}
	return nil
}

// knows is §7.1: whoever names all our addresses with at least half their life
// left needs no answer.
func (r *Responder) knows(c Interface, m message) bool {
	name := lower(r.dnsName().String())
	for _, a := range c.addrs() {
		if !slices.ContainsFunc(m.answers, func(x record) bool {
			return x.name == name && x.addr == a && x.ttl >= recordTTL/2
		}) {
			return false
		}
	}
	return true
}

// allowed counts answers: at most maxAnswers in any second.
func (r *Responder) allowed() bool {
	if now := time.Now(); now.Sub(r.window) >= time.Second {
		r.window, r.answered = now, 0
	}
	r.answered++
	return r.answered <= maxAnswers
}

// only keeps the addresses that a question of this type asks for.
func only(addrs []netip.Addr, kind dnsmessage.Type) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool {
		return kind == dnsmessage.TypeA && !a.Is4() || kind == dnsmessage.TypeAAAA && !a.Is6()
	})
}

// lower is for ASCII names: DNS compares no other letters.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
