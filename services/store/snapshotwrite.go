package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Snapshot writes into the log all that there is in an account now, be it a
// removed one, so that a rebuild can begin there. Nobody waits for it: the index
// is copied in one go, into a file beside it, and from there it goes into the log
// at the pace, its last record naming all of it.
func (s *Store) Snapshot(ctx context.Context, id mail.AccountID, pace journal.Pace) error {
	a, err := s.anyAccount(ctx, id)
	if err == nil {
		err = a.snapshot(ctx, pace)
	}
	if err != nil {
		return fmt.Errorf("snapshot of account %s: %w", id, err)
	}
	return nil
}

func (a *account) snapshot(ctx context.Context, pace journal.Pace) error {
	a.sweeping.Lock() // one at a time, and what is being let go need not be in it
	defer a.sweeping.Unlock()
	w, err := a.copyIndex(ctx)
	if err != nil {
		return err
	}
	defer w.discard()
	s := a.store
	var bodies []*journal.Staged
	at := int64(0)
	for i := range w.snap.parts {
		size := w.snap.parts[i].size
		if err := pace.Step(ctx, size); err != nil {
			return err
		}
		body, err := s.journal.Stage(ctx, nil, io.NewSectionReader(w.file, at, size), size)
		if err != nil {
			return err
		}
		bodies = append(bodies, body)
		at += size
	}
	return s.journal.Commit(ctx, &journal.Entry{
		Family: journal.FamilyStore, Type: uint8(verbSnapshot), Bodies: bodies,
		Prepare: func(slot journal.Slot) ([]byte, error) {
			for i := range w.snap.parts {
				w.snap.parts[i].body = slot.Bodies[i]
			}
			return change{{a.id, w.snap.last.modSeq, []op{w.snap}}}.encode(), nil
		},
		Apply: func(slot journal.Slot) {
			s.snapshots.note(a.id, noted{slot.LSN, w.snap})
		},
	})
}

// snapshotWriter copies an index into a file.
type snapshotWriter struct {
	ctx     context.Context
	account *account
	file    durable.File
	name    string
	snap    snapshot
	e       encoder                 // the part that is being made
	at      int64                   // end of the parts before
	boxes   map[mail.MailboxID]*box // with counts of what has been copied
	emails  emailSet
}

// snapshotFile is what a snapshot is gathered in, in the account's directory.
const snapshotFile = "snapshot.building"

// copyIndex copies what is in the account's index, as it is at one moment. That
// is done in one transaction, without giving way: the index grows with every
// checkpoint while it is open. A million messages take two seconds.
func (a *account) copyIndex(ctx context.Context) (*snapshotWriter, error) {
	w := &snapshotWriter{ctx: ctx, account: a, name: path.Join(a.index.dir(), snapshotFile), boxes: map[mail.MailboxID]*box{}, emails: emailSet{}}
	if a.spoiled.Load() {
		return nil, errIndex
	}
	reached := a.store.journal.Durable()
	a.mu.RLock()
	applied := a.applied
	a.mu.RUnlock()
	if err := a.checkpoint(); err != nil {
		return nil, err
	}
	var err error
	if w.file, err = a.store.files.OpenFile(w.name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return nil, err
	}
	err = a.index.with(func(db *bolt.DB) error { return db.View(w.copy) })
	if err == nil {
		err = w.cut()
	}
	if err != nil {
		w.discard()
		return nil, err
	}
	w.snap.changed = w.changed()
	// All that was applied by then is in it; of what came to others since the
	// account's last change there is nothing to read.
	if w.snap.lsn >= applied {
		w.snap.lsn = max(w.snap.lsn, reached)
	}
	return w, nil
}

// changed says when what has been copied was last changed, as its record says. Where
// that can't be asked it was at some time before now.
func (w *snapshotWriter) changed() int64 {
	s := w.account.store
	when := s.now()
	_ = s.journal.Replay(w.ctx, journal.FamilyStore, w.snap.lsn, func(r journal.Record) error {
		if r.Time.Before(when) {
			when = r.Time
		}
		return errStop
	})
	changed := when.Add(time.Second - time.Nanosecond).Unix()
	// An index that was made from a snapshot does not know it any more.
	if last := s.snapshots.newest(w.account.id); last != nil && last.last.modSeq == w.snap.last.modSeq {
		changed = min(changed, last.changed)
	}
	return changed
}

// discard removes the file. What a power cut leaves, the next snapshot writes over.
func (w *snapshotWriter) discard() {
	_ = w.file.Close() // it was only to be read again
	if err := w.account.store.files.Remove(w.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.account.store.log.Warn("store: remove the copy that a snapshot was made from", "account", w.account.id, "error", err)
	}
}

// put adds an item.
func (w *snapshotWriter) put(item any) error {
	if len(w.e.b) == 0 {
		w.e.b = append(w.e.b, snapshotVersion)
	}
	w.e.item(item)
	w.snap.items++
	if len(w.e.b) >= snapshotPartSize {
		return w.cut()
	}
	return nil
}

// cut ends a part.
func (w *snapshotWriter) cut() error {
	if len(w.e.b) == 0 {
		return nil
	}
	if _, err := w.file.WriteAt(w.e.b, w.at); err != nil {
		return err
	}
	w.snap.parts = append(w.snap.parts, snapshotPart{size: int64(len(w.e.b))})
	w.at += int64(len(w.e.b))
	w.e.b = w.e.b[:0]
	return w.ctx.Err()
}

