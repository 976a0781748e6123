package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// shrinkFrom is how large an index must be for it to be worth writing it anew:
	// a hundred small ones are less than one letter with a picture.
	shrinkFrom = 1 << 20
	// shrinkPiece is how much of the new one is written in one transaction: what
	// is held in memory for it.
	shrinkPiece = 1 << 20
	// shrinkTries and shrinkWait are how long nobody may be reading for the new one
	// to take the place of the old; else it is for another day.
	shrinkTries = 200
	shrinkWait  = 5 * time.Millisecond
	// shrunkSuffix is what is added to the name of the new one until it is whole.
	shrunkSuffix = ".shrunk"
)

var errIndexBusy = errors.New("the index is being read all the time")

// Shrink writes an account's index anew when most of its file is free: bbolt keeps
// what it was once given. Readers go on meanwhile, and so do commits; a checkpoint
// of the account waits. Until the new file is whole and on disk the old one has the
// name, and what is in them is the same: a power cut leaves either.
func (s *Store) Shrink(ctx context.Context, id mail.AccountID) error {
	a, err := s.anyAccount(ctx, id)
	if err != nil {
		return fmt.Errorf("shrink: %w", err)
	}
	a.index.mu.Lock()
	defer a.index.mu.Unlock()
	a.mu.RLock()
	indexed := a.indexed
	a.mu.RUnlock()
	if indexed == 0 || a.spoiled.Load() {
		return nil // there is no file, or one that is made anew anyhow
	}
	if err := a.index.shrink(ctx); err != nil {
		return fmt.Errorf("write index of account %s anew: %w", id, err)
	}
	return nil
}

// shrink does it. The caller holds mu.
func (ix *index) shrink(ctx context.Context) error {
	var before, after int64
	wasteful := false
	temp := ix.name() + shrunkSuffix
	files := ix.account.store.files
	err := ix.with(func(db *bolt.DB) (err error) {
		if wasteful, before, err = isWasteful(db, ix.account.store.shrinkFrom); err != nil || !wasteful {
			return err
		}
		if err := ix.removeShrunk(); err != nil {
			return err
		}
		after, err = copyIndex(db, files.Path(temp))
		return err
	})
	if err == nil && !wasteful {
		return nil
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = ix.swap(temp)
	}
	if err != nil {
		return errors.Join(err, ix.removeShrunk())
	}
	// From here on checkpoints go to the new file. Were its name lost in a power cut,
	// the old one would lack them, and nobody would know.
	if err := files.SyncDir(ix.dir()); err != nil {
		ix.condemn(err)
		return err
	}
	ix.account.store.log.Info("store: index written anew", "account", ix.account.id, "before", before, "after", after)
	return nil
}

// isWasteful says whether more than half of an index that is worth it is free.
func isWasteful(db *bolt.DB, from int64) (wasteful bool, size int64, err error) {
	err = db.View(func(tx *bolt.Tx) error {
		if size = tx.Size(); size < from {
			return nil
		}
		pages, free := 0, 0
		for {
			p, err := tx.Page(pages)
			if err != nil {
				return err
			}
			if p == nil {
				break
			}
			n := 1 + p.OverflowCount
			if p.Type == "free" {
				free += n
			}
			pages += n
		}
		// The file may be longer than what its pages reach.
		used := int64(pages-free) * int64(db.Info().PageSize)
		wasteful = used < size/2
		return nil
	})
	return wasteful, size, err
}

// copyIndex writes what is in db into a new file, which is on disk on return. It is
// synced piece by piece, so that no commit's sync has much of it to wait for.
func copyIndex(db *bolt.DB, path string) (size int64, err error) {
	to, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockWait, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return 0, err
	}
	to.AllocSize = allocSize
	err = bolt.Compact(to, db, shrinkPiece)
	if err == nil {
		err = to.View(func(tx *bolt.Tx) error {
			size = tx.Size()
			return nil
		})
	}
	return size, errors.Join(err, to.Close())
}

// swap gives the new file the name, at a moment when nobody has the old one open:
// whoever asks next opens the new one.
func (ix *index) swap(temp string) error {
	s := ix.account.store
	for range shrinkTries {
		s.indexLock.Lock()
		if ix.users == 0 {
			defer s.indexLock.Unlock()
			if ix.db != nil {
				_ = ix.db.Close() // what was to be in it is synced
				ix.db = nil
				s.openIndexes = slices.DeleteFunc(s.openIndexes, func(other *index) bool { return other == ix })
			}
			return s.files.Rename(temp, ix.name())
		}
		s.indexLock.Unlock()
		time.Sleep(shrinkWait)
	}
	return errIndexBusy
}

// removeShrunk removes what an attempt left that was cut short. The caller holds mu.
func (ix *index) removeShrunk() error {
	err := ix.account.store.files.Remove(ix.name() + shrunkSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
