package resolver

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Bounds of the work that one answer may cost: a zone's owner chooses how many
// keys and signatures with one tag there are (CVE-2023-50387).
const (
	maxVerifications = 64 // signatures checked
	maxAsks          = 80 // questions asked: more than any IPv6 PTR name has zones
	maxSet           = 64 // records in a set that is verified
)

// noDNSSECTime is how long a server that gives no signatures is not tried again.
const noDNSSECTime = 10 * time.Minute

// rootAnchors are the root's keys of 2017 and 2024 as IANA publishes them
// (https://data.iana.org/root-anchors/root-anchors.xml).
func rootAnchors() []*dns.DS {
	return []*dns.DS{
		{KeyTag: 20326, Algorithm: dns.RSASHA256, DigestType: dns.SHA256, Digest: "e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d"},
		{KeyTag: 38696, Algorithm: dns.RSASHA256, DigestType: dns.SHA256, Digest: "683d2d0acb8c9b712a1948b27f741219298d0a450d612c483af444a4c0fb2b16"},
	}
}

// zone is what is known of a name as the top of a zone.
type zone struct {
	secure bool // its keys are proven; otherwise it is proven to have none
	inside bool // it is no zone's top: it lies in its parent's zone
	keys   []*dns.DNSKEY
}

// validation proves one answer.
type validation struct {
	r     *shared
	work  int
	asks  int
	until time.Time // when the first of the signatures used ends
}

func (r *shared) newValidation() *validation {
	return &validation{r: r, until: time.Now().Add(maxTTL)}
}

func bogus(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBogus, fmt.Sprintf(format, args...))
}

func (v *validation) ask(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
	if v.asks++; v.asks > maxAsks {
		return nil, bogus("more than %d questions for one proof", maxAsks)
	}
	return v.r.ask(ctx, name, kind, true)
}

// keys is what is proven about the zone of this name.
func (v *validation) keys(ctx context.Context, name string) (*zone, error) {
	if z, ok := v.r.zones.get(name); ok {
		return z, nil
	}
	var z *zone
	var ttl time.Duration
	var err error
	if name == "." {
		z, ttl, err = v.root(ctx)
	} else {
		z, ttl, err = v.below(ctx, name)
	}
	if err != nil {
		return nil, err
	}
	bytes := 300
	for _, k := range z.keys {
		bytes += len(k.PublicKey) + 100
	}
	v.r.zones.put(name, z, bytes, earlier(v.until, time.Now().Add(ttl)))
	return z, nil
}

// root proves the root's keys by the anchors.
func (v *validation) root(ctx context.Context) (*zone, time.Duration, error) {
	msg, err := v.ask(ctx, ".", dns.TypeDNSKEY)
	if err != nil {
		return nil, 0, err
	}
	if len(signatures(msg.Answer, ".", dns.TypeDNSKEY)) == 0 {
		return &zone{}, noDNSSECTime, nil // the server passes none on: see the package's doc
	}
	return v.proveKeys(msg, ".", v.r.anchors)
}

// below finds out whether name is the top of a zone, by its parent's word.
func (v *validation) below(ctx context.Context, name string) (*zone, time.Duration, error) {
	msg, err := v.ask(ctx, name, dns.TypeDS)
	if err != nil {
		return nil, 0, err
	}
	if set := rrset(msg.Answer, name, dns.TypeDS); len(set) > 0 {
		return v.delegated(ctx, msg, name, set)
	}
	if set := rrset(msg.Answer, name, dns.TypeCNAME); len(set) > 0 {
		// What is an alias is no zone's top (RFC 1034 §3.6.2).
		secure, err := v.set(ctx, msg, set, parent(name))
		return &zone{inside: secure}, lifetime(set, maxTTL), err
	}
	ttl := maxNoneTTL
	for _, rr := range msg.Ns {
		ttl = min(ttl, bounded(rr.Header().Ttl, maxNoneTTL))
	}
	d, err := v.denial(ctx, msg, name)
	if err != nil {
		return nil, 0, err
	}
	if d == nil {
		if err := v.unsigned(ctx, parent(name)); err != nil {
			return nil, 0, err
		}
		return &zone{}, ttl, nil
	}
	if !d.secure {
		return &zone{}, ttl, nil
	}
	z, ok := d.delegation(name, msg.Rcode == dns.RcodeNameError)
	if !ok {
		return nil, 0, bogus("nothing proves that %s has no keys", name)
	}
	return z, ttl, nil
}

