package mail

import "time"

// Query is one node of a search. A server turns what its client asked into this
// tree (sequence numbers become UIDs on the way); the store answers it. The set
// of nodes is closed: exactly the types below.
type Query interface{ query() }

// The nodes of a search.
type (
	// And holds when every part does; an empty And holds always.
	And []Query
	// Or holds when any part does; an empty Or never holds.
	Or []Query
	// Not holds when its part does not.
	Not struct{ Query Query }
	// UIDIn holds for messages with these UIDs.
	UIDIn struct{ Set UIDSet }
	// HasFlags holds when all the flags are set.
	HasFlags struct{ Flags Flags }
	// Larger holds for messages of more than Bytes bytes (RFC 9051 §6.4.4).
	Larger struct{ Bytes int64 }
	// Smaller holds for messages of less than Bytes bytes.
	Smaller struct{ Bytes int64 }
	// DayIn holds when the date, read as the calendar day it was written on
	// without regard to its zone, is Since or later and before Before. A zero
	// bound is open. Only year, month and day of the bounds count.
	DayIn struct {
		Date          DateField
		Since, Before time.Time
	}
	// MomentIn holds when the moment of the date is at or after Since and before
	// Before (RFC 5032 turns YOUNGER and OLDER into such moments).
	MomentIn struct {
		Date          DateField
		Since, Before time.Time
	}
	// Header holds when the message's own header has a field of this name (any
	// case) whose decoded value contains Value; an empty Value asks only for the
	// field.
	Header struct{ Name, Value string }
	// Body holds when the decoded text of the body contains Text, which no header
	// is part of (RFC 9051 §6.4.4), those of enclosed messages neither.
	Body struct{ Text string }
	// Text holds when the decoded header, that of a part or of an enclosed message,
	// or the body contains Text.
	Text struct{ Text string }
	// ModSeqFrom holds for entries changed at or after ModSeq (RFC 7162 §3.1.5).
	ModSeqFrom struct{ ModSeq ModSeq }
	// EmailIs holds for entries of one email (RFC 8474 §5.3).
	EmailIs struct{ Email EmailID }
	// ThreadIs holds for entries of one thread (RFC 8474 §5.3).
	ThreadIs struct{ Thread ThreadID }
	// Fuzzy asks its part to be read generously, as words (RFC 6203).
	Fuzzy struct{ Query Query }
)

// DateField says which of a message's dates a search means.
type DateField uint8

// The dates of a message.
const (
	InternalDate DateField = iota // when it was received
	SentDate                      // its Date field
	SaveDate                      // when it came into the mailbox
)

func (And) query()        {}
func (Or) query()         {}
func (Not) query()        {}
func (UIDIn) query()      {}
func (HasFlags) query()   {}
func (Larger) query()     {}
func (Smaller) query()    {}
func (DayIn) query()      {}
func (MomentIn) query()   {}
func (Header) query()     {}
func (Body) query()       {}
func (Text) query()       {}
func (ModSeqFrom) query() {}
func (EmailIs) query()    {}
func (ThreadIs) query()   {}
func (Fuzzy) query()      {}
