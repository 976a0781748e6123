package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// load reads everything of the account but rows, emails and threads from its
// index, which exists, and brings it to the present schema first. Nobody else
// has the account yet.
func (ix *index) load(ctx context.Context) error {
	a := ix.account
	if !a.store.readOnly {
		_ = ix.removeShrunk() // it only takes space, and the next one removes it
	}
	if err := ix.wholeMeta(); err != nil {
		return err
	}
	if err := ix.migrate(ctx); err != nil {
		return err
	}
	return ix.use(func(db *bolt.DB) error {
		return db.View(func(tx *bolt.Tx) error {
			for _, name := range buckets() {
				if tx.Bucket([]byte(name)) == nil {
					return fmt.Errorf("bucket %s: %w", name, errIndex)
				}
			}
			m, err := readMeta(a.id, tx)
			if err != nil {
				return err
			}
			a.last, a.indexed, a.floor = m.last, m.applied, m.floor
			a.applied = a.indexed
			if a.last.expired, err = mark(tx.Bucket([]byte("meta")), markExpired); err != nil {
				return err
			}
			if err := ix.loadKeywords(tx); err != nil {
				return err
			}
			if err := tx.Bucket([]byte("subscriptions")).ForEach(func(k, _ []byte) error {
				a.subscribed[string(k)] = true
				return nil
			}); err != nil {
				return err
			}
			return tx.Bucket([]byte("mailboxes")).ForEach(func(k, v []byte) error {
				if len(k) != 8 {
					return errIndex
				}
				b, err := decodeBox(mail.MailboxID(binary.BigEndian.Uint64(k)), v)
				if err != nil {
					return err
				}
				a.boxes[b.id] = &mailbox{box: b, vanishedFrom: a.last.modSeq}
				if !b.gone {
					a.names[b.name] = b.id
				}
				return nil
			})
		})
	})
}

func (ix *index) loadKeywords(tx *bolt.Tx) error {
	k := ix.account.keywords
	return tx.Bucket([]byte("keywords")).ForEach(func(key, v []byte) error {
		v, err := unseal(v)
		if err != nil {
			return err
		}
		d := &decoder{b: v}
		names := d.strings()
		n, err := k.number(names)
		if err != nil || d.bad || len(key) != 2 || n != binary.BigEndian.Uint16(key) {
			return fmt.Errorf("keywords: %w", errIndex)
		}
		return nil
	})
}

func readMeta(id mail.AccountID, tx *bolt.Tx) (meta, error) {
	b := tx.Bucket([]byte("meta"))
	if b == nil {
		return meta{}, fmt.Errorf("bucket meta: %w", errIndex)
	}
	v := b.Get([]byte("account"))
	if v == nil {
		return meta{}, errIndex
	}
	return decodeMeta(id, v)
}

// view reads from the index; what is not there yet is simply not found.
func (ix *index) view(fn func(tx *bolt.Tx) error) error {
	if ix.account.indexed == 0 {
		return nil // there is no index before the first checkpoint
	}
	return ix.with(func(db *bolt.DB) error { return db.View(fn) })
}

// read is view for whoever does not hold mu.
func (ix *index) read(fn func(tx *bolt.Tx) error) error {
	a := ix.account
	a.mu.RLock()
	empty := a.indexed == 0
	a.mu.RUnlock()
	if empty {
		return nil
	}
	return ix.with(func(db *bolt.DB) error { return db.View(fn) })
}

// row reads one row.
func (ix *index) row(id mail.MailboxID, uid mail.UID) (found row, ok bool, err error) {
	err = ix.view(func(tx *bolt.Tx) error {
		v := tx.Bucket([]byte("rows")).Get(rowsKey(id, uint32(uid)/blockRows))
		if v == nil {
			return nil
		}
		rows, err := decodeBlock(nil, v)
		for _, r := range rows {
			if r.uid == uid {
				found, ok = r, true
			}
		}
		return err
	})
	return found, ok, err
}

