package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxMembers bounds the parts of a joint record: mailboxes, outgoing mail and the
// bookkeeping of who brings them are three.
const maxMembers = 16

// CommitAll makes one record of all entries: one sync makes them durable, all or
// none. Each is prepared and applied in the order given, as Commit would, with the
// same LSN and time, and its own bodies in its Slot; a body that several have is
// written once. What one Prepare refuses, none of them gets: those before it are
// aborted. An entry that has nothing to write is left out, without Apply. When all
// have nothing, nothing is written.
//
// A program that does not know of joint records refuses a log in which one stands:
// one that passed it over would take bodies for dead that it can't see an owner of.
func (j *Journal) CommitAll(ctx context.Context, entries ...*Entry) error {
	if len(entries) == 0 || len(entries) > maxMembers {
		return fmt.Errorf("journal: a joint record of %d entries", len(entries))
	}
	return j.Commit(ctx, newJoint(entries))
}

// joint is the entries of one record.
type joint struct {
	entries []*Entry
	bodies  [][]int // of each entry, in the record's
	slots   []Slot
	written []bool
	asked   int // how many were asked to prepare, from the first
}

func newJoint(entries []*Entry) *Entry {
	t := &joint{entries: entries, bodies: make([][]int, len(entries)), slots: make([]Slot, len(entries)), written: make([]bool, len(entries))}
	e := &Entry{Family: FamilyJoint, joint: t, Prepare: t.prepare, Apply: t.apply, Abort: t.abort}
	known := map[*Staged]int{}
	for i, member := range entries {
		if e.ID.IsZero() {
			e.ID = member.ID
		}
		for _, b := range member.Bodies {
			at, ok := known[b]
			if !ok {
				at = len(e.Bodies)
				known[b] = at
				e.Bodies = append(e.Bodies, b)
			}
			t.bodies[i] = append(t.bodies[i], at)
		}
	}
	return e
}

func (t *joint) prepare(slot Slot) ([]byte, error) {
	t.asked = 0
	clear(t.written)
	var members []member
	size := 0
	for i, e := range t.entries {
		own := Slot{LSN: slot.LSN, Time: slot.Time, Bodies: make([]BodyRef, len(t.bodies[i]))}
		for n, at := range t.bodies[i] {
			own.Bodies[n] = slot.Bodies[at]
		}
		t.asked++
		payload, err := e.Prepare(own)
		if size += len(payload); err == nil && size > MaxPayload-1024 {
			err = mail.ErrTooMany
		}
		if err != nil {
			return nil, err
		}
		if payload != nil {
			t.slots[i], t.written[i] = own, true
			members = append(members, member{e.Family, e.Type, payload})
		}
	}
	if members == nil {
		return nil, nil
	}
	return appendMembers(nil, members), nil
}

// partly says whether somebody has been asked before the one who refused: what he
// prepared must be taken back.
func (t *joint) partly() bool { return t != nil && t.asked > 1 }

func (t *joint) apply(Slot) {
	for i, e := range t.entries {
		if t.written[i] && e.Apply != nil {
			e.Apply(t.slots[i])
		}
	}
}

func (t *joint) abort() {
	for ; t.asked > 0; t.asked-- {
		if abort := t.entries[t.asked-1].Abort; abort != nil {
			abort()
		}
	}
}

// member is a part of a joint record's payload.
type member struct {
	family  Family
	kind    uint8
	payload []byte
}

func appendMembers(b []byte, members []member) []byte {
	b = binary.AppendUvarint(b, uint64(len(members)))
	for _, m := range members {
		b = append(b, byte(m.family), m.kind)
		b = binary.AppendUvarint(b, uint64(len(m.payload)))
		b = append(b, m.payload...)
	}
	return b
}

var errMembers = fmt.Errorf("parts of a joint record: %w", ErrDamaged)

func decodeMembers(b []byte) ([]member, error) {
	count, n := binary.Uvarint(b)
	if n <= 0 || count == 0 || count > maxMembers {
		return nil, errMembers
	}
	b = b[n:]
	members := make([]member, 0, count)
	for range count {
		if len(b) < 2 {
			return nil, errMembers
		}
		m := member{family: Family(b[0]), kind: b[1]}
		size, n := binary.Uvarint(b[2:])
		if n <= 0 || size > uint64(len(b)-2-n) || m.family == FamilyJournal || m.family == FamilyJoint {
			return nil, errMembers
		}
		b = b[2+n:]
		m.payload, b = b[:size:size], b[size:]
		members = append(members, m)
	}
	if len(b) > 0 {
		return nil, errMembers
	}
	return members, nil
}

// members gives what a record says, by whose it is: one, but for a joint record,
// and none where compaction has left nothing of it.
func (r *recordHeader) members(payload []byte) ([]member, error) {
	if r.family != FamilyJoint {
		return []member{{r.family, r.kind, payload}}, nil
	}
	if len(payload) == 0 {
		return nil, nil
	}
	return decodeMembers(payload)
}

// Members gives the parts of a joint record, each as a record of its own with the
// LSN, time, ID and body of the whole; a record of another family is its only part.
// The error says that the record is damaged.
func Members(r Record) ([]Record, error) {
	h := recordHeader{family: r.Family, kind: r.Type}
	members, err := h.members(r.Payload)
	if err != nil {
		return nil, fmt.Errorf("journal: record %d: %w", r.LSN, err)
	}
	list := make([]Record, len(members))
	for i, m := range members {
		list[i] = r
		list[i].Family, list[i].Type, list[i].Payload = m.family, m.kind, m.payload
	}
	return list, nil
}

// errPartly has a batch prepared anew, without the entry that was partly prepared.
var errPartly = errors.New("prepare once more")
