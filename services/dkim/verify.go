package dkim

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/resolver"
)

// Word is a result in the words of RFC 8601 §2.7.
type Word string

// The words.
const (
	None      Word = "none"
	Pass      Word = "pass"
	Fail      Word = "fail"
	Policy    Word = "policy"
	Neutral   Word = "neutral"
	TempError Word = "temperror"
	PermError Word = "permerror"
)

// Result is what became of one signature.
type Result struct {
	Word       Word
	Reason     string // for people, one sentence
	Domain     string // d=, A-labels, lower case; "" if the signature can't be read
	Selector   string
	Identifier string // i=
	Algorithm  string
	Prefix     string // the first letters of b=, to tell signatures apart (RFC 6008)
	Testing    bool   // the domain only tries DKIM out
	Cause      error  // of a temporary error, for the log
}

// Signature is a DKIM-Signature or ARC-Message-Signature, read.
type Signature struct {
	Domain, Selector, Identifier, Algorithm string

	instance      int // ARC's i=
	headerRelaxed bool
	digest        digest
	names         []string
	bodyHash      []byte
	value         []byte
	prefix        string
	time, expires time.Time
	raw           []byte
}

// maxSkew is how far in the future a signature may have been made: clocks differ.
const maxSkew = time.Hour

// ParseSignature reads the value of a DKIM-Signature field. Errors are in plain
// words.
func ParseSignature(value string) (*Signature, error) {
	return parseSignature([]byte("DKIM-Signature:"+value), false)
}

func parseSignature(raw []byte, arc bool) (*Signature, error) {
	_, value, _ := strings.Cut(string(raw), ":")
	tags, err := ParseTags(value)
	if err != nil {
		return nil, errRecord("the signature is written wrongly")
	}
	s := &Signature{Selector: tags["s"], Algorithm: tags["a"], raw: raw, digest: digest{length: -1}}
	if s.Domain, err = resolver.Canonical(tags["d"]); err != nil || s.Selector == "" {
		return nil, errRecord("the signature names no domain or key")
	}
	if !arc {
		if tags["v"] != "1" {
			return nil, errRecord("the signature is of an unknown version")
		}
		s.Identifier = tags["i"]
		if s.Identifier == "" {
			s.Identifier = "@" + s.Domain
		}
	} else if s.instance, err = parseInstance(tags["i"]); err != nil {
		return nil, err
	}
	if s.names = tags.list("h"); len(s.names) == 0 || len(s.names) > maxSigned {
		return nil, errRecord("the signature does not say which fields it covers")
	}
	if s.bodyHash, err = tags.bytes("bh"); err != nil || len(s.bodyHash) == 0 {
		return nil, errRecord("the signature has no hash of the message's text")
	}
	if s.value, err = tags.bytes("b"); err != nil || len(s.value) == 0 {
		return nil, errRecord("the signature is empty")
	}
	b := packed(tags["b"])
	s.prefix = b[:min(len(b), 8)]
	return s, s.parseRest(tags)
}

// parseRest reads the tags that need not be there.
func (s *Signature) parseRest(tags Tags) error {
	header, body, _ := strings.Cut(packed(tags["c"]), "/")
	for _, c := range []string{header, body} {
		if c != "" && c != "simple" && c != "relaxed" {
			return errRecord("the signature was made in an unknown way")
		}
	}
	s.headerRelaxed, s.digest.relaxed = header == "relaxed", body == "relaxed"
	if methods := tags.list("q"); methods != nil && !slices.Contains(methods, "dns/txt") {
		return errRecord("the signature's key is not in DNS")
	}
	var err error
	if l, ok := tags["l"]; ok {
		if s.digest.length, err = strconv.ParseInt(l, 10, 64); err != nil || s.digest.length < 0 {
			return errRecord("the signature is written wrongly")
		}
	}
	for name, at := range map[string]*time.Time{"t": &s.time, "x": &s.expires} {
		if text, ok := tags[name]; ok {
			seconds, err := strconv.ParseUint(text, 10, 40) // RFC 6376 §3.5: up to 12 digits
			if err != nil {
				return errRecord("the signature is written wrongly")
			}
			*at = time.Unix(int64(seconds), 0)
		}
	}
	return nil
}

