package mail

import (
	"errors"
	"fmt"
)

// What a store or directory answers when the request itself is the matter. Any
// other error is the box's own trouble: temporary, logged, tried again.
var (
	// ErrNoAccount: there is no such account.
	ErrNoAccount = errors.New("no such account")
	// ErrNotOurDomain: the address is not one of this office's domains.
	ErrNotOurDomain = errors.New("not an address of this office")
	// ErrNoSuchAddress: the domain is the office's, the address is nobody's.
	ErrNoSuchAddress = errors.New("nobody has this address")
	// ErrAddressTaken: somebody has the address already.
	ErrAddressTaken = errors.New("somebody has this address already")
	// ErrNoDomain: the office has no such domain.
	ErrNoDomain = errors.New("the office has no such domain")
	// ErrNoRoute: mail to this domain has no way of its own.
	ErrNoRoute = errors.New("mail to this domain has no way of its own")
	// ErrInUse: something else refers to it.
	ErrInUse = errors.New("it is in use")
	// ErrCircle: mail would come back to where it was, or be passed on too often.
	ErrCircle = errors.New("mail would go round in circles")
	// ErrLastAdmin: somebody must remain who can look after the box.
	ErrLastAdmin = errors.New("this is the last administrator: make somebody else one first")
	// ErrName: a person's name, or a token's, is too long or can't be shown.
	ErrName = errors.New("the name is too long, or has characters that a name can't have")
	// ErrQuota: a bound on what an account takes up can't be less than nothing.
	ErrQuota = errors.New("a quota can't be less than zero; zero means none")
	// ErrNoMailbox: there is no such mailbox, or no longer.
	ErrNoMailbox = errors.New("no such mailbox")
	// ErrMailboxExists: the name is taken.
	ErrMailboxExists = errors.New("a mailbox of that name exists already")
	// ErrMailboxName: the name can't be used (empty level, control character, too long, too deep).
	ErrMailboxName = errors.New("that is not a possible mailbox name")
	// ErrMailboxInUse: INBOX can't be deleted; a mailbox with children can't either where the protocol forbids it.
	ErrMailboxInUse = errors.New("that mailbox can't be removed")
	// ErrNoMessage: there is no such message, or no longer.
	ErrNoMessage = errors.New("no such message")
	// ErrPasswordNeeded: the account comes back, but its old password can't.
	ErrPasswordNeeded = errors.New("the old password is not known any more: a new one is needed")
	// ErrGone: it was there, but can't be brought back any more.
	ErrGone = errors.New("it can't be brought back any more: the time for that is over")
	// ErrDamaged: the message is there, but the disk does not give back what was written. Trying again does not help.
	ErrDamaged = errors.New("the message is damaged on the disk")
	// ErrTooLarge: the message is larger than the box accepts.
	ErrTooLarge = errors.New("message is too large")
	// ErrOverQuota: the account's space is used up.
	ErrOverQuota = errors.New("mailbox is full")
	// ErrTooMany: a bound on names, keywords or mailboxes is reached.
	ErrTooMany = errors.New("there are too many of these already")
	// ErrKeywords: an account's messages have had so many different combinations of
	// keywords that no new one can be kept. It is an ErrTooMany.
	ErrKeywords = fmt.Errorf("messages of this account have had too many different combinations of keywords: %w", ErrTooMany)
	// ErrNoSpace: the disk is full. Reading and deleting go on.
	ErrNoSpace = errors.New("the box's disk is full")
	// ErrDenied: address or password is wrong. One error for both, so that no one learns which addresses exist.
	ErrDenied = errors.New("address or password is wrong")
	// ErrTryLater: too many failed log-ins, or too many at once.
	ErrTryLater = errors.New("too many attempts, try again later")
	// ErrResync: it is no longer known, or not yet, what happened after that moment.
	// Whoever follows begins anew from what there is.
	ErrResync = errors.New("what has happened since then is not known: everything must be read again")
	// ErrNewer: something on the disk was written by a later version of the box's software.
	ErrNewer = errors.New("written by a newer version of the box's software: start that version again, nothing has been changed")
	// ErrReadOnly: the disk has failed a write. What is there can be read; nothing is taken until the next start.
	ErrReadOnly = errors.New("the box's disk takes no writes")
	// ErrClosed: the box is shutting down or has set a damaged file aside.
	ErrClosed = errors.New("the mail store is closed")
)
