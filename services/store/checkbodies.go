package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"syscall"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// What a check has to remember of each message is a few bytes: it must do beside
// the box's other work, with a mailbox of a million.

// tallies counts for numbers that mostly follow each other.
type tallies[T any] map[uint32]*[4096]T

// of gives what is counted of a number.
func (t tallies[T]) of(n uint32) *T {
	page := t[n>>12]
	if page == nil {
		page = new([4096]T)
		t[n>>12] = page
	}
	return &page[n&4095]
}

// emailTally is who refers to an email.
type emailTally struct{ live, kept uint32 }

// weightOf is what a message in a mailbox adds to the sum of its thread: that of
// two threads is the same when they have as many in the same mailboxes.
func (c *checker) weightOf(id mail.MailboxID) uint64 { return maphash.Comparable(c.seed, id) }

// counted counts by mailbox the messages of a thread whose sum is not right.
func (c *checker) counted(thread mail.ThreadID) (map[mail.MailboxID]int64, error) {
	all := map[mail.MailboxID]int64{}
	var rows []row
	err := c.tx.Bucket([]byte("rows")).ForEach(func(k, v []byte) (err error) {
		if rows, err = decodeBlock(rows[:0], v); err != nil {
			return err
		}
		for i := range rows {
			if mail.ThreadID(rows[i].thread) == thread {
				all[mail.MailboxID(binary.BigEndian.Uint64(k))]++
			}
		}
		return nil
	})
	return all, err
}

// checkBodies is how many bodies are looked up at a time.
const checkBodies = 1024

// bodyOf is the body of an email that stands somewhere.
type bodyOf struct {
	email mail.EmailID
	ref   journal.BodyRef
	size  int64
	grows uint64 // see email
}

// readBodies reads those that no other account's check has read.
func (c *checker) readBodies() error {
	next := mail.EmailID(1)
	bad := map[journal.BodyRef]bool{}
	for next != 0 {
		batch, err := c.bodies(&next)
		if errors.Is(err, errIndex) {
			c.problem("%v", err)
			return nil
		}
		if err != nil {
			return err
		}
		for _, b := range batch {
			if err := c.ctx.Err(); err != nil {
				return err
			}
			if bad[b.ref] {
				continue
			}
			size, grows, err := c.bodySize(b.ref)
			switch {
			case err != nil:
				bad[b.ref] = true
				c.unreadable(b, err)
			case size != b.size:
				by := c.reference(b.email)
				c.problem("message %d of folder %s: its text (%s) has %d bytes, the index says %d", by.uid, by.mailbox, b.ref, size, b.size)
			case grows >= 0 && b.grows > 0 && uint64(grows) != b.grows-1:
				by := c.reference(b.email)
				c.problem("message %d of folder %s: POP3 sends its text (%s) with %d octets more, the index says %d", by.uid, by.mailbox, b.ref, grows, b.grows-1)
			}
		}
	}
	return nil
}

// unreadable notes that a body can't be read. Of a whole file that is gone, the
// messages are only counted.
func (c *checker) unreadable(b bodyOf, err error) {
	by := c.reference(b.email)
	c.report.Unreadable[c.account.id] += 1 + by.more
	if !c.account.store.journal.Missing(b.ref.Segment) {
		c.lost("%s%s", c.named(b.ref, by), ofDisk(err))
		return
	}
	of := c.report.Gone[b.ref.Segment]
	if of == nil {
		of = map[mail.AccountID]int{}
		c.report.Gone[b.ref.Segment] = of
	}
	of[c.account.id] += 1 + by.more
}

// ofDisk is what the disk says of a message that it does not give, if anything. In
// which part of the body the damage is helps nobody: journal dump shows it.
func ofDisk(err error) string {
	if no, ok := errors.AsType[syscall.Errno](err); ok && no != syscall.ENOENT {
		return ": the disk says: " + no.Error()
	}
	return ""
}

// bodies lists those of some emails, and says where the next begin; 0 for nowhere.
func (c *checker) bodies(next *mail.EmailID) (batch []bodyOf, err error) {
	err = c.account.index.with(func(db *bolt.DB) error {
		return db.View(func(tx *bolt.Tx) error {
			cursor := tx.Bucket([]byte("emails")).Cursor()
			k, v := cursor.Seek(key64(*next))
			*next = 0
			for ; k != nil && len(batch) < checkBodies; k, v = cursor.Next() {
				if len(k) != 8 {
					return fmt.Errorf("emails: %w", errIndex)
				}
				id := mail.EmailID(binary.BigEndian.Uint64(k))
				m, err := decodeEmail(id, v)
				if err != nil {
					return err
				}
				// One that stands only where all has expired may have lost its body.
				if m.live > 0 && c.shown.has(uint32(id)) {
					batch = append(batch, bodyOf{id, m.body, m.size, m.grows})
				}
			}
			if k != nil {
				*next = mail.EmailID(binary.BigEndian.Uint64(k))
			}
			return nil
		})
	})
	return batch, err
}

// bodySize reads a body, once for all accounts, and says how large it is, and how
// much larger where each line ends in CRLF; that is -1 when it had been read before.
func (c *checker) bodySize(ref journal.BodyRef) (size, grows int64, err error) {
	read := c.read[ref.Segment]
	if read == nil {
		read = emailSet{}
		c.read[ref.Segment] = read
	}
	if read.has(ref.Ordinal) {
		b, err := c.account.store.journal.Body(ref)
		if err != nil {
			return 0, 0, err
		}
		defer func() { _ = b.Close() }() // only read from
		size, err = b.Size()
		return size, -1, err
	}
	var lines message.Canonical
	if size, err = c.readBody(ref, &lines); err != nil {
		return 0, 0, err
	}
	read.add(ref.Ordinal)
	c.report.Bodies++
	c.report.Bytes += size
	return size, lines.Size() - size, nil
}

// reference finds a message that has the email.
func (c *checker) reference(id mail.EmailID) (r reference) {
	a := c.account
	_ = a.index.with(func(db *bolt.DB) error { // what it doesn't give is not said
		return db.View(func(tx *bolt.Tx) error {
			list, err := places(tx, uint32(id))
			if err != nil || len(list) == 0 {
				return err
			}
			r.mailbox, r.uid, r.more = list[0].mailbox, list[0].uid, len(list)-1
			m, err := decodeEmail(id, tx.Bucket([]byte("emails")).Get(key64(id)))
			if err != nil {
				return err
			}
			r.prefix = m.prefix
			return eachRow(tx, r.mailbox, func(row *row) {
				if row.uid == r.uid {
					r.when, r.id = row.when, row.id
				}
			})
		})
	})
	return r
}
