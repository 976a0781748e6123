package dkim

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/resolver"
)

// DNS looks keys up. *resolver.Client is one.
type DNS interface {
	TXT(ctx context.Context, name string) (resolver.Answer[string], error)
}

// Bounds of RSA keys: shorter ones can be broken (RFC 8301 §3.2), longer ones
// only cost time.
const (
	minRSA = 1024
	maxRSA = 8192
)

// Record is a public key as a domain publishes it (RFC 6376 §3.6.1).
type Record struct {
	Key     crypto.PublicKey // *rsa.PublicKey or ed25519.PublicKey
	Testing bool             // t=y
	strict  bool             // t=s: i= must be of the very domain
}

// errRecord is what is wrong with a key record, in words.
type errRecord string

func (e errRecord) Error() string { return string(e) }

// ParseRecord reads a key record. Errors are in plain words.
func ParseRecord(text string) (*Record, error) {
	tags, err := ParseTags(text)
	if err != nil {
		return nil, errRecord("the domain's key in DNS is written wrongly")
	}
	if v, ok := tags["v"]; ok && v != "DKIM1" {
		return nil, errRecord("the domain's key in DNS is of an unknown version")
	}
	if hashes := tags.list("h"); hashes != nil && !slices.Contains(hashes, "sha256") {
		return nil, errRecord("the domain's key in DNS is not for SHA-256")
	}
	if services := tags.list("s"); services != nil && !slices.Contains(services, "*") && !slices.Contains(services, "email") {
		return nil, errRecord("the domain's key in DNS is not for mail")
	}
	if p, ok := tags["p"]; !ok {
		return nil, errRecord("the domain's record in DNS holds no key")
	} else if p == "" {
		return nil, errRecord("the domain has withdrawn this key")
	}
	data, err := tags.bytes("p")
	if err != nil {
		return nil, errRecord("the domain's key in DNS is written wrongly")
	}
	r := &Record{Testing: slices.Contains(tags.list("t"), "y"), strict: slices.Contains(tags.list("t"), "s")}
	switch k, ok := tags["k"]; {
	case !ok || k == "rsa":
		r.Key, err = parseRSA(data)
		return r, err
	case k == "ed25519" && len(data) == ed25519.PublicKeySize:
		r.Key = ed25519.PublicKey(data)
		return r, nil
	}
	return nil, errRecord("the domain's key in DNS is of an unknown kind")
}

// parseRSA reads a key in either form that is in use (erratum 3017 of RFC 6376).
func parseRSA(data []byte) (*rsa.PublicKey, error) {
	key, err := x509.ParsePKCS1PublicKey(data)
	if err != nil {
		any, err := x509.ParsePKIXPublicKey(data)
		if err != nil {
			return nil, errRecord("the domain's key in DNS is written wrongly")
		}
		var ok bool
		if key, ok = any.(*rsa.PublicKey); !ok {
			return nil, errRecord("the domain's key in DNS is of another kind than it says")
		}
	}
	if bits := key.N.BitLen(); bits < minRSA || bits > maxRSA {
		return nil, errRecord(fmt.Sprintf("the domain's key has %d bits; only %d to %d can be trusted", bits, minRSA, maxRSA))
	}
	return key, nil
}

// lookup finds the key of a selector. A *Result as error says how the signature
// is to be judged.
func lookup(ctx context.Context, dns DNS, domain, selector string) (*Record, *Result) {
	answer, err := dns.TXT(ctx, selector+"._domainkey."+domain)
	if errors.Is(err, resolver.ErrNone) {
		return nil, &Result{Word: PermError, Reason: "The key that signed it is not in DNS"}
	}
	if err != nil {
		return nil, &Result{Word: TempError, Reason: "The key that signed it could not be looked up just now", Cause: err}
	}
	// RFC 6376 §3.6.2.2 leaves open what several records mean; other texts
	// beside one key are not worth losing it.
	texts := slices.DeleteFunc(slices.Clone(answer.Records), func(s string) bool { return !strings.Contains(s, "p=") })
	if len(texts) != 1 {
		return nil, &Result{Word: PermError, Reason: fmt.Sprintf("There are %d keys in DNS where one should be", len(texts))}
	}
	r, err := ParseRecord(texts[0])
	if err != nil {
		return nil, &Result{Word: PermError, Reason: sentence(err)}
	}
	return r, nil
}

func sentence(err error) string {
	s := err.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}

// verify says whether the key made the signature of what hashes to sum.
func (r *Record) verify(algorithm string, sum [sha256.Size]byte, signature []byte) error {
	switch key := r.Key.(type) {
	case *rsa.PublicKey:
		if algorithm == "rsa-sha256" {
			return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
		}
	case ed25519.PublicKey:
		if algorithm == "ed25519-sha256" {
			if !ed25519.Verify(key, sum[:], signature) { // RFC 8463 §3
				return errors.New("the signature does not hold")
			}
			return nil
		}
	}
	return errors.New("the key is of another kind than the signature")
}
