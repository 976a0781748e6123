package collect

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/sanduk-mail/sanduk/services/journal"
)

// File is the index's name in the data directory.
const File = "collect.db"

// Format version 1 of the index; see the package comment.
const (
	indexVersion = 1
	bucketMeta   = "meta"
	bucketItems  = "items"
	lockWait     = 3 * time.Second
	mmapSize     = 1 << 20 // keeps a small index from being mapped again as it grows
)

// errIndex says that the index must be made anew.
var errIndex = errors.New("collect: index is damaged")

// mark is what is known of an item.
type mark struct {
	taken       time.Time
	deleted     time.Time // zero: the provider was not asked to delete it, or did not say that it did
	fingerprint Fingerprint
}

const markSize = 8 + 8 + 16 + 4

func (m mark) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(m.taken.Unix()))
	var deleted uint64
	if !m.deleted.IsZero() {
		deleted = uint64(m.deleted.Unix())
	}
	b = binary.BigEndian.AppendUint64(b, deleted)
	b = append(b, m.fingerprint[:]...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func decodeMark(b []byte) (m mark, err error) {
	if len(b) != markSize || binary.BigEndian.Uint32(b[32:]) != crc32.Checksum(b[:32], crc32.MakeTable(crc32.Castagnoli)) {
		return m, fmt.Errorf("%w: a value's checksum is wrong", errIndex)
	}
	m.taken = time.Unix(int64(binary.BigEndian.Uint64(b)), 0)
	if at := binary.BigEndian.Uint64(b[8:]); at != 0 {
		m.deleted = time.Unix(int64(at), 0)
	}
	copy(m.fingerprint[:], b[16:])
	return m, nil
}

// place is the key of an item in the index. A fingerprint has one too: its mark's
// fingerprint is that of the item's name, which says what message it was.
type place string

func placeOf(source SourceKey, item Item) place { return place(source[:]) + place(item) }

func fingerprintPlace(source SourceKey, f Fingerprint) place {
	return place(source[:]) + "#" + place(f[:])
}

type index struct {
	db  *bbolt.DB
	new bool // nothing is in it yet
}

// openIndex opens the index, or makes an empty one; one that is damaged is removed:
// all that is in it is in the log.
func openIndex(path string) (*index, error) {
	ix, err := tryIndex(path)
	if !errors.Is(err, errIndex) {
		return ix, err
	}
	if err := os.Remove(path); err != nil {
		return nil, fmt.Errorf("collect: remove damaged index: %w", err)
	}
	return tryIndex(path)
}

func tryIndex(path string) (*index, error) {
	_, err := os.Stat(path)
	ix := &index{new: errors.Is(err, fs.ErrNotExist)}
	err = guard(func() (err error) {
		ix.db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait, InitialMmapSize: mmapSize})
		return err
	})
	var errno syscall.Errno
	var pathError *fs.PathError
	switch {
	case errors.As(err, &errno) || errors.As(err, &pathError) || errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("collect: open index: %w", err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errIndex, err)
	}
	if err := ix.prepare(); err != nil {
		return nil, errors.Join(err, ix.db.Close())
	}
	return ix, nil
}

// prepare makes the buckets of a new index, and looks at the version of an old one.
func (ix *index) prepare() error {
	return ix.update(func(tx *bbolt.Tx) error {
		meta := tx.Bucket([]byte(bucketMeta))
		if meta == nil {
			ix.new = true // also one that a crash left without a transaction
			return wipe(tx)
		}
		version := meta.Get([]byte("version"))
		if len(version) != 1 || tx.Bucket([]byte(bucketItems)) == nil {
			return errIndex
		}
		if version[0] != indexVersion {
			return ErrNewer
		}
		return nil
	})
}

func wipe(tx *bbolt.Tx) error {
	for _, name := range []string{bucketMeta, bucketItems} {
		if tx.Bucket([]byte(name)) != nil {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	return tx.Bucket([]byte(bucketMeta)).Put([]byte("version"), []byte{indexVersion})
}

// guard runs fn: bbolt panics on pages that make no sense, and a page that the disk
// can't give is a fault of memory.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errIndex, p)
		}
	}()
	return fn()
}

func (ix *index) view(fn func(tx *bbolt.Tx) error) error {
	return guard(func() error { return ix.db.View(fn) })
}

func (ix *index) update(fn func(tx *bbolt.Tx) error) error {
	return guard(func() error { return ix.db.Update(fn) })
}

// lsn is up to where the log is in here.
func (ix *index) lsn() (lsn journal.LSN, err error) {
	err = ix.view(func(tx *bbolt.Tx) error {
		if b := tx.Bucket([]byte(bucketMeta)).Get([]byte("lsn")); len(b) == 8 {
			lsn = journal.LSN(binary.BigEndian.Uint64(b))
		}
		return nil
	})
	return lsn, err
}

func (ix *index) get(p place) (m mark, found bool, err error) {
	err = ix.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucketItems)).Get([]byte(p))
		if b == nil {
			return nil
		}
		found = true
		m, err = decodeMark(b)
		return err
	})
	return m, found, err
}

// each gives the items of a source, until use says false.
func (ix *index) each(source SourceKey, use func(Item, mark) bool) error {
	return ix.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(bucketItems)).Cursor()
		for k, v := c.Seek(source[:]); k != nil && bytes.HasPrefix(k, source[:]); k, v = c.Next() {
			m, err := decodeMark(v)
			if err != nil {
				return err
			}
			if item := Item(k[len(source):]); item != "" && item[0] != '#' && !use(item, m) {
				return nil
			}
		}
		return nil
	})
}

// save writes what has changed; nil is what is there no more.
func (ix *index) save(changed map[place]*mark, seen journal.LSN, anew bool) error {
	return ix.update(func(tx *bbolt.Tx) error {
		if anew {
			if err := wipe(tx); err != nil {
				return err
			}
		}
		items := tx.Bucket([]byte(bucketItems))
		for p, m := range changed {
			var err error
			if m == nil {
				err = items.Delete([]byte(p))
			} else {
				err = items.Put([]byte(p), m.encode())
			}
			if err != nil {
				return err
			}
		}
		return tx.Bucket([]byte(bucketMeta)).Put([]byte("lsn"), binary.BigEndian.AppendUint64(nil, uint64(seen)))
	})
}
