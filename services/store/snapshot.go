package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// snapshot is all that there is in an account at one place of its history. What
// it holds is in bodies, its parts (see snapshotitems.go); one record names them,
// so that it is there whole or not at all. It changes nothing: its section has the
// ModSeq of what it describes.
type snapshot struct {
	lsn   journal.LSN // up to which it holds everything of the account
	last  counters
	floor mail.ModSeq // the feed in it tells of what came after this
	// changed is when the last change in it was made, in Unix seconds, rounded up: it
	// is what the account was from then on, however much later it was taken.
	changed int64
	items   uint64 // in all parts
	parts   []snapshotPart
}

// snapshotPart is a body that holds whole items.
type snapshotPart struct {
	body journal.BodyRef
	size int64 // bytes
}

// size is how many bytes its parts have.
func (s *snapshot) size() (n int64) {
	for _, p := range s.parts {
		n += p.size
	}
	return n
}

// snapshot gives the snapshot that the section is; nil when it is a change.
func (s *section) snapshot() *snapshot {
	if len(s.ops) != 1 {
		return nil
	}
	if o, ok := s.ops[0].(snapshot); ok {
		return &o
	}
	return nil
}

func (e *encoder) snapshot(s *snapshot) {
	c := &s.last
	for _, n := range []uint64{
		uint64(s.lsn), uint64(c.modSeq), uint64(c.mailbox), uint64(c.email), uint64(c.thread), uint64(c.validity),
		uint64(c.usage.Messages), uint64(c.usage.Bytes), uint64(c.expired), uint64(s.floor), s.items,
	} {
		e.uint(n)
	}
	e.bool(c.removed)
	e.int(c.removedAt)
	e.int(s.changed)
	e.uint(uint64(len(s.parts)))
	for _, p := range s.parts {
		e.uint(uint64(p.body.Segment))
		e.uint(uint64(p.body.Ordinal))
		e.uint(uint64(p.size))
	}
}

func (d *decoder) snapshot() snapshot {
	s := snapshot{lsn: journal.LSN(d.uint()), last: counters{
		modSeq: mail.ModSeq(d.uint()), mailbox: mail.MailboxID(d.uint()), email: mail.EmailID(d.uint()), thread: mail.ThreadID(d.uint()),
		validity: mail.UIDValidity(d.uint32()), usage: mail.Usage{Messages: int64(d.uint()), Bytes: int64(d.uint())}, expired: mail.ModSeq(d.uint()),
	}, floor: mail.ModSeq(d.uint()), items: d.uint()}
	s.last.removed, s.last.removedAt, s.changed = d.byte() != 0, d.int(), d.int()
	for range d.count() {
		p := snapshotPart{body: journal.BodyRef{Segment: d.uint32(), Ordinal: d.uint32()}, size: int64(d.uint())}
		if p.size < 0 || p.size > maxSnapshotPart {
			d.fail()
		}
		s.parts = append(s.parts, p)
	}
	return s
}

// snapshots knows the snapshots of all accounts. What the log has of them is
// repeated in the registry, so that a rebuild need not look for them.
type snapshots struct {
	mu    sync.Mutex
	of    map[mail.AccountID][]noted // oldest first; guarded by mu
	until journal.LSN                // up to which those of the log are known; guarded by mu
	// pins are those who read an account's history now: it is not cut meanwhile.
	pins map[mail.AccountID]int // guarded by mu
	// settled are the bases that have been read and found whole; guarded by mu.
	settled map[mail.AccountID]noted
}

// noted is a snapshot and the LSN of its record.
type noted struct {
	at journal.LSN
	snapshot
}

func newSnapshots() *snapshots {
	return &snapshots{of: map[mail.AccountID][]noted{}, pins: map[mail.AccountID]int{}, settled: map[mail.AccountID]noted{}}
}

