package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// fillPercent of a page, for the buckets whose keys mostly come in order.
const fillPercent = 0.9

// maxRanges bounds the ranges in one value of the changes bucket, for bbolt
// wants values well under a page.
const maxRanges = 90

// checkpoint writes what has changed in the account since the last one into its
// index, in one synced transaction. After an error it may be called again: what
// was to be written waits. An account that is only in memory is mail.ErrNoSpace when
// it gets too large for that.
func (a *account) checkpoint() error {
	if a.index.inMemory || a.store.readOnly {
		return a.bearable()
	}
	a.index.mu.Lock()
	defer a.index.mu.Unlock()
	w := a.beginFlush()
	if w == nil {
		return nil
	}
	if a.indexed == 0 {
		exists, err := a.index.exists()
		if err == nil && !exists {
			err = a.index.create()
		}
		if err != nil {
			return fmt.Errorf("checkpoint of account %s: %w", a.id, err)
		}
	}
	err := a.index.with(func(db *bolt.DB) error {
		return db.Update(func(tx *bolt.Tx) error {
			w.tx = tx
			return w.write()
		})
	})
	if errors.Is(err, syscall.EIO) {
		// Whatever was not synced is lost, though the kernel may show it until the
		// next start, and a second sync may succeed (package durable).
		a.index.condemn(err)
	}
	if err != nil {
		return fmt.Errorf("checkpoint of account %s: %w", a.id, err)
	}
	a.endFlush(w)
	a.index.release()
	a.store.evict() // rows of a new mailbox are in memory from its beginning
	return nil
}

// bearable says whether an account without index is still small enough for memory, by
// itself and beside the others.
func (a *account) bearable() error {
	size := a.inMemory()
	if size >= a.store.maxUnwritten || size+a.store.unwritten(a.id) >= maxUnwrittenOfAll*a.store.maxUnwritten {
		return fmt.Errorf("it is too large to be made in memory: %w", mail.ErrNoSpace)
	}
	return nil
}

// inMemory is how many changes of the account are in memory alone.
func (a *account) inMemory() int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.dirty.size
}

// maxUnwrittenOfAll accounts of the largest size that is made in memory are there at
// most, or many smaller ones: a change takes up to 400 bytes, so that is 160 MB.
const maxUnwrittenOfAll = 4

// unwritten is how many changes of all accounts but one are in memory alone.
func (s *Store) unwritten(but mail.AccountID) (n int) {
	s.mu.RLock()
	accounts := slices.Collect(maps.Values(s.accounts))
	s.mu.RUnlock()
	for _, a := range accounts {
		if a.id != but {
			n += a.inMemory()
		}
	}
	return n
}

// flush is one checkpoint: a consistent copy of what it writes.
type flush struct {
	account *account
	tx      *bolt.Tx
	lsn     journal.LSN
	last    counters
	floor   mail.ModSeq
	boxes   []box
	dropped []mail.MailboxID
	time    int64

	emails  map[mail.EmailID]*references
	threads map[mail.ThreadID]*membership
}

// references is how an email's counts change, and the highest ModSeq of what came
// or went.
type references struct {
	live, kept int64
	modSeq     mail.ModSeq
}

// membership is how a thread's entries change, and the highest ModSeq of what came
// or went.
type membership struct {
	entries map[mail.MailboxID]int64
	modSeq  mail.ModSeq
}

// beginFlush takes the dirty state over; nil when there is nothing to write.
// What an earlier checkpoint failed to write goes first, alone.
func (a *account) beginFlush() *flush {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.flush != nil {
		return a.flush
	}
	if a.applied == a.indexed || a.spoiled.Load() {
		return nil
	}
	w := &flush{account: a, lsn: a.applied, last: a.last, time: a.store.now().Unix()}
	for id := range a.dirty.boxes {
		if m := a.boxes[id]; m != nil {
			w.boxes = append(w.boxes, m.box)
		} else {
			w.dropped = append(w.dropped, id)
		}
	}
	slices.SortFunc(w.boxes, func(a, b box) int { return cmp.Compare(a.id, b.id) })
	dirty := a.dirty
	a.flushing, a.dirty = &dirty, newOverlay()
	a.flush = w
	return w
}

