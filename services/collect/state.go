package collect

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxDirty is how many changes wait in memory for the index: a megabyte.
const maxDirty = 4096

// State knows which messages of which source are here. Every method may be called
// from any goroutine.
type State struct {
	index   *index
	journal *journal.Journal
	log     *slog.Logger

	saving sync.Mutex // held while the index is written

	failOnce sync.Once
	failed   chan struct{}

	mu    sync.Mutex
	dirty map[place]*mark // guarded by mu; nil: it is forgotten
	under map[place]*mark // guarded by mu; what is being written
}

// OpenState brings the index in the file path up to the end of the journal, from
// its beginning where there is none that can be used: also where that shows only while
// it is read or written. Close it before the journal.
func OpenState(ctx context.Context, path string, j *journal.Journal, log *slog.Logger) (*State, error) {
	s, err := openState(ctx, path, j, log)
	if !errors.Is(err, errIndex) {
		return s, err
	}
	log.Error("collect: index is made anew", "err", err)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("collect: remove damaged index: %w", err)
	}
	return openState(ctx, path, j, log)
}

func openState(ctx context.Context, path string, j *journal.Journal, log *slog.Logger) (*State, error) {
	ix, err := openIndex(path)
	if err != nil {
		return nil, err
	}
	s := &State{index: ix, journal: j, log: log, failed: make(chan struct{}), dirty: map[place]*mark{}}
	if err := s.recover(ctx); err != nil {
		return nil, errors.Join(err, ix.db.Close())
	}
	return s, nil
}

// Failed is closed when the index was found damaged: nothing is collected that it would
// have to know, until the next OpenState has made it anew.
func (s *State) Failed() <-chan struct{} { return s.failed }

// notice removes an index that an error says is damaged, which the next OpenState might
// not come upon. It gives the error back.
func (s *State) notice(err error) error {
	if errors.Is(err, errIndex) {
		s.failOnce.Do(func() {
			s.log.Error("collect: index is damaged, and made anew at the next start", "err", err)
			if err := os.Remove(s.index.db.Path()); err != nil {
				s.log.Error("collect: remove damaged index", "err", err)
			}
			close(s.failed)
		})
	}
	return err
}

