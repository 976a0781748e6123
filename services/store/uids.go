package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// UIDs gives all of the mailbox, for the caller to keep. Rows that are not in memory stay where they are:
// who selects a large mailbox may never ask for most of them.
func (h *Account) UIDs(ctx context.Context, mailbox mail.MailboxID) (mail.UIDSet, mail.ModSeq, error) {
	if err := h.check(); err != nil {
		return nil, 0, err
	}
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	a := h.a
	if uids, until, known, err := a.uidsInMemory(mailbox); known || err != nil {
		return uids, until, err
	}
	if uids, until, known, err := a.uidsOnDisk(mailbox); known || err != nil {
		return uids, until, err
	}
	// The index does not agree with itself: reading all of it says where.
	unpin, err := a.pin(ctx, mailbox)
	if err != nil {
		return nil, 0, err
	}
	defer unpin()
	uids, until, _, err := a.uidsInMemory(mailbox)
	return uids, until, err
}

// uidsInMemory takes them from the rows; known is false when these are not loaded.
func (a *account) uidsInMemory(id mail.MailboxID) (uids mail.UIDSet, until mail.ModSeq, known bool, err error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	m, err := a.living(id)
	if err != nil || m.rows == nil {
		return nil, 0, false, err
	}
	return mail.UIDSet(m.rows.set()), a.last.modSeq, true, nil
}

// uidsOnDisk takes them from the index and from what has changed since; known is
// false when these are not as many as there are messages.
func (a *account) uidsOnDisk(id mail.MailboxID) (uids mail.UIDSet, until mail.ModSeq, known bool, err error) {
	if err := a.list(id); err != nil {
		return nil, 0, false, err
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	m, err := a.living(id)
	if err != nil || m.listed == nil {
		return nil, 0, false, err
	}
	set := *m.listed
	if a.flushing != nil {
		set = set.changed(a.flushing.rows[id])
	}
	set = set.changed(a.dirty.rows[id])
	if mail.UIDSet(set).Len() != int(m.total) {
		return nil, 0, false, nil
	}
	return slices.Clone(mail.UIDSet(set)), a.last.modSeq, true, nil
}

// list makes it known which UIDs a mailbox has in the index.
func (a *account) list(id mail.MailboxID) error {
	if a.isListed(id) {
		return nil
	}
	a.index.mu.Lock() // no checkpoint moves anything into the index meanwhile
	defer a.index.mu.Unlock()
	a.mu.RLock()
	m, err := a.living(id)
	large := err == nil && m.total > readAheadRows
	a.mu.RUnlock()
	if err != nil || a.isListed(id) {
		return err
	}
	if large {
		a.index.readAhead()
	}
	set, err := a.index.uids(id)
	if err != nil {
		return fmt.Errorf("list messages of mailbox %s of account %s: %w", id, a.id, err)
	}
	a.index.release()
	a.mu.Lock()
	defer a.mu.Unlock()
	m.listed = &set
	return nil
}

func (a *account) isListed(id mail.MailboxID) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	m := a.boxes[id]
	return m != nil && m.listed != nil
}

// uidRanges is a set of UIDs: of a mailbox of a million messages mostly some hundred
// ranges, at worst 4 MB.
type uidRanges mail.UIDSet

// push puts UIDs, which are above all of s, at its end.
func (s uidRanges) push(first, last mail.UID) uidRanges {
	if n := len(s); n > 0 && s[n-1].Last+1 == first {
		s[n-1].Last = last
		return s
	}
	return append(s, mail.Range[mail.UID]{First: first, Last: last})
}

// changed is what becomes of s by rows that came, went or changed. It shares no
// memory with s unless nothing did.
func (s uidRanges) changed(dirty *table) uidRanges {
	if dirty == nil || dirty.count == 0 {
		return s
	}
	merged := make(uidRanges, 0, len(s)+1)
	rest := slices.Clone(s)
	for r := range dirty.all() {
		for len(rest) > 0 && rest[0].Last < r.uid {
			merged = merged.push(rest[0].First, rest[0].Last)
			rest = rest[1:]
		}
		if len(rest) > 0 && rest[0].First < r.uid {
			merged = merged.push(rest[0].First, r.uid-1)
			rest[0].First = r.uid
		}
		if len(rest) > 0 && rest[0].First == r.uid {
			if rest[0].First++; rest[0].First > rest[0].Last {
				rest = rest[1:]
			}
		}
		if !r.gone() {
			merged = merged.push(r.uid, r.uid)
		}
	}
	for _, r := range rest {
		merged = merged.push(r.First, r.Last)
	}
	return merged
}

// set is all UIDs of t. A chunk that lacks none, which is nearly every one of a
// mailbox that grew large, is not read.
func (t *table) set() (s uidRanges) {
	for _, c := range t.chunks {
		n := len(c.uids)
		if first, last := c.uids[0], c.uids[n-1]; int(last-first)+1 == n {
			s = s.push(first, last)
			continue
		}
		for _, uid := range c.uids {
			s = s.push(uid, uid)
		}
	}
	return s
}

// uids reads the UIDs of a mailbox. Of a block that has all its UIDs, which is nearly
// every one of a mailbox that grew large, the rows are not read.
func (ix *index) uids(id mail.MailboxID) (set uidRanges, err error) {
	err = ix.view(func(tx *bolt.Tx) error {
		prefix := key64(id)
		c := tx.Bucket([]byte("rows")).Cursor()
		block := make([]row, 0, blockRows)
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if len(k) != 12 || binary.BigEndian.Uint32(k[8:]) >= maxNumber/blockRows {
				return fmt.Errorf("rows: %w", errIndex)
			}
			if len(v) == blockRows*rowBytes+sealBytes {
				first := mail.UID(binary.BigEndian.Uint32(k[8:])) * blockRows
				set = set.push(first, first+blockRows-1)
				continue
			}
			var err error
			if block, err = decodeBlock(block[:0], v); err != nil {
				return err
			}
			for i := range block {
				set = set.push(block[i].uid, block[i].uid)
			}
		}
		return nil
	})
	return set, err
}