// endFlush forgets what is in the index now.
func (a *account) endFlush(w *flush) {
	a.mu.Lock()
	defer a.mu.Unlock()
	written := a.flushing.rows
	a.indexed, a.flushing, a.flush = w.lsn, nil, nil
	a.floor = w.floor
	a.flushes++
	a.retryAt = time.Time{}
	for id, m := range a.boxes {
		if rows := written[id]; m.listed != nil && rows != nil {
			listed := m.listed.changed(rows)
			m.listed = &listed
		}
		// What is in the index may leave the memory, but never what is not.
		for len(m.vanished) > keepVanished && m.vanished[0].modSeq <= w.last.modSeq {
			m.vanishedFrom = m.vanished[0].modSeq
			m.vanished = m.vanished[1:]
		}
	}
}

// write does the work within one transaction. It may run again after a failure.
func (w *flush) write() error {
	w.begin()
	w.floor = w.account.floor // only a checkpoint changes it, and a rebuild before it ends
	dirty := w.account.flushing
	for _, id := range slices.Sorted(maps.Keys(dirty.rows)) {
		if err := w.writeRows(id, dirty.rows[id]); err != nil {
			return err
		}
	}
	for _, step := range []func(*overlay) error{w.writeEmails, w.writeThreads, w.writeKeys, w.writeNames, w.writeFeed} {
		if err := step(dirty); err != nil {
			return err
		}
	}
	b := w.tx.Bucket([]byte("meta"))
	if w.last.expired > 0 {
		if err := putMark(b, markExpired, w.last.expired); err != nil {
			return err
		}
	}
	m := meta{version: schemaVersion, applied: w.lsn, last: w.last, floor: w.floor}
	return b.Put([]byte("account"), m.encode(w.account.id))
}

// begin forgets what an attempt before has counted.
func (w *flush) begin() {
	w.emails = map[mail.EmailID]*references{}
	w.threads = map[mail.ThreadID]*membership{}
}

// bucket gives a bucket that is mostly written in the order of its keys.
func (w *flush) bucket(name string) *bolt.Bucket {
	b := w.tx.Bucket([]byte(name))
	b.FillPercent = fillPercent
	return b
}

// writeRows writes the dirty rows of a mailbox, block by block.
func (w *flush) writeRows(id mail.MailboxID, dirty *table) error {
	changed, expunged := map[mail.ModSeq]mail.UIDSet{}, map[mail.ModSeq]mail.UIDSet{}
	var group []row
	for r := range dirty.all() {
		if r.gone() {
			expunged[r.modSeq] = expunged[r.modSeq].Add(r.uid)
		} else {
			changed[r.modSeq] = changed[r.modSeq].Add(r.uid)
		}
		if len(group) > 0 && group[0].uid/blockRows != r.uid/blockRows {
			if err := w.writeBlock(id, group); err != nil {
				return err
			}
			group = group[:0]
		}
		group = append(group, *r)
	}
	if len(group) > 0 {
		if err := w.writeBlock(id, group); err != nil {
			return err
		}
	}
	if err := w.writeChanges(id, changedRows, changed); err != nil {
		return err
	}
	return w.writeChanges(id, expungedRows, expunged)
}

// writeBlock merges dirty rows of one block into it.
func (w *flush) writeBlock(id mail.MailboxID, dirty []row) error {
	b := w.bucket("rows")
	key := rowsKey(id, uint32(dirty[0].uid)/blockRows)
	var rows []row
	if v := b.Get(key); v != nil {
		var err error
		if rows, err = decodeBlock(nil, v); err != nil {
			return err
		}
	}
	for _, r := range dirty {
		i, found := slices.BinarySearchFunc(rows, r.uid, func(r row, uid mail.UID) int { return cmp.Compare(r.uid, uid) })
		switch {
		case r.gone():
			if found {
				rows = slices.Delete(rows, i, i+1)
				if err := w.refer(r, id, -1); err != nil {
					return err
				}
			} else {
				w.touch(r) // it came and went since the last checkpoint
			}
			if err := w.keep(id, r); err != nil {
				return err
			}
		case found:
			rows[i] = r
		default:
			rows = slices.Insert(rows, i, r)
			if err := w.refer(r, id, 1); err != nil {
				return err
			}
		}
	}
	if len(rows) == 0 {
		return b.Delete(key)
	}
	return b.Put(key, encodeBlock(rows))
}

