package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// LSN numbers the records of the journal, from 1, in the order in which they
// were committed. Zero is before everything.
type LSN uint64

// Family says whose record it is.
type Family uint8

// The families.
const (
	FamilyJournal   Family = iota // the journal's own: bodies, seals, stops
	FamilyStore                   // mailboxes and messages
	FamilyDirectory               // domains and accounts
	FamilyQueue                   // outbound work
	FamilyCollect                 // what was collected from providers
	FamilyJoint                   // parts of several families, see CommitAll
)

// Types of family Journal.
const (
	typeBody uint8 = 1 + iota // a body that a later record names
	typeSeal                  // end of a segment
	typeStop                  // everything before it was durable when the box stopped
	typeGap                   // stands for records that compaction left out
)

// BodyRef names a body for good.
type BodyRef struct {
	Segment uint32 // 0 names no body
	Ordinal uint32
}

func (r BodyRef) String() string { return fmt.Sprintf("%08d/%d", r.Segment, r.Ordinal) }

// Record is a record as it is read back.
type Record struct {
	LSN     LSN
	Family  Family
	Type    uint8
	Time    time.Time
	ID      mail.ID // zero if it is about no one message
	Payload []byte
	Body    BodyRef // names the record's own body; zero if it has none
}

// ErrDamaged says that bytes on disk are not what was written there.
var ErrDamaged = errors.New("damaged record")

// ErrDropped says that a body was taken away on purpose, by a compaction: at that
// time nobody could ask for it any more.
var ErrDropped = errors.New("body was dropped: nobody could ask for it any more")

const (
	headerMagic   = "SANDUKLG"
	formatVersion = 1
	// trimmedVersion is that of segments of which compaction has left out payloads
	// or records: who does not know that would take it for damage.
	trimmedVersion = 2
	// jointVersion is that of joint records: who does not know them must not pass
	// them over.
	jointVersion = 2
	headerSize   = 64
	recordMagic  = 0x31524b53 // "SKR1"
	endMagic     = 0x31454b53 // "SKE1"
	recordSize   = 88
	frameEntry   = 8
	trailerSize  = 24
	endSize      = 16
	alignment    = 8
)

// MaxPayload is the size of the largest payload, in bytes: far above a delivery
// to all of 300 accounts (30 KiB). Whoever makes an Entry sees to it: an
// acknowledged record that no reader believes would be a lost one.
const MaxPayload = 64 << 20

// Bounds of what a reader believes; a writer never goes beyond.
const (
	// maxMeta is far above the largest digest (some 4 MiB at the scanner's caps).
	maxMeta = 32 << 20
	// maxBody is the size up to which rows keep a message's size.
	maxBody = 1<<32 - 1
)

type segmentKind uint8

const (
	kindRecords segmentKind = 1
	kindBodies  segmentKind = 2
)

// segmentCompacted marks a segment that a compaction has written anew: records
// may be missing from it.
const segmentCompacted = 1

// segmentHeader is the beginning of a segment.
type segmentHeader struct {
	version   uint16 // 0: formatVersion
	kind      segmentKind
	flags     byte
	number    uint32
	first     LSN
	tag, seed uint32
	created   time.Time
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// sum is the CRC32C of the seed and the parts.
func (h *segmentHeader) sum(parts ...[]byte) uint32 {
	crc := h.seed
	for _, p := range parts {
		crc = crc32.Update(crc, castagnoli(), p)
	}
	return crc
}

func (h *segmentHeader) encode() []byte {
	b := make([]byte, headerSize)
	copy(b, headerMagic)
	binary.LittleEndian.PutUint16(b[8:], max(h.version, formatVersion))
	b[10], b[11] = byte(h.kind), h.flags
	binary.LittleEndian.PutUint32(b[12:], h.number)
	binary.LittleEndian.PutUint64(b[16:], uint64(h.first))
	binary.LittleEndian.PutUint32(b[24:], h.tag)
	binary.LittleEndian.PutUint32(b[28:], h.seed)
	binary.LittleEndian.PutUint64(b[32:], uint64(h.created.UnixNano()))
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli()))
	return b
}

// headerSum is the CRC of an encoded segment header, as it stands in it.
func headerSum(b []byte) uint32 { return binary.LittleEndian.Uint32(b[headerSize-4:]) }

