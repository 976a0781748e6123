package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Expire lets go for good what was taken away from the account up to and with a
// ModSeq: expunged messages, mailboxes that were deleted, and, where the account
// itself was removed by then, all of it. An account that was removed later than
// that stays as it is: it goes as a whole, or comes back as it was.
//
// From the moment that this is durable nothing of it can be put back. It also
// leaves the index, piece by piece; what an error or a power cut leaves there is
// taken out by the next call.
func (s *Store) Expire(ctx context.Context, id mail.AccountID, until mail.ModSeq) error {
	a, err := s.anyAccount(ctx, id)
	if err != nil {
		return fmt.Errorf("expire: %w", err)
	}
	a.sweeping.Lock()
	defer a.sweeping.Unlock()
	t := &transaction{accounts: []*account{a}, revives: true}
	t.prepare = func(moment, journal.Slot) (change, error) {
		p := a.pend()
		until := min(until, p.last.modSeq)
		if until <= p.last.expired || p.last.removed && until < p.last.modSeq {
			// In a removed account the next change is this one: were it one for
			// each day before the removal, until would never catch up with them.
			return nil, nil
		}
		return change{{account: a.id, modSeq: p.last.modSeq + 1, ops: []op{expire{until, p.expiring(until)}}}}, nil
	}
	if err := s.commit(ctx, verbExpire, mail.ID{}, nil, t); err != nil {
		return fmt.Errorf("expire what account %s let go: %w", id, err)
	}
	if err := a.sweep(ctx); err != nil {
		return fmt.Errorf("take what has expired out of the index of account %s: %w", id, err)
	}
	return nil
}

// Gone says whether all mail of a removed account is gone for good.
func (s *Store) Gone(ctx context.Context, id mail.AccountID) (bool, error) {
	a, err := s.anyAccount(ctx, id)
	if err != nil {
		return false, err
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.last.removed && len(a.boxes) == 0, nil
}

// anyAccount gives an account, also one that was removed.
func (s *Store) anyAccount(ctx context.Context, id mail.AccountID) (*account, error) {
	s.journal.Settled()
	s.mu.RLock()
	_, known := s.known[id]
	closed := s.closed
	s.mu.RUnlock()
	switch {
	case closed:
		return nil, mail.ErrClosed
	case !known:
		return nil, mail.ErrNoAccount
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	if err := s.life.Err(); err != nil {
		return nil, mail.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.loadAccount(s.life, id)
}

// expiring lists the mailboxes that go with everything up to a ModSeq: those
// deleted by then, and of a removed account all.
func (p *pending) expiring(until mail.ModSeq) []mail.MailboxID {
	var ids []mail.MailboxID
	p.eachBox(func(b *box) {
		if p.last.removed || b.gone && b.changed <= until {
			ids = append(ids, b.id)
		}
	})
	slices.Sort(ids)
	return ids
}