// refer notes an entry of an email and of a thread that came (n is 1) or went
// (-1).
func (w *flush) refer(r row, id mail.MailboxID, n int64) error {
	w.references(r).live += n
	t := w.touch(r)
	t.entries[id] += n
	if n < 0 {
		return w.bucket("entries").Delete(entryKey(r.email, id, r.uid))
	}
	return w.bucket("entries").Put(entryKey(r.email, id, r.uid), []byte{})
}

// touch notes that an entry of a thread came or went.
func (w *flush) touch(r row) *membership {
	t := w.threads[mail.ThreadID(r.thread)]
	if t == nil {
		t = &membership{entries: map[mail.MailboxID]int64{}}
		w.threads[mail.ThreadID(r.thread)] = t
	}
	t.modSeq = max(t.modSeq, r.modSeq)
	return t
}

func (w *flush) references(r row) *references {
	m := w.emails[mail.EmailID(r.email)]
	if m == nil {
		m = &references{}
		w.emails[mail.EmailID(r.email)] = m
	}
	m.modSeq = max(m.modSeq, r.modSeq)
	return m
}

// keep notes an expunged row, to be told of and to be put back.
func (w *flush) keep(id mail.MailboxID, r row) error {
	w.references(r).kept++
	left := w.account.flushing.left[r.modSeq]
	return w.bucket("expunged").Put(expungedKey(id, r.uid), encodeExpunged(r, left))
}

// writeChanges notes which messages of a mailbox were touched at which ModSeq.
func (w *flush) writeChanges(id mail.MailboxID, kind byte, sets map[mail.ModSeq]mail.UIDSet) error {
	b := w.bucket("changes")
	for _, seq := range slices.Sorted(maps.Keys(sets)) {
		part := uint16(0)
		if w.account.index.suffix != "" {
			part = nextPart(b, changesKey(id, kind, seq, 0))
		}
		for set := range slices.Chunk(sets[seq], maxRanges) {
			if err := b.Put(changesKey(id, kind, seq, part), encodeChanges(w.time, set)); err != nil {
				return err
			}
			part++
		}
	}
	return nil
}

// nextPart is the first part of a note that is not there yet. A snapshot brings
// what one change did in pieces.
func nextPart(b *bolt.Bucket, first []byte) uint16 {
	key := slices.Clone(first)
	for part := uint16(0); ; part++ {
		binary.BigEndian.PutUint16(key[len(key)-2:], part)
		if b.Get(key) == nil {
			return part
		}
	}
}

