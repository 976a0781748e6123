package dmarc

import (
	"errors"
	"net/mail"
	"net/url"
	"strings"
)

// Policy is what a domain's owner wants done.
type Policy string

// The policies.
const (
	NoPolicy   Policy = "" // not said
	Monitor    Policy = "none"
	Quarantine Policy = "quarantine"
	Reject     Policy = "reject"
)

// Record is a policy record (RFC 9989 §4.7).
type Record struct {
	Policy       Policy // p; NoPolicy if it is missing or unknown
	Subdomains   Policy // sp
	NonExistent  Policy // np
	Testing      bool   // t=y, or the older pct=0
	Boundary     byte   // psd: 'y', 'n' or 'u'
	StrictDKIM   bool
	StrictSPF    bool
	Reports      []string // addresses of rua, without mailto:
	Failures     string   // fo, as written
	badSub, badN bool     // sp or np are there, and unknown
}

// Bounds of a record.
const (
	maxRecord  = 4096
	maxReports = 5 // addresses; RFC 9990 §3.5.3 asks for two at least
)

// ErrRecord says that a text is no DMARC record: it does not begin with
// "v=DMARC1", or is not written as tags.
var ErrRecord = errors.New("not a DMARC record")

// ParseRecord reads a policy record. What it does not know in it is ignored (RFC
// 9989 §4.7). The error is ErrRecord.
func ParseRecord(text string) (*Record, error) {
	if len(text) > maxRecord {
		return nil, ErrRecord
	}
	first, rest, _ := strings.Cut(text, ";")
	name, version, found := strings.Cut(first, "=")
	if !found || strings.TrimSpace(name) != "v" || strings.TrimSpace(version) != "DMARC1" {
		return nil, ErrRecord
	}
	r := &Record{Boundary: 'u'}
	seen := make(map[string]string)
	for piece := range strings.SplitSeq(rest, ";") {
		name, value, found := strings.Cut(piece, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := seen[name]; twice || !found || len(seen) > 50 {
			continue
		}
		seen[name] = strings.TrimSpace(value)
	}
	r.Policy, _ = parsePolicy(seen["p"])
	r.Subdomains, r.badSub = parsePolicy(seen["sp"])
	r.NonExistent, r.badN = parsePolicy(seen["np"])
	r.StrictDKIM, r.StrictSPF = strings.EqualFold(seen["adkim"], "s"), strings.EqualFold(seen["aspf"], "s")
	t, said := seen["t"]
	r.Testing = strings.EqualFold(t, "y") || !said && seen["pct"] == "0"
	if b := strings.ToLower(seen["psd"]); b == "y" || b == "n" {
		r.Boundary = b[0]
	}
	r.Failures = seen["fo"]
	r.Reports = parseURIs(seen["rua"])
	return r, nil
}

// parsePolicy reads a policy; bad is true for one that is not known.
func parsePolicy(s string) (p Policy, bad bool) {
	switch p = Policy(strings.ToLower(s)); p {
	case Monitor, Quarantine, Reject, NoPolicy:
		return p, false
	}
	return NoPolicy, true
}

// parseURIs gives the mail addresses of a list of URIs. A size behind "!" is
// ignored (RFC 9990 §3.5.3).
func parseURIs(s string) []string {
	var list []string
	for text := range strings.SplitSeq(s, ",") {
		text, _, _ = strings.Cut(strings.TrimSpace(text), "!")
		u, err := url.Parse(text)
		if err != nil || !strings.EqualFold(u.Scheme, "mailto") || len(list) >= maxReports {
			continue
		}
		address, err := url.PathUnescape(u.Opaque)
		if err != nil {
			continue
		}
		if a, err := mail.ParseAddress(address); err == nil && a.Name == "" && a.Address == address {
			list = append(list, address)
		}
	}
	return list
}

// valid is the record as it is to be used for a domain: with a policy that is
// missing or unknown it counts as p=none if reports are wanted, else as no record
// (RFC 9989 §4.10.1).
func (r *Record) valid(bad bool) (*Record, bool) {
	if r.Policy != NoPolicy && !bad {
		return r, true
	}
	if len(r.Reports) == 0 {
		return nil, false
	}
	monitor := *r
	monitor.Policy, monitor.Subdomains, monitor.NonExistent = Monitor, NoPolicy, NoPolicy
	return &monitor, true
}

// lower is the policy one step less strict, for owners who are testing (RFC 9989
// §4.7, "t").
func (p Policy) lower() Policy {
	switch p {
	case Reject:
		return Quarantine
	case Quarantine:
		return Monitor
	}
	return p
}
