package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// sweepRows is how many messages one step takes out of the index: a few
	// megabytes of pages, and a moment that a checkpoint may have to wait.
	sweepRows = 2000
	// sweepScan is how many entries of a bucket one step looks at.
	sweepScan = 20_000
)

// The marks of the meta bucket: a ModSeq each.
const (
	markExpired = "expired" // up to which what was taken away is gone for good
	markSwept   = "swept"   // up to which it is out of the index
)

func putMark(meta *bolt.Bucket, name string, seq mail.ModSeq) error {
	return meta.Put([]byte(name), seal(binary.AppendUvarint(nil, uint64(seq))))
}

// mark gives a mark; 0 when it was never set.
func mark(meta *bolt.Bucket, name string) (mail.ModSeq, error) {
	v := meta.Get([]byte(name))
	if v == nil {
		return 0, nil
	}
	v, err := unseal(v)
	if err != nil {
		return 0, fmt.Errorf("mark %s: %w", name, err)
	}
	n, size := binary.Uvarint(v)
	if size <= 0 {
		return 0, fmt.Errorf("mark %s: %w", name, errIndex)
	}
	return mail.ModSeq(n), nil
}

// sweep takes what has expired out of the index, in steps of one transaction
// each. Whatever step is the last, the index agrees with itself, and a later
// sweep goes on: each step finds its work in the index, not in a list.
func (a *account) sweep(ctx context.Context) error {
	if err := a.checkpoint(); err != nil {
		return err
	}
	s := &sweeper{account: a}
	var swept mail.ModSeq
	err := a.index.with(func(db *bolt.DB) error {
		return db.View(func(tx *bolt.Tx) (err error) {
			meta := tx.Bucket([]byte("meta"))
			if s.expired, err = mark(meta, markExpired); err == nil {
				swept, err = mark(meta, markSwept)
			}
			return err
		})
	})
	if err != nil || swept >= s.expired {
		return err
	}
	for _, step := range []func(*flush) (bool, error){s.rows, s.notes, s.threads, s.keys} {
		s.at = nil
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				return err
			}
			if more, err = s.step(step); err != nil {
				return err
			}
		}
	}
	if err := s.reap(ctx); err != nil {
		return err
	}
	return a.update(func(tx *bolt.Tx) error {
		return putMark(tx.Bucket([]byte("meta")), markSwept, s.expired)
	})
}

// sweeper is one sweep of an account.
type sweeper struct {
	account *account
	expired mail.ModSeq
	at      []byte // the key at which the step goes on
}

// step does a step in one transaction.
func (s *sweeper) step(do func(*flush) (more bool, err error)) (more bool, err error) {
	a := s.account
	err = a.update(func(tx *bolt.Tx) error {
		a.mu.RLock()
		w := &flush{account: a, tx: tx, last: a.last, time: a.store.now().Unix()}
		a.mu.RUnlock()
		w.begin()
		at := s.at // the transaction may fail
		if more, err = do(w); err != nil {
			s.at = at
			return err
		}
		nothing := newOverlay()
		if err := w.writeEmails(&nothing); err != nil {
			return err
		}
		return w.writeThreads(&nothing)
	})
	if err == nil {
		a.mu.Lock()
		a.flushes++ // what was looked up in the index may not be there any more
		a.mu.Unlock()
	}
	return more, err
}

// update writes into the index beside checkpoints.
func (a *account) update(fn func(tx *bolt.Tx) error) error {
	a.index.mu.Lock()
	defer a.index.mu.Unlock()
	if a.spoiled.Load() {
		return fmt.Errorf("index of account %s: %w", a.id, errIndex)
	}
	err := a.index.with(func(db *bolt.DB) error { return db.Update(fn) })
	if errors.Is(err, syscall.EIO) {
		a.index.condemn(err) // see checkpoint
	}
	return err
}

