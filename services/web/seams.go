package web

import (
	"context"
	"iter"
	"net/netip"
	"time"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/search"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// State is what the pages show of the box. Before the set-up only SetUp
// (false) means something.
type State struct {
	SetUp    bool
	Hostname domain.Name
	Domains  []domain.Name // the office's own, the first is the main one
	Timezone string        // IANA name
}

// Box is the office as a whole.
type Box interface {
	// State is cheap: it is asked on every request.
	State(ctx context.Context) (State, error)
	// SetUp does all of a set-up or nothing, durably. What can't be done as it
	// was asked for is a *setup.FieldError. Whether passwords are good enough is
	// this method's to say (setup.Setup.CheckPasswords): the same document may
	// come from a file.
	SetUp(ctx context.Context, s *setup.Setup) error
}

// Accounts are the office's people. Addresses are canonical (domain.Address)
// both ways. Errors: mail.ErrNoAccount, mail.ErrAddress,
// mail.ErrAddressTaken, mail.ErrNotOurDomain, mail.ErrTooMany,
// auth.ErrWeakPassword, or the box's own trouble.
type Accounts interface {
	Accounts(ctx context.Context) ([]mail.Account, error)
	// Account is cheap: it is asked on every request of a signed-in browser.
	Account(ctx context.Context, id mail.AccountID) (mail.Account, error)
	AddAccount(ctx context.Context, account mail.Account, password string) (mail.Account, error)
	SetPassword(ctx context.Context, id mail.AccountID, password string) error
	// SetRole says what somebody may do beside using their own mailbox; domains are those
	// that a domain administrator looks after. Errors: mail.ErrLastAdmin, mail.ErrNoDomain.
	SetRole(ctx context.Context, id mail.AccountID, role mail.AccountRole, domains []string) error
	// SetQuota bounds what the account may take up; zero means no bound.
	SetQuota(ctx context.Context, id mail.AccountID, quota mail.Quota) error
	// SetDisabled ends the account's log-ins at once and lets nobody in, or lets them in again.
	SetDisabled(ctx context.Context, id mail.AccountID, disabled bool) error
	// Usage is what the account takes up.
	Usage(ctx context.Context, id mail.AccountID) (mail.Usage, error)
	// RemoveAccount ends the account's log-ins at once. Its mail stays
	// recoverable as Options.Recoverable says.
	RemoveAccount(ctx context.Context, id mail.AccountID) error
}

// Addresses are the office's addresses beside people's own, its domains, and the
// rules for people's mail. Errors: those of Accounts, mail.ErrNoSuchAddress,
// mail.ErrNoDomain, mail.ErrInUse, mail.ErrCircle, domain.ErrName, and a
// *mail.RuleError that says in words what is the matter.
type Addresses interface {
	Listings(ctx context.Context) ([]mail.Listing, error)
	// SetListing makes an address, or makes it what is given.
	SetListing(ctx context.Context, l mail.Listing) (mail.Listing, error)
	RemoveListing(ctx context.Context, address mail.Address) error
	Domains(ctx context.Context) ([]mail.Domain, error)
	// SetDomain adds a domain, or makes its settings those given.
	SetDomain(ctx context.Context, d mail.Domain) error
	RemoveDomain(ctx context.Context, name string) error
	Rules(ctx context.Context, id mail.AccountID) (mail.Rules, error)
	// ChangeRules changes what change changes, in one step.
	ChangeRules(ctx context.Context, id mail.AccountID, change func(*mail.Rules)) error
}

// Authenticator checks passwords, with one lock-out for all protocols. Errors
// are mail.ErrDenied, mail.ErrTryLater, or the box's own trouble.
type Authenticator interface {
	Password(ctx context.Context, peer netip.Addr, login, password string) (mail.Login, error)
}

// Undo brings back what was deleted.
type Undo interface {
	// RemovedAccounts lists the people who can be brought back.
	RemovedAccounts(ctx context.Context) ([]mail.RemovedAccount, error)
	// RestoreAccount brings a removed person back. The zero address means the one
	// they had, "" the password they had. Errors: mail.ErrNoAccount, mail.ErrGone,
	// mail.ErrAddressTaken, mail.ErrPasswordNeeded, and those of AddAccount.
	RestoreAccount(ctx context.Context, id mail.AccountID, address mail.Address, password string) (mail.Account, error)
	// Deleted gives what was deleted of one person's mail.
	Deleted(ctx context.Context, id mail.AccountID) (Deleted, error)
}

// Deleted is what was deleted of one person's mail, and how to put it back.
// Errors are mail.ErrNoMailbox, mail.ErrNoMessage, mail.ErrMailboxName,
// mail.ErrTooMany, mail.ErrGone, mail.ErrNoSpace, or the box's own trouble.
type Deleted interface {
	Mailboxes(ctx context.Context) ([]mail.Mailbox, error)
	// Rows are the messages of a mailbox.
	Rows(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet) iter.Seq2[mail.Row, error]
	// Traced gives the trace IDs of messages that stand or stood at places.
	Traced(ctx context.Context, places []mail.Place) ([]mail.Traced, error)
	DeletedMailboxes(ctx context.Context) ([]mail.DeletedMailbox, error)
	Expunged(ctx context.Context, q mail.ExpungedQuery) (mail.ExpungedPage, error)
	Restore(ctx context.Context, places []mail.Place, into mail.MailboxID) ([]mail.Restored, error)
	RestoreMailbox(ctx context.Context, id mail.MailboxID) ([]mail.Mailbox, error)
	// RestoreAsOf takes long; it ends with ctx, and can be asked for again then.
	RestoreAsOf(ctx context.Context, r mail.AsOf, tell func(mail.Progress)) (mail.RestoredAsOf, error)
}

// Token is what is kept of an API token: never its text, which is shown once.
type Token struct {
	Hash    [32]byte // SHA-256 of the text, which is random enough to need no salt
	Owner   mail.AccountID
	Name    string // what it is for, in the owner's words
	Created time.Time
	Scopes  []string // what it is good for; none: all that its owner may
}

// Tokens keeps API tokens durably. A token goes with its owner's account.
type Tokens interface {
	AddToken(ctx context.Context, token Token) error
	// Tokens lists an account's, oldest first.
	Tokens(ctx context.Context, owner mail.AccountID) ([]Token, error)
	// RemoveToken ends a token at once. It does nothing when there is none.
	RemoveToken(ctx context.Context, hash [32]byte) error
	// Token finds one. It answers mail.ErrDenied when there is none, or its owner can't log in.
	Token(ctx context.Context, hash [32]byte) (Token, error)
}

// Search finds an account's mail for a person. Errors of Query: search.ErrAsk,
// mail.ErrNoMailbox, or the box's own trouble.
type Search interface {
	Query(ctx context.Context, account mail.AccountID, ask search.Ask) (search.Answer, error)
	// Rebuild has search indexes made anew in the background; searches go on.
	Rebuild(accounts ...mail.AccountID)
	// Rebuilds says how far those are that were asked for last.
	Rebuilds() []search.Rebuild
}

// Certificates are the box's. Both are DER; CA is nil when the certificate in
// use doesn't come from the box's own CA.
type Certificates interface {
	CA() []byte
	Leaf() []byte
}

// Machine is the computer under it all.
type Machine interface {
	// Addresses are the box's own, those that a person would type first.
	Addresses() []netip.Addr
}
