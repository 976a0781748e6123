package search

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// askEvery is how soon after a change it is asked which accounts have changed,
	// so that a thousand deliveries a second are one question.
	askEvery = time.Second
	// keepEvery is how often the position is written: what came after it is looked
	// at again after a crash, and found to be there.
	keepEvery = time.Minute
	// positionFile holds the position, see doc.go.
	positionFile = "position"
	// positionVersion is the version of its format.
	positionVersion = 1
	// maxPositionFile is far above its length.
	maxPositionFile = 64
)

// due says when an account is to be looked at, and from where on: everything up
// to since has been. 0 means that nothing is known of that: all of its messages
// are looked at.
type due struct {
	at    time.Time
	since mail.Position
}

// queue is which accounts are to be looked at.
type queue struct {
	due   map[mail.AccountID]due
	asked mail.Position // whatever changed up to here is in due, or was looked at
	// The account that is being looked at, if any.
	busy    mail.AccountID
	working due
}

func (q *queue) add(id mail.AccountID, d due) {
	if have, ok := q.due[id]; ok {
		d.since = min(d.since, have.since)
		if have.at.Before(d.at) {
			d.at = have.at
		}
	}
	q.due[id] = d
}

// position is up to where everything has been looked at.
func (q *queue) position() mail.Position {
	p := q.asked
	for _, d := range q.due {
		p = min(p, d.since)
	}
	if q.busy != 0 {
		p = min(p, q.working.since)
	}
	return p
}

// ask finds out which accounts have changed. A log that was put back to an
// earlier state gives numbers out again, so what the indexes say that they have
// seen means nothing any more.
func (ix *Index) ask() error {
	ix.mu.Lock()
	since := ix.queue.asked
	ix.mu.Unlock()
	changes, err := ix.store.ChangedAccounts(ix.life, since)
	if errors.Is(err, mail.ErrResync) {
		ix.log.Warn("search: the mail is older than its index, which is compared with it", "position", since)
		// On disk first: it is begun anew after a crash too, however far the log has
		// come by then.
		if err := ix.writePosition(0); err != nil {
			return err
		}
		since = 0
		changes, err = ix.store.ChangedAccounts(ix.life, since)
	}
	if err != nil {
		return err
	}
	at := time.Now().Add(ix.delay)
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for _, id := range changes.Accounts {
		ix.queue.add(id, due{at, since})
	}
	ix.queue.asked = changes.Until
	return nil
}

// next gives an account whose time has come.
func (ix *Index) next() (mail.AccountID, due, bool) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	q, now := &ix.queue, time.Now()
	for id, d := range q.due {
		if !d.at.After(now) {
			delete(q.due, id)
			q.busy, q.working = id, d
			return id, d, true
		}
	}
	return 0, due{}, false
}

// done says that an account has been looked at.
func (ix *Index) done() {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.queue.busy = 0
}

// again has an account looked at once more, as that has failed.
func (ix *Index) again(id mail.AccountID, d due) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	d.at = time.Now().Add(retry)
	ix.queue.add(id, d)
	ix.queue.busy = 0
}

// wait is how long there is nothing to do; ask is when to ask what has changed,
// if it isn't zero, keep when to keep the position.
func (ix *Index) wait(ask, keep time.Time) time.Duration {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	least := time.Duration(1<<63 - 1)
	for _, d := range ix.queue.due {
		least = min(least, time.Until(d.at))
	}
	if !ask.IsZero() {
		least = min(least, time.Until(ask))
	}
	if ix.queue.position() != ix.kept {
		least = min(least, time.Until(keep))
	}
	return max(least, 0)
}

// keepPosition writes down up to where everything has been looked at.
func (ix *Index) keepPosition() {
	ix.mu.Lock()
	p := ix.queue.position()
	ix.mu.Unlock()
	if p == ix.kept {
		return
	}
	if err := ix.writePosition(p); err != nil {
		ix.log.Warn("search: position is not kept: a restart looks at more than it has to", "error", err)
	}
}

func (ix *Index) writePosition(p mail.Position) error {
	b := binary.AppendUvarint([]byte{positionVersion}, uint64(p))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	if err := durable.ReplaceBytes(ix.files, positionFile, 0o600, b); err != nil {
		return fmt.Errorf("write search position: %w", err)
	}
	ix.kept = p
	return nil
}

// readPosition is where to go on; 0 where that is not known.
func (ix *Index) readPosition() mail.Position {
	b, err := durable.ReadFile(ix.files, positionFile, maxPositionFile)
	if err == nil {
		var p mail.Position
		if p, err = decodePosition(b); err == nil {
			return p
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		ix.log.Warn("search: position is lost: the index is compared with all mail", "error", err)
	}
	return 0
}

func decodePosition(b []byte) (mail.Position, error) {
	if len(b) < 6 || binary.LittleEndian.Uint32(b[len(b)-4:]) != crc32.Checksum(b[:len(b)-4], crc32.MakeTable(crc32.Castagnoli)) {
		return 0, fmt.Errorf("%w: checksum of the position", errDamage)
	}
	d := reader{b: b[:len(b)-4]}
	if v := d.byte(); v != positionVersion {
		return 0, fmt.Errorf("%w: position of version %d", errDamage, v)
	}
	p := mail.Position(d.uvarint(1<<64 - 1))
	if d.err != nil || len(d.b) > 0 {
		return 0, fmt.Errorf("%w: position", errDamage)
	}
	return p, nil
}
