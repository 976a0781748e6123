package store

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Usage is what the account takes up. It is kept with every change, never
// counted.
func (s *Store) Usage(ctx context.Context, id mail.AccountID) (mail.Usage, error) {
	a, err := s.account(ctx, id)
	if err != nil {
		return mail.Usage{}, err
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.last.usage, nil
}

// Quota is what the account takes up and what it may.
func (h *Account) Quota(context.Context) (mail.Usage, mail.Quota, error) {
	if err := h.check(); err != nil {
		return mail.Usage{}, mail.Quota{}, err
	}
	a := h.a
	bound := a.store.quota(a.id)
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.last.usage, bound, nil
}

// fits says whether more may come into the account; a *mail.QuotaError if not.
// It is asked on the commit goroutine, of the account as everything before it in
// the batch leaves it: so however many come at once, what gets in is what there
// is room for.
//
// Only what makes mail more is asked: delivery, append, copy. A move leaves the
// sum as it is. What is put back from undo may go over: it was lost by mistake,
// its owner has so many days, and may have no way to make room before; from then
// on nothing new comes in.
func (p *pending) fits(more mail.Usage) error {
	a := p.under
	return a.store.quota(a.id).Fits(a.id, p.last.usage, more)
}

// usageOf is what the new messages among ops will take up.
func usageOf(ops []op) (u mail.Usage) {
	for _, o := range ops {
		if a, ok := o.(*add); ok {
			u.Messages++
			u.Bytes += int64(len(a.prefix)) + a.bodySize
		}
	}
	return u
}
