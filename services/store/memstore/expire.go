package memstore

import (
	"context"
	"maps"
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Expire forgets what was taken away up to a ModSeq.
func (s *Store) Expire(_ context.Context, id mail.AccountID, until mail.ModSeq) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(id)
	if removed := s.removed[id]; removed != nil && !s.closed {
		a, err = removed, nil
	}
	if err != nil {
		return err
	}
	if until = min(until, a.modSeq); until <= a.expired || a.gone && until < a.modSeq {
		return nil
	}
	a.begin()
	a.expired = until
	maps.DeleteFunc(a.boxes, func(_ mail.MailboxID, m *box) bool { return a.gone || m.gone && m.goneSeq <= until })
	living := map[mail.ThreadID]bool{}
	for _, m := range a.boxes {
		m.expunged = slices.DeleteFunc(m.expunged, func(e expunged) bool { return e.ModSeq <= until })
		for _, e := range m.entries {
			living[e.Thread] = true
		}
	}
	maps.DeleteFunc(a.threads, func(_ threadKey, t mail.ThreadID) bool { return !living[t] && a.touched[t] <= until })
	a.wake()
	return nil
}
