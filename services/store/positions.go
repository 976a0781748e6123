package store

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// positions knows where in the log each account last changed, for those that
// follow the whole store.
type positions struct {
	mu       sync.Mutex
	last     map[mail.AccountID]journal.LSN // guarded by mu
	until    journal.LSN                    // up to which last is complete; guarded by mu
	watchers map[chan struct{}]bool         // guarded by mu
}

func newPositions() *positions {
	return &positions{last: map[mail.AccountID]journal.LSN{}, watchers: map[chan struct{}]bool{}}
}

// note takes over where an account last changed. Notes come in the order of the
// log, but for those of a registry, which comes first.
func (p *positions) note(id mail.AccountID, lsn journal.LSN) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[id] = max(p.last[id], lsn)
}

// reach says that everything up to lsn can be seen, of which the change at lsn has not
// been noted yet, and wakes whoever waits for it.
func (p *positions) reach(lsn journal.LSN, c change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range c {
		p.last[c[i].account] = max(p.last[c[i].account], lsn)
	}
	p.until = max(p.until, lsn)
	for c := range p.watchers {
		select {
		case c <- struct{}{}:
		default: // a wake-up is waiting there already
		}
	}
}

// of is where the account last changed.
func (p *positions) of(id mail.AccountID) journal.LSN {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last[id]
}

// Watch wakes its owner after every change of any account. It holds nobody up.
func (s *Store) Watch() *mail.Watch {
	p := s.positions
	c := make(chan struct{}, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watchers[c] = true
	return mail.NewWatch(c, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.watchers, c)
	})
}

// ChangedAccounts says which accounts have changed after since, from memory. A
// Position is an LSN of the log: one that the log has not reached, as when it was
// put back to an earlier state, is mail.ErrResync.
func (s *Store) ChangedAccounts(ctx context.Context, since mail.Position) (mail.StoreChanges, error) {
	if err := ctx.Err(); err != nil {
		return mail.StoreChanges{}, err
	}
	s.journal.Settled()
	s.mu.RLock()
	closed := s.closed
	s.mu.RUnlock()
	if closed {
		return mail.StoreChanges{}, mail.ErrClosed
	}
	p := s.positions
	p.mu.Lock()
	defer p.mu.Unlock()
	if journal.LSN(since) > p.until {
		return mail.StoreChanges{}, mail.ErrResync
	}
	c := mail.StoreChanges{Until: mail.Position(p.until)}
	for _, id := range slices.Sorted(maps.Keys(p.last)) {
		if p.last[id] > journal.LSN(since) {
			c.Accounts = append(c.Accounts, id)
		}
	}
	return c, nil
}
