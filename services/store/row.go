package store

import (
	"encoding/binary"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// row is a mail.Row in 56 bytes: a million of them are kept in memory while
// someone has the mailbox open.
type row struct {
	modSeq mail.ModSeq
	when   int64 // internal date, see packTime
	id     mail.ID
	uid    mail.UID
	size   uint32
	email  uint32
	thread uint32
	saved  uint32 // Unix seconds
	// keywords numbers a set of the account's keywords table.
	keywords uint16
	system   mail.SystemFlags
	// marks: bit 7, expunged (modSeq is that of the expunging); below, what the
	// message grows by when each line ends in CRLF, and 1; 0: ask its email.
	marks uint8
}

const (
	markGone = 1 << 7
	maxGrows = markGone - 2 // octets that fit into the rest of marks
)

func (r *row) gone() bool { return r.marks&markGone != 0 }

// grows is what CRLF line ends add; false: ask the email.
func (r *row) grows() (int64, bool) {
	n := int64(r.marks &^ markGone)
	return n - 1, n > 0
}

// marksOf is marks of a living message that grows by so much, and 1; 0 is not known.
func marksOf(grows uint64) uint8 {
	if grows > maxGrows+1 {
		return 0
	}
	return uint8(grows)
}

const (
	zoneBits = 12
	zoneBias = 1 << (zoneBits - 1)
	// maxMillis keeps the date in the bits that are left: 34,000 years.
	maxMillis = 1<<50 - 1
)

// packTime keeps a time to the millisecond and its zone to the minute.
func packTime(t time.Time) int64 {
	_, offset := t.Zone()
	zone := min(max(int64(offset/60), -zoneBias), zoneBias-1)
	ms := min(max(t.UnixMilli(), -maxMillis), maxMillis)
	return ms<<zoneBits | (zone + zoneBias)
}

func unpackTime(when int64) time.Time {
	t := time.UnixMilli(when >> zoneBits)
	zone := int(when&(1<<zoneBits-1)) - zoneBias
	if zone == 0 {
		return t.UTC()
	}
	return t.In(time.FixedZone("", zone*60))
}

// seen and deleted are 1 when the flag is set, for counting.
func (r *row) unseen() uint32 {
	if r.system&mail.Seen == 0 {
		return 1
	}
	return 0
}

func (r *row) deleted() uint32 {
	if r.system&mail.Deleted != 0 {
		return 1
	}
	return 0
}

// rowBytes is a row in the index: the fields of mail.Row in a fixed order.
const rowBytes = 56

func (r *row) append(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(r.uid))
	b = le.AppendUint32(b, r.size)
	b = le.AppendUint64(b, uint64(r.modSeq))
	b = le.AppendUint64(b, uint64(r.when))
	b = append(b, r.id[:]...)
	b = le.AppendUint32(b, r.email)
	b = le.AppendUint32(b, r.thread)
	b = le.AppendUint32(b, r.saved)
	b = le.AppendUint16(b, r.keywords)
	return append(b, byte(r.system), r.marks&^markGone)
}

// decode reads what append wrote; b holds rowBytes.
func (r *row) decode(b []byte) {
	_ = b[rowBytes-1]
	le := binary.LittleEndian
	r.uid = mail.UID(le.Uint32(b))
	r.size = le.Uint32(b[4:])
	r.modSeq = mail.ModSeq(le.Uint64(b[8:]))
	r.when = int64(le.Uint64(b[16:]))
	r.id = mail.ID(b[24:40])
	r.email = le.Uint32(b[40:])
	r.thread = le.Uint32(b[44:])
	r.saved = le.Uint32(b[48:])
	r.keywords = le.Uint16(b[52:])
	r.system = mail.SystemFlags(b[54])
	r.marks = b[55] &^ markGone
}

// public is the row as others see it.
func (r *row) public(k *keywords) mail.Row {
	canonical := int64(0)
	if more, known := r.grows(); known {
		canonical = int64(r.size) + more
	}
	return mail.Row{
		UID: r.uid, ModSeq: r.modSeq, Flags: mail.Flags{System: r.system, Keywords: k.set(r.keywords)},
		Size: int64(r.size), Canonical: canonical, Internal: unpackTime(r.when), Saved: time.Unix(int64(r.saved), 0).UTC(),
		Email: mail.EmailID(r.email), Thread: mail.ThreadID(r.thread), ID: r.id,
	}
}
