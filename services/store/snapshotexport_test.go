package store

import (
	"context"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// SnapshotOf is how the newest snapshot of an account describes it: up to which
// ModSeq; 0 when there is none.
func (s *Store) SnapshotOf(id mail.AccountID) mail.ModSeq {
	if n := s.snapshots.newest(id); n != nil {
		return n.last.modSeq
	}
	return 0
}

// SnapshotParts are parts of snapshots with each kind of item.
func SnapshotParts() [][]byte {
	r := row{uid: 7, email: 3, thread: 2, modSeq: 9, size: 100, saved: 1 << 30, keywords: 1, when: packTime(unixTime(1 << 30))}
	e := encoder{b: []byte{snapshotVersion}}
	for _, item := range []any{
		keywordItem{1, []string{"one", "two"}}, box{id: 1, name: "INBOX", uidNext: 8}, box{id: 3, name: "noted", uidNext: 8, notes: notes()}, box{id: 2, name: "old", gone: true, goneTime: unixTime(5)},
		subscribe{"INBOX", true}, emailItem{3, email{body: journal.BodyRef{Segment: 1}, size: 90, prefix: []byte("x: y\r\n"), thread: 2}},
		rowItem{1, r}, expungedRow{2, r, leaving{7, verbMove}}, threadItem{threadKey{1, 2}, 2},
		&feedEntry{modSeq: 9, boxes: []mail.MailboxID{1, 2}, names: []string{"a"}, emails: numberSet([]uint32{3, 4, 9})},
	} {
		e.item(item)
	}
	return [][]byte{e.b, {snapshotVersion}, {snapshotVersion + 1}, {}}
}

// ReadSnapshotPart reads a part and writes what it has read.
func ReadSnapshotPart(part []byte) ([]byte, error) {
	e := encoder{b: []byte{snapshotVersion}}
	_, err := eachItem(part, func(item any) error {
		e.item(item)
		return nil
	})
	return e.b, err
}

// ReadPast reads what an account was at a moment.
func (s *Store) ReadPast(ctx context.Context, id mail.AccountID, at time.Time) error {
	a, err := s.account(ctx, id)
	if err == nil {
		_, err = a.at(ctx, at, func(int64, int64) {})
	}
	return err
}
