package mail

import (
	"errors"
	"fmt"
	"strings"
)

// Rights are what somebody may do in a mailbox (RFC 4314 §2.1). The zero value is
// nothing at all: the mailbox is as if it were not there.
type Rights uint16

// The rights, in the order in which they are written.
const (
	RightLookup         Rights = 1 << iota // l: see that it is there
	RightRead                              // r: open it, read its messages
	RightSeen                              // s: keep \Seen
	RightWrite                             // w: change the other flags and keywords
	RightInsert                            // i: put messages into it
	RightPost                              // p: send mail to its own address; a mailbox has none here
	RightCreate                            // k: make mailboxes below it
	RightDeleteMailbox                     // x: remove or rename it
	RightDeleteMessages                    // t: set and take off \Deleted
	RightExpunge                           // e: expunge
	RightAdminister                        // a: see and change who may what

	rightsEnd
)

// AllRights are an owner's.
const AllRights = rightsEnd - 1

const (
	rightLetters = "lrswipkxtea"
	// RFC 4314 §2.1.1: what clients of RFC 2086 mean by c and d. Which of both has x
	// is the server's choice: who may make mailboxes below may remove and rename.
	obsoleteCreate = RightCreate | RightDeleteMailbox
	obsoleteDelete = RightDeleteMessages | RightExpunge
)

// MaxGrantID bounds the identifier of a Grant, in bytes: that of an address.
const MaxGrantID = 254

// Anyone is the identifier of everybody who has an account here (RFC 4314 §2).
const Anyone = "anyone"

var (
	// ErrRights: a letter stands for no right.
	ErrRights = errors.New("the rights are the letters " + rightLetters)
	// ErrNoRight: the mailbox is somebody else's, who has not allowed this.
	ErrNoRight = errors.New("the owner of this mailbox has not allowed that")
)

// Grant is what one identifier may do in a mailbox: an address of this box, or Anyone.
type Grant struct {
	ID string
	Rights
}

// ParseRights reads letters of rights, the obsolete c and d too. A letter may stand
// there twice. The error is an ErrRights.
func ParseRights(text string) (Rights, error) {
	var all Rights
	for _, c := range text {
		at := strings.IndexRune(rightLetters, c)
		switch {
		case at >= 0:
			all |= 1 << at
		case c == 'c':
			all |= obsoleteCreate
		case c == 'd':
			all |= obsoleteDelete
		default:
			return 0, fmt.Errorf("%q is no right: %w", c, ErrRights)
		}
	}
	return all, nil
}

// String are the letters, without the obsolete ones.
func (r Rights) String() string {
	var b strings.Builder
	for at, c := range rightLetters {
		if r&(1<<at) != 0 {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// Wire are the letters as clients are told them: with c and d where a right is there
// that they stand for, as clients of RFC 2086 know no others (RFC 4314 §2.1.1).
func (r Rights) Wire() string {
	text := r.String()
	if r&obsoleteCreate != 0 {
		text += "c"
	}
	if r&obsoleteDelete != 0 {
		text += "d"
	}
	return text
}

// Has reports whether all of them are there.
func (r Rights) Has(all Rights) bool { return r&all == all }
