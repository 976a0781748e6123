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

// maxInstance is how many times a message may be sealed (RFC 8617 §4.2.1).
const maxInstance = 50

// Chain is what is known of a message's ARC sets (RFC 8617).
type Chain struct {
	Word   Word // none, pass, fail or temperror
	Reason string
	Seals  []Seal // oldest first
	Cause  error  // of a temporary error, for the log
	// OldestPass is the oldest instance whose signature of the message still
	// holds; 0 if all do, or the chain does not (RFC 8617 §5.2 step 5).
	OldestPass int

	broken bool // its sets are not complete: nobody can seal it further
	failed bool // the last seal says itself that the chain has failed
}

// Seal is one ARC set.
type Seal struct {
	Domain, Selector string
	// Results is what the sealer found: the value of its ARC-Authentication-Results
	// without the instance. It is the sealer's word, and worth as much.
	Results string
}

// set is the three fields of an instance.
type set struct {
	results, message, seal *field
	signature              *Signature
	sealTags               Tags
	domain                 string // d= of the seal
	sealValue              []byte
}

func parseInstance(s string) (int, error) {
	i, err := strconv.Atoi(s)
	if err != nil || i < 1 || i > maxInstance || s[0] == '+' || s[0] == '0' {
		return 0, errRecord("a seal (ARC) has no number")
	}
	return i, nil
}

// VerifyChain checks the ARC sets of a message (RFC 8617 §5.2). The error is the
// reader's or the context's.
func VerifyChain(ctx context.Context, dns DNS, m *Message) (*Chain, error) {
	sets, c := m.sets()
	if c != nil {
		return c, nil
	}
	c = &Chain{Word: Pass}
	digests := make(map[digest]bodyHash)
	for _, s := range sets {
		c.Seals = append(c.Seals, Seal{s.domain, s.sealTags["s"], resultsValue(s.results)})
		if s.signature.digest.length < 0 {
			digests[s.signature.digest] = bodyHash{}
		}
	}
	last := sets[len(sets)-1]
	digests[last.signature.digest] = bodyHash{}
	if last.sealTags["cv"] == "fail" {
		c.failed = true
		return c.fail("The last who passed the message on (" + c.Seals[len(sets)-1].Domain + ") found its seals (ARC) broken"), nil
	}
	for i, s := range sets {
		if want := map[bool]string{true: "none", false: "pass"}[i == 0]; s.sealTags["cv"] != want {
			return c.fail(fmt.Sprintf("Seal %d (ARC) does not say that those before it were in order", i+1)), nil
		}
	}
	if err := m.hashBody(ctx, digests); err != nil {
		return nil, err
	}
	if r := last.checkMessage(ctx, dns, m, digests); r.Word != Pass {
		return c.because(r), nil
	}
	for i := len(sets) - 2; i >= 0; i-- { // how far back the message is as it was
		if r := sets[i].checkMessage(ctx, dns, m, digests); r.Word != Pass {
			c.OldestPass = i + 2
			break
		}
	}
	for i := len(sets) - 1; i >= 0; i-- {
		if r := checkSeal(ctx, dns, sets[:i+1]); r.Word != Pass {
			return c.because(r), nil
		}
	}
	c.Reason = "Sealed by " + c.Seals[len(sets)-1].Domain + " and unchanged since"
	return c, nil
}

func (c *Chain) fail(reason string) *Chain {
	c.Word, c.Reason, c.OldestPass = Fail, reason, 0
	return c
}

// because takes over what was wrong with one signature.
func (c *Chain) because(r Result) *Chain {
	c.fail(r.Reason)
	if r.Word == TempError {
		c.Word, c.Cause = TempError, r.Cause
	}
	return c
}

// sets reads the ARC sets, oldest first. If there are none, or they are not whole
// (RFC 8617 §5.2 steps 1 to 3), it gives the chain that this makes instead.
func (m *Message) sets() ([]*set, *Chain) {
	byInstance := make(map[int]*set)
	broken := func(reason string) ([]*set, *Chain) {
		return nil, (&Chain{broken: true}).fail(reason)
	}
	for i := range m.fields {
		f := &m.fields[i]
		if f.name != "arc-seal" && f.name != "arc-message-signature" && f.name != "arc-authentication-results" {
			continue
		}
		instance, err := f.instance()
		if err != nil {
			return broken(sentence(err))
		}
		if byInstance[instance] == nil {
			byInstance[instance] = &set{}
		}
		place := byInstance[instance].place(f.name)
		if *place != nil {
			return broken(fmt.Sprintf("Seal %d (ARC) stands there twice", instance))
		}
		*place = f
	}
	if len(byInstance) == 0 {
		return nil, &Chain{Word: None, Reason: "Nobody who passed it on has sealed it (ARC)"}
	}
	var list []*set
	for i := range len(byInstance) {
		s := byInstance[i+1]
		if s == nil || s.results == nil || s.message == nil || s.seal == nil {
			return broken(fmt.Sprintf("Seal %d (ARC) is not complete", i+1))
		}
		if err := s.parse(); err != nil {
			return broken(fmt.Sprintf("Seal %d (ARC): %s", i+1, err))
		}
		list = append(list, s)
	}
	return list, nil
}

func (s *set) place(name string) **field {
	switch name {
	case "arc-seal":
		return &s.seal
	case "arc-message-signature":
		return &s.message
	}
	return &s.results
}