func (s *State) recover(ctx context.Context) error {
	seen, err := s.index.lsn()
	if err != nil {
		return err
	}
	if seen > s.journal.Durable() {
		// The journal was put back to an earlier state than the index has seen: what
		// it says was collected may not be here.
		s.log.Error("collect: index is ahead of the journal and is made anew", "index", seen, "journal", s.journal.Durable())
		if err := s.index.save(nil, 0, true); err != nil {
			return fmt.Errorf("collect: make index anew: %w", err)
		}
		seen = 0
	}
	err = s.journal.Replay(ctx, journal.FamilyCollect, seen+1, func(r journal.Record) error {
		d, err := decodeRecord(kind(r.Type), r.Payload)
		if errors.Is(err, ErrNewer) {
			return err // going on would fetch mail twice
		}
		if err != nil {
			s.log.Error("collect: a record can't be read", "lsn", r.LSN, "err", err)
			return nil
		}
		if kind(r.Type) != kindTaken {
			if err := s.recall(d); err != nil {
				return err
			}
		}
		s.apply(kind(r.Type), d, journal.Slot{LSN: r.LSN, Time: r.Time})
		if len(s.dirty) >= maxDirty {
			return s.save(r.LSN)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("collect: read journal: %w", err)
	}
	return s.Checkpoint()
}

// look gives what is known of a place.
func (s *State) look(p place) (mark, bool, error) {
	s.mu.Lock()
	m, known := s.dirty[p]
	if !known {
		m, known = s.under[p]
	}
	s.mu.Unlock()
	switch {
	case known && m == nil:
		return mark{}, false, nil
	case known:
		return *m, true, nil
	}
	found, ok, err := s.index.get(p)
	if s.notice(err) != nil {
		return mark{}, false, fmt.Errorf("collect: read index: %w", err)
	}
	return found, ok, nil
}

// taken gives what is known of an item; ok is false for one that was not collected.
func (s *State) taken(source SourceKey, item Item) (mark, bool, error) {
	return s.look(placeOf(source, item))
}

// twin gives the name under which a message of these bytes was collected, as
// nameOf gives it.
func (s *State) twin(source SourceKey, f Fingerprint) (name Fingerprint, ok bool, err error) {
	m, ok, err := s.look(fingerprintPlace(source, f))
	return m.fingerprint, ok, err
}

// nameOf is an item's name in 16 bytes.
func nameOf(item Item) Fingerprint {
	sum := sha256.Sum256([]byte(item))
	return Fingerprint(sum[:16])
}

// entry is the state's part of a record.
func (s *State) entry(k kind, r *record) *journal.Entry {
	payload := r.encode(k)
	return &journal.Entry{
		Family: journal.FamilyCollect, Type: uint8(k),
		Prepare: func(journal.Slot) ([]byte, error) { return payload, nil },
		Apply:   func(at journal.Slot) { s.apply(k, r, at) },
	}
}

// apply runs on the goroutine that commits: memory only.
func (s *State) apply(k kind, r *record, at journal.Slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range r.items {
		p := placeOf(r.source, item)
		switch k {
		case kindTaken:
			s.dirty[p] = &mark{taken: at.Time, fingerprint: r.fingerprint}
			s.dirty[fingerprintPlace(r.source, r.fingerprint)] = &mark{taken: at.Time, fingerprint: nameOf(item)}
		case kindDeleted, kindForgotten:
			if m, ok := r.was[item]; ok {
				s.end(k, r.source, item, m, at)
			}
		}
	}
}

// end notes that an item was deleted or forgotten.
func (s *State) end(k kind, source SourceKey, item Item, was mark, at journal.Slot) {
	p := placeOf(source, item)
	if k == kindForgotten {
		s.dirty[p] = nil
		s.dirty[fingerprintPlace(source, was.fingerprint)] = nil
		return
	}
	was.deleted = at.Time
	s.dirty[p] = &was
}

// recall fills in what is known of the items that a record ends.
func (s *State) recall(r *record) error {
	r.was = make(map[Item]mark, len(r.items))
	for _, item := range r.items {
		m, ok, err := s.taken(r.source, item)
		if err != nil {
			return err
		}
		if ok {
			r.was[item] = m
		}
	}
	return nil
}

// finish commits that items of a source have been deleted or forgotten, some in
// each record.
func (s *State) finish(ctx context.Context, k kind, source SourceKey, items []Item) error {
	for part := range slices.Chunk(items, maxEnded) {
		r := &record{source: source, items: part}
		if err := s.recall(r); err != nil {
			return err
		}
		if err := s.commit(ctx, k, r); err != nil {
			return err
		}
	}
	return nil
}

// take has a record of kindTaken committed by deliver, together with the delivery.
func (s *State) take(r *record, deliver func(*journal.Entry) error) error {
	if err := deliver(s.entry(kindTaken, r)); err != nil {
		return err
	}
	s.relieve()
	return nil
}

// commit makes a record durable.
func (s *State) commit(ctx context.Context, k kind, r *record) error {
	if err := s.journal.CommitAll(ctx, s.entry(k, r)); err != nil {
		return fmt.Errorf("collect: commit: %w", err)
	}
	s.relieve()
	return nil
}

// relieve writes the index when much is waiting for it.
func (s *State) relieve() {
	s.mu.Lock()
	full := len(s.dirty) >= maxDirty
	s.mu.Unlock()
	if full {
		if err := s.Checkpoint(); err != nil && !errors.Is(err, mail.ErrClosed) {
			s.log.Error("collect: index could not be written", "err", err) // the log has it
		}
	}
}

// Checkpoint writes the index, so that the next start need not read what is in it.
// Call it now and then (once an hour).
func (s *State) Checkpoint() error {
	return s.save(s.journal.Durable())
}

// save writes what has changed, all of which up to seen has been applied.
func (s *State) save(seen journal.LSN) error {
	s.saving.Lock()
	defer s.saving.Unlock()
	s.mu.Lock()
	s.under, s.dirty = s.dirty, map[place]*mark{}
	s.mu.Unlock()
	err := s.notice(s.index.save(s.under, seen, false))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		maps.Copy(s.under, s.dirty) // the later ones win
		s.dirty = s.under
		err = fmt.Errorf("collect: write index: %w", err)
	}
	s.under = nil
	return err
}

// deleted gives items of a source of which the provider said that it deleted them,
// and which absent says are gone, some at a time.
func (s *State) deleted(source SourceKey, absent func(Item) bool) ([]Item, error) {
	if err := s.Checkpoint(); err != nil {
		return nil, err
	}
	var list []Item
	err := s.index.each(source, func(item Item, m mark) bool {
		if !m.deleted.IsZero() && absent(item) {
			list = append(list, item)
		}
		return len(list) < maxEnded
	})
	return list, s.notice(err)
}

// maxEnded is how many items one record ends at most: far below a payload's bound.
const maxEnded = 10_000

// Close writes a last checkpoint and closes the index.
func (s *State) Close() error {
	return errors.Join(s.Checkpoint(), s.index.db.Close())
}