// delegated proves the keys of a zone that has DS records.
func (v *validation) delegated(ctx context.Context, msg *dns.Msg, name string, set []dns.RR) (*zone, time.Duration, error) {
	ttl := lifetime(set, maxTTL)
	secure, err := v.set(ctx, msg, set, parent(name))
	if err != nil {
		return nil, 0, err
	}
	var usable []*dns.DS
	for _, rr := range set {
		if ds := rr.(*dns.DS); isSupported(ds.Algorithm) && (ds.DigestType == dns.SHA256 || ds.DigestType == dns.SHA384) {
			usable = append(usable, ds)
		}
	}
	if !secure || len(usable) == 0 { // RFC 4035 §5.2: nobody could check such keys
		return &zone{}, ttl, nil
	}
	answer, err := v.ask(ctx, name, dns.TypeDNSKEY)
	if err != nil {
		return nil, 0, err
	}
	z, keyTTL, err := v.proveKeys(answer, name, usable)
	return z, min(ttl, keyTTL), err
}

// isSupported says whether signatures of this algorithm count (RFC 8624, 9905).
func isSupported(algorithm uint8) bool {
	switch algorithm {
	case dns.RSASHA256, dns.RSASHA512, dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519:
		return true
	}
	return false
}

// proveKeys proves a zone's keys: one of them is vouched for by a DS record, and
// signs them all (RFC 4035 §5.2).
func (v *validation) proveKeys(msg *dns.Msg, name string, vouched []*dns.DS) (*zone, time.Duration, error) {
	set := rrset(msg.Answer, name, dns.TypeDNSKEY)
	if len(set) == 0 || len(set) > maxSet {
		return nil, 0, bogus("%s has %d keys", name, len(set))
	}
	z := &zone{secure: true}
	var entry []*dns.DNSKEY
	for _, rr := range set {
		key := rr.(*dns.DNSKEY)
		if key.Flags&dns.ZONE == 0 || key.Flags&dns.REVOKE != 0 || key.Protocol != 3 {
			continue
		}
		z.keys = append(z.keys, key)
		if slices.ContainsFunc(vouched, func(ds *dns.DS) bool { return vouches(ds, key) }) {
			entry = append(entry, key)
		}
	}
	for _, sig := range signatures(msg.Answer, name, dns.TypeDNSKEY) {
		if dns.CanonicalName(sig.SignerName) == name && v.verifies(sig, entry, set) {
			return z, lifetime(set, maxTTL), nil
		}
	}
	return nil, 0, bogus("no key of %s that its parent knows signs its keys", name)
}

func vouches(ds *dns.DS, key *dns.DNSKEY) bool {
	if ds.Algorithm != key.Algorithm || ds.KeyTag != key.KeyTag() {
		return false
	}
	made := key.ToDS(ds.DigestType)
	return made != nil && strings.EqualFold(made.Digest, ds.Digest)
}

// signatures are those over the records of one name and type.
func signatures(section []dns.RR, name string, kind uint16) []*dns.RRSIG {
	var list []*dns.RRSIG
	for _, rr := range rrset(section, name, dns.TypeRRSIG) {
		if sig := rr.(*dns.RRSIG); sig.TypeCovered == kind {
			list = append(list, sig)
		}
	}
	return list
}

// verifies says whether one of the keys made this signature over the set.
func (v *validation) verifies(sig *dns.RRSIG, keys []*dns.DNSKEY, set []dns.RR) bool {
	dated := sig.ValidityPeriod(time.Now())
	if !dated && v.r.sure() || !isSupported(sig.Algorithm) || len(set) > maxSet {
		return false
	}
	for _, key := range keys {
		if key.Algorithm != sig.Algorithm || key.KeyTag() != sig.KeyTag {
			continue
		}
		if v.work++; v.work > maxVerifications {
			return false
		}
		if sig.Verify(key, set) == nil {
			// RFC 4035 §5.3.3
			v.until = earlier(v.until, time.Now().Add(time.Duration(sig.OrigTtl)*time.Second))
			if dated {
				v.until = earlier(v.until, time.Unix(int64(sig.Expiration), 0))
			}
			return true
		}
	}
	return false
}