// instance is the i= of an ARC field.
func (f *field) instance() (int, error) {
	_, value, _ := strings.Cut(string(f.raw), ":")
	if f.name == "arc-authentication-results" { // not a tag list: i= stands in front
		value, _, _ = strings.Cut(value, ";")
	}
	for piece := range strings.SplitSeq(value, ";") {
		if name, number, _ := strings.Cut(piece, "="); strings.Trim(name, " \t\r\n") == "i" {
			return parseInstance(strings.Trim(number, " \t\r\n"))
		}
	}
	return 0, errRecord("a seal (ARC) has no number")
}

func (s *set) parse() error {
	var err error
	if s.signature, err = parseSignature(s.message.raw, true); err != nil {
		return err
	}
	if slices.ContainsFunc(s.signature.names, func(n string) bool { return strings.EqualFold(n, "arc-seal") }) {
		return errRecord("its signature covers a seal") // RFC 8617 §4.1.2
	}
	_, value, _ := strings.Cut(string(s.seal.raw), ":")
	if s.sealTags, err = ParseTags(value); err != nil {
		return errRecord("it is written wrongly")
	}
	if _, ok := s.sealTags["h"]; ok {
		return errRecord("it says which fields it covers, and must not") // RFC 8617 §4.1.3
	}
	if s.domain, err = resolver.Canonical(s.sealTags["d"]); err != nil || s.sealTags["s"] == "" {
		return errRecord("it names no domain or key")
	}
	if s.sealValue, err = s.sealTags.bytes("b"); err != nil || len(s.sealValue) == 0 {
		return errRecord("it is empty")
	}
	return nil
}

func (s *set) checkMessage(ctx context.Context, dns DNS, m *Message, digests map[digest]bodyHash) Result {
	r := s.signature.result(m)
	if _, hashed := digests[s.signature.digest]; !hashed {
		r.Word, r.Reason = Policy, "A seal (ARC) covers only part of the text"
	}
	if r.Word == "" {
		r.take(s.signature.check(ctx, dns, m, digests[s.signature.digest]))
	}
	return r
}

// checkSeal checks the last seal of the sets, which covers them all.
func checkSeal(ctx context.Context, dns DNS, sets []*set) Result {
	last := sets[len(sets)-1]
	record, failed := lookup(ctx, dns, last.domain, last.sealTags["s"])
	if failed != nil {
		return *failed
	}
	if err := record.verify(last.sealTags["a"], sealHash(sets), last.sealValue); err != nil {
		return Result{Word: Fail, Reason: fmt.Sprintf("Seal %d (ARC) of %s does not hold", len(sets), last.domain)}
	}
	return Result{Word: Pass}
}

// sealHash is what a seal signs: all sets in order, itself without b= (RFC 8617
// §5.1.1).
func sealHash(sets []*set) [sha256.Size]byte {
	h := sha256.New()
	for i, s := range sets {
		h.Write(canonicalField(s.results.raw, true))
		h.Write(canonicalField(s.message.raw, true))
		if i < len(sets)-1 {
			h.Write(canonicalField(s.seal.raw, true))
			continue
		}
		own := canonicalField(withoutB(s.seal.raw), true)
		h.Write(own[:len(own)-2])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// resultsValue is an ARC-Authentication-Results behind its instance, unfolded.
func resultsValue(f *field) string {
	_, value, _ := strings.Cut(string(canonicalField(f.raw, true)), ";")
	return strings.TrimSpace(value)
}

// SealMessage makes the ARC set with which key's owner passes a message on: the
// chain is what VerifyChain found, results what stands in our
// Authentication-Results behind its name. The three fields stand in front of the
// message, in this order, CRLF at their ends. A chain that can't be sealed gives
// none: one that is not whole, that says itself that it failed, or that is full.
func SealMessage(ctx context.Context, m *Message, chain *Chain, key Key, results string, now time.Time) ([]byte, error) {
	instance := len(chain.Seals) + 1
	if chain.broken || chain.failed || instance > maxInstance || chain.Word == TempError {
		return nil, nil
	}
	cv := map[Word]string{None: "none", Pass: "pass", Fail: "fail"}[chain.Word]
	aar := field{"arc-authentication-results", fmt.Appendf(nil, "ARC-Authentication-Results: i=%d;\r\n\t%s\r\n", instance, results)}
	names := slices.DeleteFunc(m.names(), func(n string) bool { return n == "arc-seal" })
	ams, err := m.sign(ctx, []Key{key}, "ARC-Message-Signature", fmt.Sprintf("i=%d; ", instance), names, now)
	if err != nil {
		return nil, err
	}
	var sets []*set
	if cv != "fail" { // RFC 8617 §5.1.2: a failed chain's new seal covers its own set alone
		sets, _ = m.sets()
	}
	unsigned := fmt.Appendf(nil, "ARC-Seal: i=%d; a=%s; cv=%s; d=%s; s=%s;\r\n\tt=%d; b=", instance, key.algorithm(), cv, key.Domain, key.Selector, now.Unix())
	own := &set{results: &aar, message: &field{"arc-message-signature", ams}, seal: &field{"arc-seal", unsigned}}
	sum := sealHash(append(sets, own))
	value, err := key.sign(sum)
	if err != nil {
		return nil, err
	}
	return slices.Concat(unsigned, foldBase64(value), []byte("\r\n"), ams, aar.raw), nil
}
