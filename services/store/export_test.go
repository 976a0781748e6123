package store

import (
	"context"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Checkpoint writes everything into the indexes now, as rest would.
func (s *Store) Checkpoint() error { return s.checkpointAll() }

// SaveRegistry writes the registry now.
func (s *Store) SaveRegistry() error { return s.saveRegistry() }

// CutMigrations has migrations go in steps of so many blocks, and calls cut
// behind each; its error ends the migration, as a power cut does.
func CutMigrations(o Options, blocks int, cut func() error) Options {
	o.migrateBlocks, o.migrated = blocks, cut
	return o
}

// MaxUnwritten has accounts be too large for memory from so many changes on.
func MaxUnwritten(o Options, changes int) Options {
	o.maxUnwritten = changes
	return o
}

// LateFrom has messages to so many accounts be acknowledged before they are applied.
func LateFrom(o Options, accounts int) Options {
	o.lateFrom = accounts
	return o
}

// FilterRoom has the filter take so many more thread keys from indexes.
func (s *Store) FilterRoom(keys int64) { s.threadKeys.room.Store(keys) }

// Filtered says whether all thread keys of the account are in the filter.
func (h *Account) Filtered() bool { return h.a.filtered.Load() }

// ThreadKeysPage is where in the account's index its thread keys begin, in bytes.
func (s *Store) ThreadKeysPage(id mail.AccountID) (at int64, err error) {
	err = s.accounts[id].index.use(func(db *bolt.DB) error {
		return db.View(func(tx *bolt.Tx) error {
			at = int64(tx.Bucket([]byte("threadkeys")).Root()) * int64(db.Info().PageSize)
			return nil
		})
	})
	return at, err
}

// FillThreadKeys takes the account's thread keys into the filter, so many at a time.
func (h *Account) FillThreadKeys(step int) error { return h.a.fill(step) }

// HoldUp keeps changes from being applied to an account, and to those behind it in a
// record, until the function is called that it gives.
func (s *Store) HoldUp(id mail.AccountID) (letGo func(), err error) {
	a, err := s.account(context.Background(), id)
	if err != nil {
		return nil, err
	}
	a.mu.RLock() // preparing a change reads too
	return a.mu.RUnlock, nil
}

// ShrinkFrom has indexes of so many bytes written anew when they are half empty.
func (s *Store) ShrinkFrom(bytes int64) { s.shrinkFrom = bytes }

// SchemaVersion is the present one.
const SchemaVersion = schemaVersion

// SetSchemaVersion has an account's index say that it is of this version.
func (s *Store) SetSchemaVersion(id mail.AccountID, version uint64) error {
	ix := &s.accounts[id].index
	return ix.use(func(db *bolt.DB) error {
		return db.Update(func(tx *bolt.Tx) error {
			m, err := readMeta(id, tx)
			if err != nil {
				return err
			}
			m.version = version
			return tx.Bucket([]byte("meta")).Put([]byte("account"), m.encode(id))
		})
	})
}

// UnknownChange is a change with an op that a later version may have.
func UnknownChange() []byte {
	b := change{{account: 1, modSeq: 9, ops: []op{deleteMailbox{1}}}}.encode()
	b[len(b)-2] = 255
	return b
}

// Emails counts the emails in the index of an account.
func (s *Store) Emails(id mail.AccountID) (n int) {
	err := s.accounts[id].index.with(func(db *bolt.DB) error {
		return db.View(func(tx *bolt.Tx) error {
			n = tx.Bucket([]byte("emails")).Stats().KeyN
			return nil
		})
	})
	if err != nil {
		panic(err)
	}
	return n
}

// LoseEmail takes the first email that a message is of out of the index.
func (s *Store) LoseEmail(id mail.AccountID) {
	err := s.accounts[id].index.with(func(db *bolt.DB) error {
		return db.Update(func(tx *bolt.Tx) error {
			_, v := tx.Bucket([]byte("rows")).Cursor().First()
			rows, err := decodeBlock(nil, v)
			if err != nil {
				return err
			}
			return tx.Bucket([]byte("emails")).Delete(key64(mail.EmailID(rows[0].email)))
		})
	})
	if err != nil {
		panic(err)
	}
}

// BodyOf names the body of a message.
func (s *Store) BodyOf(id mail.AccountID, mailbox mail.MailboxID, uid mail.UID) journal.BodyRef {
	a, err := s.account(context.Background(), id)
	if err != nil {
		panic(err)
	}
	_, e, err := a.find(mailbox, uid)
	if err != nil {
		panic(err)
	}
	return e.body
}

// FillExpunged writes n rows into the index of an account as if they had been
// expunged from a mailbox or, every other of them, moved, groups of size at a
// time, below the ModSeq that is the next. It gives the first and the last UID.
func (s *Store) FillExpunged(id mail.AccountID, mailbox mail.MailboxID, n, size int) (first, last mail.UID) {
	a := s.accounts[id]
	a.mu.Lock()
	groups := (n + size - 1) / size
	a.last.modSeq += mail.ModSeq(groups) + 1
	seq := a.last.modSeq - mail.ModSeq(groups)
	m := a.boxes[mailbox]
	first, last = m.uidNext, m.uidNext+mail.UID(n)-1
	m.uidNext += mail.UID(n)
	a.mu.Unlock()
	err := a.update(func(tx *bolt.Tx) error {
		rows, notes := tx.Bucket([]byte("expunged")), tx.Bucket([]byte("changes"))
		for uid := first; uid <= last; seq++ {
			end := min(uid+mail.UID(size)-1, last)
			left := leaving{s.now().Unix(), [...]verb{verbExpunge, verbMove}[seq%2]}
			set := mail.SetOfRanges(mail.Range[mail.UID]{First: uid, Last: end})
			if err := notes.Put(changesKey(mailbox, expungedRows, seq, 0), encodeChanges(left.unix, set)); err != nil {
				return err
			}
			for ; uid <= end; uid++ {
				r := row{modSeq: seq, uid: uid, email: 1<<30 + uint32(uid), thread: 1}
				if err := rows.Put(expungedKey(mailbox, uid), encodeExpunged(r, left)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return first, last
}

// Looked is how many rows a page of Expunged looks at.
func (h *Account) Looked(q mail.ExpungedQuery) int {
	s, err := h.a.newest(context.Background(), q, undoScan)
	if err != nil {
		panic(err)
	}
	return undoLook - s.look
}

// Spoil writes into the index of an account what the log does not say: other
// flags of message 1 of mailbox 1, other counts.
func (s *Store) Spoil(id mail.AccountID) error {
	return s.accounts[id].index.use(func(db *bolt.DB) error {
		return db.Update(func(tx *bolt.Tx) error {
			m, err := readMeta(id, tx)
			if err != nil {
				return err
			}
			m.last.usage.Messages = 77
			if err := tx.Bucket([]byte("meta")).Put([]byte("account"), m.encode(id)); err != nil {
				return err
			}
			boxes := tx.Bucket([]byte("mailboxes"))
			b, err := decodeBox(1, boxes.Get(key64(mail.MailboxID(1))))
			if err != nil {
				return err
			}
			b.total = 1000
			if err := boxes.Put(key64(mail.MailboxID(1)), b.encode()); err != nil {
				return err
			}
			cursor := tx.Bucket([]byte("rows")).Cursor()
			k, v := cursor.Seek(key64(mail.MailboxID(1)))
			rows, err := decodeBlock(nil, v)
			if err != nil {
				return err
			}
			rows[0].system = mail.Deleted
			return tx.Bucket([]byte("rows")).Put(append([]byte(nil), k...), encodeBlock(rows))
		})
	})
}

// RowsInMemory says whether the rows of a mailbox are.
func (h *Account) RowsInMemory(mailbox mail.MailboxID) bool {
	h.a.mu.RLock()
	defer h.a.mu.RUnlock()
	return h.a.boxes[mailbox].rows != nil
}
