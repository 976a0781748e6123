package imapd

import (
	"context"
	"crypto/tls"
	"iter"
	"net/netip"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// Account is one account's mail, as the store keeps it. Its methods are called
// from any goroutine. Errors of the vocabulary (mail.ErrNoMailbox and so on)
// reach the client in words; any other is the box's own trouble.
type Account interface {
	// Mailboxes lists every mailbox by name.
	Mailboxes(ctx context.Context) ([]mail.Mailbox, error)
	// Subscriptions lists the subscribed names, of mailboxes that are gone too.
	Subscriptions(ctx context.Context) ([]string, error)
	// Mailbox finds one by its name, INBOX in any case.
	Mailbox(ctx context.Context, name string) (mail.Mailbox, error)
	// MailboxByID finds one by its number.
	MailboxByID(ctx context.Context, id mail.MailboxID) (mail.Mailbox, error)
	// CreateMailbox makes one, with the parents it lacks.
	CreateMailbox(ctx context.Context, name string, role mail.Role) (mail.Mailbox, error)
	// RenameMailbox renames one with its children; INBOX stays and gives its messages away.
	RenameMailbox(ctx context.Context, id mail.MailboxID, name string) error
	// DeleteMailbox removes one; its children stay.
	DeleteMailbox(ctx context.Context, id mail.MailboxID) error
	// Subscribe puts a name on the list of subscriptions or takes it off.
	Subscribe(ctx context.Context, name string, on bool) error
	// Annotate changes what is written on a mailbox, all or nothing. mail.ErrTooMany
	// when there is no room.
	Annotate(ctx context.Context, id mail.MailboxID, changes []mail.Annotation) error

	// Quota is what the account takes up and what it may.
	Quota(ctx context.Context) (mail.Usage, mail.Quota, error)

	// UIDs are all messages, complete up to the ModSeq.
	UIDs(ctx context.Context, mailbox mail.MailboxID) (mail.UIDSet, mail.ModSeq, error)
	// Rows yields what is known of the messages in set that exist, by UID. The
	// consumer may be slow.
	Rows(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet) iter.Seq2[mail.Row, error]
	// Summaries yields of the messages in set that exist, by UID, what sorting and
	// threading ask, without opening all of them. The consumer may be slow.
	Summaries(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet) iter.Seq2[message.Summarized, error]
	// Open opens a message; the caller closes it. mail.ErrNoMessage when it is gone.
	Open(ctx context.Context, mailbox mail.MailboxID, uid mail.UID) (*message.Stored, error)
	// Append adds messages, all or none, durable on return.
	Append(ctx context.Context, mailbox mail.MailboxID, messages []draft.Append) (mail.Appended, error)
	// SetFlags changes the flags of the messages in set that exist. With
	// unchangedSince it leaves out, and returns, those with a higher ModSeq.
	// A message whose flags stay the same keeps its ModSeq.
	SetFlags(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet, op mail.FlagOp, flags mail.Flags, unchangedSince *mail.ModSeq) (mail.UIDSet, error)
	// Copy and Move put the messages of set that exist into another mailbox.
	Copy(ctx context.Context, from mail.MailboxID, set mail.UIDSet, to mail.MailboxID) (mail.Copied, error)
	Move(ctx context.Context, from mail.MailboxID, set mail.UIDSet, to mail.MailboxID) (mail.Copied, error)
	// Expunge removes the messages of set (nil means all), only those with
	// \Deleted if onlyDeleted, and says which.
	Expunge(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet, onlyDeleted bool) (mail.UIDSet, error)
	// Search finds the messages for which the query holds.
	Search(ctx context.Context, mailbox mail.MailboxID, query mail.Query) (mail.UIDSet, error)
	// Changes says what happened in a mailbox after since.
	Changes(ctx context.Context, mailbox mail.MailboxID, since mail.ModSeq) (mail.Changes, error)
	// Watch wakes its owner after every change of the account.
	Watch() *mail.Watch
}

// Ranker is an Account that can say how well messages fit.
type Ranker interface {
	// Relevance weighs the messages of a mailbox by the texts of the query that stand
	// under a mail.Fuzzy. Those that fit have a weight above 0, the higher the better.
	Relevance(ctx context.Context, mailbox mail.MailboxID, query mail.Query) (map[mail.UID]float64, error)
}

// Sharer is an Account in which the mailboxes of others are seen too, and whose own
// can be opened to others (RFC 4314). Rights are asked at every call: one that is taken
// away ends at once, with mail.ErrNoRight or, without RightLookup, mail.ErrNoMailbox.
type Sharer interface {
	// Rights are what this log-in may do in a mailbox; in one of its own all of it.
	Rights(ctx context.Context, id mail.MailboxID) (mail.Rights, error)
	// Foreign reports whether a mailbox is somebody else's.
	Foreign(id mail.MailboxID) bool
	// Grants are who may do what there, the owner first.
	Grants(ctx context.Context, id mail.MailboxID) ([]mail.Grant, error)
	// Grant gives one identifier these rights in the place of those it had, durable on
	// return; no rights at all take it off the list. mail.ErrTooMany bounds the list.
	Grant(ctx context.Context, id mail.MailboxID, g mail.Grant) error
	// Adjust is Grant with the rights that the identifier has at that moment, and these more
	// or fewer: two at once both count.
	Adjust(ctx context.Context, id mail.MailboxID, identifier string, more, fewer mail.Rights) error
	// Known is the identifier by which Grants would name somebody: mail.Anyone, or the
	// address of an account. mail.ErrNoSuchAddress when that is nobody.
	Known(ctx context.Context, identifier string) (string, error)
	// QuotaOf is Quota of the account whose mailbox it is.
	QuotaOf(ctx context.Context, id mail.MailboxID) (owner string, used mail.Usage, bound mail.Quota, err error)
}

// OthersPrefix stands before the names of mailboxes of others: then follow the owner's
// address and the name there.
const OthersPrefix = "Other Users" + string(mail.Delimiter)

// Trail hears what clients do with mail, for whoever asks later what became of a message.
// It is called by any number of sessions at once, and must not wait.
type Trail interface {
	// Read: a client has been sent text of a message, and not its header alone. It comes
	// for each message of each FETCH, and must cost next to nothing.
	Read(v *mail.Visit, row *mail.Row)
	// Left: messages have gone from a mailbox; into is where they went, "" for nowhere.
	Left(v *mail.Visit, from mail.MailboxID, gone mail.UIDSet, into string)
}

// Authenticator decides who a client is; *auth.Authenticator is one.
type Authenticator interface {
	// Password checks what LOGIN sends.
	Password(ctx context.Context, peer netip.Addr, login, password string) (mail.Login, error)
	// Clear reports whether a session may send a password itself.
	Clear(peer netip.Addr, tls bool) bool
	// Mechanisms that may be used with or without TLS, best first.
	Mechanisms(tls bool) []string
	// External reports whether EXTERNAL may be used too: the client has shown a
	// certificate that somebody here has.
	External(state *tls.ConnectionState) bool
	// Start begins one, of a name in upper case.
	Start(mechanism string, peer netip.Addr, state *tls.ConnectionState) (auth.Exchange, error)
}