// deleteAll deletes keys: a cursor would lose its place if it were done beside it.
func deleteAll(b *bolt.Bucket, keys [][]byte) error {
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// rows takes out the rows of mailboxes that have expired.
func (s *sweeper) rows(w *flush) (more bool, err error) {
	b, boxes := w.tx.Bucket([]byte("rows")), w.tx.Bucket([]byte("mailboxes"))
	var gone [][]byte
	var rows []row
	c := b.Cursor()
	for k, v := c.Seek(s.at); k != nil; {
		if len(k) != 12 {
			return false, fmt.Errorf("rows: %w", errIndex)
		}
		id := mail.MailboxID(binary.BigEndian.Uint64(k))
		if boxes.Get(k[:8]) != nil {
			k, v = c.Seek(key64(id + 1))
			continue
		}
		if len(gone) == sweepRows/blockRows {
			s.at = bytes.Clone(k)
			more = true
			break
		}
		if rows, err = decodeBlock(rows[:0], v); err != nil {
			return false, err
		}
		for i := range rows {
			if err := w.refer(rows[i], id, -1); err != nil {
				return false, err
			}
		}
		gone = append(gone, bytes.Clone(k))
		k, v = c.Next()
	}
	return more, deleteAll(b, gone)
}

// notes takes out what was expunged, and the notes of what changed when.
func (s *sweeper) notes(w *flush) (more bool, err error) {
	b, boxes := w.tx.Bucket([]byte("changes")), w.tx.Bucket([]byte("mailboxes"))
	var gone [][]byte
	left := sweepRows
	c := b.Cursor()
	for k, v := c.Seek(s.at); k != nil; {
		if len(k) != 19 {
			return false, fmt.Errorf("changes: %w", errIndex)
		}
		id, kind, seq := mail.MailboxID(binary.BigEndian.Uint64(k)), k[8], mail.ModSeq(binary.BigEndian.Uint64(k[9:]))
		if boxes.Get(k[:8]) != nil && seq > s.expired {
			if next := changesKey(id, expungedRows, 0, 0); kind < expungedRows {
				k, v = c.Seek(next)
			} else {
				k, v = c.Seek(key64(id + 1))
			}
			continue
		}
		if left--; kind == expungedRows && left > 0 {
			_, set, err := decodeChanges(v)
			if err != nil {
				return false, err
			}
			if left, err = s.kept(w, id, set, left); err != nil {
				return false, err
			}
		}
		if left <= 0 {
			s.at = bytes.Clone(k) // the note stays until all is done that it tells of
			more = true
			break
		}
		gone = append(gone, bytes.Clone(k))
		k, v = c.Next()
	}
	return more, deleteAll(b, gone)
}

// kept takes out expunged rows, left at most, and says how many more it may.
func (s *sweeper) kept(w *flush, id mail.MailboxID, set mail.UIDSet, left int) (int, error) {
	b := w.tx.Bucket([]byte("expunged"))
	var gone [][]byte
	c := b.Cursor()
	for _, uids := range set {
		end := expungedKey(id, uids.Last)
		for k, v := c.Seek(expungedKey(id, uids.First)); k != nil && bytes.Compare(k, end) <= 0 && left > 0; k, v = c.Next() {
			r, _, err := decodeExpunged(v)
			if err != nil {
				return 0, err
			}
			w.references(r).kept--
			gone = append(gone, bytes.Clone(k))
			left--
		}
	}
	return left, deleteAll(b, gone)
}

// threads takes out those that have no entry and have had none for so long. (An
// entry that can be put back went later than that.)
func (s *sweeper) threads(w *flush) (more bool, err error) {
	b := w.tx.Bucket([]byte("threads"))
	return s.scan(b, func(k, v []byte) (gone bool, err error) {
		if len(k) != 8 {
			return false, fmt.Errorf("threads: %w", errIndex)
		}
		members, seq, _, err := decodeThread(mail.ThreadID(binary.BigEndian.Uint64(k)), v)
		return len(members) == 0 && seq <= s.expired, err
	})
}

// keys takes out those of threads that are gone.
func (s *sweeper) keys(w *flush) (more bool, err error) {
	threads := w.tx.Bucket([]byte("threads"))
	return s.scan(w.tx.Bucket([]byte("threadkeys")), func(_, v []byte) (bool, error) {
		return threads.Get(v) == nil, nil
	})
}

// scan goes through a piece of a bucket and deletes what is gone.
func (s *sweeper) scan(b *bolt.Bucket, gone func(k, v []byte) (bool, error)) (more bool, err error) {
	var keys [][]byte
	c := b.Cursor()
	k, v := c.Seek(s.at)
	for n := 0; k != nil && n < sweepScan && len(keys) < sweepRows; n++ {
		is, err := gone(k, v)
		if err != nil {
			return false, err
		}
		if is {
			keys = append(keys, bytes.Clone(k))
		}
		k, v = c.Next()
	}
	s.at = bytes.Clone(k)
	return k != nil, deleteAll(b, keys)
}

// reap takes out the emails that nothing refers to. Who puts messages back may
// refer to any email of the index; so it is first said which are to go, and
// whoever was earlier is waited for.
func (s *sweeper) reap(ctx context.Context) error {
	a := s.account
	s.at = nil
	for more := true; more; {
		ids, rest, err := s.unreferenced()
		if err != nil {
			return err
		}
		if more = rest; len(ids) == 0 {
			continue
		}
		if err := a.reap(ctx, ids); err != nil {
			return err
		}
	}
	return nil
}

func (a *account) reap(ctx context.Context, ids map[mail.EmailID]bool) error {
	a.mu.Lock()
	a.reaping = ids
	a.flushes++ // so that what was looked up before is looked up again
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.reaping = nil
		a.flushes++
	}()
	// Every batch that was prepared before is applied when this one is.
	if err := a.store.journal.Commit(ctx, &journal.Entry{Prepare: func(journal.Slot) ([]byte, error) { return nil, nil }}); err != nil {
		return err
	}
	if err := a.checkpoint(); err != nil {
		return err
	}
	return a.update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("emails"))
		for id := range ids {
			m, err := decodeEmail(id, b.Get(key64(id)))
			if err != nil {
				return err
			}
			if m.live > 0 || m.kept > 0 {
				continue // somebody was quicker
			}
			if err := b.Delete(key64(id)); err != nil {
				return err
			}
		}
		return nil
	})
}

// unreferenced lists some emails that nothing refers to.
func (s *sweeper) unreferenced() (ids map[mail.EmailID]bool, more bool, err error) {
	ids = map[mail.EmailID]bool{}
	err = s.account.index.with(func(db *bolt.DB) error {
		return db.View(func(tx *bolt.Tx) error {
			c := tx.Bucket([]byte("emails")).Cursor()
			k, v := c.Seek(s.at)
			for n := 0; k != nil && n < sweepScan && len(ids) < sweepRows; n++ {
				if len(k) != 8 {
					return fmt.Errorf("emails: %w", errIndex)
				}
				id := mail.EmailID(binary.BigEndian.Uint64(k))
				m, err := decodeEmail(id, v)
				if err != nil {
					return err
				}
				if m.live == 0 && m.kept == 0 {
					ids[id] = true
				}
				k, v = c.Next()
			}
			s.at, more = bytes.Clone(k), k != nil
			return nil
		})
	})
	return ids, more, err
}
