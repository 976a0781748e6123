package store

import (
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// verb is the type of a record of family store: what somebody asked for. The
// payload of all of them is a change.
type verb uint8

// The verbs, as they stand in the log.
const (
	verbAccountCreate verb = 1 + iota
	verbAccountRemove
	verbMailboxCreate
	verbMailboxRename
	verbMailboxDelete
	verbSubscribe
	verbDeliver
	verbAppend
	verbFlags
	verbCopy
	verbMove
	verbExpunge
	verbRestore
	verbRestoreMailbox
	verbRestoreAccount
	verbRestoreAsOf
	verbAnnotate
)

// The verbs of what the box does by itself.
const (
	verbExpire   verb = 21
	verbSnapshot verb = 22
)

// change is what a record does: a section for each account it touches. Every
// number in it was assigned when it was committed; applying only copies.
type change []section

// section is what a change does to one account, as one step in its history.
type section struct {
	account mail.AccountID
	modSeq  mail.ModSeq
	ops     []op
}

// creates says whether the section is an account's first.
func (s *section) creates() bool {
	if len(s.ops) == 0 {
		return false
	}
	_, ok := s.ops[0].(createAccount)
	return ok
}

// op is one thing done to an account.
type op interface{ kind() opKind }

type opKind uint8

// The kinds of op, as they stand in the log.
const (
	kindCreateAccount opKind = 1 + iota
	kindRemoveAccount
	kindCreateMailbox
	kindRenameMailbox
	kindDeleteMailbox
	kindSubscribe
	kindUnsubscribe
	kindAdd
	kindFlags
	kindCopy
	kindRemove
	kindPutBack
	kindRestoreMailbox
	kindRestoreAccount
	kindAnnotate
)

const (
	kindExpire   opKind = 20
	kindSnapshot opKind = 22
)

// Of add and putBack, since they say what CRLF line ends add.
const (
	kindAddLines opKind = 30 + iota
	kindPutBackLines
)

type (
	createAccount struct{}
	removeAccount struct{}
	createMailbox struct {
		id       mail.MailboxID
		validity mail.UIDValidity
		boxKind  mail.Kind
		role     mail.Role
		name     string
	}
	renameMailbox struct {
		id   mail.MailboxID
		name string
	}
	deleteMailbox struct{ id mail.MailboxID }
	subscribe     struct {
		name string
		on   bool
	}
	// add puts a new email into a mailbox.
	add struct {
		mailbox  mail.MailboxID
		uid      mail.UID
		email    mail.EmailID
		thread   mail.ThreadID
		body     journal.BodyRef
		bodySize int64
		prefix   []byte
		flags    mail.Flags
		when     int64 // internal date as packTime makes it
		id       mail.ID
		keys     []threadKey
		// grows is what CRLF line ends add to prefix and body, and 1; 0 in
		// records of before, which don't say.
		grows uint64
	}
	// setFlags gives the messages exactly these flags.
	setFlags struct {
		mailbox mail.MailboxID
		flags   mail.Flags
		uids    mail.UIDSet
	}
	// copyTo puts the messages, in order, under the UIDs from first on.
	copyTo struct {
		from, to mail.MailboxID
		uids     mail.UIDSet
		first    mail.UID
	}
	// remove takes the messages away.
	remove struct {
		mailbox mail.MailboxID
		uids    mail.UIDSet
	}
	// putBack puts emails that the account has or had into a mailbox, under the
	// UIDs from first on. It says all of a row, so that whoever reads the log
	// needs no rows that are gone.
	putBack struct {
		mailbox mail.MailboxID
		first   mail.UID
		entries []putBackEntry
	}
	putBackEntry struct {
		email  mail.EmailID
		thread mail.ThreadID
		size   uint32 // prefix and body
		flags  mail.Flags
		when   int64 // internal date as packTime makes it
		id     mail.ID
		marks  uint8 // of the row
	}
	// restoreMailbox makes a deleted mailbox living again, with its messages.
	restoreMailbox struct {
		id       mail.MailboxID
		validity mail.UIDValidity
		role     mail.Role
		name     string
	}
	restoreAccount struct{}
	// annotate writes exactly this on a mailbox.
	annotate struct {
		id    mail.MailboxID
		notes mail.Annotations
	}
	// expire lets go for good what was taken away up to a ModSeq, and mailboxes
	// that were deleted by then.
	expire struct {
		until mail.ModSeq
		boxes []mail.MailboxID
	}
)

func (createAccount) kind() opKind { return kindCreateAccount }
func (removeAccount) kind() opKind { return kindRemoveAccount }
func (createMailbox) kind() opKind { return kindCreateMailbox }
func (renameMailbox) kind() opKind { return kindRenameMailbox }
func (deleteMailbox) kind() opKind { return kindDeleteMailbox }
func (s subscribe) kind() opKind {
	if s.on {
		return kindSubscribe
	}
	return kindUnsubscribe
}
func (o *add) kind() opKind {
	if o.grows == 0 {
		return kindAdd
	}
	return kindAddLines
}
func (o putBack) kind() opKind {
	if slices.ContainsFunc(o.entries, func(m putBackEntry) bool { return m.marks != 0 }) {
		return kindPutBackLines
	}
	return kindPutBack
}
func (setFlags) kind() opKind { return kindFlags }
func (copyTo) kind() opKind   { return kindCopy }
func (remove) kind() opKind   { return kindRemove }
func (expire) kind() opKind   { return kindExpire }
func (snapshot) kind() opKind { return kindSnapshot }

func (restoreMailbox) kind() opKind { return kindRestoreMailbox }
func (restoreAccount) kind() opKind { return kindRestoreAccount }
func (annotate) kind() opKind       { return kindAnnotate }

// moment is what the ops of a record share.
type moment struct {
	lsn  journal.LSN
	time time.Time
	verb verb
}