// note takes a snapshot over, perhaps a second time.
func (s *snapshots) note(id mail.AccountID, n noted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.of[id]
	i, found := slices.BinarySearchFunc(list, n.at, func(n noted, at journal.LSN) int { return cmp.Compare(n.at, at) })
	if !found {
		s.of[id] = slices.Insert(slices.Clone(list), i, n)
	}
}

// list gives an account's snapshots, the oldest first.
func (s *snapshots) list(id mail.AccountID) []noted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.of[id])
}

// newest gives the newest snapshot of an account; nil if there is none.
func (s *snapshots) newest(id mail.AccountID) *noted {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.of[id]); n > 0 {
		return &s.of[id][n-1]
	}
	return nil
}

// known says that all up to lsn are known.
func (s *snapshots) known(lsn journal.LSN) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = max(s.until, lsn)
}

// pin keeps the history of an account, from its base on, until unpin.
func (s *snapshots) pin(id mail.AccountID) (unpin func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pins[id]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pins[id]--
	}
}

// base finds in a list the newest snapshot from which on everything can be told
// that may still be asked for: nothing at or before the ModSeq expired can. It
// gives its place in the list; -1 when there is none.
func base(list []noted, expired mail.ModSeq) int {
	for i, n := range slices.Backward(list) {
		if n.last.modSeq <= expired {
			return i
		}
	}
	return -1
}

// history gives the account's snapshots from its base on, or all when none is that
// yet. What is older than a base may be gone from the log in parts. Whoever reads by
// it has pinned the account.
func (a *account) history() []noted {
	a.mu.RLock()
	expired := a.last.expired
	a.mu.RUnlock()
	list := a.store.snapshots.list(a.id)
	return list[max(base(list, expired), 0):]
}

// settle forgets the snapshots before the account's base, when that is whole, and
// says up to which LSN nothing will be asked for but what is in it; 0 when there is
// none. While somebody reads the account's history it stays as it is.
func (a *account) settle(ctx context.Context) (journal.LSN, error) {
	a.mu.RLock()
	expired := a.last.expired
	a.mu.RUnlock()
	s := a.store.snapshots
	list := s.list(a.id)
	i := base(list, expired)
	s.mu.Lock()
	settled := s.settled[a.id]
	s.mu.Unlock()
	if i < 0 || list[i].at == settled.at {
		return settled.lsn, nil
	}
	err := a.store.readSnapshot(ctx, &list[i].snapshot, func(any) error { return nil })
	if errors.Is(err, errSnapshot) {
		a.store.log.Error("store: a snapshot can't be read; what is older stays", "account", a.id, "snapshot", list[i].at, "error", err)
		return settled.lsn, nil
	}
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pins[a.id] > 0 {
		return settled.lsn, nil
	}
	s.settled[a.id] = list[i]
	s.of[a.id] = slices.DeleteFunc(slices.Clone(s.of[a.id]), func(n noted) bool { return n.at < list[i].at })
	return list[i].lsn, nil
}

// findSnapshots reads in the log which snapshots there are, as far as the registry
// did not say it. The caller holds loading.
func (s *Store) findSnapshots(ctx context.Context) error {
	s.snapshots.mu.Lock()
	from := s.snapshots.until + 1
	s.snapshots.mu.Unlock()
	until := s.journal.Durable()
	if from > until {
		return nil
	}
	err := s.journal.Replay(ctx, journal.FamilyStore, from, func(r journal.Record) error {
		if verb(r.Type) != verbSnapshot {
			return nil
		}
		c, err := decodeChange(r.Payload)
		if err != nil {
			return err
		}
		s.noteSnapshots(c, r.LSN)
		return nil
	})
	if err == nil {
		s.snapshots.known(until)
	}
	return err
}

// noteSnapshots takes over the snapshots that are in a record.
func (s *Store) noteSnapshots(c change, at journal.LSN) {
	for i := range c {
		if snap := c[i].snapshot(); snap != nil {
			s.snapshots.note(c[i].account, noted{at, *snap})
		}
	}
}
