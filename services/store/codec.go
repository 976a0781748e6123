package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// changeVersion stands first in the payload of every record of family store.
// doc.go has the format. A reader refuses versions it does not know, and ops: to
// pass over what a later version has done would be to undo it.
const changeVersion = 1

// errCodec says that bytes are not what this version of the box writes.
var errCodec = errors.New("damaged or of an unknown version")

// encoder appends values to b.
type encoder struct{ b []byte }

func (e *encoder) uint(n uint64)   { e.b = binary.AppendUvarint(e.b, n) }
func (e *encoder) int(n int64)     { e.b = binary.AppendVarint(e.b, n) }
func (e *encoder) string(s string) { e.uint(uint64(len(s))); e.b = append(e.b, s...) }
func (e *encoder) bytes(s []byte)  { e.uint(uint64(len(s))); e.b = append(e.b, s...) }

func (e *encoder) strings(list []string) {
	e.uint(uint64(len(list)))
	for _, s := range list {
		e.string(s)
	}
}

func (e *encoder) flags(f mail.Flags) {
	e.b = append(e.b, byte(f.System))
	e.strings(f.Keywords)
}

// set appends a set as its ranges, each as the distance from the one before and
// the length less one.
func (e *encoder) set(s mail.UIDSet) {
	e.uint(uint64(len(s)))
	last := mail.UID(0)
	for _, r := range s {
		e.uint(uint64(r.First - last))
		e.uint(uint64(r.Last - r.First))
		last = r.Last
	}
}

// decoder takes values off the front of b. After the first that is not there,
// bad is set and everything is zero.
type decoder struct {
	b     []byte
	bad   bool
	newer opKind // an op that is not known, if that was what was bad
}

func (d *decoder) fail() { d.bad, d.b = true, nil }

func (d *decoder) uint() uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *decoder) int() int64 {
	n, size := binary.Varint(d.b)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *decoder) uint32() uint32 {
	n := d.uint()
	if n > 1<<32-1 {
		d.fail()
		return 0
	}
	return uint32(n)
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) string() string { return string(d.take(d.uint())) }

// bytes gives a copy; nil when empty.
func (d *decoder) bytes() []byte {
	b := d.take(d.uint())
	if len(b) == 0 {
		return nil
	}
	return append([]byte(nil), b...)
}

// count reads a number of things of at least one byte each.
func (d *decoder) count() int {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) strings() []string {
	var list []string
	for range d.count() {
		list = append(list, d.string())
	}
	return list
}

func (d *decoder) flags() mail.Flags {
	return mail.Flags{System: mail.SystemFlags(d.byte()), Keywords: d.strings()}
}

func (d *decoder) set() mail.UIDSet {
	n := d.count()
	s := make(mail.UIDSet, 0, n)
	last := uint64(0)
	for range n {
		first := last + d.uint()
		last = first + d.uint()
		if last > 1<<32-1 || first == 0 {
			d.fail()
			return nil
		}
		s = append(s, mail.Range[mail.UID]{First: mail.UID(first), Last: mail.UID(last)})
	}
	return s
}

// What most sections take at most without their ops, and most new messages without
// what stands in front of them. Where it is more, encoding copies once more.
const (
	sectionSize = 24
	addSize     = 128
)

// encode makes the payload. Messages to many are the largest: what stands in front of
// each is nearly all of it.
func (c change) encode() []byte {
	size := 256
	for i := range c {
		size += sectionSize
		for _, o := range c[i].ops {
			if a, ok := o.(*add); ok {
				size += addSize + len(a.prefix)
			}
		}
	}
	e := encoder{b: make([]byte, 0, size)}
	e.b = append(e.b, changeVersion)
	e.uint(uint64(len(c)))
	for _, s := range c {
		e.uint(uint64(s.account))
		e.uint(uint64(s.modSeq))
		e.uint(uint64(len(s.ops)))
		for _, o := range s.ops {
			e.b = append(e.b, byte(o.kind()))
			e.op(o)
		}
	}
	return e.b
}

func (e *encoder) op(o op) {
	switch o := o.(type) {
	case createAccount, removeAccount, restoreAccount:
	case createMailbox:
		e.uint(uint64(o.id))
		e.uint(uint64(o.validity))
		e.b = append(e.b, byte(o.boxKind), byte(o.role))
		e.string(o.name)
	case renameMailbox:
		e.uint(uint64(o.id))
		e.string(o.name)
	case deleteMailbox:
		e.uint(uint64(o.id))
	case subscribe:
		e.string(o.name)
	case *add:
		e.add(o)
	case setFlags:
		e.uint(uint64(o.mailbox))
		e.flags(o.flags)
		e.set(o.uids)
	case copyTo:
		e.uint(uint64(o.from))
		e.uint(uint64(o.to))
		e.uint(uint64(o.first))
		e.set(o.uids)
	case remove:
		e.uint(uint64(o.mailbox))
		e.set(o.uids)
	case putBack:
		e.putBack(o)
	case restoreMailbox:
		e.uint(uint64(o.id))
		e.uint(uint64(o.validity))
		e.b = append(e.b, byte(o.role))
		e.string(o.name)
	case annotate:
		e.uint(uint64(o.id))
		e.string(o.notes.Encode())
	case expire:
		e.uint(uint64(o.until))
		e.uint(uint64(len(o.boxes)))
		for _, id := range o.boxes {
			e.uint(uint64(id))
		}
	case snapshot:
		e.snapshot(&o)
	}
}

