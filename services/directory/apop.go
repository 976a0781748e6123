package directory

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// AddAPOP lets an account be opened by APOP, and gives the secret that its program
// needs for that, in place of one that it had. APOP needs a secret that the box can
// read back, so it is never the person's password: the box makes it, of 130 random bits, which nobody
// guesses from a digest, and it opens POP3 only. It is kept sealed under the box key,
// and goes with the account. Durable and visible on return. Errors: mail.ErrNoAccount.
func (d *Directory) AddAPOP(ctx context.Context, id mail.AccountID) (secret string, err error) {
	secret = rand.Text()
	return secret, d.setAPOP(ctx, apopRecord{ID: id, Secret: d.key.Seal(auth.PurposeAPOP(id), secret)})
}

// RemoveAPOP ends that; it is no error if there is none. Errors: mail.ErrNoAccount.
func (d *Directory) RemoveAPOP(ctx context.Context, id mail.AccountID) error {
	return d.setAPOP(ctx, apopRecord{ID: id})
}

func (d *Directory) setAPOP(ctx context.Context, r apopRecord) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindSetAPOP, r)
}

// HasAPOP reports whether any account can be opened by APOP. It waits for nothing.
func (d *Directory) HasAPOP() bool { return d.current.Load().apop }

// APOPs lists the accounts that can, by address.
func (d *Directory) APOPs() []mail.Address {
	v := d.current.Load()
	var list []mail.Address
	for _, id := range v.addresses {
		if a := v.accounts[id]; len(a.APOP) > 0 {
			list = append(list, a.address())
		}
	}
	slices.SortFunc(list, func(a, b mail.Address) int { return strings.Compare(a.String(), b.String()) })
	return list
}

// hasAPOP reports whether an account that is there has a secret.
func (s *state) hasAPOP() bool {
	for _, id := range s.addresses {
		if len(s.accounts[id].APOP) > 0 {
			return true
		}
	}
	return false
}

// maxAPOP is above every sealed secret.
const maxAPOP = 256

func (s *state) setAPOP(r *apopRecord) ([]entry, error) {
	if len(r.Secret) > maxAPOP {
		return nil, fmt.Errorf("directory: an APOP secret has %d bytes", len(r.Secret))
	}
	old, err := s.live(r.ID)
	if err != nil {
		return nil, err
	}
	a := *old
	a.APOP = r.Secret
	s.accounts[r.ID] = &a
	return []entry{{bucketAccounts, accountKey(r.ID)}}, nil
}
