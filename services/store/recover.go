package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"syscall"
	"time"

	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// isBoltDamage tells a file that is no good from one that can't be read now.
// bbolt's own errors on opening are about what is in the file, but for the lock.
func isBoltDamage(err error) bool {
	var errno syscall.Errno
	var pathError *fs.PathError
	return err != nil && !errors.Is(err, bolterrors.ErrTimeout) && !errors.Is(err, errMigration) && !errors.As(err, &errno) && !errors.As(err, &pathError)
}

// recover brings the store to what the log says.
func (s *Store) recover(ctx context.Context) error {
	from, err := s.registry.load(s)
	if err != nil {
		return err
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	of := s.journal.Durable() - from
	defer s.rebuilding(Rebuilding{Read: of, Of: of, Done: true})
	if err := s.replayFrom(ctx, from); err != nil {
		return err
	}
	s.snapshots.known(s.journal.Durable())
	for _, a := range s.accounts { // nobody else is here yet
		if a.hole != 0 {
			a.closeHole(moment{time: s.now()})
		}
	}
	return nil
}

// replayFrom applies what the log has behind an LSN.
func (s *Store) replayFrom(ctx context.Context, from journal.LSN) error {
	read, of := 0, s.journal.Durable()-from
	return s.journal.Replay(ctx, journal.FamilyStore, from+1, func(r journal.Record) error {
		if read++; read%tellEvery == 0 {
			s.rebuilding(Rebuilding{Read: r.LSN - from, Of: of})
		}
		c, err := decodeChange(r.Payload)
		if err != nil {
			return err
		}
		s.noteSnapshots(c, r.LSN)
		for i := range c {
			if c[i].snapshot() != nil {
				if err := s.replaySnapshot(ctx, c[i].account, r.LSN); err != nil {
					return err
				}
				continue
			}
			if err := s.replay(ctx, &c[i], momentOfRecord(&r)); err != nil {
				return err
			}
		}
		return nil
	})
}

// replay applies a section that the account's index has not got.
func (s *Store) replay(ctx context.Context, sec *section, at moment) error {
	s.positions.note(sec.account, at.lsn)
	if sec.creates() {
		if err := s.replayCreate(ctx, sec.account); err != nil {
			return err
		}
	}
	a, err := s.loadAccount(ctx, sec.account)
	if errors.Is(err, errUnready) {
		return nil // it is made from the log when there is room
	}
	if err != nil {
		return err
	}
	if at.lsn <= a.applied {
		return nil
	}
	if a.hole == 0 && a.apartFrom(sec) {
		if err := s.findSnapshots(ctx); err != nil {
			return err
		}
		if s.ahead(a.id, a.last.modSeq) {
			return s.startOver(ctx, a, fmt.Errorf("it lacks what was before record %d: %w", at.lsn, errIndex))
		}
	}
	before := a.dirty.size
	if _, err := a.apply(sec, at); err != nil {
		// The index is not what the log was written against.
		return s.startOver(ctx, a, err)
	}
	s.noteRemoval(a)
	if s.readOnly {
		return s.boundInMemory(a, before)
	}
	return s.bound(a)
}

// boundStep is after how many changes of an account it is asked whether all that is in
// memory alone is still bearable.
const boundStep = 512

// boundInMemory gives an account up when, with what came behind so many changes, there
// is too much in memory that no checkpoint can take: the others can be read.
func (s *Store) boundInMemory(a *account, before int) error {
	step := max(1, min(boundStep, s.maxUnwritten/maxUnwrittenOfAll))
	if a.dirty.size/step == before/step {
		return nil
	}
	err := a.bearable()
	if !isFull(err) {
		return err
	}
	s.forget(a.id)
	return ready(s.giveUp(a.id, err))
}

// startOver makes an account anew that does not go with the log.
func (s *Store) startOver(ctx context.Context, a *account, cause error) error {
	s.log.Error("store: index does not fit the log", "account", a.id, "error", cause)
	if err := s.setAside(a); err != nil {
		return err
	}
	s.forget(a.id)
	if s.readOnly { // it stands where it stood
		fresh, err := s.rebuildAnyhow(ctx, a, cause)
		if err == nil {
			s.install(fresh)
		}
		return ready(err)
	}
	_, err := s.loadAccount(ctx, a.id)
	return ready(err)
}

// ready is nil when the error is only that an account is not ready.
func ready(err error) error {
	if errors.Is(err, errUnready) {
		return nil
	}
	return err
}

// replaySnapshot sees that an account has come as far as its snapshot says. Of what
// was before there may be no other record, nor of the account.
func (s *Store) replaySnapshot(ctx context.Context, id mail.AccountID, at journal.LSN) error {
	s.positions.note(id, at)
	a, err := s.loadAccount(ctx, id)
	if err != nil || !s.ahead(id, a.last.modSeq) {
		return ready(err)
	}
	return s.startOver(ctx, a, fmt.Errorf("it lacks what was before the snapshot of record %d: %w", at, errIndex))
}

// replayCreate begins an account without index, so that it isn't looked for. One
// that has a snapshot is rebuilt: of what comes between, records may be gone.
func (s *Store) replayCreate(ctx context.Context, id mail.AccountID) error {
	s.mu.RLock()
	loaded := s.accounts[id] != nil
	s.mu.RUnlock()
	if loaded {
		return nil
	}
	if err := s.findSnapshots(ctx); err != nil || s.snapshots.newest(id) != nil {
		return err
	}
	a := newAccount(s, id)
	exists, err := a.index.exists()
	if err != nil || exists {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[id], s.known[id] = a, true
	s.pokeFill()
	return nil
}

func (s *Store) forget(id mail.AccountID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.accounts, id)
}

// noteRemoval notes whether the account is there, after a change of that.
func (s *Store) noteRemoval(a *account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[a.id] = !a.removed()
}

// bound writes a checkpoint when much has been replayed, and lets go of rows that are
// in the index then: nobody has the account yet whose index is being made.
func (s *Store) bound(a *account) error {
	if a.dirty.size < checkpointAfter || time.Now().Before(a.retryAt) && a.dirty.size < s.maxUnwritten {
		return nil
	}
	err := a.checkpoint()
	if errors.Is(err, syscall.ENOSPC) && a.index.suffix == "" && a.dirty.size < s.maxUnwritten {
		// As when the store is in use: it stays in memory, and in the log.
		s.log.Error("store: checkpoint", "account", a.id, "error", err)
		a.retryAt = time.Now().Add(checkpointRetry)
		return nil
	}
	if err != nil || a.index.suffix == "" {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.boxes {
		if m.rows != nil && m.rows.count > readAheadRows {
			m.rows = nil
		}
	}
	return nil
}

// setAside takes a damaged index out of the way.
func (s *Store) setAside(a *account) error {
	a.index.close()
	if s.readOnly {
		return nil
	}
	err := s.files.Rename(a.index.name(), a.index.name()+damagedSuffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("set damaged index of account %s aside: %w", a.id, err)
	}
	if err == nil {
		err = s.files.SyncDir(a.index.dir())
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// rebuild makes an account anew from the log: same UIDs, flags and mailboxes.
// The caller holds loading, so nobody commits anything to the account.
// With inMemory there is no index for it, see account.checkpoint.
func (s *Store) rebuild(ctx context.Context, old *account, cause error, inMemory bool) (*account, error) {
	id := old.id
	s.log.Warn("store: rebuilding an index from the log", "account", id, "cause", cause)
	if err := s.setAside(old); err != nil {
		return nil, err
	}
	if err := s.findSnapshots(ctx); err != nil {
		return nil, fmt.Errorf("rebuild: look for snapshots: %w", err)
	}
	defer s.snapshots.pin(id)()
	list := s.snapshots.list(id)
	for n := len(list) - 1; ; n-- {
		var from *snapshot
		if n >= 0 {
			from = &list[n].snapshot
		}
		a, err := s.rebuildFrom(ctx, id, from, list[n+1:], inMemory)
		if err == nil {
			s.log.Info("store: index rebuilt", "account", id, "lsn", a.applied)
			return a, nil
		}
		if from == nil || !errors.Is(err, errSnapshot) {
			return nil, fmt.Errorf("rebuild: %w", err)
		}
		s.log.Error("store: a snapshot can't be read; going by what is older", "account", id, "snapshot", list[n].at, "error", err)
	}
}

// rebuildFrom makes an account anew from a snapshot and what comes behind it, or,
// without one, from the first record on. errSnapshot when the snapshot is damaged;
// so were those that are passed over, which are newer.
func (s *Store) rebuildFrom(ctx context.Context, id mail.AccountID, from *snapshot, passed []noted, inMemory bool) (*account, error) {
	a := newAccount(s, id)
	if a.index.inMemory = inMemory; !inMemory {
		a.index.suffix = buildingSuffix
		if err := a.index.removeLeft(); err != nil {
			return nil, fmt.Errorf("remove what an earlier one left: %w", err)
		}
	}
	err := s.replayAll(ctx, a, from, len(passed) > 0)
	if err == nil {
		a.reach(passed)
		// What is lost at the end of the account's records leaves no hole in them.
		if a.hole != 0 || len(s.journal.Damage()) > 0 {
			a.closeHole(moment{time: s.now()})
		}
		err = a.index.finish()
	}
	if err == nil && inMemory {
		err = a.bearable()
	}
	if err != nil {
		a.index.close()
		if !inMemory {
			_ = a.index.removeLeft() // else the next rebuild does
		}
		return nil, err
	}
	return a, nil
}

// removeLeft removes what is there of an index that is being made.
func (ix *index) removeLeft() error {
	for _, name := range []string{ix.name(), ix.name() + newSuffix} {
		if err := ix.account.store.files.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// reach has an account that was rebuilt without some damaged snapshots give out no
// number that it had given out by then. Where records before these were dropped,
// that is a hole.
func (a *account) reach(passed []noted) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range passed {
		last, c := &n.last, &a.last
		if last.modSeq > c.modSeq {
			a.hole = max(a.hole, n.lsn)
		}
		c.modSeq, c.expired = max(c.modSeq, last.modSeq), max(c.expired, last.expired)
		c.mailbox, c.email = max(c.mailbox, last.mailbox), max(c.email, last.email)
		c.thread, c.validity = max(c.thread, last.thread), max(c.validity, last.validity)
		a.applied = max(a.applied, n.lsn)
	}
}

// tellEvery is after how many records a rebuild says how far it is: several times
// in a second.
const tellEvery = 4096

// replayAll applies everything to the account that the log has of it, from a
// snapshot on if one is given. known says that there was the account, whatever is
// left of it.
func (s *Store) replayAll(ctx context.Context, a *account, from *snapshot, known bool) error {
	created, read := from != nil, 0
	of := s.journal.Durable()
	defer s.rebuilding(Rebuilding{Account: a.id, Read: of, Of: of, Done: true})
	if from != nil {
		if err := a.loadSnapshot(ctx, from); err != nil {
			return err
		}
	}
	err := s.journal.Replay(ctx, journal.FamilyStore, a.applied+1, func(r journal.Record) error {
		if read++; read%tellEvery == 0 {
			s.rebuilding(Rebuilding{Account: a.id, Read: r.LSN, Of: of})
		}
		c, err := decodeChange(r.Payload)
		if err != nil {
			return err
		}
		for i := range c {
			if c[i].account != a.id || c[i].snapshot() != nil || created && c[i].modSeq <= a.last.modSeq {
				continue
			}
			// Behind a hole the account's beginning may be what is lost.
			if created = created || c[i].creates() || a.apartFrom(&c[i]); !created {
				continue
			}
			if _, err := a.apply(&c[i], momentOfRecord(&r)); err != nil {
				return err
			}
			if err := s.bound(a); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && !created && !known {
		err = mail.ErrNoAccount
	}
	return err
}

// finish gives an index that was rebuilt its name, when all of the account is in
// it. What is small enough to be in memory alone has no file yet.
func (ix *index) finish() error {
	if ix.account.indexed == 0 {
		ix.suffix = ""
		return nil
	}
	if err := ix.account.checkpoint(); err != nil {
		return err
	}
	ix.close()
	built := ix.name()
	ix.suffix = ""
	files := ix.account.store.files
	if err := files.Rename(built, ix.name()); err != nil {
		return err
	}
	return files.SyncDir(ix.dir())
}

// Rebuild throws an account's index away and makes it anew from the log. Nobody
// may be using the account: boxctl asks for it while the mail services stand.
func (s *Store) Rebuild(ctx context.Context, id mail.AccountID) error {
	// What is durable and not yet applied would come to the old account, and the new
	// one reads the log no further than what is applied.
	s.journal.Settled()
	s.loading.Lock()
	defer s.loading.Unlock()
	s.mu.RLock()
	old, closed := s.accounts[id], s.closed
	s.mu.RUnlock()
	if closed {
		return mail.ErrClosed
	}
	if old == nil {
		old = newAccount(s, id)
	}
	old.spoiled.Store(true) // no checkpoint of the old may come behind
	old.index.mu.Lock()
	a, err := s.rebuild(ctx, old, errors.New("asked for"), false)
	old.index.mu.Unlock()
	if err != nil {
		return fmt.Errorf("account %s: %w", id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[id], s.known[id] = a, !a.last.removed
	s.pokeFill()
	return nil
}

// accountDirs lists the accounts that have a directory.
func (s *Store) accountDirs() ([]mail.AccountID, error) {
	entries, err := s.files.ReadDir(accountsDir)
	if s.readOnly && errors.Is(err, fs.ErrNotExist) {
		return nil, nil // all of it is lost, and the log has it
	}
	if err != nil {
		return nil, err
	}
	var ids []mail.AccountID
	for _, e := range entries {
		n, err := strconv.ParseUint(e.Name(), 10, 32)
		if err == nil && e.IsDir() && n > 0 {
			ids = append(ids, mail.AccountID(n))
		}
	}
	return ids, nil
}
