package office

import (
	"context"
	"errors"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/device"
	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/imapd"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/pop3d"
	"github.com/sanduk-mail/sanduk/services/search"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/web"
)

// The servers declare what they need in interfaces of their own. Where such an
// interface returns another, Go wants a method of exactly that type: the
// adapters below are nothing but that.

func (o *Office) openIMAP(ctx context.Context, id mail.AccountID) (imapd.Account, error) {
	account, err := o.shares.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	return account, nil
}

// searched is an account whose searches the index helps.
type searched struct {
	*store.Account
	index *search.Index
	id    mail.AccountID
}

// Search finds the messages for which the query holds, where it asks for that
// those too that a person would have meant.
func (s searched) Search(ctx context.Context, mailbox mail.MailboxID, query mail.Query) (mail.UIDSet, error) {
	query, err := s.index.Generous(ctx, s.id, s.Account, mailbox, query)
	if err != nil {
		return nil, err
	}
	return s.index.Search(ctx, s.id, s.Account, mailbox, query)
}

// Relevance weighs messages by what a query asks to be read generously.
func (s searched) Relevance(ctx context.Context, mailbox mail.MailboxID, query mail.Query) (map[mail.UID]float64, error) {
	return s.index.Relevance(ctx, s.id, s.Account, mailbox, query)
}

func (o *Office) openPOP3(ctx context.Context, id mail.AccountID) (pop3d.Account, error) {
	return o.store.Account(ctx, id)
}

// finder searches mail for the pages.
type finder struct{ o *Office }

// Query finds an account's mail for a person.
func (f finder) Query(ctx context.Context, id mail.AccountID, ask search.Ask) (search.Answer, error) {
	account, err := f.o.store.Account(ctx, id)
	if err != nil {
		return search.Answer{}, err
	}
	return f.o.search.Query(ctx, id, account, ask)
}

// Rebuild has the accounts' search indexes made anew, in the background.
func (f finder) Rebuild(ids ...mail.AccountID) { f.o.search.Rebuild(ids...) }

// Rebuilds says how far that is.
func (f finder) Rebuilds() []search.Rebuild { return f.o.search.Rebuilds() }

// addresses are the directory's for the mailroom. Before the set-up the box knows
// no address, and mail that is already on its way here must not come back as
// undeliverable for that: it is put off.
type addresses struct{ o *Office }

// Look finds what an address stands for.
func (a addresses) Look(ctx context.Context, to mail.Address) (mail.Found, error) {
	if !a.o.isSetUp() {
		return mail.Found{}, &mail.Refusal{Status: mail.Status4_3_2NotAccepting, Text: "This box has not been set up yet, try again later"}
	}
	return a.o.directory.Look(ctx, to)
}

// Rules are what applies to an account's mail.
func (a addresses) Rules(ctx context.Context, id mail.AccountID) (mail.Rules, error) {
	return a.o.directory.Rules(ctx, id)
}

// Owns says whether the account may send as this address.
func (a addresses) Owns(ctx context.Context, account mail.AccountID, from mail.Address) (bool, error) {
	return a.o.directory.Owns(ctx, account, from)
}

// quota is what an account may take up. The store is there before the directory,
// which makes accounts in it: until then there is none.
func (o *Office) quota(id mail.AccountID) mail.Quota {
	if d := o.quotas.Load(); d != nil {
		return d.Quota(id)
	}
	return mail.Quota{}
}

// fits says whether an account may take up more.
func (o *Office) fits(ctx context.Context, id mail.AccountID, more mail.Usage) error {
	q := o.quota(id)
	if q == (mail.Quota{}) {
		return nil
	}
	used, err := o.store.Usage(ctx, id)
	if err != nil {
		return err
	}
	return q.Fits(id, used, more)
}

// tokens keeps the web API's tokens in the directory.
type tokens struct{ *directory.Directory }

// AddToken keeps a token.
func (t tokens) AddToken(ctx context.Context, token web.Token) error {
	return t.Directory.AddToken(ctx, directory.Token(token))
}

// Token finds a token.
func (t tokens) Token(ctx context.Context, hash [32]byte) (web.Token, error) {
	token, err := t.Directory.Token(ctx, hash)
	return web.Token(token), err
}

