package store

import (
	"encoding/binary"
	"errors"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
)

// filterBits is how many bits the filter has: 4 MiB. With two million message IDs one
// of a hundred that are new is looked for in the indexes all the same.
const filterBits = 32 << 20

// filterMost is how many keys are taken from the indexes: with more, it would be no news
// of every third key that it may be there, and on a box with so much mail reading them
// all would keep the disk busy for long.
const filterMost = filterBits / 2

// filterStep is how many keys are read from an index at a time: a longer reading would
// keep it from using the space of pages that it has given up.
const filterStep = 4096

// keyFilter knows of most thread keys that no account has them, so that nobody looks
// for them in 200 indexes: a new message's ID is next to always new. It is a Bloom
// filter of two functions; keys are parts of hashes, which need no more hashing.
type keyFilter struct {
	words []atomic.Uint64
	room  atomic.Int64 // how many more keys it takes from indexes
}

func newKeyFilter() *keyFilter {
	f := &keyFilter{words: make([]atomic.Uint64, filterBits/64)}
	f.room.Store(filterMost)
	return f
}

// errFilterFull keeps an account that is asked as ever out of the filter.
var errFilterFull = errors.New("the filter has as many keys as it is good for")

func (f *keyFilter) bits(k threadKey) (a, b uint32) {
	return binary.LittleEndian.Uint32(k[:]) % filterBits, binary.LittleEndian.Uint32(k[4:]) % filterBits
}

func (f *keyFilter) add(k threadKey) {
	a, b := f.bits(k)
	f.words[a/64].Or(1 << (a % 64))
	f.words[b/64].Or(1 << (b % 64))
}

// has reports whether the key may have been added; false is certain.
func (f *keyFilter) has(k threadKey) bool {
	a, b := f.bits(k)
	return f.words[a/64].Load()&(1<<(a%64)) != 0 && f.words[b/64].Load()&(1<<(b%64)) != 0
}

// mayKnow reports whether the account may have a thread of the key, pending ones
// aside; false is certain. What is added while the store is open goes into the
// filter with setThread, what the index had before with fill.
func (a *account) mayKnow(k threadKey) bool {
	return !a.filtered.Load() || a.store.threadKeys.has(k)
}

// fill takes the keys of all loaded accounts' indexes into the filter, in the
// background, and those of accounts that are loaded later. One whose index can't be
// read is asked as before, and so is one for which there is no room. Where nothing is
// written no mail comes that would need it, and nobody could mend an index that is
// found damaged.
func (s *Store) fill() {
	defer close(s.filled)
	if s.readOnly {
		return
	}
	for {
		for _, a := range s.loaded() {
			if a.filtered.Load() || a.unfiltered {
				continue
			}
			a.unfiltered = a.fill(filterStep) != nil
		}
		select {
		case <-s.life.Done():
			return
		case <-s.installed:
		}
	}
}

// pokeFill has fill look for accounts that have come to be loaded.
func (s *Store) pokeFill() {
	select {
	case s.installed <- struct{}{}:
	default: // it will come to them
	}
}

// fill takes the keys of one index into the filter, so many at a time. Those that a
// checkpoint brings into it meanwhile are in the filter already.
func (a *account) fill(step int) error {
	var next []byte
	for more := true; more; {
		if err := a.store.life.Err(); err != nil {
			return err
		}
		more = false
		err := a.index.read(func(tx *bolt.Tx) error {
			c, n := tx.Bucket([]byte("threadkeys")).Cursor(), 0
			for k, _ := c.Seek(next); k != nil; k, _ = c.Next() {
				if n++; n > step {
					next, more = append(next[:0], k...), true
					return nil
				}
				if len(k) != len(threadKey{}) {
					continue
				}
				if a.store.threadKeys.room.Add(-1) < 0 {
					return errFilterFull
				}
				a.store.threadKeys.add(threadKey(k))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	a.filtered.Store(true)
	a.index.mu.Lock()
	defer a.index.mu.Unlock()
	a.index.release()
	return nil
}
