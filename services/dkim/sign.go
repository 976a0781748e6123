package dkim

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Key is a key that signs, and where its public half is found.
type Key struct {
	Domain, Selector string        // A-labels, lower case
	Signer           crypto.Signer // *rsa.PrivateKey or ed25519.PrivateKey
}

// ErrNoFrom says that a message without a sender can't be signed (RFC 6376 §5.4).
var ErrNoFrom = errors.New("a message without From can't be signed")

func (k Key) algorithm() string {
	if _, ok := k.Signer.Public().(ed25519.PublicKey); ok {
		return "ed25519-sha256"
	}
	return "rsa-sha256"
}

func (k Key) sign(sum [sha256.Size]byte) ([]byte, error) {
	var how crypto.SignerOpts = crypto.SHA256
	if k.algorithm() == "ed25519-sha256" {
		how = crypto.Hash(0) // RFC 8463 §3: PureEd25519 over the hash
	}
	value, err := k.Signer.Sign(rand.Reader, sum[:], how)
	if err != nil {
		return nil, fmt.Errorf("sign for %s: %w", k.Domain, err)
	}
	return value, nil
}

// Sign makes a DKIM-Signature field with each key (relaxed/relaxed), to stand in
// front of the message, CRLF at their ends. The body is read once.
func Sign(ctx context.Context, m *Message, keys []Key, now time.Time) ([]byte, error) {
	return m.sign(ctx, keys, "DKIM-Signature", "v=1; ", m.names(), now)
}

// signedNames are the fields that a signature covers, as far as they are there:
// those that RFC 6376 §5.4.1 recommends. What people see is covered once more
// than it is there (oversigned), so that nobody can add a second one.
func signedNames() (names []string, seen map[string]bool) {
	return []string{"from", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references", "reply-to", "sender",
			"mime-version", "content-type", "content-transfer-encoding", "content-id", "content-description",
			"resent-date", "resent-from", "resent-sender", "resent-to", "resent-cc", "resent-message-id",
			"list-id", "list-help", "list-unsubscribe", "list-unsubscribe-post", "list-subscribe", "list-post", "list-owner", "list-archive",
			"dkim-signature"},
		map[string]bool{"from": true, "to": true, "cc": true, "subject": true, "date": true}
}

// names is the h= of a signature of this message.
func (m *Message) names() []string {
	var list []string
	names, seen := signedNames()
	for _, name := range names {
		n := m.count(name)
		if seen[name] {
			n++
		}
		for range min(n, 20) { // nobody has twenty of one; the header's own bounds are higher
			list = append(list, name)
		}
	}
	return list
}

func (m *Message) sign(ctx context.Context, keys []Key, name, first string, names []string, now time.Time) ([]byte, error) {
	if m.count("from") == 0 {
		return nil, ErrNoFrom
	}
	if len(names) > 0 && name == "DKIM-Signature" {
		// Another's signature below ours is none of ours to vouch for.
		names = slices.DeleteFunc(names, func(n string) bool { return n == "dkim-signature" })
	}
	way := digest{relaxed: true, length: -1}
	digests := map[digest]bodyHash{way: {}}
	if err := m.hashBody(ctx, digests); err != nil {
		return nil, err
	}
	sum := digests[way].sum
	bh := base64.StdEncoding.EncodeToString(sum[:])
	var out []byte
	for _, key := range keys {
		unsigned := fmt.Appendf(nil, "%s: %sa=%s; c=relaxed/relaxed; d=%s; s=%s;\r\n\tt=%d; h=%s;\r\n\tbh=%s;\r\n\tb=",
			name, first, key.algorithm(), key.Domain, key.Selector, now.Unix(), foldNames(names), bh)
		s := &Signature{headerRelaxed: true, names: names, raw: unsigned}
		value, err := key.sign(s.headerHash(m))
		if err != nil {
			return nil, err
		}
		out = slices.Concat(out, unsigned, foldBase64(value), []byte("\r\n"))
	}
	return out, nil
}

// maxLine is the line length that RFC 5322 §2.1.1 asks for.
const maxLine = 76

// foldNames is a list of names in lines that are not too long.
func foldNames(names []string) string {
	var b strings.Builder
	line := len("\tt=1234567890; h=")
	for i, name := range names {
		if i > 0 {
			b.WriteByte(':')
			line++
		}
		if line+len(name) >= maxLine {
			b.WriteString("\r\n\t ")
			line = 2
		}
		b.WriteString(name)
		line += len(name)
	}
	return b.String()
}

func foldBase64(value []byte) []byte {
	text := base64.StdEncoding.EncodeToString(value)
	var out []byte
	for len(text) > maxLine-6 {
		out = append(out, text[:maxLine-6]+"\r\n\t"...)
		text = text[maxLine-6:]
	}
	return append(out, text...)
}
