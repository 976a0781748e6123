package sharing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Rights are what the log-in may do in a mailbox; in one of its own all of it.
func (a *Account) Rights(ctx context.Context, id mail.MailboxID) (mail.Rights, error) {
	if !a.Foreign(id) {
		return mail.AllRights, nil
	}
	owner, own := whose(id)
	return a.allowed(owner, own, 0)
}

// Grants are who may do what there, the owner first. It needs the right to administer.
func (a *Account) Grants(ctx context.Context, id mail.MailboxID) ([]mail.Grant, error) {
	p, err := a.anyPlace(ctx, id, mail.RightAdminister)
	if err != nil {
		return nil, err
	}
	if _, err := p.MailboxByID(ctx, p.id); err != nil {
		return nil, err
	}
	owner, err := a.shares.opt.Directory.Account(ctx, p.owner)
	if err != nil {
		return nil, err
	}
	list := []mail.Grant{{ID: owner.Address.String(), Rights: mail.AllRights}}
	for _, s := range a.shares.opt.Directory.Shares(p.owner) {
		if s.Mailbox != p.id {
			continue
		}
		if g, err := a.shares.grant(ctx, s); err == nil { // else removed in this moment
			list = append(list, g)
		}
	}
	slices.SortFunc(list[1:], func(a, b mail.Grant) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}

// grant is a share with its grantee by name.
func (s *Shares) grant(ctx context.Context, share mail.Share) (mail.Grant, error) {
	if share.To == 0 {
		return mail.Grant{ID: mail.Anyone, Rights: share.Rights}, nil
	}
	to, err := s.opt.Directory.Account(ctx, share.To)
	return mail.Grant{ID: to.Address.String(), Rights: share.Rights}, err
}

// Grant gives one identifier these rights in the place of those it had; none take it
// off the list. Durable on return. Errors: mail.ErrNoRight (also for the owner, whose
// rights are always all), mail.ErrNoSuchAddress, mail.ErrTooMany.
func (a *Account) Grant(ctx context.Context, id mail.MailboxID, g mail.Grant) error {
	p, err := a.anyPlace(ctx, id, mail.RightAdminister)
	if err != nil {
		return err
	}
	return a.shares.set(ctx, a.id, p, g)
}

// Adjust gives one identifier more rights and takes others, from those that it has at that
// moment. Durable on return. Errors as of Grant.
func (a *Account) Adjust(ctx context.Context, id mail.MailboxID, identifier string, more, fewer mail.Rights) error {
	p, err := a.anyPlace(ctx, id, mail.RightAdminister)
	if err != nil {
		return err
	}
	s := a.shares
	s.granting.Lock()
	defer s.granting.Unlock()
	to, _, err := s.known(ctx, p.owner, identifier)
	if err != nil {
		return err
	}
	rights := more
	if to == p.owner {
		rights = mail.AllRights
	}
	for _, share := range s.opt.Directory.Shares(p.owner) {
		if share.Mailbox == p.id && share.To == to {
			rights |= share.Rights
		}
	}
	return s.setLocked(ctx, a.id, p, mail.Grant{ID: identifier, Rights: rights &^ fewer})
}

// set changes a grant, on behalf of an account or with 0 of the box.
func (s *Shares) set(ctx context.Context, by mail.AccountID, p place, g mail.Grant) error {
	s.granting.Lock()
	defer s.granting.Unlock()
	return s.setLocked(ctx, by, p, g)
}

// setLocked is set for who holds granting.
func (s *Shares) setLocked(ctx context.Context, by mail.AccountID, p place, g mail.Grant) error {
	to, _, err := s.known(ctx, p.owner, g.ID)
	if err != nil {
		return err
	}
	if to == p.owner {
		if g.Rights == mail.AllRights {
			return nil
		}
		return fmt.Errorf("rights of the owner: %w", mail.ErrNoRight)
	}
	if p.owner > mostOwner {
		return fmt.Errorf("mailboxes of account %s: %w", p.owner, mail.ErrTooMany)
	}
	// Nobody is promised a mailbox that is to come.
	if _, err := p.MailboxByID(ctx, p.id); err != nil {
		return err
	}
	err = s.opt.Directory.SetShares(ctx, by, []mail.Share{{Owner: p.owner, Mailbox: p.id, To: to, Rights: g.Rights}})
	if errors.Is(err, mail.ErrNoAccount) {
		return fmt.Errorf("share with %s: %w", g.ID, mail.ErrNoSuchAddress)
	}
	return err
}

// Known is the identifier by which Grants would name somebody.
func (a *Account) Known(ctx context.Context, identifier string) (string, error) {
	_, id, err := a.shares.known(ctx, a.id, identifier)
	return id, err
}

// known finds whom an identifier means: mail.Anyone, an address of an account or another
// name of it, or without a domain one of the owner's domain.
func (s *Shares) known(ctx context.Context, owner mail.AccountID, identifier string) (mail.AccountID, string, error) {
	if strings.EqualFold(identifier, mail.Anyone) {
		return 0, mail.Anyone, nil
	}
	nobody := func(err error) (mail.AccountID, string, error) {
		return 0, "", fmt.Errorf("identifier %.60q: %w", identifier, cmp.Or(err, mail.ErrNoSuchAddress))
	}
	if !strings.Contains(identifier, "@") {
		account, err := s.opt.Directory.Account(ctx, owner)
		if err != nil {
			return nobody(err)
		}
		identifier += "@" + account.Address.Domain
	}
	address, err := mail.ParseAddress(identifier)
	if err != nil || len(identifier) > mail.MaxGrantID {
		return nobody(nil)
	}
	found, err := s.opt.Directory.Look(ctx, address)
	if err != nil || found.Account == 0 || found.CatchAll || found.Detail != "" {
		return nobody(nil)
	}
	account, err := s.opt.Directory.Account(ctx, found.Account)
	if err != nil {
		return nobody(nil)
	}
	return account.ID, account.Address.String(), nil
}

// QuotaOf is Quota of the account whose mailbox it is, named by its address.
func (a *Account) QuotaOf(ctx context.Context, id mail.MailboxID) (owner string, used mail.Usage, bound mail.Quota, err error) {
	p, err := a.anyPlace(ctx, id, mail.RightRead)
	if err != nil {
		return "", mail.Usage{}, mail.Quota{}, err
	}
	if _, err := p.MailboxByID(ctx, p.id); err != nil {
		return "", mail.Usage{}, mail.Quota{}, err
	}
	account, err := a.shares.opt.Directory.Account(ctx, p.owner)
	if err != nil {
		return "", mail.Usage{}, mail.Quota{}, err
	}
	used, bound, err = p.Quota(ctx)
	return account.Address.String(), used, bound, err
}