// readAheadStep is what one request for reading ahead asks for: the kernel cuts
// larger ones off at what its device takes at once.
const readAheadStep = 128 << 10

// readAhead asks the kernel for the whole file. bbolt maps it for access at
// random, so a walk over many pages would wait for the disk page by page.
func (ix *index) readAhead() {
	f, err := os.Open(ix.account.store.files.Path(ix.name()))
	if err != nil {
		return // the walk itself will say so
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return
	}
	for at := int64(0); at < info.Size(); at += readAheadStep {
		_ = unix.Fadvise(int(f.Fd()), at, readAheadStep, unix.FADV_WILLNEED) // only advice
	}
}

// rows reads all rows of a mailbox.
func (ix *index) rows(id mail.MailboxID, into *table) error {
	return ix.view(func(tx *bolt.Tx) error {
		prefix := key64(id)
		c := tx.Bucket([]byte("rows")).Cursor()
		block := make([]row, 0, blockRows)
		last := mail.UID(0)
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			var err error
			if block, err = decodeBlock(block[:0], v); err != nil {
				return err
			}
			for i := range block {
				if block[i].uid <= last {
					return fmt.Errorf("rows of mailbox %s: order: %w", id, errIndex)
				}
				last = block[i].uid
				into.push(block[i])
			}
		}
		return nil
	})
}

// email reads one email.
func (ix *index) email(id mail.EmailID) (email, error) {
	var m indexedEmail
	found := false
	err := ix.view(func(tx *bolt.Tx) error {
		v := tx.Bucket([]byte("emails")).Get(key64(id))
		if v == nil {
			return nil
		}
		var err error
		m, err = decodeEmail(id, v)
		found = err == nil
		return err
	})
	if err == nil && !found {
		err = fmt.Errorf("email %s: %w", id, errIndex)
	}
	return m.email, err
}

// threads looks keys up; the answer has only those that are there.
func (ix *index) threads(keys []threadKey) (map[threadKey]mail.ThreadID, error) {
	var found map[threadKey]mail.ThreadID // mostly there is none
	err := ix.view(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("threadkeys"))
		for _, k := range keys {
			if v := b.Get(k[:]); len(v) == 8 {
				if found == nil {
					found = map[threadKey]mail.ThreadID{}
				}
				found[k] = mail.ThreadID(binary.BigEndian.Uint64(v))
			}
		}
		return nil
	})
	return found, err
}

// expungings reads what was expunged from a mailbox after since, up to and with
// until.
func (ix *index) expungings(id mail.MailboxID, since, until mail.ModSeq) ([]mail.UIDSet, error) {
	var sets []mail.UIDSet
	err := ix.view(func(tx *bolt.Tx) error {
		c := tx.Bucket([]byte("changes")).Cursor()
		end := changesKey(id, expungedRows, until, 1<<16-1)
		for k, v := c.Seek(changesKey(id, expungedRows, since+1, 0)); k != nil && bytes.Compare(k, end) <= 0; k, v = c.Next() {
			_, set, err := decodeChanges(v)
			if err != nil {
				return err
			}
			sets = append(sets, set)
		}
		return nil
	})
	return sets, err
}

// encodeChanges is a value of the changes bucket.
func encodeChanges(unix int64, set mail.UIDSet) []byte {
	var e encoder
	e.int(unix)
	e.set(set)
	return seal(e.b)
}

func decodeChanges(v []byte) (unix int64, set mail.UIDSet, err error) {
	if v, err = unseal(v); err != nil {
		return 0, nil, fmt.Errorf("changes: %w", err)
	}
	d := &decoder{b: v}
	unix, set = d.int(), d.set()
	if d.bad {
		return 0, nil, fmt.Errorf("changes: %w", errIndex)
	}
	return unix, set, nil
}

// hasEmail reports whether the index has the email.
func (ix *index) hasEmail(id mail.EmailID) (has bool, err error) {
	err = ix.view(func(tx *bolt.Tx) error {
		has = tx.Bucket([]byte("emails")).Get(key64(id)) != nil
		return nil
	})
	return has, err
}
