package dkim

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/resolver"
)

// rsaBits is the size of our keys: what every receiver checks, and what fits a
// DNS answer that needs no TCP (RFC 8301 §3.2).
const rsaBits = 2048

// StaleAfter is how long after its last signature a key stays in DNS: a message
// may wait five days in a queue, and some programs check when it is read.
const StaleAfter = 30 * 24 * time.Hour

// maxRetired bounds the old pairs that are kept.
const maxRetired = 8

// Keys are a domain's keys: the pair that signs, the one that will, and those
// that did.
type Keys struct {
	Domain  string
	Current Pair
	Next    *Pair // nil while no change is prepared
	Retired []Pair
}

// Pair is an RSA and an Ed25519 key that are used together: old receivers check
// the one, the others are glad of the second.
type Pair struct {
	Made    time.Time
	Retired time.Time // when it signed last; zero if it has not been replaced
	Label   string    // the date it was made, which its selectors hold
	RSA     *rsa.PrivateKey
	Ed25519 ed25519.PrivateKey
}

// NewKeys makes a domain's first keys.
func NewKeys(domain string, now time.Time) (*Keys, error) {
	k := &Keys{Domain: domain}
	var err error
	k.Current, err = k.newPair(now)
	return k, err
}

func (k *Keys) newPair(now time.Time) (Pair, error) {
	p := Pair{Made: now, Label: now.UTC().Format("20060102")}
	for suffix := 'b'; k.used(p.Label); suffix++ {
		p.Label = p.Label[:8] + string(suffix)
	}
	var err error
	if p.RSA, err = rsa.GenerateKey(rand.Reader, rsaBits); err != nil {
		return Pair{}, fmt.Errorf("make keys of %s: %w", k.Domain, err)
	}
	if _, p.Ed25519, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return Pair{}, fmt.Errorf("make keys of %s: %w", k.Domain, err)
	}
	return p, nil
}

func (k *Keys) used(label string) bool {
	used := k.Current.Label == label || k.Next != nil && k.Next.Label == label
	for _, p := range k.Retired {
		used = used || p.Label == label
	}
	return used
}

// Signing are the keys that sign now, for Sign; the first is for SealMessage.
func (k *Keys) Signing() []Key {
	return []Key{{k.Domain, k.Current.rsaSelector(), k.Current.RSA}, {k.Domain, k.Current.edSelector(), k.Current.Ed25519}}
}

func (p *Pair) rsaSelector() string { return "r" + p.Label }
func (p *Pair) edSelector() string  { return "e" + p.Label }

// Prepare makes the next pair, if there is none: its Records are to be published
// before Switch.
func (k *Keys) Prepare(now time.Time) error {
	if k.Next != nil {
		return nil
	}
	p, err := k.newPair(now)
	if err == nil {
		k.Next = &p
	}
	return err
}

// ErrNotPrepared says that there is no next pair.
var ErrNotPrepared = errors.New("the next keys have not been made yet")

// Switch signs with the next pair from now on. The old one's records stay
// published until Prune drops it.
func (k *Keys) Switch(now time.Time) error {
	if k.Next == nil {
		return ErrNotPrepared
	}
	old := k.Current
	old.Retired = now
	k.Current, k.Next = *k.Next, nil
	k.Retired = append(k.Retired, old)
	if n := len(k.Retired); n > maxRetired {
		k.Retired = k.Retired[n-maxRetired:]
	}
	return nil
}

// Prune forgets the pairs whose signatures are stale, and says whether there
// were any. What is published for them may go.
func (k *Keys) Prune(now time.Time) bool {
	kept := k.Retired[:0:0]
	for _, p := range k.Retired {
		if now.Sub(p.Retired) < StaleAfter {
			kept = append(kept, p)
		}
	}
	pruned := len(kept) < len(k.Retired)
	k.Retired = kept
	return pruned
}

// Use is what a published record is for.
type Use string

// The uses.
const (
	UseCurrent Use = "current"
	UseNext    Use = "next"
	UseRetired Use = "retired" // until Until
)

// DNSRecord is a TXT record that the domain's owner publishes.
type DNSRecord struct {
	Name  string // absolute, without the dot at the end
	Text  string // the whole text
	Use   Use
	Until time.Time // when a retired one may go
}

// ZoneText is the record's data in zone-file form: strings of at most 255 bytes
// in quotes (RFC 1035 §3.3.14).
func (r DNSRecord) ZoneText() string {
	const longest = 255
	var parts []string
	for text := r.Text; text != ""; {
		n := min(longest, len(text))
		parts = append(parts, `"`+text[:n]+`"`)
		text = text[n:]
	}
	return strings.Join(parts, " ")
}

