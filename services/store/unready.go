package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"syscall"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// errUnready says that an account can't be used now: its index is lost, and there is
// room for it neither on the disk nor in memory.
var errUnready = errors.New("its index is to be made anew, and there is no room for it")

// unready is an account of which that is so.
type unready struct {
	err   error
	until time.Time // when it is tried again; zero: never
}

// unreadyRetry is how long to wait with that: each time the whole log may be read.
const unreadyRetry = time.Minute

// isFull says whether an error is that a disk is full.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, mail.ErrNoSpace)
}

// rebuildAnyhow is rebuild for a disk that may be full, or may take no writes. On a full
// one the damaged index makes room for the new one. Where that is not enough, the
// account is made in memory and stays there until a checkpoint can be written, as
// after any that failed; and when it is too large for that it is errUnready, and
// tried again later: everybody else's mail is served meanwhile.
func (s *Store) rebuildAnyhow(ctx context.Context, old *account, cause error) (a *account, err error) {
	if !s.readOnly {
		a, err = s.rebuild(ctx, old, cause, false)
		if isFull(err) && s.makeRoom(old) {
			a, err = s.rebuild(ctx, old, cause, false)
		}
		if !isFull(err) {
			return a, err
		}
		cause = err
	}
	if a, err = s.rebuild(ctx, old, cause, true); err == nil {
		if !s.readOnly {
			a.index.inMemory = false
			a.retryAt = time.Now().Add(checkpointRetry)
		}
		return a, nil
	}
	if !isFull(err) {
		return nil, err
	}
	return nil, s.giveUp(old.id, err)
}

// giveUp notes that an account can't be used now. It gives errUnready.
func (s *Store) giveUp(id mail.AccountID, cause error) error {
	u := unready{err: mail.ErrReadOnly}
	if !s.readOnly {
		u = unready{mail.ErrNoSpace, time.Now().Add(unreadyRetry)}
	}
	u.err = fmt.Errorf("%w: %w", errUnready, u.err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unready[id] = u
	if _, known := s.known[id]; !known {
		s.known[id] = true // also when only its snapshot says so: its bodies live
	}
	s.log.Error("store: an account can't be used: its index is to be made anew, and there is no room for it", "account", id, "error", cause)
	return u.err
}

// stillUnready is why an account is not even tried now.
func (s *Store) stillUnready(id mail.AccountID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, found := s.unready[id]
	if found && !u.until.IsZero() && !time.Now().Before(u.until) {
		delete(s.unready, id)
		found = false
	}
	if !found {
		return nil
	}
	return u.err
}

// Unready lists the accounts that can't be used now, by number: their indexes are
// lost, and there is no room to make them anew.
func (s *Store) Unready() []mail.AccountID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []mail.AccountID
	for id := range s.unready {
		list = append(list, id)
	}
	slices.Sort(list)
	return list
}

// makeRoom removes a damaged index that was set aside, and whatever else a process
// that was cut short left; false if there was nothing.
func (s *Store) makeRoom(a *account) bool {
	room := false
	for _, name := range append(a.index.leftovers(), path.Join(a.index.dir(), "index.db")+damagedSuffix) {
		err := s.files.Remove(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("store: make room", "account", a.id, "error", err)
		}
		room = room || err == nil
	}
	return room
}

// leftovers are the names of what a process that was cut short may leave in the
// account's directory: all of it is made from its beginning when it is needed.
func (ix *index) leftovers() []string {
	base := path.Join(ix.dir(), "index.db")
	return []string{
		base + newSuffix, base + buildingSuffix, base + buildingSuffix + newSuffix, base + checkingSuffix, base + checkingSuffix + newSuffix,
		base + shrunkSuffix, path.Join(ix.dir(), snapshotFile),
	}
}

// removeLeftovers removes them from all accounts. Nobody else has the store.
func (s *Store) removeLeftovers() {
	ids, err := s.accountDirs()
	for _, id := range ids {
		for _, name := range newAccount(s, id).index.leftovers() {
			if removeErr := s.files.Remove(name); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
				err = errors.Join(err, removeErr)
			}
		}
	}
	if err != nil { // it only takes space
		s.log.Warn("store: remove what a process left that was cut short", "error", err)
	}
}
