package zone

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/dkim"
)

// Office is what decides about the records.
type Office struct {
	Hostname  string
	Addresses []netip.Addr // the box's own; those of no public network say nothing
	Domains   []Domain     // the main one first
	Now       time.Time    // by which records are too old
	SmartHost string       // the provider's server by which mail leaves; "" if it leaves directly
	// Authority is the certificate of the authority that vouches for the box, in DER;
	// nil if the world believes the box's certificate anyway.
	Authority []byte
	// Own is the box's own authority, in DER: what it shows to other servers when it has
	// nothing else that they go by. nil: that is Authority.
	Own []byte
	// KeySum is the SHA-256 of the public key of a certificate from elsewhere; nil if
	// there is none.
	KeySum []byte
	// Proofs are what an authority waits for before it certifies the box's name.
	Proofs []Proof
}

// Proof is a TXT record by which somebody shows that a name is his (RFC 8555 §8.4).
type Proof struct{ Name, Value string }

// Domain is one of the office's.
type Domain struct {
	Name string
	// Collected says that the domain's mail comes in at a provider, and is fetched
	// there: its MX records are the provider's.
	Collected bool
	// KeysOnly says that no mail goes to it: it is the name of a box that is in none of
	// the domains, from which its reports are.
	KeysOnly bool
	Keys     []dkim.DNSRecord
	// Left says that signing is left to the domain's provider: the box has no keys that
	// others should know.
	Left bool
}

// Need is how much a record matters.
type Need string

// The needs.
const (
	Needed Need = "needed"
	Useful Need = "useful"
	Later  Need = "later" // not to be published yet; ToDo says until when
	Old    Need = "old"   // to be left there for now; ToDo says until when
)

// State is how a record stands in DNS.
type State string

// The states.
const (
	NotAsked State = ""
	OK       State = "ok"
	Missing  State = "missing"
	Differs  State = "differs"
	Unknown  State = "unknown" // DNS could not be asked now
)

// Record is one record, as it should be and as it is.
type Record struct {
	About string // what it is for, one sentence
	Need  Need
	Name  string // absolute, A-labels, without the dot at the end
	Type  string // "TXT", "MX" …
	// Value is the record's data as providers' pages take it; "" where the office has
	// to fill it in.
	Value string
	State State
	Found []string // what is there instead, or as well
	ToDo  string   // one sentence or two; "" for nothing

	look func(ctx context.Context, dns DNS, r *Record) // nil: there is nothing to ask
}

// maxString is how much one string of a TXT record holds (RFC 1035 §3.3.14).
const maxString = 255

// Data is the record's data in zone-file form: a text in quotes, in strings of at most
// 255 bytes, names with a dot at the end.
func (r *Record) Data() string {
	switch r.Type {
	case "TXT":
		var parts []string
		for text := r.Value; text != ""; {
			n := min(maxString, len(text))
			parts = append(parts, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text[:n])+`"`)
			text = text[n:]
		}
		return strings.Join(parts, " ")
	case "MX", "CNAME", "SRV", "PTR":
		return r.Value + "."
	}
	return r.Value
}

// is sets the outcome.
func (r *Record) is(state State, todo string, found ...string) {
	r.State, r.ToDo, r.Found = state, todo, nil
	for _, f := range found[:min(len(found), maxFound)] {
		r.Found = append(r.Found, clean(f))
	}
}

// Bounds of what is shown of records that somebody else has written.
const (
	maxFound = 10
	maxShown = 600
)

// clean keeps what stands in DNS from doing anything to the page or the terminal that
// shows it.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s[:min(len(s), maxShown)])
	return s
}

// Well reports whether nothing is to be done about the records; DNS must have been
// asked.
func Well(records []Record) bool {
	return !slices.ContainsFunc(records, func(r Record) bool { return r.Need == Needed && r.State != OK })
}

// day is a date for people.
func day(t time.Time) string { return t.Format("2 January 2006") }