// Verify checks the first max signatures, from the top, and gives a Result for
// each, in that order; those behind are "policy" unchecked. Without signatures
// there are no results. The error is the reader's or the context's: then nothing
// is known.
func Verify(ctx context.Context, dns DNS, m *Message, max int) ([]Result, error) {
	var results []Result
	digests := make(map[digest]bodyHash)
	var signatures []*Signature
	for _, f := range m.fields {
		if f.name != "dkim-signature" {
			continue
		}
		if len(results) == max {
			results = append(results, Result{Word: Policy, Reason: fmt.Sprintf("There are more than %d signatures; the others were not checked", max)})
			signatures = append(signatures, nil)
			break
		}
		s, err := parseSignature(f.raw, false)
		if err != nil {
			results = append(results, Result{Word: PermError, Reason: sentence(err)})
		} else {
			r := s.result(m)
			if _, known := digests[s.digest]; r.Word == "" && !known && len(digests) == maxDigests {
				r.Word, r.Reason = Policy, "The message is signed in more ways than are checked"
			} else if r.Word == "" {
				digests[s.digest] = bodyHash{}
			}
			results = append(results, r)
		}
		signatures = append(signatures, s)
	}
	if err := m.hashBody(ctx, digests); err != nil {
		return nil, err
	}
	for i, s := range signatures {
		if s != nil && results[i].Word == "" {
			results[i].take(s.check(ctx, dns, m, digests[s.digest]))
		}
	}
	return results, nil
}

// take takes over the outcome of a check.
func (r *Result) take(o Result) {
	r.Word, r.Reason, r.Cause, r.Testing = o.Word, o.Reason, o.Cause, o.Testing
}

// result is what the signature says of itself; the Word is set if that is
// enough to judge it.
func (s *Signature) result(m *Message) Result {
	r := Result{Domain: s.Domain, Selector: s.Selector, Identifier: s.Identifier, Algorithm: s.Algorithm, Prefix: s.prefix}
	now := time.Now()
	_, domain, found := strings.Cut(s.Identifier, "@")
	if domain, err := resolver.Canonical(domain); s.instance == 0 && (!found || err != nil || !isWithin(domain, s.Domain)) {
		r.Word, r.Reason = PermError, "The signature speaks for another domain than its own"
		return r
	}
	signedFroms := 0
	for _, name := range s.names {
		if strings.EqualFold(name, "from") {
			signedFroms++
		}
	}
	switch {
	case signedFroms == 0:
		r.Word, r.Reason = PermError, "The signature does not cover the sender (From)"
	case signedFroms < m.count("from"):
		r.Word, r.Reason = Policy, "There is a second sender (From) that the signature does not cover"
	case s.Algorithm == "rsa-sha1":
		r.Word, r.Reason = Policy, "The signature is made with SHA-1, which can be forged"
	case s.Algorithm != "rsa-sha256" && s.Algorithm != "ed25519-sha256":
		r.Word, r.Reason = Neutral, "The signature is of an unknown kind"
	case !m.Undated && !s.expires.IsZero() && now.After(s.expires):
		r.Word, r.Reason = Fail, "The signature ended on "+s.expires.UTC().Format("2 January 2006")
	case !m.Undated && s.time.After(now.Add(maxSkew)):
		r.Word, r.Reason = PermError, "The signature is dated in the future"
	case !s.expires.IsZero() && s.expires.Before(s.time):
		r.Word, r.Reason = PermError, "The signature ended before it was made"
	}
	return r
}

// isWithin says whether name is domain or below it.
func isWithin(name, domain string) bool {
	return name == domain || strings.HasSuffix(name, "."+domain)
}

// check does what needs the body's hash and the key.
func (s *Signature) check(ctx context.Context, dns DNS, m *Message, body bodyHash) Result {
	record, failed := lookup(ctx, dns, s.Domain, s.Selector)
	if failed != nil {
		return *failed
	}
	r := Result{Testing: record.Testing}
	if _, domain, _ := strings.Cut(s.Identifier, "@"); record.strict && s.instance == 0 && !strings.EqualFold(domain, s.Domain) {
		r.Word, r.Reason = PermError, "The key may not sign for names below its domain"
		return r
	}
	if string(body.sum[:]) != string(s.bodyHash) {
		r.Word, r.Reason = Fail, "The message's text was changed after "+s.Domain+" signed it"
		return r
	}
	if err := record.verify(s.Algorithm, s.headerHash(m), s.value); err != nil {
		r.Word, r.Reason = Fail, "The message's header was changed after "+s.Domain+" signed it"
		return r
	}
	if s.digest.length > body.total {
		r.Word, r.Reason = PermError, "The signature covers more text than there is"
		return r
	}
	if s.digest.length >= 0 && s.digest.length < body.total {
		r.Word, r.Reason = Policy, fmt.Sprintf("The signature covers %d of %d bytes of the text: the rest could be anybody's", s.digest.length, body.total)
		return r
	}
	r.Word, r.Reason = Pass, "Signed by "+s.Domain+" and unchanged since"
	return r
}

// headerHash is the hash that is signed (RFC 6376 §3.7).
func (s *Signature) headerHash(m *Message) [sha256.Size]byte {
	h := sha256.New()
	for _, f := range m.pick(s.names) {
		h.Write(canonicalField(f.raw, s.headerRelaxed))
	}
	own := canonicalField(withoutB(s.raw), s.headerRelaxed)
	h.Write(own[:len(own)-2])
	return [sha256.Size]byte(h.Sum(nil))
}
