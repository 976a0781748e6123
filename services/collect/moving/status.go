package moving

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// statusVersion begins a status in the index; JSON follows.
const statusVersion = 1

func statusBucket() []byte { return []byte("status") }

// keepStatus notes how far a move is. Durable on return.
func (ix *Index) keepStatus(s Status) error {
	text, err := json.Marshal(s)
	if err == nil {
		err = ix.db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(statusBucket())
			if err != nil {
				return err
			}
			return b.Put(binary.BigEndian.AppendUint32(nil, uint32(s.Account)), append([]byte{statusVersion}, text...))
		})
	}
	if err != nil {
		return fmt.Errorf("moving: note how far %s is: %w", s.Address, err)
	}
	return nil
}

// statuses gives what was noted before, one for each account. What can't be read is
// left out: only a list for people hangs on it.
func (ix *Index) statuses() (list []Status, err error) {
	err = ix.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(statusBucket())
		if b == nil {
			return nil
		}
		return b.ForEach(func(key, value []byte) error {
			if s, ok := decodeStatus(value); ok && len(key) == 4 && binary.BigEndian.Uint32(key) == uint32(s.Account) && len(list) < maxMoves {
				list = append(list, s)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("moving: read how far moves are: %w", err)
	}
	return list, nil
}

func decodeStatus(b []byte) (s Status, ok bool) {
	if len(b) == 0 || b[0] != statusVersion || json.Unmarshal(b[1:], &s) != nil {
		return Status{}, false
	}
	return s, true
}

// remember takes in the moves of before this start. One that was under way has ended:
// its password is in no file, so somebody has to begin it again.
func (m *Mover) remember() {
	list, err := m.o.Index.statuses()
	if err != nil {
		m.o.Log.Warn("how far mailboxes were moved in is not known", "verb", "move", "err", err)
	}
	for _, s := range list {
		if s.Ended.IsZero() {
			s.State, s.Ended, s.Folder = Stopped, time.Now(), ""
			s.Problem = cmp.Or(s.Problem, "The box was started anew meanwhile. Begin again: it goes on from here")
		}
		m.moves[s.Account] = &task{move: Move{Account: s.Account, Address: s.Address}, cancel: func() {}, status: s}
	}
}

// keep notes a move's status, for after a restart.
func (m *Mover) keep(t *task) {
	if err := m.o.Index.keepStatus(t.snapshot()); err != nil {
		m.o.Log.Warn("how far a mailbox is moved in is not noted", "verb", "move", "err", err)
	}
}
