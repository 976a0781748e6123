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
