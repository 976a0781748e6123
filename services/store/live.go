package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Live notes every body that a message of any account has, one that is there or
// one that can be put back, and those of the snapshots that count. It believes no index that does not agree with itself:
// a message whose email is missing would lose its body. So it is an error when an
// index is damaged, or can't be read; the next start makes it anew.
//
// What has expired comes back by nobody's doing (see account.reap), new references
// are made only from what is there, and nothing expires but by the one caller of
// Expire, who does not ask meanwhile: what is left out here stays dead.
func (s *Store) Live(ctx context.Context, note func(journal.BodyRef)) error {
	s.mu.RLock()
	ids := slices.Sorted(maps.Keys(s.known))
	s.mu.RUnlock()
	for _, id := range ids {
		a, err := s.anyAccount(ctx, id)
		if err == nil {
			_, err = a.settle(ctx)
		}
		if err == nil {
			err = a.live(ctx, note)
		}
		if err != nil {
			return fmt.Errorf("bodies of account %s: %w", id, err)
		}
	}
	return nil
}

// live notes the bodies of one account: first those of emails that are not in the
// index yet, for a checkpoint may bring them there before it is read.
func (a *account) live(ctx context.Context, note func(journal.BodyRef)) error {
	for _, snap := range a.store.snapshots.list(a.id) {
		for _, p := range snap.parts {
			note(p.body)
		}
	}
	a.mu.RLock()
	for _, e := range a.dirty.emails {
		note(e.body)
	}
	if a.flushing != nil {
		for _, e := range a.flushing.emails {
			note(e.body)
		}
	}
	indexed := a.indexed
	a.mu.RUnlock()
	if indexed == 0 {
		return nil // there was no index
	}
	err := a.index.with(func(db *bolt.DB) error {
		return db.View(func(tx *bolt.Tx) error {
			l := liveIndex{ctx: ctx, tx: tx, note: note, known: emailSet{}, counted: map[mail.MailboxID]uint32{}}
			for _, step := range []func() error{l.emails, l.rows, l.expunged, l.totals} {
				if err := step(); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err == nil && a.spoiled.Load() {
		err = errIndex
	}
	return err
}

// liveIndex is an index being asked, at one moment.
type liveIndex struct {
	ctx     context.Context
	tx      *bolt.Tx
	note    func(journal.BodyRef)
	known   emailSet // emails
	counted map[mail.MailboxID]uint32
}

// emailSet is a set of numbers that mostly follow each other.
type emailSet map[uint32]*[64]uint64

func (s emailSet) add(n uint32) {
	page := s[n>>12]
	if page == nil {
		page = &[64]uint64{}
		s[n>>12] = page
	}
	page[n>>6&63] |= 1 << (n & 63)
}

func (s emailSet) has(n uint32) bool {
	page := s[n>>12]
	return page != nil && page[n>>6&63]&(1<<(n&63)) != 0
}

func (l *liveIndex) emails() error {
	return l.tx.Bucket([]byte("emails")).ForEach(func(k, v []byte) error {
		if len(k) != 8 {
			return fmt.Errorf("emails: %w", errIndex)
		}
		id := mail.EmailID(binary.BigEndian.Uint64(k))
		m, err := decodeEmail(id, v)
		if err != nil {
			return err
		}
		l.known.add(uint32(id))
		l.note(m.body)
		return l.ctx.Err()
	})
}

func (l *liveIndex) rows() error {
	var rows []row
	return l.tx.Bucket([]byte("rows")).ForEach(func(k, v []byte) (err error) {
		if rows, err = decodeBlock(rows[:0], v); err != nil || len(k) != 12 {
			return fmt.Errorf("rows: %w", errIndex)
		}
		id := mail.MailboxID(binary.BigEndian.Uint64(k))
		l.counted[id] += uint32(len(rows))
		for i := range rows {
			if !l.known.has(rows[i].email) {
				return fmt.Errorf("message %d of mailbox %s: email %d is missing: %w", rows[i].uid, id, rows[i].email, errIndex)
			}
		}
		return l.ctx.Err()
	})
}

func (l *liveIndex) expunged() error {
	return l.tx.Bucket([]byte("expunged")).ForEach(func(_, v []byte) error {
		r, _, err := decodeExpunged(v)
		if err != nil {
			return err
		}
		if !l.known.has(r.email) {
			return fmt.Errorf("expunged message %d: email %d is missing: %w", r.uid, r.email, errIndex)
		}
		return l.ctx.Err()
	})
}

// totals checks that no rows are missing, as when a page was lost whole.
func (l *liveIndex) totals() error {
	return l.tx.Bucket([]byte("mailboxes")).ForEach(func(k, v []byte) error {
		if len(k) != 8 {
			return fmt.Errorf("mailboxes: %w", errIndex)
		}
		b, err := decodeBox(mail.MailboxID(binary.BigEndian.Uint64(k)), v)
		if err == nil && b.total != l.counted[b.id] {
			err = fmt.Errorf("mailbox %s has %d messages of %d: %w", b.id, l.counted[b.id], b.total, errIndex)
		}
		return err
	})
}
