package directory

import (
	"context"
	"strings"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Resolve finds the account that gets mail for an address. Errors:
// mail.ErrNotOurDomain, mail.ErrNoSuchAddress.
func (d *Directory) Resolve(_ context.Context, to mail.Address) (mail.AccountID, error) {
	v := d.current.Load()
	if v.box == nil {
		return 0, mail.ErrNotOurDomain
	}
	if to.Domain == "" && strings.EqualFold(to.Local, "postmaster") {
		return v.keeper, nil // RFC 5321 §2.3.5: the one recipient that needs no domain
	}
	address, err := domain.Address(to)
	if err != nil {
		// An address literal, or a local part that nobody can have.
		if name, nameErr := domain.Canonical(to.Domain); nameErr == nil && v.owns(name) {
			return 0, mail.ErrNoSuchAddress
		}
		return 0, mail.ErrNotOurDomain
	}
	ours := v.owns(domain.Name(address.Domain))
	if !ours && domain.Name(address.Domain) != v.box.Hostname {
		return 0, mail.ErrNotOurDomain
	}
	if id := v.find(address); id != 0 {
		return id, nil
	}
	if isRole(address.Local) {
		return v.keeper, nil
	}
	if !ours {
		return 0, mail.ErrNotOurDomain // of the host's own name only the roles exist
	}
	return 0, mail.ErrNoSuchAddress
}

// find looks up an account by its address, or by a subaddress of it.
func (s *state) find(address mail.Address) mail.AccountID {
	if id := s.addresses[address]; id != 0 {
		return id
	}
	if base, _, found := strings.Cut(address.Local, "+"); found && base != "" {
		return s.addresses[mail.Address{Local: base, Domain: address.Domain}]
	}
	return 0
}

// isRole knows the addresses that every domain must have.
func isRole(local string) bool { return local == "postmaster" || local == "abuse" }

// Owns says whether the account may send as this address: it is the account's
// own or a subaddress of it, or one whose mail it gets as administrator.
func (d *Directory) Owns(ctx context.Context, account mail.AccountID, from mail.Address) (bool, error) {
	if _, err := d.current.Load().live(account); err != nil {
		return false, nil
	}
	id, err := d.Resolve(ctx, from)
	return err == nil && id == account, nil
}

// Credential finds an account by log-in name for auth: its main address, or its
// local part where the box has one domain. The error is mail.ErrNoAccount; beside
// it stands the address that was looked for, if the name is one.
func (d *Directory) Credential(_ context.Context, login string) (auth.Credential, error) {
	v := d.current.Load()
	if v.box == nil {
		return auth.Credential{}, mail.ErrNoAccount
	}
	login = strings.TrimSpace(login) // phones put a space behind a completed word
	if !strings.Contains(login, "@") && len(v.box.Domains) == 1 {
		login += "@" + string(v.box.Domains[0])
	}
	parsed, err := mail.ParseAddress(login)
	if err != nil {
		return auth.Credential{}, mail.ErrNoAccount
	}
	address, err := domain.Address(parsed)
	if err != nil {
		return auth.Credential{}, mail.ErrNoAccount
	}
	a := v.accounts[v.addresses[address]]
	if a == nil {
		return auth.Credential{Login: mail.Login{Address: address}}, mail.ErrNoAccount
	}
	return auth.Credential{Login: a.login(), Record: a.Credential}, nil
}

func (r *accountRecord) login() mail.Login {
	return mail.Login{Account: r.ID, Address: r.address(), Admin: r.Admin}
}
