package mail

import "time"

// Place is where a message stands or stood. A mailbox gives a UID only once, so
// it names one entry for ever, also after that is gone.
type Place struct {
	Mailbox MailboxID
	UID     UID
}

// Expunged is a message that is gone from a mailbox and can be put back.
type Expunged struct {
	Place
	Row         Row    // as it was; its ModSeq is that of its going
	Name        string // the mailbox's, the last it had
	MailboxGone bool   // the message went with its mailbox, or that was deleted since
	At          time.Time
	Until       time.Time // until then at least it can be put back
	Moved       bool      // it went to another mailbox
	Back        bool      // the same email is in that mailbox again
	From        string    // for people, decoded
	Subject     string
}

// MaxExpungedPage is the most that one page of a list of expunged messages
// holds: what a person scrolls through.
const MaxExpungedPage = 500

// ExpungedQuery says which expunged messages to list. The zero value asks for
// the newest of the whole account.
type ExpungedQuery struct {
	Mailbox       MailboxID // zero: of all mailboxes, deleted ones too
	Since, Before time.Time // when it went; a zero bound is open
	Words         []string  // each stands in From or Subject, in any case
	Moved         bool      // also what went to another mailbox
	Back          bool      // also what is back already
	After         ExpungedMark
	Limit         int // 0, or more than MaxExpungedPage: MaxExpungedPage
}

// ExpungedMark is how far a list of expunged messages has come; the zero value
// is its beginning.
type ExpungedMark struct {
	ModSeq ModSeq
	Place  Place
}

// ExpungedPage is part of a list of expunged messages, newest first. A query
// with words may give pages that are short, or empty, though more follows.
type ExpungedPage struct {
	Messages []Expunged
	More     bool         // ask again with After = Next
	Next     ExpungedMark // the end of this page
}

// DeletedMailbox is a mailbox that was deleted and can be put back.
type DeletedMailbox struct {
	Mailbox // as it was
	At      time.Time
	Until   time.Time // until then at least it can be put back
}

// RemovedAccount is an account that was removed and can be put back.
type RemovedAccount struct {
	ID    AccountID
	At    time.Time
	Until time.Time // until then at least it can be put back
}

// Outcome is what became of a message that was to be put back.
type Outcome uint8

// The outcomes. OutcomeThere: the email was in the mailbox already.
// OutcomeGone: it can't be brought back any more.
const (
	OutcomeBack Outcome = iota
	OutcomeThere
	OutcomeGone
)

// Restored says what became of one message.
type Restored struct {
	Source  Place // as it was asked for
	Target  Place // where the email is now; zero when it is gone
	Outcome Outcome
}
