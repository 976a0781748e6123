package mail

import "time"

// Row is what the index knows of one message in one mailbox. The same body may
// stand in several mailboxes with a Row each.
type Row struct {
	UID    UID
	ModSeq ModSeq // of the last change of this entry (RFC 7162)
	Flags  Flags
	Size   int64 // RFC822.SIZE in bytes: per-recipient prefix and body together
	// Canonical is Size with every line ended in CRLF, as POP3 sends it; 0 when
	// the row does not say, which is rare.
	Canonical int64
	Internal  time.Time
	Saved     time.Time // when it came into this mailbox (RFC 8514)
	Email     EmailID
	Thread    ThreadID
	ID        ID // the message's trace ID
}

// Changes is what happened in one mailbox after a given ModSeq.
type Changes struct {
	Until    ModSeq // everything up to here is included
	UIDNext  UID
	Rows     []Row  // entries that are new or have changed, by UID
	Vanished UIDSet // entries that are gone
	Gone     bool   // the mailbox itself has been deleted
}

// Copied says where messages went (RFC 4315 COPYUID): Source[i] became Target[i].
type Copied struct {
	UIDValidity UIDValidity // of the target mailbox
	Source      []UID
	Target      []UID
}

// Appended says where messages were put (RFC 4315 APPENDUID).
type Appended struct {
	UIDValidity UIDValidity
	UIDs        []UID
}

// Traced is a message by its trace ID, and the UID that it has or had in the mailbox of
// which is spoken; 0: of none.
type Traced struct {
	ID  ID
	UID UID
}
