package directory

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Token is what is kept of a token of the office's API: never its text, which is
// shown once.
type Token struct {
	Hash    [32]byte // SHA-256 of the text, which is random enough to need no salt
	Owner   mail.AccountID
	Name    string // what it is for, in the owner's words
	Created time.Time
	Scopes  []string // what it is good for; none: all that its owner may
}

// maxTokens of one owner: scripts and machines of an office, not sessions.
const maxTokens = 100

// maxScopes and maxScope (in bytes) bound what a token is good for; the API has fewer, and
// says which there are.
const (
	maxScopes = 32
	maxScope  = 64
)

// AddToken keeps a token. It goes with its owner's account. Errors:
// mail.ErrNoAccount, mail.ErrTooMany, mail.ErrName.
func (d *Directory) AddToken(ctx context.Context, token Token) error {
	if utf8.RuneCountInString(token.Name) > maxName || !utf8.ValidString(token.Name) || strings.ContainsFunc(token.Name, unicode.IsControl) {
		return fmt.Errorf("directory: token: %w", mail.ErrName)
	}
	if len(token.Scopes) > maxScopes || slices.ContainsFunc(token.Scopes, func(s string) bool { return s == "" || len(s) > maxScope }) {
		return &mail.RuleError{Field: "scopes", Text: "These are too many scopes"}
	}
	if token.Created.IsZero() {
		token.Created = d.now()
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	own := 0
	for _, t := range d.current.Load().tokens {
		if t.Owner == token.Owner {
			own++
		}
	}
	if own >= maxTokens {
		return fmt.Errorf("directory: %d tokens of %s: %w", own, token.Owner, mail.ErrTooMany)
	}
	return d.commit(ctx, kindAddToken, tokenRecord{Hash: token.Hash[:], Owner: token.Owner, Name: token.Name, Created: stamp(token.Created), Scopes: token.Scopes})
}

// RemoveToken ends a token at once; ErrNoToken when there is none of this hash.
func (d *Directory) RemoveToken(ctx context.Context, hash [32]byte) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindRemoveToken, removeTokenRecord{Hash: hash[:]})
}

// Token finds a token whose owner can log in; mail.ErrDenied when there is none of this
// hash. (That the look-up isn't in constant time gives away bits of a hash of 256 bits, of
// no use to anyone.)
func (d *Directory) Token(_ context.Context, hash [32]byte) (Token, error) {
	v := d.current.Load()
	t := v.tokens[hash]
	if t == nil {
		return Token{}, mail.ErrDenied
	}
	if a, err := v.live(t.Owner); err != nil || a.Disabled {
		return Token{}, mail.ErrDenied
	}
	return Token{Hash: hash, Owner: t.Owner, Name: t.Name, Created: t.Created, Scopes: t.Scopes}, nil
}

// Tokens lists an account's tokens, oldest first.
func (d *Directory) Tokens(_ context.Context, owner mail.AccountID) ([]Token, error) {
	var all []Token
	for hash, t := range d.current.Load().tokens {
		if t.Owner == owner {
			all = append(all, Token{Hash: hash, Owner: t.Owner, Name: t.Name, Created: t.Created, Scopes: t.Scopes})
		}
	}
	slices.SortFunc(all, func(a, b Token) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return bytes.Compare(a.Hash[:], b.Hash[:])
	})
	return all, nil
}
