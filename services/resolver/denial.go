package resolver

import (
	"context"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Bounds of proofs that something is not there.
const (
	maxDenials    = 8   // NSEC or NSEC3 records looked at; a proof needs three
	maxIterations = 100 // of NSEC3 (RFC 9276 §3.2): over it a zone counts as not signed
)

// denial is the verified records of an answer that say what is not there, all of
// one zone.
type denial struct {
	secure bool   // false: the zone has no keys, or hashes too often
	zone   string // which signs them
	nsec   []*dns.NSEC
	nsec3  []*dns.NSEC3
}

// denial collects and verifies the proofs in the authority section that can say
// something about name; nil if there are none.
func (v *validation) denial(ctx context.Context, msg *dns.Msg, name string) (*denial, error) {
	var d *denial
	for _, rr := range msg.Ns {
		kind := rr.Header().Rrtype
		if kind != dns.TypeNSEC && kind != dns.TypeNSEC3 || rr.Header().Class != dns.ClassINET {
			continue
		}
		owner := dns.CanonicalName(rr.Header().Name)
		sigs := slices.DeleteFunc(signatures(msg.Ns, owner, kind), func(s *dns.RRSIG) bool {
			return !isBelow(name, dns.CanonicalName(s.SignerName)) || d != nil && dns.CanonicalName(s.SignerName) != d.zone
		})
		if len(sigs) == 0 || d != nil && len(d.nsec)+len(d.nsec3) >= maxDenials {
			continue
		}
		z, sig, err := v.signer(ctx, sigs, rrset(msg.Ns, owner, kind))
		if err != nil {
			return nil, err
		}
		if !z.secure {
			return &denial{}, nil
		}
		if int(sig.Labels) < dns.CountLabel(owner) && !strings.HasPrefix(owner, "*.") {
			continue // itself made from a wildcard: it says nothing about other names
		}
		if d == nil {
			d = &denial{secure: true, zone: dns.CanonicalName(sig.SignerName)}
		}
		switch rr := rr.(type) {
		case *dns.NSEC:
			d.nsec = append(d.nsec, rr)
		case *dns.NSEC3:
			if rr.Iterations > maxIterations || rr.Hash != dns.SHA1 {
				return &denial{}, nil
			}
			d.nsec3 = append(d.nsec3, rr)
		}
	}
	return d, nil
}

// has says whether a type is in the list of an NSEC record.
func has(list []uint16, kind uint16) bool { return slices.Contains(list, kind) }

// isCut says whether the list is that of a delegation, as its parent sees it.
func isCut(list []uint16) bool { return has(list, dns.TypeNS) && !has(list, dns.TypeSOA) }

// lacks says whether the list of a record at the very name proves that it has no
// record of this type: the parent's list speaks for DS alone, the child's for all
// but DS (RFC 4035 §5.4, RFC 5155 §8.5).
func lacks(list []uint16, kind uint16) bool {
	if has(list, kind) || has(list, dns.TypeCNAME) {
		return false
	}
	if kind == dns.TypeDS {
		return !has(list, dns.TypeSOA)
	}
	return !isCut(list)
}

// covers says whether name would stand between this record and the next, if it
// were there.
func (d *denial) covers(n *dns.NSEC, name string) bool {
	owner, next := dns.CanonicalName(n.Hdr.Name), dns.CanonicalName(n.NextDomain)
	if isBelow(name, owner) && (isCut(n.TypeBitMap) || has(n.TypeBitMap, dns.TypeDNAME)) {
		return false // RFC 6840 §4.1: below a delegation another zone speaks
	}
	last := compareNames(next, owner) <= 0 // its next is the zone's top again
	return compareNames(owner, name) < 0 && (last || compareNames(name, next) < 0)
}

// at is the NSEC record of the name.
func (d *denial) at(name string) *dns.NSEC {
	for _, n := range d.nsec {
		if dns.CanonicalName(n.Hdr.Name) == name {
			return n
		}
	}
	return nil
}

// over is an NSEC record that covers the name.
func (d *denial) over(name string) *dns.NSEC {
	for _, n := range d.nsec {
		if d.covers(n, name) {
			return n
		}
	}
	return nil
}

// wildcard is the one that would have answered for a name that n covers: it
// stands below the closest name that is there.
func wildcard(n *dns.NSEC, name string) string {
	a, b := common(name, dns.CanonicalName(n.Hdr.Name)), common(name, dns.CanonicalName(n.NextDomain))
	if dns.CountLabel(b) > dns.CountLabel(a) {
		a = b
	}
	return below("*", a)
}

func below(label, name string) string {
	if name == "." {
		return label + "."
	}
	return label + "." + name
}

// common is the longest name that both lie in.
func common(a, b string) string {
	for ; a != "."; a = parent(a) {
		if isBelow(b, a) {
			return a
		}
	}
	return "."
}

// at3 and over3 are the NSEC3 records of a name's hash, or around it.
func (d *denial) at3(name string) *dns.NSEC3 {
	for _, n := range d.nsec3 {
		if n.Match(name) {
			return n
		}
	}
	return nil
}

func (d *denial) over3(name string) *dns.NSEC3 {
	for _, n := range d.nsec3 {
		// The library's Cover is true for the very name of the record too (v1.1.73),
		// which would let an attacker deny a name by the record that proves it.
		if n.Cover(name) && !n.Match(name) {
			return n
		}
	}
	return nil
}

// closest is the closest name above name that is there, and the one below that
// on the way to name (RFC 5155 §8.3). Both are "" if nothing says so.
func (d *denial) closest(name string) (encloser, next string) {
	for a := name; a != d.zone && a != "."; {
		next, a = a, parent(a)
		if n := d.at3(a); n != nil {
			if isCut(n.TypeBitMap) || has(n.TypeBitMap, dns.TypeDNAME) {
				return "", ""
			}
			return a, next
		}
	}
	return "", ""
}

// noData says whether it is proven that name has no record of this type; optOut,
// that there may be a zone without keys.
func (d *denial) noData(name string, kind uint16) (ok, optOut bool) {
	if n := d.at(name); n != nil {
		return lacks(n.TypeBitMap, kind), false
	}
	if n := d.over(name); n != nil {
		if isBelow(dns.CanonicalName(n.NextDomain), name) {
			return true, false // there are only names below it
		}
		w := d.at(wildcard(n, name))
		return w != nil && lacks(w.TypeBitMap, kind), false
	}
	if n := d.at3(name); n != nil {
		return lacks(n.TypeBitMap, kind), false
	}
	encloser, next := d.closest(name)
	if encloser == "" {
		return false, false
	}
	n := d.over3(next)
	if n == nil {
		return false, false
	}
	if n.Flags&1 != 0 {
		return true, true // RFC 5155 §6
	}
	w := d.at3(below("*", encloser))
	return w != nil && lacks(w.TypeBitMap, kind), false
}

// noName says whether it is proven that name is not there, nor a wildcard for it.
func (d *denial) noName(name string) (ok, optOut bool) {
	if n := d.over(name); n != nil {
		return !isBelow(dns.CanonicalName(n.NextDomain), name) && d.over(wildcard(n, name)) != nil, false
	}
	encloser, next := d.closest(name)
	if encloser == "" {
		return false, false
	}
	n := d.over3(next)
	return n != nil && d.over3(below("*", encloser)) != nil, n != nil && n.Flags&1 != 0
}

// nothingCloser says whether it is proven that there is no name closer to owner
// than the wildcard, which has so many labels without its asterisk.
func (d *denial) nothingCloser(owner string, labels int) bool {
	next := owner
	for dns.CountLabel(next) > labels+1 {
		next = parent(next)
	}
	return d.over(owner) != nil || d.over3(next) != nil
}

// delegation says what it means for the zone that name has no DS record: a
// zone without keys, or no zone of its own. ok is false if neither is proven.
func (d *denial) delegation(name string, noName bool) (z *zone, ok bool) {
	list, found := []uint16(nil), false
	if n := d.at(name); n != nil {
		list, found = n.TypeBitMap, true
	} else if n := d.at3(name); n != nil {
		list, found = n.TypeBitMap, true
	}
	if found {
		return &zone{inside: !isCut(list)}, lacks(list, dns.TypeDS) || has(list, dns.TypeCNAME)
	}
	ok, optOut := d.noData(name, dns.TypeDS)
	if noName {
		ok, optOut = d.noName(name)
	}
	return &zone{inside: !optOut}, ok
}
