package sharing

import (
	"context"
	"errors"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Given lists what an account has opened to others, by mailbox, with the names that
// they have now. Mailboxes that are deleted are not there.
func (s *Shares) Given(ctx context.Context, owner mail.AccountID) ([]mail.SharedMailbox, error) {
	who, err := s.opt.Directory.Account(ctx, owner)
	if err != nil {
		return nil, err
	}
	shares := s.opt.Directory.Shares(owner)
	if len(shares) == 0 {
		return nil, nil
	}
	account, err := s.opt.Open(ctx, owner)
	if err != nil {
		return nil, err
	}
	var list []mail.SharedMailbox
	for _, share := range shares {
		m, err := account.MailboxByID(ctx, share.Mailbox)
		if errors.Is(err, mail.ErrNoMailbox) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if g, err := s.grant(ctx, share); err == nil { // else removed in this moment
			list = append(list, mail.SharedMailbox{Owner: who.Address, Mailbox: m.Name, Grant: g})
		}
	}
	return list, nil
}

// Received lists what others have opened to an account, of what it may look at.
func (s *Shares) Received(ctx context.Context, id mail.AccountID) ([]mail.SharedMailbox, error) {
	who, err := s.opt.Directory.Account(ctx, id)
	if err != nil {
		return nil, err
	}
	var list []mail.SharedMailbox
	for _, share := range s.opt.Directory.Received(id) {
		owner, err := s.opt.Directory.Account(ctx, share.Owner)
		if err != nil || !share.Rights.Has(mail.RightLookup) {
			continue
		}
		account, err := s.opt.Open(ctx, share.Owner)
		if errors.Is(err, mail.ErrNoAccount) {
			continue
		}
		if err != nil {
			return nil, err
		}
		m, err := account.MailboxByID(ctx, share.Mailbox)
		if errors.Is(err, mail.ErrNoMailbox) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, mail.SharedMailbox{Owner: owner.Address, Mailbox: m.Name, Grant: mail.Grant{ID: who.Address.String(), Rights: share.Rights}})
	}
	return list, nil
}

// Set gives one identifier rights in an account's mailbox in the place of those it had;
// none take them all. Durable on return. It is the owner's to ask for, or an
// administrator's. Errors: mail.ErrNoMailbox, mail.ErrNoSuchAddress, mail.ErrNoRight
// (the owner's own rights are always all), mail.ErrTooMany.
func (s *Shares) Set(ctx context.Context, owner mail.AccountID, mailbox string, g mail.Grant) error {
	account, err := s.opt.Open(ctx, owner)
	if err != nil {
		return err
	}
	m, err := account.Mailbox(ctx, mailbox)
	if err != nil {
		return err
	}
	return s.set(ctx, 0, place{account, owner, m.ID, mail.AllRights}, g)
}
