package mail

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ID names one message from the moment it is received: it stands in its
// Received field, in every log line, in the queue, in the store and on the
// trace page. It is for following a message, never for recognising a duplicate:
// one message may rightly stand twice in a mailbox.
//
// The first 6 bytes are the time in milliseconds since 1970, so IDs sort by
// time; the other 10 are random, so they can't be guessed.
type ID [16]byte

// idText is lower-case base32 without padding in the digits' sort order:
// readable over a telephone, and safe in file names, URLs and header fields.
const idText = "0123456789abcdefghjkmnpqrstvwxyz"

// NewID mints an ID for a message received at t. It can't fail: crypto/rand
// ends the process rather than hand out weak bytes.
func NewID(t time.Time) ID {
	var id ID
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(t.UnixMilli()))
	copy(id[:6], ms[2:])
	rand.Read(id[6:])
	return id
}

// String is the 26-character text form that ParseID reads.
func (id ID) String() string { return idEncoding().EncodeToString(id[:]) }

// IsZero reports whether id names no message.
func (id ID) IsZero() bool { return id == ID{} }

// Time is the moment at which the ID was minted, to the millisecond.
func (id ID) Time() time.Time {
	var ms [8]byte
	copy(ms[2:], id[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(ms[:])))
}

// ParseID reads what String wrote.
func ParseID(s string) (ID, error) {
	var id ID
	b, err := idEncoding().DecodeString(s)
	if err != nil || len(b) != len(id) {
		return ID{}, fmt.Errorf("%q is not a message ID", s)
	}
	copy(id[:], b)
	return id, nil
}

func idEncoding() *base32.Encoding {
	return base32.NewEncoding(idText).WithPadding(base32.NoPadding)
}

// AccountID numbers an account on this box. It is never used again after the
// account is gone. Zero names no account.
type AccountID uint32

// String is the object identifier of RFC 8474 and RFC 8620.
func (id AccountID) String() string { return "a" + strconv.FormatUint(uint64(id), 36) }

// MailboxID numbers a mailbox within its account: a rename keeps it, a mailbox
// made again under an old name gets a new one (RFC 8474 §4.1). Zero names none.
type MailboxID uint64

// String is the MAILBOXID of RFC 8474.
func (id MailboxID) String() string { return "m" + strconv.FormatUint(uint64(id), 36) }

// ParseMailboxID reads what String wrote.
func ParseMailboxID(s string) (MailboxID, error) {
	digits, found := strings.CutPrefix(s, "m")
	n, err := strconv.ParseUint(digits, 36, 64)
	if !found || err != nil || n == 0 || MailboxID(n).String() != s {
		return 0, fmt.Errorf("%q is not a mailbox ID", s)
	}
	return MailboxID(n), nil
}

// EmailID numbers one body within its account; its copies in other mailboxes
// carry the same number (RFC 8474 §5.1). Zero names none.
type EmailID uint64

// String is the EMAILID of RFC 8474.
func (id EmailID) String() string { return "e" + strconv.FormatUint(uint64(id), 36) }

// ThreadID numbers a conversation within its account. It is decided when a
// message is committed and never changes (RFC 8474 §5.2). Zero names none.
type ThreadID uint64

// String is the THREADID of RFC 8474.
func (id ThreadID) String() string { return "t" + strconv.FormatUint(uint64(id), 36) }

// UID numbers a message within one mailbox and UIDVALIDITY (RFC 9051 §2.3.1.1).
// Zero is never a message.
type UID uint32

// SeqNum is a message's position in one session's view, from 1 (RFC 9051 §2.3.1.2).
type SeqNum uint32

// UIDValidity changes when a mailbox's UIDs lose their meaning (RFC 9051 §2.3.1.1).
type UIDValidity uint32

// ModSeq is a position in an account's history: one counter for the whole
// account, so a mailbox's HIGHESTMODSEQ is the highest that touched it
// (RFC 7162 §3.1). Zero is before everything.
type ModSeq uint64