func (w *snapshotWriter) copy(tx *bolt.Tx) error {
	m, err := readMeta(w.account.id, tx)
	if err != nil {
		return err
	}
	w.snap.lsn, w.snap.last, w.snap.floor = m.applied, m.last, m.floor
	if w.snap.last.expired, err = mark(tx.Bucket([]byte("meta")), markExpired); err != nil {
		return err
	}
	for _, step := range []struct {
		bucket string
		copy   func(k, v []byte) error
	}{
		{"keywords", w.keywords}, {"mailboxes", w.mailbox}, {"subscriptions", w.subscription}, {"emails", w.email},
		{"rows", w.rows}, {"expunged", w.expunged}, {"threadkeys", w.thread},
	} {
		if err := tx.Bucket([]byte(step.bucket)).ForEach(step.copy); err != nil {
			return fmt.Errorf("copy %s: %w", step.bucket, err)
		}
	}
	if err := w.counted(); err != nil {
		return err
	}
	return w.feed(tx)
}

func (w *snapshotWriter) keywords(k, v []byte) error {
	v, err := unseal(v)
	if err != nil || len(k) != 2 {
		return errIndex
	}
	d := &decoder{b: v}
	return w.put(keywordItem{binary.BigEndian.Uint16(k), d.strings()})
}

func (w *snapshotWriter) mailbox(k, v []byte) error {
	if len(k) != 8 {
		return errIndex
	}
	b, err := decodeBox(mail.MailboxID(binary.BigEndian.Uint64(k)), v)
	if err != nil {
		return err
	}
	w.boxes[b.id] = &box{total: b.total, size: b.size}
	return w.put(b)
}

func (w *snapshotWriter) subscription(k, _ []byte) error { return w.put(subscribe{string(k), true}) }

// email copies every one, also such as nothing refers to any more: until they are
// swept somebody may put them back.
func (w *snapshotWriter) email(k, v []byte) error {
	if len(k) != 8 {
		return errIndex
	}
	id := mail.EmailID(binary.BigEndian.Uint64(k))
	m, err := decodeEmail(id, v)
	if err != nil {
		return err
	}
	w.emails.add(uint32(id))
	return w.put(emailItem{id, m.email})
}

// rows leaves out those that have gone for good with their mailbox.
func (w *snapshotWriter) rows(k, v []byte) error {
	if len(k) != 12 {
		return errIndex
	}
	id := mail.MailboxID(binary.BigEndian.Uint64(k))
	b := w.boxes[id]
	if b == nil {
		return nil
	}
	rows, err := decodeBlock(nil, v)
	for i := range rows {
		if err == nil {
			b.uncount(&rows[i])
			err = w.row(id, &rows[i], rowItem{id, rows[i]})
		}
	}
	return err
}

// expunged leaves out what has gone for good.
func (w *snapshotWriter) expunged(k, v []byte) error {
	r, left, err := decodeExpunged(v)
	if err != nil || len(k) != 12 {
		return errIndex
	}
	id := mail.MailboxID(binary.BigEndian.Uint64(k))
	if w.boxes[id] == nil || r.modSeq <= w.snap.last.expired {
		return nil
	}
	return w.row(id, &r, expungedRow{id, r, left})
}

// row copies a row. One whose email is missing shows that the index has lost a
// page: that must not become what the account is.
func (w *snapshotWriter) row(id mail.MailboxID, r *row, item any) error {
	if !w.emails.has(r.email) {
		return fmt.Errorf("message %d of mailbox %s: email %d is missing: %w", r.uid, id, r.email, errIndex)
	}
	return w.put(item)
}

// counted says whether all rows were there.
func (w *snapshotWriter) counted() error {
	for id, b := range w.boxes {
		if b.total != 0 || b.size != 0 {
			return fmt.Errorf("mailbox %s lacks %d messages: %w", id, int32(b.total), errIndex)
		}
	}
	return nil
}

func (w *snapshotWriter) thread(k, v []byte) error {
	var t threadItem
	if len(v) != 8 || copy(t.key[:], k) != len(k) {
		return errIndex
	}
	t.thread = mail.ThreadID(binary.BigEndian.Uint64(v))
	return w.put(t)
}

// feed leaves out what nobody is told any more (see page.read).
func (w *snapshotWriter) feed(tx *bolt.Tx) error {
	w.snap.floor = max(w.snap.floor, w.snap.last.expired)
	var e *feedEntry
	c := tx.Bucket([]byte("feed")).Cursor()
	for k, v := c.Seek(feedKey(w.snap.floor+1, 0)); k != nil; k, v = c.Next() {
		if len(k) != 10 {
			return errIndex
		}
		if seq := mail.ModSeq(binary.BigEndian.Uint64(k)); e == nil || e.modSeq != seq {
			if e != nil {
				if err := w.put(e); err != nil {
					return err
				}
			}
			e = &feedEntry{modSeq: seq}
		}
		if err := e.add(v); err != nil {
			return err
		}
	}
	if e == nil {
		return nil
	}
	return w.put(e)
}