// positive says whether a set of records in the answer is secure.
func (v *validation) positive(ctx context.Context, msg *dns.Msg, set []dns.RR) (bool, error) {
	return v.set(ctx, msg, set, dns.CanonicalName(set[0].Header().Name))
}

// set says whether a set of records is secure; if it has no signature, whether
// that is as it should be down to the name last.
func (v *validation) set(ctx context.Context, msg *dns.Msg, set []dns.RR, last string) (bool, error) {
	owner, kind := dns.CanonicalName(set[0].Header().Name), set[0].Header().Rrtype
	sigs := signatures(msg.Answer, owner, kind)
	if len(sigs) == 0 {
		return false, v.unsigned(ctx, last)
	}
	z, sig, err := v.signer(ctx, sigs, set)
	if err != nil || !z.secure {
		return false, err
	}
	labels := dns.CountLabel(owner)
	if strings.HasPrefix(owner, "*.") {
		labels--
	}
	if int(sig.Labels) >= labels {
		return true, nil
	}
	// RFC 4035 §5.3.4: it was made from a wildcard, so nothing closer may be there.
	d, err := v.denial(ctx, msg, owner)
	if err != nil {
		return false, err
	}
	if d == nil || !d.secure || !d.nothingCloser(owner, int(sig.Labels)) {
		return false, bogus("%s comes from a wildcard, and nothing proves that it may", owner)
	}
	return true, nil
}

// signer finds the zone whose keys sign the set, and the signature that holds. A
// zone that is proven to have no keys is given without one.
func (v *validation) signer(ctx context.Context, sigs []*dns.RRSIG, set []dns.RR) (*zone, *dns.RRSIG, error) {
	owner, kind := dns.CanonicalName(set[0].Header().Name), set[0].Header().Rrtype
	for _, sig := range sigs {
		name := dns.CanonicalName(sig.SignerName)
		if !isBelow(owner, name) || kind == dns.TypeDS && owner == name || int(sig.Labels) > dns.CountLabel(owner) {
			continue
		}
		z, err := v.keys(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		// What lies below a zone without keys has none either, so no signature can
		// take the proof away from a zone that has them.
		if !z.secure && !z.inside {
			return z, nil, nil
		}
		if z.secure && v.verifies(sig, z.keys, set) {
			return z, sig, nil
		}
	}
	return nil, nil, bogus("no signature of %s %s holds", owner, dns.TypeToString[kind])
}

// unsigned proves that there is a zone without keys on the way from the root to
// name; if there is none, a signature is missing: ErrBogus.
func (v *validation) unsigned(ctx context.Context, name string) error {
	root, err := v.keys(ctx, ".")
	if err != nil || !root.secure {
		return err
	}
	starts := dns.Split(name)
	for _, start := range slices.Backward(starts) {
		z, err := v.keys(ctx, name[start:])
		if err != nil {
			return err
		}
		if !z.secure && !z.inside {
			return nil
		}
	}
	return bogus("%s must have signatures, and has none", name)
}

// negative says whether a negative answer is secure.
func (v *validation) negative(ctx context.Context, msg *dns.Msg, name string, kind uint16, noName bool) (bool, error) {
	d, err := v.denial(ctx, msg, name)
	switch {
	case err != nil:
		return false, err
	case d == nil:
		return false, v.unsigned(ctx, name)
	case !d.secure:
		return false, nil
	}
	ok, optOut := d.noData(name, kind)
	if noName {
		ok, optOut = d.noName(name)
	}
	if !ok {
		return false, bogus("nothing proves that %s has no %s", name, dns.TypeToString[kind])
	}
	return !optOut, nil
}

// dnameFor finds the DNAME that makes name an alias of target.
func dnameFor(section []dns.RR, name, target string) (string, bool) {
	for _, rr := range section {
		d, ok := rr.(*dns.DNAME)
		if !ok || d.Hdr.Class != dns.ClassINET {
			continue
		}
		owner := dns.CanonicalName(d.Hdr.Name)
		if front, ok := strings.CutSuffix(name, "."+owner); ok && front+"."+dns.CanonicalName(d.Target) == target {
			return owner, true
		}
	}
	return "", false
}