func (e *encoder) add(o *add) {
	e.uint(uint64(o.mailbox))
	e.uint(uint64(o.uid))
	e.uint(uint64(o.email))
	e.uint(uint64(o.thread))
	e.uint(uint64(o.body.Segment))
	e.uint(uint64(o.body.Ordinal))
	e.uint(uint64(o.bodySize))
	e.bytes(o.prefix)
	e.flags(o.flags)
	e.int(o.when)
	e.b = append(e.b, o.id[:]...)
	e.uint(uint64(len(o.keys)))
	for _, k := range o.keys {
		e.b = append(e.b, k[:]...)
	}
	if o.kind() == kindAddLines {
		e.uint(o.grows)
	}
}

func (e *encoder) putBack(o putBack) {
	kind := o.kind()
	e.uint(uint64(o.mailbox))
	e.uint(uint64(o.first))
	e.uint(uint64(len(o.entries)))
	for i := range o.entries {
		m := &o.entries[i]
		e.uint(uint64(m.email))
		e.uint(uint64(m.thread))
		e.uint(uint64(m.size))
		e.flags(m.flags)
		e.int(m.when)
		e.b = append(e.b, m.id[:]...)
		if kind == kindPutBackLines {
			e.b = append(e.b, m.marks)
		}
	}
}

// decodeChange reads what encode wrote. The result shares no memory with b.
func decodeChange(b []byte) (change, error) {
	d := &decoder{b: b}
	if v := d.byte(); v > changeVersion {
		return nil, fmt.Errorf("change of version %d: %w", v, mail.ErrNewer)
	} else if v != changeVersion {
		return nil, fmt.Errorf("change of version %d: %w", v, errCodec)
	}
	var c change
	for range d.count() {
		s := section{account: mail.AccountID(d.uint32()), modSeq: mail.ModSeq(d.uint())}
		for range d.count() {
			s.ops = append(s.ops, d.op(opKind(d.byte())))
		}
		c = append(c, s)
	}
	switch {
	case d.newer != 0:
		return nil, fmt.Errorf("change with op %d: %w", d.newer, mail.ErrNewer)
	case d.bad || len(d.b) != 0:
		return nil, fmt.Errorf("change: %w", errCodec)
	}
	return c, nil
}

func (d *decoder) op(kind opKind) op {
	switch kind {
	case kindCreateAccount:
		return createAccount{}
	case kindRemoveAccount:
		return removeAccount{}
	case kindCreateMailbox:
		return createMailbox{
			id: mail.MailboxID(d.uint()), validity: mail.UIDValidity(d.uint32()),
			boxKind: mail.Kind(d.byte()), role: mail.Role(d.byte()), name: d.string(),
		}
	case kindRenameMailbox:
		return renameMailbox{mail.MailboxID(d.uint()), d.string()}
	case kindDeleteMailbox:
		return deleteMailbox{mail.MailboxID(d.uint())}
	case kindSubscribe, kindUnsubscribe:
		return subscribe{d.string(), kind == kindSubscribe}
	case kindAdd, kindAddLines:
		return d.add(kind == kindAddLines)
	case kindFlags:
		return setFlags{mail.MailboxID(d.uint()), d.flags(), d.set()}
	case kindCopy:
		return copyTo{from: mail.MailboxID(d.uint()), to: mail.MailboxID(d.uint()), first: mail.UID(d.uint32()), uids: d.set()}
	case kindRemove:
		return remove{mail.MailboxID(d.uint()), d.set()}
	case kindPutBack, kindPutBackLines:
		return d.putBack(kind == kindPutBackLines)
	case kindRestoreMailbox:
		return restoreMailbox{
			id: mail.MailboxID(d.uint()), validity: mail.UIDValidity(d.uint32()), role: mail.Role(d.byte()), name: d.string(),
		}
	case kindRestoreAccount:
		return restoreAccount{}
	case kindAnnotate:
		return annotate{mail.MailboxID(d.uint()), d.annotations()}
	case kindExpire:
		o := expire{until: mail.ModSeq(d.uint())}
		for range d.count() {
			o.boxes = append(o.boxes, mail.MailboxID(d.uint()))
		}
		return o
	case kindSnapshot:
		return d.snapshot()
	}
	if !d.bad {
		d.newer = kind
	}
	d.fail()
	return removeAccount{}
}

func (d *decoder) annotations() mail.Annotations {
	a, ok := mail.DecodeAnnotations(d.string())
	if !ok {
		d.fail()
	}
	return a
}

func (d *decoder) add(lines bool) op {
	o := &add{
		mailbox: mail.MailboxID(d.uint()), uid: mail.UID(d.uint32()), email: mail.EmailID(d.uint32()), thread: mail.ThreadID(d.uint32()),
		body:     journal.BodyRef{Segment: d.uint32(), Ordinal: d.uint32()},
		bodySize: int64(d.uint32()), prefix: d.bytes(), flags: d.flags(), when: d.int(),
	}
	copy(o.id[:], d.take(16))
	for range d.count() {
		var k threadKey
		copy(k[:], d.take(uint64(len(k))))
		o.keys = append(o.keys, k)
	}
	if lines {
		o.grows = d.uint()
	}
	return o
}

func (d *decoder) putBack(lines bool) op {
	o := putBack{mailbox: mail.MailboxID(d.uint()), first: mail.UID(d.uint32())}
	for range d.count() {
		m := putBackEntry{email: mail.EmailID(d.uint32()), thread: mail.ThreadID(d.uint32()), size: d.uint32(), flags: d.flags(), when: d.int()}
		copy(m.id[:], d.take(16))
		if lines {
			m.marks = d.byte() &^ markGone
		}
		o.entries = append(o.entries, m)
	}
	return o
}
