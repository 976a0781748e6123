package directory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// maxPasskeys of one account: one for each device, and some in a drawer.
	maxPasskeys = 20
	// maxPasskeyID and maxPasskeyKey are above what services/passkey lets through, the
	// key being sealed.
	maxPasskeyID  = 1023
	maxPasskeyKey = 2 << 10
)

// ErrNoPasskey: the account has no such passkey.
var ErrNoPasskey = errors.New("directory: no such passkey")

// AddPasskey lets an account's owner sign in to the pages by a passkey. The public key is
// kept sealed for the account, so that nobody plants one who has the database alone. It
// goes with the account, and does not come back with it. Durable and visible on return.
// Errors: mail.ErrNoAccount, mail.ErrTooMany, mail.ErrName, *mail.RuleError.
func (d *Directory) AddPasskey(ctx context.Context, id mail.AccountID, p mail.Passkey) error {
	name := strings.TrimSpace(p.Name)
	if name == "" || utf8.RuneCountInString(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("directory: passkey: %w", mail.ErrName)
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	a, err := d.current.Load().live(id)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(a.Passkeys, func(r passkeyRecord) bool { return bytes.Equal(r.Credential, p.ID) }) {
		return &mail.RuleError{Field: "passkey", Text: "This device has a passkey for you already"}
	}
	return d.commit(ctx, kindSetPasskey, passkeyRecord{ID: id, Credential: p.ID, Key: d.key.Seal(auth.PurposePasskey(id), string(p.Key)), Count: p.Count, Host: p.Host, Name: name, Added: stamp(d.now())})
}

// UsePasskey has use look at one, and keeps the counter that it gives, durably, before
// it returns. Uses wait for one another: a counter is good once. Errors:
// mail.ErrNoAccount, ErrNoPasskey, and those of use.
func (d *Directory) UsePasskey(ctx context.Context, id mail.AccountID, credential []byte, use func(mail.Passkey) (count uint32, err error)) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	a, err := d.current.Load().live(id)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(a.Passkeys, func(r passkeyRecord) bool { return bytes.Equal(r.Credential, credential) })
	if i < 0 {
		return ErrNoPasskey
	}
	r := a.Passkeys[i]
	key, err := d.key.Open(auth.PurposePasskey(id), r.Key)
	if err != nil {
		return fmt.Errorf("directory: passkey of account %s: %w", id, err)
	}
	count, err := use(mail.Passkey{ID: r.Credential, Key: []byte(key), Count: r.Count, Host: r.Host, Name: r.Name, Added: r.Added})
	if err != nil || count == r.Count {
		return err
	}
	r.Count = count
	return d.commit(ctx, kindSetPasskey, r)
}

// RemovePasskey ends one; without a credential, all of an account. Errors:
// mail.ErrNoAccount; that there is none is none.
func (d *Directory) RemovePasskey(ctx context.Context, id mail.AccountID, credential []byte) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindSetPasskey, passkeyRecord{ID: id, Credential: credential, Gone: true})
}

// Passkeys lists an account's without their keys, oldest first. It waits for nothing.
// Errors: mail.ErrNoAccount.
func (d *Directory) Passkeys(id mail.AccountID) ([]mail.Passkey, error) {
	a, err := d.current.Load().live(id)
	if err != nil {
		return nil, err
	}
	list := make([]mail.Passkey, len(a.Passkeys))
	for i, r := range a.Passkeys {
		list[i] = mail.Passkey{ID: slices.Clone(r.Credential), Count: r.Count, Host: r.Host, Name: r.Name, Added: r.Added}
	}
	return list, nil
}

// HasPasskeys reports whether anybody has one for a name of the box.
func (d *Directory) HasPasskeys(host string) bool {
	v := d.current.Load()
	for _, id := range v.addresses {
		if slices.ContainsFunc(v.accounts[id].Passkeys, func(r passkeyRecord) bool { return r.Host == host }) {
			return true
		}
	}
	return false
}

func (s *state) setPasskey(r *passkeyRecord) ([]entry, error) {
	old, err := s.live(r.ID)
	if err != nil {
		return nil, err
	}
	a := *old
	i := slices.IndexFunc(a.Passkeys, func(p passkeyRecord) bool { return bytes.Equal(p.Credential, r.Credential) })
	a.Passkeys = slices.Clone(a.Passkeys)
	switch {
	case r.Gone && len(r.Credential) == 0:
		a.Passkeys = nil
	case r.Gone && i >= 0:
		a.Passkeys = slices.Delete(a.Passkeys, i, i+1)
	case r.Gone:
	case len(r.Credential) == 0 || len(r.Credential) > maxPasskeyID || len(r.Key) > maxPasskeyKey:
		return nil, fmt.Errorf("directory: a passkey has an identifier of %d bytes and a key of %d", len(r.Credential), len(r.Key))
	case i >= 0:
		a.Passkeys[i] = *r
	case len(a.Passkeys) >= maxPasskeys:
		return nil, fmt.Errorf("directory: passkeys of %s: %w", a.address(), mail.ErrTooMany)
	default:
		a.Passkeys = append(a.Passkeys, *r)
	}
	s.accounts[r.ID] = &a
	return []entry{{bucketAccounts, accountKey(r.ID)}}, nil
}
