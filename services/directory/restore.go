package directory

import (
	"context"
	"fmt"
	"strings"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// RemovedAccounts lists the removed accounts whose mail can be brought back, by
// number.
func (d *Directory) RemovedAccounts(ctx context.Context) ([]mail.RemovedAccount, error) {
	list, err := d.mailboxes.RemovedAccounts(ctx)
	if err != nil {
		return nil, fmt.Errorf("directory: list removed accounts: %w", err)
	}
	v := d.current.Load()
	var known []mail.RemovedAccount
	for _, r := range list {
		// One that is just being added has mailboxes and no record yet.
		if a, err := v.removed(r.ID); err == nil {
			r.Address, r.Name = a.address(), a.Name
			known = append(known, r)
		}
	}
	return known, nil
}

// RestoreAccount brings a removed account back, with all its mail, under its
// number. The zero address means the one it had; "" the password it had. An
// account that is there is given as it is.
//
// Errors: mail.ErrNoAccount (there never was one of this number), mail.ErrGone
// (its mail is gone for good), mail.ErrAddressTaken (somebody else has the
// address now: give another), mail.ErrPasswordNeeded (the old one is not known,
// or was for another address: give one), mail.ErrNotOurDomain, mail.ErrAddress,
// mail.ErrTooMany, auth.ErrWeakPassword.
func (d *Directory) RestoreAccount(ctx context.Context, id mail.AccountID, address mail.Address, password string) (mail.Account, error) {
	v := d.current.Load()
	if a, err := v.live(id); err == nil {
		return d.current.Load().account(a), nil
	}
	old, err := v.removed(id)
	if err != nil {
		return mail.Account{}, err
	}
	if old.Gone {
		return mail.Account{}, fmt.Errorf("directory: mail of %s: %w", id, mail.ErrGone)
	}
	record := restoreRecord{ID: id}
	canonical := old.address()
	if address != (mail.Address{}) {
		canonical, err = domain.Address(address)
		if err != nil || strings.HasPrefix(canonical.String(), `"`) {
			return mail.Account{}, fmt.Errorf("directory: %s: %w", address, mail.ErrAddress)
		}
		if canonical != old.address() {
			record.Local, record.Domain = canonical.Local, domain.Name(canonical.Domain)
		}
	}
	switch {
	case password != "":
		if err := auth.CheckPassword(canonical, password); err != nil {
			return mail.Account{}, err
		}
		if record.Credential, err = auth.NewRecord(d.key, canonical, password); err != nil {
			return mail.Account{}, err
		}
	case record.Domain != "" || auth.CheckRecord(d.key, canonical, old.Credential) != nil:
		// A credential is sealed to its address.
		return mail.Account{}, fmt.Errorf("directory: %s: %w", canonical, mail.ErrPasswordNeeded)
	}
	if err := d.begin(ctx); err != nil {
		return mail.Account{}, err
	}
	defer d.end()
	return d.restoreAccount(ctx, record)
}

// restoreAccount has the turn.
func (d *Directory) restoreAccount(ctx context.Context, record restoreRecord) (mail.Account, error) {
	s := d.current.Load().state
	if len(s.addresses) >= maxAccounts {
		return mail.Account{}, fmt.Errorf("directory: %d accounts: %w", len(s.addresses), mail.ErrTooMany)
	}
	if _, _, err := s.apply(record); err != nil { // before mail is brought back for nothing
		return mail.Account{}, err
	}
	if err := d.mailboxes.RestoreAccount(ctx, record.ID); err != nil {
		return mail.Account{}, fmt.Errorf("directory: bring mail of %s back: %w", record.ID, err)
	}
	if err := d.commit(ctx, kindRestore, record); err != nil {
		return mail.Account{}, err // Settle sets the mail aside again
	}
	a, err := d.current.Load().live(record.ID)
	if err != nil {
		return mail.Account{}, err
	}
	return d.current.Load().account(a), nil
}
