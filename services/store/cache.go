package store

import (
	"context"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// readAheadRows is from how many rows on it pays to have the whole index read
// before it is walked: a megabyte of them.
const readAheadRows = 20_000

// pin keeps the rows of a mailbox in memory, loading them if need be, until
// unpin. The mailbox need not be living: then there is nothing to load.
func (a *account) pin(ctx context.Context, id mail.MailboxID) (unpin func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := a.store
	a.mu.RLock()
	m := a.boxes[id]
	a.mu.RUnlock()
	if m == nil {
		return nil, mail.ErrNoMailbox
	}
	s.cacheLock.Lock()
	m.pins++
	s.cacheClock++
	m.used = s.cacheClock
	s.cacheLock.Unlock()
	unpin = func() {
		s.cacheLock.Lock()
		defer s.cacheLock.Unlock()
		m.pins--
	}
	if err := a.loadRows(m); err != nil {
		unpin()
		return nil, err
	}
	return unpin, nil
}

// loadRows makes the rows of a mailbox be in memory. The caller has pinned it.
func (a *account) loadRows(m *mailbox) error {
	if a.loaded(m) {
		return nil
	}
	a.index.mu.Lock() // no checkpoint moves anything into the index meanwhile
	defer a.index.mu.Unlock()
	if a.loaded(m) {
		return nil
	}
	rows := &table{}
	a.mu.RLock()
	total := m.total
	a.mu.RUnlock()
	if total > readAheadRows {
		a.index.readAhead()
	}
	if err := a.index.rows(m.id, rows); err != nil {
		return fmt.Errorf("load mailbox %s of account %s: %w", m.id, a.id, err)
	}
	a.mu.Lock()
	if a.flushing != nil {
		rows.merge(a.flushing.rows[m.id])
	}
	rows.merge(a.dirty.rows[m.id])
	m.rows, m.listed = rows, nil
	a.mu.Unlock()
	a.index.release()
	a.store.evict()
	return nil
}

func (a *account) loaded(m *mailbox) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return m.rows != nil
}

// merge writes what has changed since into t.
func (t *table) merge(dirty *table) {
	for r := range dirty.all() {
		if r.gone() {
			t.remove(r.uid)
		} else {
			t.put(*r)
		}
	}
}

// evict gives rows back that nobody uses, the longest unused first, until no
// more than the cache's bound are in memory.
func (s *Store) evict() {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.cacheLock.Lock()
	defer s.cacheLock.Unlock()
	for {
		total := 0
		var oldest *mailbox
		var owner *account
		for _, a := range s.accounts {
			a.mu.RLock()
			for _, m := range a.boxes {
				if m.rows == nil {
					continue
				}
				total += m.rows.count
				if m.pins == 0 && m.rows.count > 0 && (oldest == nil || m.used < oldest.used) {
					oldest, owner = m, a
				}
			}
			a.mu.RUnlock()
		}
		if total <= s.cacheRows || oldest == nil {
			return
		}
		owner.mu.Lock()
		oldest.rows = nil
		owner.mu.Unlock()
	}
}