// writeEmails writes new emails and the counts of those whose entries changed.
func (w *flush) writeEmails(dirty *overlay) error {
	b := w.bucket("emails")
	for id := range dirty.emails {
		if w.emails[id] == nil {
			w.emails[id] = &references{}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(w.emails)) {
		e, isNew := dirty.emails[id]
		m := indexedEmail{email: e}
		v := b.Get(key64(id))
		switch {
		case v == nil && !isNew:
			// Whoever refers to it was to be told that it is gone.
			return fmt.Errorf("email %s is missing: %w", id, errIndex)
		case v != nil:
			var err error
			if m, err = decodeEmail(id, v); err != nil {
				return err
			}
		}
		m.live = uint64(int64(m.live) + w.emails[id].live)
		m.kept = uint64(int64(m.kept) + w.emails[id].kept)
		switch {
		case m.live > 0:
			m.goneSeq, m.goneTime = 0, 0
		case m.goneTime == 0:
			m.goneSeq, m.goneTime = w.emails[id].modSeq, w.time
		}
		if err := b.Put(key64(id), m.encode()); err != nil {
			return err
		}
	}
	return nil
}

// writeThreads writes in which mailboxes the threads have how many entries. One
// without any stays, as the mark of a thread that is gone.
func (w *flush) writeThreads(*overlay) error {
	b := w.bucket("threads")
	for _, id := range slices.Sorted(maps.Keys(w.threads)) {
		members, seq := map[mail.MailboxID]int64{}, mail.ModSeq(0)
		if v := b.Get(key64(id)); v != nil {
			var err error
			if members, seq, _, err = decodeThread(id, v); err != nil {
				return err
			}
		}
		for mailbox, n := range w.threads[id].entries {
			if members[mailbox] += n; members[mailbox] == 0 {
				delete(members, mailbox)
			}
		}
		if err := b.Put(key64(id), encodeThread(members, max(seq, w.threads[id].modSeq), w.time)); err != nil {
			return err
		}
	}
	return nil
}

// encodeThread is a value of the threads bucket.
func encodeThread(members map[mail.MailboxID]int64, seq mail.ModSeq, unix int64) []byte {
	var e encoder
	e.uint(uint64(seq))
	e.int(unix)
	e.uint(uint64(len(members)))
	for _, m := range slices.Sorted(maps.Keys(members)) {
		e.uint(uint64(m))
		e.uint(uint64(members[m]))
	}
	return seal(e.b)
}

// decodeThread gives the entries by mailbox, and when this last changed.
func decodeThread(id mail.ThreadID, v []byte) (members map[mail.MailboxID]int64, seq mail.ModSeq, unix int64, err error) {
	if v, err = unseal(v); err != nil {
		return nil, 0, 0, fmt.Errorf("thread %s: %w", id, err)
	}
	d := &decoder{b: v}
	members = map[mail.MailboxID]int64{}
	seq, unix = mail.ModSeq(d.uint()), d.int()
	for range d.count() {
		m := mail.MailboxID(d.uint())
		members[m] = int64(d.uint())
	}
	if d.bad {
		return nil, 0, 0, fmt.Errorf("thread %s: %w", id, errIndex)
	}
	return members, seq, unix, nil
}

// writeKeys writes the message IDs by which threads are found.
func (w *flush) writeKeys(dirty *overlay) error {
	b := w.tx.Bucket([]byte("threadkeys"))
	for k, t := range dirty.threads {
		if err := b.Put(k[:], key64(t)); err != nil {
			return err
		}
	}
	return nil
}

// writeNames writes mailboxes, subscriptions and keywords.
func (w *flush) writeNames(dirty *overlay) error {
	b := w.tx.Bucket([]byte("mailboxes"))
	for i := range w.boxes {
		if err := b.Put(key64(w.boxes[i].id), w.boxes[i].encode()); err != nil {
			return err
		}
	}
	for _, id := range w.dropped {
		if err := b.Delete(key64(id)); err != nil {
			return err
		}
	}
	subscriptions := w.tx.Bucket([]byte("subscriptions"))
	for name, on := range dirty.subscribed {
		change := subscriptions.Delete
		if on {
			change = func(k []byte) error { return subscriptions.Put(k, []byte{}) }
		}
		if err := change([]byte(name)); err != nil {
			return err
		}
	}
	k := w.tx.Bucket([]byte("keywords"))
	first := 1
	if last, _ := k.Cursor().Last(); len(last) == 2 {
		first = int(binary.BigEndian.Uint16(last)) + 1
	}
	for i, names := range w.account.keywords.from(first) {
		var e encoder
		e.strings(names)
		if err := k.Put(binary.BigEndian.AppendUint16(nil, uint16(first+i)), seal(e.b)); err != nil {
			return err
		}
	}
	return nil
}

// checkpointAfter is how many changes an account gathers before a checkpoint: a
// second's work of the disk, a megabyte of memory, a moment to replay.
const checkpointAfter = 4000

// checkpointIdle is how long an account rests before its changes go into the
// index without that: with nothing to do there should be nothing to recover.
const checkpointIdle = time.Second

// checkpointAge is the longest that an account's changes stay out of its index,
// so that one busy account doesn't keep a long stretch of log to be read again.
const checkpointAge = 30 * time.Second

// checkpointRetry is how long to wait after a checkpoint that failed: a full
// disk stays so for a while, and each try is a line in the log.
const checkpointRetry = 10 * time.Second
