package directory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// maxAccounts is many times what the box is made for; it keeps a runaway
	// script from filling the disk with mailboxes.
	maxAccounts = 5000
	// maxName is in characters: it stands in front of addresses.
	maxName = 200
)

// Accounts lists the accounts by address.
func (d *Directory) Accounts(context.Context) ([]mail.Account, error) {
	v := d.current.Load()
	all := make([]mail.Account, 0, len(v.addresses))
	for _, id := range v.addresses {
		all = append(all, v.account(v.accounts[id]))
	}
	slices.SortFunc(all, func(a, b mail.Account) int {
		return cmp.Or(strings.Compare(a.Address.Domain, b.Address.Domain), strings.Compare(a.Address.Local, b.Address.Local))
	})
	return all, nil
}

// Account gives one account; mail.ErrNoAccount when it is not, or no longer, there.
func (d *Directory) Account(_ context.Context, id mail.AccountID) (mail.Account, error) {
	v := d.current.Load()
	a, err := v.live(id)
	if err != nil {
		return mail.Account{}, err
	}
	return v.account(a), nil
}

// AddAccount makes an account with its mailboxes. Address, Name, Role (an administrator's
// or none) and Quota of a count, and Created unless it is zero; the rest is assigned. Durable and visible
// on return.
//
// Errors: ErrNotSetUp, mail.ErrAddress (not an address that somebody here can
// have), mail.ErrNotOurDomain, mail.ErrAddressTaken, mail.ErrTooMany,
// auth.ErrWeakPassword.
func (d *Directory) AddAccount(ctx context.Context, a mail.Account, password string) (mail.Account, error) {
	v := d.current.Load()
	address, err := domain.Address(a.Address)
	name := strings.TrimSpace(a.Name)
	switch {
	case v.box == nil:
		return mail.Account{}, ErrNotSetUp
	case err != nil || strings.HasPrefix(address.String(), `"`):
		// A local part that needs quotes is one that most programs get wrong.
		return mail.Account{}, fmt.Errorf("directory: %s: %w", a.Address, mail.ErrAddress)
	case !v.owns(domain.Name(address.Domain)):
		return mail.Account{}, fmt.Errorf("directory: %s: %w", address, mail.ErrNotOurDomain)
	case v.taken(address):
		return mail.Account{}, fmt.Errorf("directory: %s: %w", address, mail.ErrAddressTaken)
	case a.Quota.Bytes < 0 || a.Quota.Messages < 0:
		return mail.Account{}, fmt.Errorf("directory: %s: %w", address, mail.ErrQuota)
	case utf8.RuneCountInString(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return mail.Account{}, fmt.Errorf("directory: name of %s: %w", address, mail.ErrName)
	}
	if err := auth.CheckPassword(address, password); err != nil {
		return mail.Account{}, err
	}
	// The slow part, before anybody has to wait for the turn.
	credential, err := auth.NewRecord(d.key, address, password)
	if err != nil {
		return mail.Account{}, err
	}
	record := accountRecord{Local: address.Local, Domain: domain.Name(address.Domain), Name: name, Admin: a.Role.Admin(), Created: stamp(a.Created), Quota: quotaRecord(a.Quota), Credential: credential}
	if a.Created.IsZero() {
		record.Created = stamp(d.now())
	}
	if err := d.begin(ctx); err != nil {
		return mail.Account{}, err
	}
	defer d.end()
	return d.addAccount(ctx, record)
}

// addAccount has the turn.
func (d *Directory) addAccount(ctx context.Context, record accountRecord) (mail.Account, error) {
	s := d.current.Load().state
	record.ID = s.next
	if len(s.addresses) >= maxAccounts {
		return mail.Account{}, fmt.Errorf("directory: %d accounts: %w", len(s.addresses), mail.ErrTooMany)
	}
	if _, _, err := s.apply(record); err != nil { // before mailboxes are made for nothing
		return mail.Account{}, err
	}
	if err := d.mailboxes.CreateAccount(ctx, record.ID); err != nil {
		return mail.Account{}, fmt.Errorf("directory: make mailboxes of %s: %w", record.address(), err)
	}
	if err := d.commit(ctx, kindAddAccount, record); err != nil {
		return mail.Account{}, err
	}
	return d.current.Load().account(&record), nil
}

// RemoveAccount ends an account: from now on nobody can log in to it or send to
// it, and its tokens are gone. Its mail is set aside, recoverable for as long as
// the store says. Errors: mail.ErrNoAccount, mail.ErrLastAdmin.
func (d *Directory) RemoveAccount(ctx context.Context, id mail.AccountID) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	if err := d.commit(ctx, kindRemoveAccount, removeRecord{ID: id, At: stamp(d.now()), Keep: true}); err != nil {
		return err
	}
	return d.removeMailboxes(ctx, id)
}

// SetPassword gives an account a new password; the old one is worth nothing on
// return. Errors: mail.ErrNoAccount, auth.ErrWeakPassword.
func (d *Directory) SetPassword(ctx context.Context, id mail.AccountID, password string) error {
	a, err := d.current.Load().live(id)
	if err != nil {
		return err
	}
	if err := auth.CheckPassword(a.address(), password); err != nil {
		return err
	}
	credential, err := auth.NewRecord(d.key, a.address(), password)
	if err != nil {
		return err
	}
	return d.change(ctx, changeRecord{ID: id, Credential: credential})
}

// SetDisabled has nobody log in to an account any more, or again; its mail stays, and
// goes on to arrive. Errors: mail.ErrNoAccount, mail.ErrLastAdmin.
func (d *Directory) SetDisabled(ctx context.Context, id mail.AccountID, disabled bool) error {
	return d.change(ctx, changeRecord{ID: id, Disabled: &disabled})
}

// SetQuota bounds what an account may take up; what is there stays, also when it
// is more. Errors: mail.ErrNoAccount, mail.ErrQuota (a bound below zero).
func (d *Directory) SetQuota(ctx context.Context, id mail.AccountID, quota mail.Quota) error {
	if quota.Bytes < 0 || quota.Messages < 0 {
		return fmt.Errorf("directory: account %s: %w", id, mail.ErrQuota)
	}
	r := quotaRecord(quota)
	return d.change(ctx, changeRecord{ID: id, Quota: &r})
}

// Quota is what an account may take up; none for one that is not there. It waits
// for nothing.
func (d *Directory) Quota(id mail.AccountID) mail.Quota {
	a, err := d.current.Load().live(id)
	if err != nil {
		return mail.Quota{}
	}
	return mail.Quota(a.Quota)
}

func (d *Directory) change(ctx context.Context, record changeRecord) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindChangeAccount, record)
}
