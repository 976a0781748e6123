package store

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	upkeepName = accountsDir + "/upkeep"
	// upkeepMax bounds what is read of it: a thousand accounts are 0.3 MiB.
	upkeepMax     = 16 << 20
	upkeepVersion = 3
	// maxHurt is how many damaged bodies are noted: a disk with more is to be
	// replaced, whichever they are.
	maxHurt = 1000
)

// upkeepState is what an Upkeep knows across starts; see doc.go for its file.
type upkeepState struct {
	elapsed time.Duration // that is believed to have passed, since the first start
	wall    int64         // the highest that the clock has shown, Unix nanoseconds; 0: none yet
	marks   []upkeepMark  // oldest first
	freed   int64         // bytes given back so far
	owed    bool          // what is due has not been let go and given back yet

	lsn journal.LSN // up to which the log was durable when this was written

	scrubbed  uint32        // the last segment that was read; 0: none of this round
	scrubBase time.Duration // elapsed when this round, or the one before, began
	scrubDone int64         // when a round was last done, Unix seconds; 0: never
	hurt      []journal.BodyRef
}

// upkeepMark is how far each account had come at some time.
type upkeepMark struct {
	elapsed time.Duration
	at      map[mail.AccountID]mail.ModSeq
}

func (s *upkeepState) encode() []byte {
	var e encoder
	e.uint(upkeepVersion)
	e.int(int64(s.elapsed))
	e.int(s.wall)
	e.int(s.freed)
	e.uint(uint64(s.scrubbed))
	e.int(int64(s.scrubBase))
	e.int(s.scrubDone)
	e.uint(uint64(len(s.marks)))
	for _, m := range s.marks {
		e.int(int64(m.elapsed))
		e.uint(uint64(len(m.at)))
		for _, id := range slices.Sorted(maps.Keys(m.at)) {
			e.uint(uint64(id))
			e.uint(uint64(m.at[id]))
		}
	}
	e.uint(uint64(len(s.hurt)))
	for _, ref := range s.hurt {
		e.uint(uint64(ref.Segment))
		e.uint(uint64(ref.Ordinal))
	}
	e.uint(uint64(s.lsn))
	e.bool(s.owed)
	return seal(e.b)
}

func decodeUpkeep(b []byte) (s upkeepState, err error) {
	if b, err = unseal(b); err != nil {
		return s, err
	}
	d := &decoder{b: b}
	version := d.uint()
	if version < 1 || version > upkeepVersion {
		return s, fmt.Errorf("version %d: %w", version, errIndex)
	}
	s.elapsed, s.wall, s.freed = time.Duration(d.int()), d.int(), d.int()
	s.scrubbed, s.scrubBase, s.scrubDone = d.uint32(), time.Duration(d.int()), d.int()
	for range d.count() {
		m := upkeepMark{elapsed: time.Duration(d.int()), at: map[mail.AccountID]mail.ModSeq{}}
		for range d.count() {
			id := mail.AccountID(d.uint32())
			m.at[id] = mail.ModSeq(d.uint())
		}
		s.marks = append(s.marks, m)
	}
	for range d.count() {
		s.hurt = append(s.hurt, journal.BodyRef{Segment: d.uint32(), Ordinal: d.uint32()})
	}
	if version >= 2 {
		s.lsn = journal.LSN(d.uint())
	}
	if version >= 3 {
		s.owed = d.byte() != 0
	}
	if d.bad {
		return upkeepState{}, errIndex
	}
	return s, nil
}

// loadUpkeep reads the file. Where it is lost or damaged, the time since which
// things are gone begins anew: they are kept longer. So it does where the log had
// come further than it has at this start: it was put back from a copy, and what
// accounts do now gets the ModSeqs that the marks have of what is no more.
func loadUpkeep(s *Store, start journal.LSN) (upkeepState, error) {
	b, err := durable.ReadFile(s.files, upkeepName, upkeepMax)
	if errors.Is(err, fs.ErrNotExist) {
		return upkeepState{}, nil
	}
	var state upkeepState
	if err == nil {
		state, err = decodeUpkeep(b)
	}
	if errors.Is(err, errIndex) {
		s.log.Warn("store: the notes of the upkeep are damaged; what was deleted is kept for the whole time from now on")
		return upkeepState{}, nil
	}
	if err != nil {
		return upkeepState{}, fmt.Errorf("read notes of the upkeep: %w", err)
	}
	if state.lsn > start && len(state.marks) > 0 {
		s.log.Warn("store: the log is older than the notes of the upkeep; what was deleted is kept for the whole time from now on")
		state.marks = nil
	}
	return state, nil
}

func (s *upkeepState) save(store *Store) error {
	s.lsn = store.journal.Durable()
	if err := durable.ReplaceBytes(store.files, upkeepName, 0o600, s.encode()); err != nil {
		return fmt.Errorf("write notes of the upkeep: %w", err)
	}
	return nil
}