// Tokens lists an account's tokens.
func (t tokens) Tokens(ctx context.Context, owner mail.AccountID) ([]web.Token, error) {
	list, err := t.Directory.Tokens(ctx, owner)
	all := make([]web.Token, len(list))
	for i, token := range list {
		all[i] = web.Token(token)
	}
	return all, err
}

// RemoveToken ends a token, if there is one.
func (t tokens) RemoveToken(ctx context.Context, hash [32]byte) error {
	if err := t.Directory.RemoveToken(ctx, hash); !errors.Is(err, directory.ErrNoToken) {
		return err
	}
	return nil
}

// undo is the directory and the store as the pages bring things back.
type undo struct{ o *Office }

// RemovedAccounts lists the people who can be brought back.
func (u undo) RemovedAccounts(ctx context.Context) ([]mail.RemovedAccount, error) {
	return u.o.directory.RemovedAccounts(ctx)
}

// RestoreAccount brings a removed person back.
func (u undo) RestoreAccount(ctx context.Context, id mail.AccountID, address mail.Address, password string) (mail.Account, error) {
	return u.o.directory.RestoreAccount(ctx, id, address, password)
}

// Deleted gives what was deleted of one person's mail.
func (u undo) Deleted(ctx context.Context, id mail.AccountID) (web.Deleted, error) {
	return u.o.store.Account(ctx, id)
}

// people is the directory as the pages change it: whoever has a new password,
// or is gone, is signed out of every program at once.
type people struct {
	*directory.Directory
	store   *store.Store
	servers *servers
	devices *device.Book
}

// Usage is what an account takes up.
func (p people) Usage(ctx context.Context, id mail.AccountID) (mail.Usage, error) {
	return p.store.Usage(ctx, id)
}

// SetPassword changes a password and ends the account's sessions.
func (p people) SetPassword(ctx context.Context, id mail.AccountID, password string) error {
	// The sessions end also when the outcome is unknown: signing in again is
	// cheaper than somebody staying who should not.
	defer p.servers.drop(id)
	return p.Directory.SetPassword(ctx, id, password)
}

// SetDisabled has nobody log in any more, and ends the account's sessions; or lets them in again.
func (p people) SetDisabled(ctx context.Context, id mail.AccountID, disabled bool) error {
	defer p.servers.drop(id)
	return p.Directory.SetDisabled(ctx, id, disabled)
}

// SetAccess says from where an account can be used, and ends its sessions: who may go on
// comes back.
func (p people) SetAccess(ctx context.Context, id mail.AccountID, a mail.Access) error {
	defer p.servers.drop(id)
	return p.Directory.SetAccess(ctx, id, a)
}

// RemoveCertificate ends that a certificate lets anybody in, and the account's sessions:
// who has another way to log in comes back.
func (p people) RemoveCertificate(ctx context.Context, f mail.Fingerprint) error {
	id, err := p.Directory.RemoveCertificate(ctx, f)
	if errors.Is(err, directory.ErrNoCertificate) {
		return nil
	}
	p.servers.drop(id)
	return err
}

// secondFactors are kept by one and guarded by the other.
type secondFactors struct {
	*directory.Directory
	*auth.Authenticator
}

// passkeys are kept by one and guarded by the other.
type passkeys struct {
	*directory.Directory
	*auth.Authenticator
}

// UsePasskey has use look at one.
func (p passkeys) UsePasskey(ctx context.Context, id mail.AccountID, credential []byte, use func(mail.Passkey) (uint32, error)) error {
	err := p.Directory.UsePasskey(ctx, id, credential, use)
	if errors.Is(err, directory.ErrNoPasskey) {
		return mail.ErrDenied
	}
	return err
}

// RemoveAPOP ends that an account can be opened by APOP, and its sessions.
func (p people) RemoveAPOP(ctx context.Context, id mail.AccountID) error {
	defer p.servers.drop(id)
	return p.Directory.RemoveAPOP(ctx, id)
}

// RemoveAccount removes an account and ends its sessions.
func (p people) RemoveAccount(ctx context.Context, id mail.AccountID) error {
	defer p.servers.drop(id)
	defer p.devices.Forget(id)
	return p.Directory.RemoveAccount(ctx, id)
}

func (s *servers) drop(id mail.AccountID) {
	s.smtp.Drop(id)
	s.imap.Drop(id)
	s.pop3.Drop(id)
}
