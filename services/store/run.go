package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

func (s *Store) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run is the checkpointer: it writes accounts that have gathered much, that
// rest, or that have waited long, into their indexes.
func (s *Store) run() {
	defer close(s.done)
	tick := time.NewTimer(0)
	defer tick.Stop()
	var registryAt time.Time // not written before, as the last time failed
	for {
		select {
		case <-s.quit:
			return
		case <-s.wake:
		case <-tick.C:
		}
		dirty := false
		for _, a := range s.loaded() {
			due, any := a.due(time.Now())
			dirty = dirty || any
			if due {
				s.checkpoint(a)
			}
		}
		if dirty {
			tick.Reset(checkpointIdle / 2)
		}
		// An account that is being made is known only when it is durable: the
		// registry must not pass it over.
		if !s.readOnly && time.Now().After(registryAt) && s.low() >= s.registry.last()+registryEvery && s.loading.TryLock() {
			err := s.saveRegistry()
			s.loading.Unlock()
			if err != nil {
				s.log.Error("store: registry", "error", err)
				registryAt = time.Now().Add(checkpointRetry)
			}
		}
	}
}

// due says whether the account is to be written, and whether there is anything
// to write.
func (a *account) due(now time.Time) (due, dirty bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.applied == a.indexed || a.spoiled.Load() || a.store.readOnly {
		return false, false
	}
	if now.Before(a.retryAt) {
		return false, true
	}
	return a.dirty.size >= checkpointAfter || a.flushing != nil ||
		now.Sub(a.touched) >= checkpointIdle || now.Sub(a.dirtySince) >= checkpointAge, true
}

// checkpoint writes one account. What can't be written stays in memory, and in
// the log.
func (s *Store) checkpoint(a *account) {
	if err := a.checkpoint(); err != nil {
		s.log.Error("store: checkpoint", "account", a.id, "error", err)
		a.mu.Lock()
		a.retryAt = time.Now().Add(checkpointRetry)
		a.mu.Unlock()
	}
}

func (s *Store) loaded() []*account {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*account, 0, len(s.accounts))
	for _, a := range s.accounts {
		list = append(list, a)
	}
	return list
}

// low is the LSN up to which the indexes have everything.
func (s *Store) low() journal.LSN {
	low := s.journal.Durable()
	for _, a := range s.loaded() {
		a.mu.RLock()
		if a.indexed < a.applied {
			low = min(low, a.indexed)
		}
		a.mu.RUnlock()
	}
	return low
}

func (s *Store) saveRegistry() error { return s.registry.save(s, s.low()) }

func (g *registry) last() journal.LSN {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.written
}

// checkpointAll writes everything into the indexes.
func (s *Store) checkpointAll() error {
	var errs []error
	for _, a := range s.loaded() {
		errs = append(errs, a.checkpoint())
	}
	errs = append(errs, s.saveRegistry())
	return errors.Join(errs...)
}

// CreateAccount makes the account with its first mailboxes.
func (s *Store) CreateAccount(ctx context.Context, id mail.AccountID) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	s.mu.RLock()
	exists, known, closed := s.known[id], false, s.closed
	_, known = s.known[id]
	s.mu.RUnlock()
	switch {
	case closed:
		return mail.ErrClosed
	case exists:
		return nil
	case known || id == 0:
		return fmt.Errorf("create account %s: its number was used before: %w", id, mail.ErrNoAccount)
	}
	a := newAccount(s, id)
	t := &transaction{accounts: []*account{a}}
	t.prepare = func(at moment, _ journal.Slot) (change, error) {
		c := newCreation(a.pend(), at)
		ops := []op{createAccount{}}
		for _, m := range mail.FirstMailboxes() {
			c.create(m.Name, m.Role)
		}
		ops = append(ops, c.ops...)
		for _, m := range mail.FirstMailboxes() {
			ops = append(ops, subscribe{m.Name, true})
		}
		return change{{account: id, modSeq: 1, ops: ops}}, nil
	}
	// From before it is durable until it is in an index, the account keeps the
	// registry from telling the next start to read on behind it.
	s.mu.Lock()
	s.accounts[id] = a
	s.pokeFill()
	s.mu.Unlock()
	if err := s.commit(ctx, verbAccountCreate, mail.ID{}, nil, t); err != nil {
		s.forget(id)
		return fmt.Errorf("create account %s: %w", id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[id] = true
	return nil
}

// Used lists the accounts from a number on, there or removed, in which anything
// has happened since they were made, and whether they were removed.
func (s *Store) Used(ctx context.Context, from mail.AccountID) (map[mail.AccountID]bool, error) {
	s.journal.Settled()
	s.loading.Lock()
	defer s.loading.Unlock()
	s.mu.RLock()
	known := maps.Clone(s.known)
	s.mu.RUnlock()
	used := map[mail.AccountID]bool{}
	for id, there := range known {
		if id < from {
			continue
		}
		a, err := s.loadAccount(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("look into account %s: %w", id, err)
		}
		a.mu.RLock()
		if !there || a.last.modSeq > 1 {
			used[id] = !there
		}
		a.mu.RUnlock()
	}
	return used, nil
}

// RemoveAccount takes the account away. Its mail stays in log and index, from
// which it can be brought back.
func (s *Store) RemoveAccount(ctx context.Context, id mail.AccountID) error {
	a, err := s.account(ctx, id)
	if err != nil {
		return err
	}
	err = (&Account{a}).change(ctx, verbAccountRemove, func(*pending, moment) ([]op, error) {
		return []op{removeAccount{}}, nil
	})
	if err != nil {
		return fmt.Errorf("remove account %s: %w", id, err)
	}
	s.noteRemoval(a)
	return nil
}
