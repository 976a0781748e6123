package collect

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Item names one message of a source: what the provider calls it. It is bytes, not
// text.
type Item string

// maxItem bounds an Item: a unique-id has 70 characters at most (RFC 1939 §7).
const maxItem = 96

// uidlItem names a message of a POP3 mailbox.
func uidlItem(uidl string) Item { return Item("u" + uidl) }

// uidItem names a message of an IMAP mailbox.
func uidItem(validity, uid uint32) Item {
	b := binary.BigEndian.AppendUint32([]byte("i"), validity)
	return Item(binary.BigEndian.AppendUint32(b, uid))
}

// folderItem names a message of another folder than INBOX: two folders may have the
// same UIDVALIDITY.
func folderItem(folder string, validity, uid uint32) Item {
	if folder == inbox {
		return uidItem(validity, uid)
	}
	sum := sha256.Sum256([]byte(folder))
	b := append([]byte("f"), sum[:8]...)
	return Item(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, validity), uid))
}

// Fingerprint is the beginning of the SHA-256 of a message as it was collected.
type Fingerprint [16]byte

// kind is the type of a record.
type kind uint8

// The records, see the package comment.
const (
	kindTaken   kind = 1 + iota // the message is here
	kindDeleted                 // the provider said that it has deleted these
	kindForgotten
)

const recordVersion = 1

// ErrNewer says that a record or the index was written by a later program.
var ErrNewer = fmt.Errorf("collect: %w", mail.ErrNewer)

var errRecord = fmt.Errorf("collect: %w", journal.ErrDamaged)

// record is what the log says about messages of one source.
type record struct {
	source      SourceKey
	items       []Item
	fingerprint Fingerprint // of the one item of kindTaken
	// was is what was known of items that end, so that nobody who commits has to
	// wait for the index; not in the log.
	was map[Item]mark
}

func (r *record) encode(k kind) []byte {
	b := append([]byte{recordVersion}, r.source[:]...)
	if k == kindTaken {
		b = append(b, r.fingerprint[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(r.items)))
	for _, item := range r.items {
		b = binary.AppendUvarint(b, uint64(len(item)))
		b = append(b, item...)
	}
	return b
}

func decodeRecord(k kind, b []byte) (*record, error) {
	if k < kindTaken || k > kindForgotten || len(b) > 0 && b[0] > recordVersion {
		return nil, ErrNewer
	}
	r := &record{}
	head := 1 + len(r.source)
	if k == kindTaken {
		head += len(r.fingerprint)
	}
	if len(b) < head || b[0] != recordVersion {
		return nil, errRecord
	}
	copy(r.source[:], b[1:])
	if k == kindTaken {
		copy(r.fingerprint[:], b[1+len(r.source):])
	}
	b = b[head:]
	count, n := binary.Uvarint(b)
	if n <= 0 || count > uint64(len(b)) || k == kindTaken && count != 1 {
		return nil, errRecord
	}
	b = b[n:]
	for range count {
		size, n := binary.Uvarint(b)
		if n <= 0 || size == 0 || size > maxItem || size > uint64(len(b)-n) {
			return nil, errRecord
		}
		r.items = append(r.items, Item(b[n:n+int(size)]))
		b = b[n+int(size):]
	}
	if len(b) > 0 {
		return nil, errRecord
	}
	return r, nil
}

// Describe says what a record of family Collect is.
func Describe(r journal.Record) (string, error) {
	d, err := decodeRecord(kind(r.Type), r.Payload)
	if err != nil {
		return "", err
	}
	verb := map[kind]string{kindTaken: "collected", kindDeleted: "deleted at the provider", kindForgotten: "forgotten"}[kind(r.Type)]
	return fmt.Sprintf("%s: %d of source %x", verb, len(d.items), d.source[:4]), nil
}
