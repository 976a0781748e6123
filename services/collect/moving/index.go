package moving

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// File is the index's name in the data directory.
const File = "moving.db"

// lockWait is how long another process may take to let go of the file.
const lockWait = 3 * time.Second

// hash is the beginning of a SHA-256.
type hash [16]byte

func hashOf(text string) hash {
	sum := sha256.Sum256([]byte(text))
	return hash(sum[:16])
}

// Index is the open moving.db.
type Index struct{ db *bbolt.DB }

// OpenIndex opens the file, or makes one. One that is damaged is set aside: without
// it mail is fetched again and found to be here.
func OpenIndex(path string) (*Index, error) {
	db, err := open(path)
	if err == nil {
		return &Index{db}, nil
	}
	var errno syscall.Errno
	var pathError *fs.PathError
	if errors.As(err, &errno) || errors.As(err, &pathError) || errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("moving: open index: %w", err)
	}
	if err := os.Rename(path, path+".damaged"); err != nil {
		return nil, fmt.Errorf("moving: set damaged index aside: %w", err)
	}
	if db, err = open(path); err != nil {
		return nil, fmt.Errorf("moving: open index: %w", err)
	}
	return &Index{db}, nil
}

func open(path string) (db *bbolt.DB, err error) {
	defer func() {
		if p := recover(); p != nil { // bbolt's way of finding nonsense in its pages
			err = fmt.Errorf("damaged: %v", p)
		}
	}()
	return bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait})
}

// Close closes the file.
func (ix *Index) Close() error { return ix.db.Close() }

// known is what is noted of a message at the provider.
type known struct {
	mailbox mail.MailboxID
	uid     mail.UID
	flags   uint64 // as they were there
}

const knownSize = 4 + 4 + 8

func (k known) encode() []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(k.mailbox))
	b = binary.BigEndian.AppendUint32(b, uint32(k.uid))
	return binary.BigEndian.AppendUint64(b, k.flags)
}

// decodeKnown reads what encode wrote; ok is false for anything else.
func decodeKnown(b []byte) (k known, ok bool) {
	if len(b) != knownSize {
		return k, false
	}
	return known{mail.MailboxID(binary.BigEndian.Uint32(b)), mail.UID(binary.BigEndian.Uint32(b[4:])), binary.BigEndian.Uint64(b[8:])}, true
}

func folderKey(folder hash) []byte { return append([]byte("F"), folder[:]...) }

func messageKey(folder hash, uid uint32) []byte {
	return binary.BigEndian.AppendUint32(append([]byte("U"), folder[:]...), uid)
}

func localKey(mailbox mail.MailboxID, uid mail.UID) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("L"), uint32(mailbox)), uint32(uid))
}

// notes are those of one move.
type notes struct {
	ix   *Index
	move hash
}

// view reads; fn is not called where nothing is noted yet.
func (n *notes) view(fn func(b *bbolt.Bucket) error) error {
	return n.ix.db.View(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(n.move[:]); b != nil {
			return fn(b)
		}
		return nil
	})
}

func (n *notes) update(fn func(b *bbolt.Bucket) error) error {
	err := n.ix.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(n.move[:])
		if err != nil {
			return err
		}
		return fn(b)
	})
	if err != nil {
		return fmt.Errorf("moving: note: %w", err)
	}
	return nil
}

// enter notes the UIDVALIDITY of a folder. If it is another than before, what was
// noted of its messages is dropped: they have other numbers now.
func (n *notes) enter(folder hash, validity uint32, mailbox mail.MailboxID) error {
	return n.update(func(b *bbolt.Bucket) error {
		value := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, validity), uint32(mailbox))
		was := b.Get(folderKey(folder))
		if len(was) == 8 && binary.BigEndian.Uint32(was) != validity {
			if err := forgetAll(b, folder); err != nil {
				return err
			}
		}
		return b.Put(folderKey(folder), value)
	})
}

func forgetAll(b *bbolt.Bucket, folder hash) error {
	prefix := append([]byte("U"), folder[:]...)
	c := b.Cursor()
	for key, value := c.Seek(prefix); key != nil && len(key) == len(prefix)+4 && string(key[:len(prefix)]) == string(prefix); key, value = c.Seek(prefix) {
		if k, ok := decodeKnown(value); ok {
			if err := b.Delete(localKey(k.mailbox, k.uid)); err != nil {
				return err
			}
		}
		if err := b.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// each gives what is noted of a folder, by UID there. fn must not write.
func (n *notes) each(folder hash, fn func(uid uint32, k known) error) error {
	return n.view(func(b *bbolt.Bucket) error {
		prefix := append([]byte("U"), folder[:]...)
		c := b.Cursor()
		for key, value := c.Seek(prefix); key != nil && len(key) == len(prefix)+4 && string(key[:len(prefix)]) == string(prefix); key, value = c.Next() {
			k, ok := decodeKnown(value)
			if !ok {
				continue
			}
			if err := fn(binary.BigEndian.Uint32(key[len(prefix):]), k); err != nil {
				return err
			}
		}
		return nil
	})
}

// noted is one message to be noted.
type noted struct {
	there uint32 // its UID at the provider
	known        // and what is here
}

// put notes that messages are here.
func (n *notes) put(folder hash, list []noted) error {
	if len(list) == 0 {
		return nil
	}
	return n.update(func(b *bbolt.Bucket) error {
		for _, m := range list {
			if err := b.Put(messageKey(folder, m.there), m.encode()); err != nil {
				return err
			}
			if err := b.Put(localKey(m.mailbox, m.uid), nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// drop forgets messages that are gone at the provider.
func (n *notes) drop(folder hash, list []noted) error {
	if len(list) == 0 {
		return nil
	}
	return n.update(func(b *bbolt.Bucket) error {
		for _, m := range list {
			if err := errors.Join(b.Delete(messageKey(folder, m.there)), b.Delete(localKey(m.mailbox, m.uid))); err != nil {
				return err
			}
		}
		return nil
	})
}

// standsFor reports whether a message at the provider stands for one here.
func (n *notes) standsFor(b *bbolt.Bucket, mailbox mail.MailboxID, uid mail.UID) bool {
	key := localKey(mailbox, uid)
	found, _ := b.Cursor().Seek(key)
	return string(found) == string(key)
}
