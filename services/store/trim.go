package store

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// The store as a journal.Historian: a record's subjects are accounts, its parts
// sections. A section is over when the base of its account has all that it did
// (see settle).

// Family is FamilyStore.
func (s *Store) Family() journal.Family { return journal.FamilyStore }

// Over says for each account up to where its base goes, which is read for it once.
func (s *Store) Over(ctx context.Context) (map[journal.Subject]journal.LSN, error) {
	s.mu.RLock()
	ids := slices.Sorted(maps.Keys(s.known))
	s.mu.RUnlock()
	over := map[journal.Subject]journal.LSN{}
	for _, id := range ids {
		a, err := s.anyAccount(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("history of account %s: %w", id, err)
		}
		lsn, err := a.settle(ctx)
		if err != nil {
			return nil, fmt.Errorf("history of account %s: %w", id, err)
		}
		if lsn > 0 {
			over[journal.Subject(id)] = lsn
		}
	}
	return over, nil
}

// Parts gives the sections of a payload, without what adds messages: that is kept
// for as long as they have their body.
func (s *Store) Parts(payload []byte) []journal.Part {
	var parts []journal.Part
	for _, sec := range known(payload) {
		rest := slices.DeleteFunc(slices.Clone(sec.ops), isAdd)
		if len(rest) > 0 {
			parts = append(parts, journal.Part{Subject: journal.Subject(sec.account), Size: len(change{{sec.account, sec.modSeq, rest}}.encode())})
		}
	}
	return parts
}

func isAdd(o op) bool { _, ok := o.(*add); return ok }

// Trim gives a payload without the sections of the accounts that over names. Of
// these only what adds messages whose bodies live is kept: if index and base are
// ever lost together, each message is still found by its own record.
func (s *Store) Trim(payload []byte, over func(journal.Subject) bool, alive func(journal.BodyRef) bool) []byte {
	c := known(payload)
	var kept change
	cut := false
	for _, sec := range c {
		if !over(journal.Subject(sec.account)) {
			kept = append(kept, sec)
			continue
		}
		ops := slices.DeleteFunc(slices.Clone(sec.ops), func(o op) bool {
			a, ok := o.(*add)
			return !ok || !alive(a.body)
		})
		cut = cut || len(ops) < len(sec.ops)
		if len(ops) > 0 {
			kept = append(kept, section{sec.account, sec.modSeq, ops})
		}
	}
	switch {
	case !cut:
		return payload
	case len(kept) == 0:
		return nil
	}
	return kept.encode()
}

// known decodes a payload of which every byte is understood; else nil: what is not
// is left as it is.
func known(payload []byte) change {
	c, err := decodeChange(payload)
	if err != nil || !bytes.Equal(c.encode(), payload) {
		return nil
	}
	return c
}

// ahead says whether the account, as its index or the log up to here has it, lacks
// what a snapshot says that it has done. Then it is an older index that was put
// back, and what it lacks may be in no other record than the snapshot's.
func (s *Store) ahead(id mail.AccountID, last mail.ModSeq) bool {
	newest := s.snapshots.newest(id)
	return newest != nil && newest.last.modSeq > last
}
