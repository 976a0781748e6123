package sharing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/imapd"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Mail is one account's mail, as the store keeps it.
type Mail interface {
	imapd.Account
	imapd.Ranker
	// WatchOn has every change of the account put a value into c, which has room for
	// one, until stop is called.
	WatchOn(c chan struct{}) (stop func())
}

// Directory knows who may do what; *directory.Directory is one.
type Directory interface {
	Rights(owner mail.AccountID, mailbox mail.MailboxID, who mail.AccountID) mail.Rights
	Received(who mail.AccountID) []mail.Share
	Shares(owner mail.AccountID) []mail.Share
	Sharers() []mail.AccountID
	SetShares(ctx context.Context, by mail.AccountID, shares []mail.Share) error
	InheritShares(ctx context.Context, by, owner mail.AccountID, from, to mail.MailboxID) error
	ForgetMailbox(ctx context.Context, owner mail.AccountID, mailbox mail.MailboxID) error
	WatchShares() *mail.Watch
	Account(ctx context.Context, id mail.AccountID) (mail.Account, error)
	Look(ctx context.Context, to mail.Address) (mail.Found, error)
}

// Options are what sharing needs; all but Log must be given.
type Options struct {
	Directory Directory
	// Open opens an account. mail.ErrNoAccount when there is none.
	Open func(ctx context.Context, id mail.AccountID) (Mail, error)
	// Deleted lists the mailboxes of an account that can be put back.
	Deleted func(ctx context.Context, id mail.AccountID) ([]mail.DeletedMailbox, error)
	// Draft makes the body of a message that is copied from one account into another.
	Draft func(limit int64) *draft.Draft
	Log   *slog.Logger // nil: nothing is logged
}

// Shares opens accounts with what others have opened to them.
type Shares struct {
	opt       Options
	log       *slog.Logger
	followers followers
	granting  sync.Mutex // held while a grant changes, so that two changes at once both count
}

// New makes Shares. Run must run for its Watches to follow new grants.
func New(o Options) *Shares {
	s := &Shares{opt: o, log: o.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.followers.all = map[*follower]bool{}
	s.followers.again = make(chan struct{}, 1)
	return s
}

// Account is one person's mail with the mailboxes of others that he may see. It is an
// imapd.Account, imapd.Ranker and imapd.Sharer.
type Account struct {
	Mail   // his own
	shares *Shares
	id     mail.AccountID
}

// Open opens an account.
func (s *Shares) Open(ctx context.Context, id mail.AccountID) (*Account, error) {
	own, err := s.opt.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	return &Account{own, s, id}, nil
}

// place is a mailbox of somebody else, in his account.
type place struct {
	Mail
	owner  mail.AccountID
	id     mail.MailboxID // in the owner's account
	rights mail.Rights    // of the log-in
}

// at opens a mailbox of somebody else for what needs these rights; with none, any do.
func (a *Account) at(ctx context.Context, id mail.MailboxID, need mail.Rights) (place, error) {
	owner, own := whose(id)
	rights, err := a.allowed(owner, own, need)
	if err != nil {
		return place{}, fmt.Errorf("mailbox %s: %w", id, err)
	}
	m, err := a.shares.open(ctx, owner)
	if err != nil {
		return place{}, err
	}
	return place{m, owner, own, rights}, nil
}

// allowed gives the rights in a mailbox of somebody else. The error is ErrNoMailbox
// where nobody may learn that it is there.
func (a *Account) allowed(owner mail.AccountID, own mail.MailboxID, need mail.Rights) (mail.Rights, error) {
	rights := mail.Rights(0)
	if owner != a.id && owner <= mostOwner { // an own mailbox has one number, not two
		rights = a.shares.opt.Directory.Rights(owner, own, a.id)
	}
	if rights == 0 || !rights.Has(need) {
		return 0, refusal(rights)
	}
	return rights, nil
}

// refusal is what somebody with these rights is told who needs others: who may not look
// does not learn that there is a mailbox (RFC 4314 §6).
func refusal(rights mail.Rights) error {
	if rights.Has(mail.RightLookup) {
		return mail.ErrNoRight
	}
	return mail.ErrNoMailbox
}

// open opens the account of somebody who shares; one that is just being removed has no
// mailboxes.
func (s *Shares) open(ctx context.Context, owner mail.AccountID) (Mail, error) {
	m, err := s.opt.Open(ctx, owner)
	if errors.Is(err, mail.ErrNoAccount) {
		return nil, mail.ErrNoMailbox
	}
	if err != nil {
		return nil, fmt.Errorf("open account %s for another: %w", owner, err)
	}
	return m, nil
}

// note writes down what somebody did with a mailbox of another, which its owner may ask
// about: who took away, or renamed.
func (a *Account) note(ctx context.Context, what string, p place, attrs ...any) {
	who := func(id mail.AccountID) string {
		if account, err := a.shares.opt.Directory.Account(ctx, id); err == nil {
			return account.Address.String()
		}
		return id.String() // removed in this moment
	}
	a.shares.log.Info(what, append([]any{"verb", "share", "by", who(a.id), "owner", who(p.owner), "mailbox", p.id.String()}, attrs...)...)
}
