package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"syscall"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// schemaVersion of the index; doc.go has it. It goes up with a migration and
// with nothing else.
const schemaVersion = 2

// migration leads an index from one schema version to the next.
//
// It works in steps, each one synced transaction: a mailbox of a million
// messages would need more memory than there is in one. What a step has done
// stays as it is when a later one is cut, so a step must bear being done again,
// and what it writes must mean nothing to the version before. The last step
// writes the new version; before that the index is one of the old version.
type migration struct {
	about string
	// step goes on from where, nil at first, and says where the next begins; nil
	// when that was all. It goes through most blocks of rows, or as much else. It
	// may change m, which the last step's transaction writes.
	step func(tx *bolt.Tx, m *meta, where []byte, most int) (next []byte, err error)
}

// migrations lead from version 1 to 2, from 2 to 3 and so on. The list only
// grows: every index there ever was goes through its part of it.
func migrations() []migration {
	return []migration{
		{"feed of changes, places of emails, usage", migrateFeed},
	}
}

// errMigration says that a good index could not be brought to the present schema
// now, and is to be left as it is: the disk was full, or the box shutting down.
var errMigration = errors.New("index could not be brought to a newer form")

// migrate brings the index to schemaVersion. Nobody else has the account. An
// index of a later version is an error that is both mail.ErrNewer and errIndex:
// it is made anew from the log.
func (ix *index) migrate(ctx context.Context) error {
	for {
		var m meta
		err := ix.use(func(db *bolt.DB) error {
			return db.View(func(tx *bolt.Tx) (err error) {
				m, err = readMeta(ix.account.id, tx)
				return err
			})
		})
		if err != nil || m.version == schemaVersion {
			return err
		}
		if ix.account.store.readOnly {
			return fmt.Errorf("it is of version %d, and can't be brought to a newer form now: %w", m.version, errIndex)
		}
		step := migrations()[m.version-1]
		log := ix.account.store.log.With("account", ix.account.id, "from", m.version, "about", step.about)
		log.Info("store: an index is brought to a newer form")
		if err := ix.runMigration(ctx, step); err != nil {
			log.Error("store: an index could not be brought to a newer form", "err", err)
			if !errors.Is(err, errIndex) {
				err = fmt.Errorf("%w: %w", errMigration, err)
			}
			return fmt.Errorf("migrate index from version %d: %w", m.version, err)
		}
	}
}

func (ix *index) runMigration(ctx context.Context, step migration) error {
	var where []byte
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := ix.use(func(db *bolt.DB) error {
			return db.Update(func(tx *bolt.Tx) error {
				m, err := readMeta(ix.account.id, tx)
				if err != nil {
					return err
				}
				if where, err = step.step(tx, &m, slices.Clone(where), ix.account.store.migrateBlocks); err != nil || where != nil {
					return err
				}
				m.version++
				return tx.Bucket([]byte("meta")).Put([]byte("account"), m.encode(ix.account.id))
			})
		})
		if errors.Is(err, syscall.EIO) {
			// As after a checkpoint that failed so: what the kernel shows may not be
			// what the disk has.
			return fmt.Errorf("%w: %w", errIndex, err)
		}
		if cut := ix.account.store.migrated; err == nil && cut != nil {
			err = cut()
		}
		if err != nil || where == nil {
			return err
		}
	}
}

// migrateBlocks is how many blocks of rows a step goes through: some ten thousand
// messages, a few megabytes of pages.
const migrateBlocks = 1000

// migrateFeed is from version 1 to 2. The feed begins with what comes from now
// on: what changed before was not kept in a form that it could be made of.
func migrateFeed(tx *bolt.Tx, m *meta, where []byte, most int) ([]byte, error) {
	for _, name := range []string{"feed", "entries"} {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return nil, err
		}
	}
	entries := tx.Bucket([]byte("entries"))
	c := tx.Bucket([]byte("rows")).Cursor()
	k, v := c.Seek(where)
	for range most {
		if k == nil {
			break
		}
		if len(k) != 12 {
			return nil, errIndex
		}
		rows, err := decodeBlock(nil, v)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			if err := entries.Put(entryKey(rows[i].email, mail.MailboxID(binary.BigEndian.Uint64(k)), rows[i].uid), []byte{}); err != nil {
				return nil, err
			}
		}
		k, v = c.Next()
	}
	if k != nil {
		return slices.Clone(k), nil
	}
	m.floor = m.last.modSeq
	return nil, tx.Bucket([]byte("mailboxes")).ForEach(func(k, v []byte) error {
		if len(k) != 8 {
			return errIndex
		}
		b, err := decodeBox(mail.MailboxID(binary.BigEndian.Uint64(k)), v)
		if err != nil {
			return err
		}
		m.last.usage.Messages += b.usage().Messages
		m.last.usage.Bytes += b.usage().Bytes
		return nil
	})
}
