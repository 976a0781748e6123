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

// ExpungedPage is part of a list of expunged messages, newest first. It may be
// short, or empty, though more follows: a page looks at so many and no more.
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
	ID      AccountID
	Address Address // and Name: the directory says them, the store does not know
	Name    string
	At      time.Time
	Until   time.Time // until then at least it can be put back
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

// AsOf asks for a mailbox, or a whole account, as it was at a moment.
type AsOf struct {
	At      time.Time
	Mailbox MailboxID // zero: all that there were
	// InPlace puts back what is missing where it was, and sets flags as they
	// were. Else everything goes into Folder, which leaves all that is there
	// alone.
	InPlace bool
	// Folder is the name of the mailbox into which the messages go; for a whole
	// account, below which its mailboxes go. "": below AsOfFolder, under the names
	// they had, also a single one, so that two of them do not end in one.
	Folder string
}

// AsOfFolder is the name of a folder for what was restored as of a moment, to the
// second: another moment is another folder.
func AsOfFolder(at time.Time) string {
	if at.Second() != 0 {
		return "Restored " + at.Format("2006-01-02 15:04:05")
	}
	return "Restored " + at.Format("2006-01-02 15:04")
}

// Progress is how far long work has come.
type Progress struct {
	Reading bool  // the history is being read: Done and Total are records
	Done    int64 // messages
	Total   int64
	// Back are messages that have come back since it was told before, where they stand now.
	Back []Place
}

// RestoredAsOf says what a restore as of a moment has done.
type RestoredAsOf struct {
	Folder    string // into which; "" in place
	Mailboxes int
	Back      int // messages that were put there
	There     int // that were there already
	Flagged   int // of these, whose flags were set as they had been
	Gone      int // that can't be brought back any more
}
