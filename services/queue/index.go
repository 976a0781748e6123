package queue

import (
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
	"github.com/sanduk-mail/sanduk/services/mail"
)

// File is the index's name in the mail directory.
const File = "queue.db"

// lockWait is how long another process may take to let go of the file.
const lockWait = 3 * time.Second

// errIndex says that the index must be made anew.
var errIndex = errors.New("queue: index is damaged")

// index is queue.db.
type index struct {
	path string
	db   *bbolt.DB
}

func metaBucket() []byte  { return []byte("meta") }
func itemsBucket() []byte { return []byte("items") }
func seenKey() []byte     { return []byte("seen") }
func clockKey() []byte    { return []byte("clock") }

// openIndex opens the file. errIndex when what is in it is no good.
func openIndex(path string) (*index, error) {
	ix := &index{path: path}
	err := guard(func() (err error) {
		if ix.db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait}); err != nil {
			return err
		}
		return ix.db.Update(func(tx *bbolt.Tx) error {
			_, metaErr := tx.CreateBucketIfNotExists(metaBucket())
			_, itemsErr := tx.CreateBucketIfNotExists(itemsBucket())
			return errors.Join(metaErr, itemsErr)
		})
	})
	if err == nil {
		return ix, nil
	}
	if ix.db != nil && !errors.Is(err, errIndex) {
		_ = ix.db.Close() // the first error is the one that counts
	}
	var errno syscall.Errno
	var pathError *fs.PathError
	if errors.Is(err, berrors.ErrTimeout) || errors.As(err, &errno) || errors.As(err, &pathError) {
		return nil, fmt.Errorf("queue: open index: %w", err)
	}
	return nil, fmt.Errorf("%w: %w", errIndex, err)
}

// guard runs fn. bbolt panics on pages that make no sense, and a page that the disk
// can't give is a fault of memory: all that the index holds is in the journal.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errIndex, p)
		}
	}()
	return fn()
}

// setAside keeps a damaged index for whoever wants to know what happened to it.
func setAside(path string) error {
	if err := os.Rename(path, path+".damaged"); err != nil {
		return fmt.Errorf("queue: set damaged index aside: %w", err)
	}
	return nil
}

// load gives all items, and the LSN up to which the index has the journal.
func (ix *index) load(fn func(*Item)) (seen journal.LSN, err error) {
	found, count := int64(0), int64(-1)
	err = guard(func() error {
		return ix.db.View(func(tx *bbolt.Tx) error {
			if v := tx.Bucket(metaBucket()).Get(seenKey()); v != nil {
				if len(v) != 12 && len(v) != 20 || binary.BigEndian.Uint32(v) != crc32.ChecksumIEEE(v[4:]) {
					return errIndex
				}
				if seen = journal.LSN(binary.BigEndian.Uint64(v[4:])); len(v) == 20 {
					count = int64(binary.BigEndian.Uint64(v[12:]))
				}
			}
			return tx.Bucket(itemsBucket()).ForEach(func(k, v []byte) error {
				it, err := decodeValue(k, v)
				if err == nil {
					fn(it)
					found++
				}
				return err
			})
		})
	})
	if err == nil && count >= 0 && found != count {
		err = fmt.Errorf("it has %d items of %d: %w", found, count, errIndex) // a page that lost its entries looks like an empty one
	}
	return seen, err
}

// ledger is what is noted of the clock; empty if nothing is, or nothing of use.
func (ix *index) ledger() (l ledger) {
	_ = guard(func() error { // without it messages wait for longer, at most
		return ix.db.View(func(tx *bbolt.Tx) error {
			l = decodeLedger(tx.Bucket(metaBucket()).Get(clockKey()))
			return nil
		})
	})
	return l
}

// get reads one item; nil if there is none.
func (ix *index) get(id mail.ID) (it *Item, err error) {
	err = guard(func() error {
		return ix.db.View(func(tx *bbolt.Tx) (err error) {
			if v := tx.Bucket(itemsBucket()).Get(id[:]); v != nil {
				it, err = decodeValue(id[:], v)
			}
			return err
		})
	})
	return it, err
}

// save writes items (nil: it is gone), how far the journal is in here, and how many
// items there are now, and what is known of the clock, at once.
func (ix *index) save(items map[mail.ID]*Item, seen journal.LSN, count int, clock []byte) error {
	return guard(func() error {
		return ix.db.Update(func(tx *bbolt.Tx) error {
			b := tx.Bucket(itemsBucket())
			for id, it := range items {
				var err error
				if it == nil {
					err = b.Delete(id[:])
				} else {
					err = b.Put(id[:], encodeValue(it))
				}
				if err != nil {
					return err
				}
			}
			v := binary.BigEndian.AppendUint64(make([]byte, 4, 20), uint64(seen))
			v = binary.BigEndian.AppendUint64(v, uint64(count))
			binary.BigEndian.PutUint32(v, crc32.ChecksumIEEE(v[4:]))
			return errors.Join(tx.Bucket(metaBucket()).Put(seenKey(), v), tx.Bucket(metaBucket()).Put(clockKey(), clock))
		})
	})
}

// valueVersion is that of the index's values. Those of version 1 have no attempts but
// the last; valueAsked has a recipient of whom tries were asked for.
const (
	valueVersion = 2
	valueAsked   = 3
)

// encodeValue is CRC32 (of ID and what follows), version, LSN, item, attempts.
func encodeValue(it *Item) []byte {
	e := encoder{b: make([]byte, 4, 256)}
	e.byte(valueVersion)
	e.uint(uint64(it.lsn))
	e.item(it)
	for i := range it.To {
		e.uint(uint64(len(it.To[i].Past)))
		for j := range it.To[i].Past {
			e.attempt(&it.To[i].Past[j])
		}
	}
	if e.asked {
		e.b[4] = valueAsked
	}
	binary.BigEndian.PutUint32(e.b, valueSum(it.ID[:], e.b[4:]))
	return e.b
}

func decodeValue(k, v []byte) (*Item, error) {
	if len(v) < 5 || binary.BigEndian.Uint32(v) != valueSum(k, v[4:]) {
		return nil, errIndex
	}
	d := decoder{b: v[4:]}
	version := d.byte()
	if version == 0 || version > valueAsked {
		return nil, fmt.Errorf("queue: index with values of version %d: %w", version, mail.ErrNewer)
	}
	lsn := journal.LSN(d.uint())
	it := d.item()
	it.lsn = lsn
	for i := range it.To {
		r := &it.To[i]
		if version == 1 {
			if r.Last != (mail.Attempt{}) {
				r.Past = []mail.Attempt{r.Last}
			}
			continue
		}
		if n := d.count(maxPast, 8); n > 0 {
			r.Past = make([]mail.Attempt, n)
		}
		for j := range r.Past {
			r.Past[j] = d.attempt()
		}
	}
	if d.end() != nil {
		return nil, errIndex
	}
	return it, nil
}

func valueSum(k, v []byte) uint32 { return crc32.Update(crc32.ChecksumIEEE(k), crc32.IEEETable, v) }

func (ix *index) close() error { return ix.db.Close() }
