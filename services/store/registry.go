package store

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	registryName = accountsDir + "/registry"
	// registryMax bounds what is read of it: a million accounts.
	registryMax = 16 << 20
	// registryVersion; see doc.go.
	registryVersion = 3
	// registryEvery is how far the log may run ahead of the registry: what a
	// start has to read again at most, for some seconds.
	registryEvery = 20_000
)

// registry is the file that says which accounts there are and from where on the
// log has to be read at the next start. When it is lost, the log is read from
// its beginning.
type registry struct {
	mu      sync.Mutex
	written journal.LSN // what the file says; guarded by mu
}

// load reads the registry into s.known.
func (g *registry) load(s *Store) (journal.LSN, error) {
	b, err := durable.ReadFile(s.files, registryName, registryMax)
	if err == nil {
		if err = g.decode(s, b); err == nil {
			return g.written, nil
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		if !errors.Is(err, errIndex) {
			return 0, err
		}
		s.log.Warn("store: registry is damaged; reading the whole log")
	}
	// Nothing is known: what has a directory is an account, and the log says
	// the rest. The indexes know what they have.
	clear(s.known)
	s.positions, s.snapshots = newPositions(), newSnapshots()
	g.written = 0
	ids, err := s.accountDirs()
	for _, id := range ids {
		s.known[id] = true
	}
	return 0, err
}

func (g *registry) decode(s *Store, b []byte) error {
	b, err := unseal(b)
	if err != nil {
		return err
	}
	d := &decoder{b: b}
	version := d.uint()
	if version < 1 || version > registryVersion {
		return errIndex // of a later version: the log has it all
	}
	lsn := journal.LSN(d.uint())
	for range d.count() {
		id := mail.AccountID(d.uint32())
		s.known[id] = d.byte() != 0
		last := lsn // version 1 does not say: any time before
		if version > 1 {
			last = journal.LSN(d.uint())
		}
		s.positions.note(id, last)
		if version > 2 {
			for range d.count() {
				n := noted{journal.LSN(d.uint()), d.snapshot()}
				if n.at <= s.journal.Durable() { // else the log was put back to before it
					s.snapshots.note(id, n)
				}
			}
		}
	}
	if d.bad || lsn > s.journal.Durable() {
		return errIndex
	}
	g.written = lsn
	if version > 2 { // else the log is asked
		s.snapshots.known(lsn)
	}
	return nil
}

// save writes the registry: everything up to lsn is in the indexes.
func (g *registry) save(s *Store, lsn journal.LSN) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var e encoder
	e.uint(registryVersion)
	e.uint(uint64(lsn))
	s.mu.RLock()
	e.uint(uint64(len(s.known)))
	for _, id := range slices.Sorted(maps.Keys(s.known)) {
		e.uint(uint64(id))
		e.bool(s.known[id])
		e.uint(uint64(s.positions.of(id)))
		list := s.snapshots.list(id)
		e.uint(uint64(len(list)))
		for i := range list {
			e.uint(uint64(list[i].at))
			e.snapshot(&list[i].snapshot)
		}
	}
	s.mu.RUnlock()
	if err := durable.ReplaceBytes(s.files, registryName, 0o600, seal(e.b)); err != nil {
		return fmt.Errorf("write registry: %w", err)
	}
	g.written = lsn
	return nil
}
