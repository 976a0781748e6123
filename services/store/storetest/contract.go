package storetest

import (
	"context"
	"iter"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// Store holds the mail of all accounts. A is the store's own account handle.
// Every method may be called from any goroutine.
//
// Whatever changes something returns when the change is on disk and visible to
// everybody; when it returns an error, nothing has changed. Besides the errors
// named here every method may fail with mail.ErrNoSpace (reading, flags and
// deleting go on), with mail.ErrClosed, with the context's error while it waits
// its turn, or with the disk's own error.
type Store[A Account] interface {
	// CreateAccount makes the account with mail.FirstMailboxes, all subscribed.
	// It does nothing when the account exists.
	CreateAccount(ctx context.Context, id mail.AccountID) error
	// RemoveAccount takes the account away: mail.ErrNoAccount from then on,
	// also for handles that are in use. Its number can't be used again. Its mail
	// stays, and can be brought back for the retention.
	RemoveAccount(ctx context.Context, id mail.AccountID) error
	// RestoreAccount brings a removed account back with all its mail, as long as
	// it can be. It does nothing when the account is there. mail.ErrGone;
	// mail.ErrNoAccount if it never was. Handles have to be asked for anew.
	RestoreAccount(ctx context.Context, id mail.AccountID) error
	// RemovedAccounts lists, by number, the removed accounts that can be put back.
	RemovedAccounts(ctx context.Context) ([]mail.RemovedAccount, error)
	// Account gives a handle, which is cheap and needs no closing.
	// mail.ErrNoAccount if there is none.
	Account(ctx context.Context, id mail.AccountID) (A, error)
	// Expire lets go for good what was taken away from the account up to and with
	// a ModSeq (a higher one than the account's means that): expunged messages,
	// mailboxes that were deleted, and, where the account itself was removed by
	// then, everything. Of an account that was removed later nothing expires: it
	// goes as a whole. It is a change as any other, unless all up to there was let
	// go before. Of what expires nothing is known any more: a mailbox is
	// mail.ErrNoMailbox everywhere, and threads of which nothing is left are
	// forgotten.
	Expire(ctx context.Context, id mail.AccountID, until mail.ModSeq) error
	// Usage is what an account takes up, exactly.
	Usage(ctx context.Context, id mail.AccountID) (mail.Usage, error)
	// Deliver puts one body into every target's mailbox, in one atomic step. The
	// mailbox is the target's role, or INBOX where the account has none of that
	// role. The messages' internal date is env.Received, their ID env.ID. The
	// draft is finished; it stays the caller's. mail.ErrNoAccount if any target
	// is missing. mail.ErrOverQuota, with a *mail.QuotaError for each account that
	// has no room (mail.OverQuota lists them), if there is any: then nobody gets it.
	Deliver(ctx context.Context, env *mail.Envelope, targets []mail.Target, d *draft.Draft) error
	// ChangedAccounts says which accounts have changed after since, the removed
	// ones too, for those that follow the whole store: they keep Until where a
	// restart finds it again. mail.ErrResync when the store has not come to since
	// yet, as after it was put back from a copy.
	ChangedAccounts(ctx context.Context, since mail.Position) (mail.StoreChanges, error)
	// Watch wakes its owner after every change of any account.
	Watch() *mail.Watch
	// Close makes everything as it should be on disk. Later calls of anything
	// fail with mail.ErrClosed; a message that is open may be read on.
	Close() error
}

// Account is one account's mail.
//
// Every change gets one new ModSeq, one higher than the account's last;
// SetFlags and Expunge of many thousand messages may take several. All messages
// that one change touches carry the same. A message that a change leaves as it
// was keeps its own.
//
// What a message's Row says: Internal to the millisecond with its zone to the
// minute; Saved, when the message came into this mailbox, to the second, in UTC.
type Account interface {
	// Mailboxes lists all, sorted by name.
	Mailboxes(ctx context.Context) ([]mail.Mailbox, error)
	// Subscriptions lists the subscribed names, sorted; there need not be a
	// mailbox of that name (RFC 9051 §6.3.7).
	Subscriptions(ctx context.Context) ([]string, error)
	// Mailbox finds by name, INBOX in any case. mail.ErrNoMailbox.
	Mailbox(ctx context.Context, name string) (mail.Mailbox, error)
	// MailboxByID finds by ID. mail.ErrNoMailbox.
	MailboxByID(ctx context.Context, id mail.MailboxID) (mail.Mailbox, error)
	// CreateMailbox makes a mailbox and the levels above it that are missing
	// (these without role), not subscribed. mail.ErrMailboxExists also when
	// another mailbox has the role; mail.ErrMailboxName; mail.ErrTooMany.
	CreateMailbox(ctx context.Context, name string, role mail.Role) (mail.Mailbox, error)
	// RenameMailbox gives the mailbox and everything below it another name and
	// makes the levels above the new name that are missing. INBOX stays: its
	// messages move into a new mailbox, its children don't (RFC 9051 §6.3.6).
	// Subscriptions are of names and stay as they are. A mailbox can't go below
	// itself: mail.ErrMailboxName. mail.ErrMailboxExists also when a name that
	// a child would get is taken.
	RenameMailbox(ctx context.Context, id mail.MailboxID, name string) error
	// DeleteMailbox takes the mailbox away with its messages. Children stay,
	// its subscription too. mail.ErrMailboxInUse for INBOX.
	DeleteMailbox(ctx context.Context, id mail.MailboxID) error
	// Subscribe puts the name on the list of subscriptions, or takes it off.
	Subscribe(ctx context.Context, name string, on bool) error
	// Annotate makes changes to what is written on a mailbox, all or none, as a change
	// of the mailbox itself; one that changes nothing is none. It is told of with the
	// mailbox, stays with it when it is renamed (with INBOX, which stays), and comes
	// back with it when it was deleted; putting back as of a moment leaves it as it is.
	// mail.ErrTooMany over mail.Max…; mail.ErrNoMailbox.
	Annotate(ctx context.Context, id mail.MailboxID, changes []mail.Annotation) error

	// Quota says what the account takes up, exactly, and what it may.
	Quota(ctx context.Context) (mail.Usage, mail.Quota, error)

	// UIDs gives all of the mailbox, for the caller to keep, and the ModSeq up to
	// which this is complete: the since of a first Changes.
	UIDs(ctx context.Context, mailbox mail.MailboxID) (mail.UIDSet, mail.ModSeq, error)
	// Rows gives the messages of the set that exist, by UID. The consumer may be
	// slow: it holds nobody up, and sees every row as it was at some moment
	// during the walk. The error ends the walk.
	Rows(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet) iter.Seq2[mail.Row, error]
	// Summaries gives what Rows does, and of each message what sorting and threading
	// ask. The summary of a message that can't be read is empty.
	Summaries(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet) iter.Seq2[message.Summarized, error]
	// Open opens one message for reading; the caller closes it. mail.ErrNoMessage.
	Open(ctx context.Context, mailbox mail.MailboxID, uid mail.UID) (*message.Stored, error)
	// CanonicalSize is the size that the message has when every line ends in
	// CRLF; a row's Canonical is that or 0. mail.ErrNoMessage.
	CanonicalSize(ctx context.Context, mailbox mail.MailboxID, uid mail.UID) (int64, error)
	// Append puts messages into the mailbox, all or none of them (RFC 3502). A
	// zero Internal means now. The drafts are finished and stay the caller's.
	// mail.ErrOverQuota.
	Append(ctx context.Context, mailbox mail.MailboxID, messages []draft.Append) (mail.Appended, error)
	// SetFlags changes the flags of the messages of the set that exist, except
	// those that have changed after unchangedSince (nil: no condition; RFC 7162
	// §3.1.3), which it gives back.
	SetFlags(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet, op mail.FlagOp, flags mail.Flags, unchangedSince *mail.ModSeq) (modified mail.UIDSet, err error)
	// Copy copies the messages of the set that exist, in the order of their
	// UIDs, with flags and internal dates, all or none. mail.ErrOverQuota.
	Copy(ctx context.Context, from mail.MailboxID, set mail.UIDSet, to mail.MailboxID) (mail.Copied, error)
	// Move is Copy and taking away from the source in one step (RFC 6851). It takes
	// up no more than before, so quota does not matter; nor does it to flags,
	// expunging, or putting back what was lost.
	Move(ctx context.Context, from mail.MailboxID, set mail.UIDSet, to mail.MailboxID) (mail.Copied, error)
	// Expunge takes away the messages of the set, with onlyDeleted only those
	// with \Deleted, and says which. A nil set with onlyDeleted means all that
	// have \Deleted; without onlyDeleted it means none, so that no empty set can
	// empty a mailbox.
	Expunge(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet, onlyDeleted bool) (mail.UIDSet, error)
	// Search gives the messages for which the query holds. See package match for
	// what each node means.
	Search(ctx context.Context, mailbox mail.MailboxID, q mail.Query) (mail.UIDSet, error)
	// Changes says what has happened in the mailbox after since. Vanished holds
	// every UID taken away since then, also those that came after since; where
	// since is older than what has expired, and something has happened since, every UID
	// that was given out and is not there. A mailbox that was deleted is Gone; one that never was is mail.ErrNoMailbox.
	Changes(ctx context.Context, mailbox mail.MailboxID, since mail.ModSeq) (mail.Changes, error)
	// ChangedSince gives a page of what has happened in the whole account after
	// since: the changes in order, until most emails, threads, mailboxes and
	// subscriptions are told of, counted anew for each change. A change is never
	// divided, so one alone may be more. most ≤ 0 asks for as many as the store
	// gives at once, which is always bounded. mail.ErrResync when it is no longer
	// known what happened then (it is for thirty days, and not before what has
	// expired), or since is still to come:
	// then whoever follows begins anew from what there is.
	ChangedSince(ctx context.Context, since mail.ModSeq, most int) (mail.AccountChanges, error)
	// Entries says where an email stands, by mailbox and UID. mail.ErrNoMessage
	// when it stands nowhere any more.
	Entries(ctx context.Context, id mail.EmailID) ([]mail.Entry, error)
	// Watch wakes its owner after every change of the account. Whoever asks
	// Changes, or ChangedSince, on waking misses nothing.
	Watch() *mail.Watch
	// WatchOn has every change put a value into c too, which has room for one and may
	// hang on several accounts, once on each. stop ends that and may be called again.
	WatchOn(c chan struct{}) (stop func())

	// Expunged lists, newest first, what is gone from mailboxes, deleted ones
	// too, and can be put back: for the retention from its going. Messages of a
	// deleted mailbox went when it did. A page takes bounded time and memory
	// however much there is.
	Expunged(ctx context.Context, q mail.ExpungedQuery) (mail.ExpungedPage, error)
	// DeletedMailboxes lists, newest first, the deleted mailboxes that can be put
	// back.
	DeletedMailboxes(ctx context.Context) ([]mail.DeletedMailbox, error)
	// Restore puts expunged messages back, with new UIDs, all else as it was but
	// for two things: \Deleted is taken off, and the save date is now, since
	// they come into the mailbox now (RFC 8514 §1) and a program that cleans up
	// by save date must not take them away at once. They go into the mailbox
	// into; with zero, into their own; where that was deleted, into the one that
	// has its name now; where there is none, into a new one of that name (and
	// role, unless another has it). An email that stands in that mailbox is not
	// put there again. The outcomes are in the order of places.
	//
	// What has gone for good, alone or with its mailbox, keeps back nothing else:
	// its outcome says so. Messages of one mailbox, up to 2,048, go in one step;
	// more in several: an error in between leaves the earlier ones done, and comes
	// with their outcomes. mail.ErrGone when none can be brought back;
	// mail.ErrNoMailbox and mail.ErrNoMessage for a place that never was.
	Restore(ctx context.Context, places []mail.Place, into mail.MailboxID) ([]mail.Restored, error)
	// RestoreMailbox puts a deleted mailbox back with its messages, UIDs, and
	// MAILBOXID, under a new UIDVALIDITY; so do the mailboxes below it that were
	// deleted within an hour of it, of each name the last. Where its name is
	// taken it gets " (restored)" behind it; where a child's is, that stays
	// deleted. It has its role again unless another mailbox has that. The answer
	// is all that came back, itself first; it alone when it is there already.
	// mail.ErrGone; mail.ErrNoMailbox.
	RestoreMailbox(ctx context.Context, id mail.MailboxID) ([]mail.Mailbox, error)
	// RestoreAsOf puts a mailbox, or all of the account, back as it was at a
	// moment: what had been done up to it and nothing later.
	//
	// In place, each mailbox gets back what is missing in it, with flags as they
	// were, and what is there gets its flags as they were; one that was deleted
	// is restored first, and where it is gone for good made again under its name.
	// What came later stays, so do names. Into a folder, every message goes there
	// with the flags it had, and all else is left alone; the answer says which it is
	// (of a whole account, the one above all). In both, an email comes
	// back once into each mailbox, as Restore puts it, never with \Deleted; so a
	// restore that broke off can be asked for again.
	//
	// It goes in steps, and tells (from the caller's goroutine; tell may be nil)
	// how far it has come, and which messages have come back. When it fails, what is done is done, and said. It holds
	// what the account was at that moment in memory, 60 bytes for each message.
	// mail.ErrNoMailbox when there was no such mailbox then; mail.ErrGone when what
	// was taken away after that moment has expired.
	RestoreAsOf(ctx context.Context, r mail.AsOf, tell func(mail.Progress)) (mail.RestoredAsOf, error)
}

// Threading, as every store does it: a message joins the thread of the first
// message ID among its own Message-ID, its In-Reply-To and its References from
// the last to the first, which an earlier message of the account with the same
// base subject (RFC 5256 §2.1) had or named; else it begins a new thread. A
// thread, once given, never changes, so a message that comes late joins one
// thread and never merges two.
