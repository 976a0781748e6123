package directory

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Outside says that an address is none of the office's; a *mail.RuleError if it is.
func (d *Directory) Outside(ctx context.Context, to mail.Address) error {
	if _, err := d.Look(ctx, to); errors.Is(err, mail.ErrNotOurDomain) {
		return nil
	}
	return &mail.RuleError{Field: "to", Text: "the queue sends to addresses outside only, and " + to.String() + " is the office's own: export the message and import it there"}
}

// Look finds what an address of the office stands for. It waits for nothing, and
// what it gives is shared: don't change it. Errors: mail.ErrNotOurDomain,
// mail.ErrNoSuchAddress (also where all to whom it led were removed).
//
// The order is: the very address; what stands before its "+"; the roles that every
// domain must have; the domain's catch-all.
func (d *Directory) Look(_ context.Context, to mail.Address) (mail.Found, error) {
	v := d.current.Load()
	if v.box == nil {
		return mail.Found{}, mail.ErrNotOurDomain
	}
	if to.Domain == "" && strings.EqualFold(to.Local, "postmaster") {
		return v.person(v.keeper), nil // RFC 5321 §2.3.5: the one recipient that needs no domain
	}
	address, err := domain.Address(to)
	if err != nil {
		// An address literal, or a local part that nobody can have.
		if name, nameErr := domain.Canonical(to.Domain); nameErr == nil && v.owns(v.home(name)) {
			return mail.Found{}, mail.ErrNoSuchAddress
		}
		return mail.Found{}, mail.ErrNotOurDomain
	}
	name := v.home(domain.Name(address.Domain))
	ours := v.owns(name)
	if !ours && name != v.box.Hostname {
		return mail.Found{}, mail.ErrNotOurDomain
	}
	address.Domain = string(name)
	var found mail.Found
	id, e, detail := v.find(address)
	switch {
	case e != nil:
		shown := v.book[e.address()]
		if shown == nil {
			return mail.Found{}, mail.ErrNoSuchAddress
		}
		found = mail.Found{Listing: *shown, Detail: detail}
		if shown.Kind == mail.ListingAlias {
			found.Account = shown.Members[0].Account
		}
	case id != 0:
		found = v.person(id)
		found.Detail = detail
	case isRole(address.Local):
		found = v.person(v.keeper)
	case !ours:
		return mail.Found{}, mail.ErrNotOurDomain // of the host's own name only the roles exist
	default:
		settings := v.domains[name]
		if settings == nil || settings.CatchAll == 0 {
			return mail.Found{}, mail.ErrNoSuchAddress
		}
		if _, err := v.live(settings.CatchAll); err != nil {
			return mail.Found{}, mail.ErrNoSuchAddress
		}
		found = v.person(settings.CatchAll)
		found.CatchAll = true
	}
	found.Copies = v.copies[name]
	return found, nil
}

// person is what an account's own address stands for.
func (v *view) person(id mail.AccountID) mail.Found {
	a := v.accounts[id]
	return mail.Found{Account: id, Listing: mail.Listing{Address: a.address(), Kind: mail.ListingAccount, Name: a.Name, Created: a.Created}}
}

// Resolve finds the one account that gets mail for an address. Errors:
// mail.ErrNotOurDomain, mail.ErrNoSuchAddress (it is nobody's, or several people's).
func (d *Directory) Resolve(ctx context.Context, to mail.Address) (mail.AccountID, error) {
	found, err := d.Look(ctx, to)
	if err == nil && found.Account == 0 {
		err = mail.ErrNoSuchAddress
	}
	return found.Account, err
}

// find looks an address of a home domain up, then what stands before its "+":
// an account, or an entry. The rest is the detail.
func (s *state) find(address mail.Address) (id mail.AccountID, e *listingRecord, detail string) {
	if id, e = s.addresses[address], s.listings[address]; id != 0 || e != nil {
		return id, e, ""
	}
	base, detail, found := strings.Cut(address.Local, "+")
	if !found || base == "" {
		return 0, nil, ""
	}
	address.Local = base
	return s.addresses[address], s.listings[address], detail
}

// isRole knows the addresses that every domain must have.
func isRole(local string) bool { return local == "postmaster" || local == "abuse" }

// Owns says whether the account may send as this address: it is the account's
// own, an alias or a subaddress of it, a shared address that it is among, one whose
// mail it gets as administrator or by a catch-all, or one that it was given leave for.
func (d *Directory) Owns(ctx context.Context, account mail.AccountID, from mail.Address) (bool, error) {
	v := d.current.Load()
	if _, err := v.live(account); err != nil {
		return false, nil
	}
	found, err := d.Look(ctx, from)
	switch {
	case err != nil:
		return false, nil
	case found.Account == account:
		return true, nil
	case found.Kind == mail.ListingShared && slices.ContainsFunc(found.Members, func(m mail.Member) bool { return m.Account == account }):
		return true, nil
	}
	rules := v.standing[account]
	return rules != nil && slices.ContainsFunc(rules.SendAs, func(m mail.Member) bool {
		return found.Kind == mail.ListingAccount && m.Account == found.Account || m.Account == 0 && m.Address == found.Address
	}), nil
}

// Credential finds an account by log-in name for auth: its main address, also
// with another name of its domain, or its local part where the box has one domain. The error is mail.ErrNoAccount; beside
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
	address.Domain = string(v.home(domain.Name(address.Domain)))
	a := v.accounts[v.addresses[address]]
	if a == nil || a.Disabled {
		return auth.Credential{Login: mail.Login{Address: address}}, mail.ErrNoAccount
	}
	return auth.Credential{Login: a.login(), Record: a.Credential, Access: a.access(), APOP: a.APOP, Programs: a.appPasswords(), OnlyPrograms: a.OnlyPrograms}, nil
}

func (r *accountRecord) login() mail.Login {
	return mail.Login{Account: r.ID, Address: r.address(), Admin: r.Admin}
}