// Records are all that must be in DNS now.
func (k *Keys) Records() []DNSRecord {
	list := k.Current.records(k.Domain, UseCurrent)
	if k.Next != nil {
		list = append(list, k.Next.records(k.Domain, UseNext)...)
	}
	for _, p := range k.Retired {
		list = append(list, p.records(k.Domain, UseRetired)...)
	}
	return list
}

func (p *Pair) records(domain string, use Use) []DNSRecord {
	var until time.Time
	if use == UseRetired {
		until = p.Retired.Add(StaleAfter)
	}
	public, err := x509.MarshalPKIXPublicKey(&p.RSA.PublicKey)
	if err != nil {
		panic(err) // an RSA key always has this form
	}
	b64 := base64.StdEncoding.EncodeToString
	return []DNSRecord{
		{p.rsaSelector() + "._domainkey." + domain, "v=DKIM1; k=rsa; p=" + b64(public), use, until},
		{p.edSelector() + "._domainkey." + domain, "v=DKIM1; k=ed25519; p=" + b64(p.Ed25519.Public().(ed25519.PublicKey)), use, until},
	}
}

// Published says whether DNS has this record as it should be. An error is
// temporary.
func (r DNSRecord) Published(ctx context.Context, dns DNS) (bool, error) {
	answer, err := dns.TXT(ctx, r.Name)
	if err != nil {
		if errors.Is(err, resolver.ErrNone) {
			return false, nil
		}
		return false, err
	}
	want, err := ParseTags(r.Text)
	if err != nil {
		return false, err
	}
	for _, text := range answer.Records { // panels of providers add space and quotes of their own
		if got, err := ParseTags(text); err == nil && packed(got["p"]) == want["p"] {
			return true, nil
		}
	}
	return false, nil
}

// keysVersion begins an encoded Keys; JSON follows.
const keysVersion = 1

// ErrKeys says that bytes are no Keys, or of a later version.
var ErrKeys = errors.New("not signing keys that this version can read")

type keysJSON struct {
	Domain  string     `json:"domain"`
	Current pairJSON   `json:"current"`
	Next    *pairJSON  `json:"next,omitempty"`
	Retired []pairJSON `json:"retired,omitempty"`
}

type pairJSON struct {
	Label   string    `json:"label"`
	Made    time.Time `json:"made"`
	Retired time.Time `json:"retired,omitzero"`
	RSA     []byte    `json:"rsa"`     // PKCS #1
	Ed25519 []byte    `json:"ed25519"` // seed
}

// Encode gives the keys as they are stored: a version byte and JSON. Whoever
// stores them seals them first: they are secrets.
func (k *Keys) Encode() []byte {
	j := keysJSON{Domain: k.Domain, Current: k.Current.json()}
	if k.Next != nil {
		next := k.Next.json()
		j.Next = &next
	}
	for _, p := range k.Retired {
		j.Retired = append(j.Retired, p.json())
	}
	text, err := json.Marshal(j)
	if err != nil {
		panic(err) // strings, times and bytes only
	}
	return append([]byte{keysVersion}, text...)
}

func (p *Pair) json() pairJSON {
	return pairJSON{p.Label, p.Made, p.Retired, x509.MarshalPKCS1PrivateKey(p.RSA), p.Ed25519.Seed()}
}

// DecodeKeys reads what Encode gave. The error is ErrKeys.
func DecodeKeys(data []byte) (*Keys, error) {
	var j keysJSON
	if len(data) == 0 || data[0] != keysVersion || json.Unmarshal(data[1:], &j) != nil {
		return nil, ErrKeys
	}
	k := &Keys{Domain: j.Domain}
	var err error
	if k.Current, err = j.Current.pair(); err != nil {
		return nil, err
	}
	if j.Next != nil {
		next, err := j.Next.pair()
		if err != nil {
			return nil, err
		}
		k.Next = &next
	}
	for _, p := range j.Retired {
		old, err := p.pair()
		if err != nil {
			return nil, err
		}
		k.Retired = append(k.Retired, old)
	}
	return k, nil
}

func (j pairJSON) pair() (Pair, error) {
	key, err := x509.ParsePKCS1PrivateKey(j.RSA)
	if err != nil || len(j.Ed25519) != ed25519.SeedSize {
		return Pair{}, ErrKeys
	}
	return Pair{Made: j.Made, Retired: j.Retired, Label: j.Label, RSA: key, Ed25519: ed25519.NewKeyFromSeed(j.Ed25519)}, nil
}