func decodeSegmentHeader(b []byte) (segmentHeader, error) {
	if len(b) < headerSize || string(b[:8]) != headerMagic ||
		binary.LittleEndian.Uint32(b[60:]) != crc32.Checksum(b[:60], castagnoli()) {
		return segmentHeader{}, fmt.Errorf("segment header: %w", ErrDamaged)
	}
	v := binary.LittleEndian.Uint16(b[8:])
	if v < formatVersion || v > trimmedVersion {
		return segmentHeader{}, fmt.Errorf("segment header: format version %d: %w", v, mail.ErrNewer)
	}
	return segmentHeader{
		version: v,
		kind:    segmentKind(b[10]), flags: b[11], number: binary.LittleEndian.Uint32(b[12:]), first: LSN(binary.LittleEndian.Uint64(b[16:])),
		tag: binary.LittleEndian.Uint32(b[24:]), seed: binary.LittleEndian.Uint32(b[28:]),
		created: time.Unix(0, int64(binary.LittleEndian.Uint64(b[32:]))),
	}, nil
}

// The flags of a record.
const (
	recordDropped = 1 << iota // its body was dropped on purpose
	recordTrimmed             // so was what of its payload was over
)

// recordHeader is a record without its contents.
type recordHeader struct {
	family              Family
	kind                uint8
	flags               byte
	ordinal             uint32
	lsn, floor          LSN
	time                time.Time
	id                  mail.ID
	payload, meta       uint32
	body                int64
	payloadSum, metaSum uint32
}

func (h *segmentHeader) compacted() bool { return h.flags&segmentCompacted != 0 }

func (r *recordHeader) dropped() bool { return r.flags&recordDropped != 0 }

// spent says that nothing of the payload is left.
func (r *recordHeader) spent() bool { return r.flags&recordTrimmed != 0 && r.payload == 0 }

// size is how many bytes the whole record takes, padding included.
func (r *recordHeader) size() int64 {
	n := int64(recordSize) + int64(r.payload) + int64(r.meta) + r.body
	return (n + alignment - 1) &^ (alignment - 1)
}

func (r *recordHeader) append(b []byte, h *segmentHeader) []byte {
	at := len(b)
	le := binary.LittleEndian
	b = le.AppendUint32(b, recordMagic)
	b = le.AppendUint32(b, h.tag)
	version := byte(formatVersion)
	if r.family == FamilyJoint {
		version = jointVersion
	}
	b = append(b, version, byte(r.family), r.kind, r.flags)
	b = le.AppendUint32(b, r.ordinal)
	b = le.AppendUint64(b, uint64(r.lsn))
	b = le.AppendUint64(b, uint64(r.floor))
	b = le.AppendUint64(b, uint64(r.time.UnixNano()))
	b = append(b, r.id[:]...)
	b = le.AppendUint32(b, r.payload)
	b = le.AppendUint32(b, r.meta)
	b = le.AppendUint64(b, uint64(r.body))
	b = le.AppendUint32(b, r.payloadSum)
	b = le.AppendUint32(b, r.metaSum)
	b = le.AppendUint32(b, 0)
	return le.AppendUint32(b, h.sum(b[at:]))
}

// decodeRecord reads a record's header. It believes nothing that the CRC does
// not cover.
func (h *segmentHeader) decodeRecord(b []byte) (recordHeader, error) {
	le := binary.LittleEndian
	if len(b) < recordSize || le.Uint32(b) != recordMagic || le.Uint32(b[4:]) != h.tag ||
		le.Uint32(b[84:]) != h.sum(b[:84]) {
		return recordHeader{}, ErrDamaged
	}
	if v := b[8]; v != formatVersion && (v != jointVersion || Family(b[9]) != FamilyJoint) {
		return recordHeader{}, fmt.Errorf("record format version %d: %w", b[8], mail.ErrNewer)
	}
	r := recordHeader{
		family: Family(b[9]), kind: b[10], flags: b[11], ordinal: le.Uint32(b[12:]),
		lsn: LSN(le.Uint64(b[16:])), floor: LSN(le.Uint64(b[24:])), time: time.Unix(0, int64(le.Uint64(b[32:]))),
		payload: le.Uint32(b[56:]), meta: le.Uint32(b[60:]), body: int64(le.Uint64(b[64:])),
		payloadSum: le.Uint32(b[72:]), metaSum: le.Uint32(b[76:]),
	}
	copy(r.id[:], b[40:56])
	if r.payload > MaxPayload || r.meta > maxMeta || r.body < 0 || r.body > 2*maxBody {
		return recordHeader{}, ErrDamaged
	}
	return r, nil
}

// pad appends zeros up to the next multiple of the alignment.
func pad(b []byte) []byte {
	for len(b)%alignment != 0 {
		b = append(b, 0)
	}
	return b
}
