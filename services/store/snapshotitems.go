package store

import (
	"fmt"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// snapshotVersion is the first byte of each part of a snapshot; doc.go has the
// format.
const snapshotVersion = 1

const (
	// snapshotPartSize is from which size on a part is full: large enough to go to
	// the segments of bodies, past everybody else's commits.
	snapshotPartSize = 1 << 20
	// maxSnapshotPart bounds what a reader takes into memory: a full part and the
	// largest item (4 MiB of keywords), with room to spare.
	maxSnapshotPart = 16 << 20
)

// The kinds of item, in the order in which they stand.
const (
	itemKeywords byte = 1 + iota
	itemMailbox
	itemSubscription
	itemEmail
	itemRow
	itemExpunged
	itemThreadKey
	itemFeed
	itemAnnotated
)

// What a snapshot holds, besides box (without counts), subscribe, expungedRow and
// *feedEntry.
type (
	// keywordItem says by which number rows of this snapshot mean some keywords.
	keywordItem struct {
		number uint16
		names  []string
	}
	emailItem struct {
		id mail.EmailID
		email
	}
	// rowItem is a message that is in a mailbox, also in a deleted one.
	rowItem struct {
		mailbox mail.MailboxID
		row     row
	}
	threadItem struct {
		key    threadKey
		thread mail.ThreadID
	}
)

// item appends one thing of a snapshot.
func (e *encoder) item(item any) {
	switch o := item.(type) {
	case keywordItem:
		e.b = append(e.b, itemKeywords)
		e.uint(uint64(o.number))
		e.strings(o.names)
	case box:
		kind := itemMailbox
		if o.notes.Size() > 0 {
			kind = itemAnnotated
		}
		e.b = append(e.b, kind)
		e.uint(uint64(o.id))
		e.string(o.name)
		e.b = append(e.b, byte(o.kind), byte(o.role))
		for _, n := range []uint64{uint64(o.validity), uint64(o.uidNext), uint64(o.highest), uint64(o.changed)} {
			e.uint(n)
		}
		if e.bool(o.gone); o.gone {
			e.int(o.goneTime.Unix())
		}
		if kind == itemAnnotated {
			e.string(o.notes.Encode())
		}
	case subscribe:
		e.b = append(e.b, itemSubscription)
		e.string(o.name)
	case emailItem:
		e.b = append(e.b, itemEmail)
		for _, n := range []uint64{uint64(o.id), uint64(o.body.Segment), uint64(o.body.Ordinal), uint64(o.size), uint64(o.thread), o.grows} {
			e.uint(n)
		}
		e.b = append(e.b, o.email.id[:]...)
		e.bytes(o.prefix)
	case rowItem:
		e.b = append(e.b, itemRow)
		e.row(o.mailbox, &o.row)
	case expungedRow:
		e.b = append(e.b, itemExpunged)
		e.row(o.mailbox, &o.row)
		e.int(o.left.unix)
		e.b = append(e.b, byte(o.left.verb))
	case threadItem:
		e.b = append(append(e.b, itemThreadKey), o.key[:]...)
		e.uint(uint64(o.thread))
	case *feedEntry:
		e.b = append(e.b, itemFeed)
		e.uint(uint64(o.modSeq))
		o.append(e)
	}
}

func (e *encoder) row(mailbox mail.MailboxID, r *row) {
	for _, n := range []uint64{
		uint64(mailbox), uint64(r.uid), uint64(r.size), uint64(r.modSeq), uint64(r.email), uint64(r.thread), uint64(r.saved), uint64(r.keywords),
	} {
		e.uint(n)
	}
	e.b = append(e.b, byte(r.system), r.marks&^markGone)
	e.int(r.when)
	e.b = append(e.b, r.id[:]...)
}

// item takes one thing of a snapshot. An item of a later version fails.
func (d *decoder) item() any {
	switch kind := d.byte(); kind {
	case itemKeywords:
		n := d.uint()
		if n == 0 || n > maxKeywordSets {
			d.fail()
		}
		return keywordItem{uint16(n), d.strings()}
	case itemMailbox, itemAnnotated:
		b := box{
			id: mail.MailboxID(d.uint()), name: d.string(), kind: mail.Kind(d.byte()), role: mail.Role(d.byte()),
			validity: mail.UIDValidity(d.uint32()), uidNext: mail.UID(d.uint32()), highest: mail.ModSeq(d.uint()), changed: mail.ModSeq(d.uint()),
		}
		if b.gone = d.byte() != 0; b.gone {
			b.goneTime = unixTime(d.int())
		}
		if kind == itemAnnotated {
			b.notes = d.annotations()
		}
		return b
	case itemSubscription:
		return subscribe{d.string(), true}
	case itemEmail:
		m := emailItem{mail.EmailID(d.uint32()), email{
			body: journal.BodyRef{Segment: d.uint32(), Ordinal: d.uint32()}, size: int64(d.uint32()), thread: mail.ThreadID(d.uint32()), grows: d.uint(),
		}}
		copy(m.email.id[:], d.take(16))
		m.prefix = d.bytes()
		return m
	case itemRow:
		mailbox, r := d.row()
		return rowItem{mailbox, r}
	case itemExpunged:
		mailbox, r := d.row()
		r.marks |= markGone
		return expungedRow{mailbox, r, leaving{d.int(), verb(d.byte())}}
	case itemThreadKey:
		var t threadItem
		copy(t.key[:], d.take(uint64(len(t.key))))
		t.thread = mail.ThreadID(d.uint32())
		return t
	case itemFeed:
		e := &feedEntry{modSeq: mail.ModSeq(d.uint())}
		e.take(d)
		return e
	}
	d.fail()
	return nil
}

func (d *decoder) row() (mail.MailboxID, row) {
	mailbox := mail.MailboxID(d.uint())
	r := row{
		uid: mail.UID(d.uint32()), size: d.uint32(), modSeq: mail.ModSeq(d.uint()), email: d.uint32(), thread: d.uint32(), saved: d.uint32(),
	}
	n := d.uint()
	if n > maxKeywordSets || r.uid == 0 {
		d.fail()
	}
	r.keywords, r.system, r.marks = uint16(n), mail.SystemFlags(d.byte()), d.byte()&^markGone
	r.when = d.int()
	copy(r.id[:], d.take(16))
	return mailbox, r
}

// eachItem gives fn the items of a part, and says how many there are.
func eachItem(part []byte, fn func(item any) error) (n uint64, err error) {
	d := &decoder{b: part}
	switch v := d.byte(); {
	case v > snapshotVersion:
		return 0, fmt.Errorf("snapshot of version %d: %w", v, mail.ErrNewer)
	case v != snapshotVersion:
		return 0, fmt.Errorf("snapshot: %w", errSnapshot)
	}
	for len(d.b) > 0 {
		item := d.item()
		if d.bad {
			return n, fmt.Errorf("item %d of a snapshot: %w", n, errSnapshot)
		}
		if err := fn(item); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
