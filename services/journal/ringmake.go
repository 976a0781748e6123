package journal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

const (
	// ringAtOnce is up to which size a ring is made while the journal is opened;
	// a larger one is made beside the first commits.
	ringAtOnce = 1 << 20
	// ringPiece is how much of a new ring is written before it is synced: so
	// little that a commit beside it waits for no more.
	ringPiece = 1 << 20
)

// ringAgain is how long after a ring could not be made that is tried again: what
// was missing is mostly space, which comes back by the hour.
const ringAgain = 10 * time.Minute

var errClosing = errors.New("the journal is being closed")

// prepareRing makes a ring when there is none and is to be one. Until it is made
// commits go to the segments alone.
func (j *Journal) prepareRing() error {
	if j.opts.Ring < 0 {
		return j.closeRing()
	}
	if j.ring != nil {
		go j.checkpoints(j.ring)
		return nil
	}
	j.ringTried = time.Now()
	size := j.ringSize()
	switch {
	case size == 0:
		return nil
	case size <= ringAtOnce:
		j.makeRing(size)
	default:
		j.ringLock.Lock()
		j.making.Go(func() {
			defer j.ringLock.Unlock()
			j.makeRing(size)
		})
	}
	return nil
}

// ringSize is how large a new ring is to be; 0 for none.
func (j *Journal) ringSize() int64 {
	if j.opts.Ring > 0 {
		return max(leastRing, inBlocks(j.opts.Ring))
	}
	if j.opts.Free == nil {
		return 0 // nobody knows whether there is room
	}
	free, err := j.opts.Free()
	if err != nil {
		j.log.Warn("journal: no commit ring", "cause", err)
		return 0
	}
	size := min(DefaultRing, free/ringShare&^(ringPiece-1))
	if size < minRing || free-size < j.opts.Reserve {
		return 0
	}
	return size
}

// retryRing has a ring made that could not be made before, when some time has
// passed. The caller commits, and there is no ring.
func (j *Journal) retryRing() {
	if j.opts.Ring < 0 || time.Since(j.ringTried) < ringAgain || !j.ringLock.TryLock() {
		return
	}
	j.ringTried = time.Now()
	j.making.Go(func() {
		defer j.ringLock.Unlock()
		if size := j.ringSize(); size > 0 {
			j.makeRing(size)
		}
	})
}

// makeRing makes a ring and hands it to the next commit. It is no failure
// that it can't: the journal works without, and it is tried again.
func (j *Journal) makeRing(size int64) {
	r, err := j.newRingFile(size)
	if err != nil {
		_ = j.shelf.fs.Remove(ringNew) // the next attempt removes it otherwise
		if !errors.Is(err, errClosing) {
			j.log.Warn("journal: no commit ring", "cause", err)
		}
		return
	}
	j.made <- r
}

func (j *Journal) newRingFile(size int64) (*ring, error) {
	fsys := j.shelf.fs
	if err := durable.MkdirAllSync(fsys, ringDir, 0o700); err != nil {
		return nil, err
	}
	if err := fsys.Remove(ringNew); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var secret [8]byte
	rand.Read(secret[:])
	h := ringHeader{
		tag: binary.LittleEndian.Uint32(secret[:]), seed: binary.LittleEndian.Uint32(secret[4:]), size: size, created: j.opts.Now(),
	}
	if err := j.fillRing(&h); err != nil {
		return nil, err
	}
	r, err := openRing(fsys, ringNew, h, extent{}, 1)
	if err != nil {
		return nil, err
	}
	err = r.note(0)
	if err == nil {
		err = fsys.Rename(ringNew, ringName)
	}
	if err == nil {
		err = fsys.SyncDir(ringDir)
	}
	if err != nil {
		return nil, errors.Join(err, r.file.Close())
	}
	return r, nil
}

// fillRing writes every block of a new ring: from then on its blocks are the
// disk's own, and writing over them is all that a commit needs.
func (j *Journal) fillRing(h *ringHeader) error {
	f, err := j.shelf.fs.Create(ringNew)
	if err != nil {
		return err
	}
	piece := make([]byte, min(ringPiece, h.size))
	for off := int64(0); off < h.size && err == nil; off += int64(len(piece)) {
		if j.isClosing() {
			err = errClosing
			break
		}
		b := piece[:min(int64(len(piece)), h.size-off)]
		clear(b)
		if off == 0 {
			copy(b, h.encode())
		}
		if off+int64(len(b)) == h.size {
			copy(b[len(b)-ringBlock:], h.encode())
		}
		if _, err = f.WriteAt(b, off); err == nil {
			err = f.Sync()
		}
	}
	return errors.Join(err, f.Close())
}

// adoptRing takes over a ring that has been made meanwhile, or has one made when
// it is time to try again.
func (j *Journal) adoptRing() {
	if j.ring != nil {
		return
	}
	if j.takeRing(); j.ring == nil {
		j.retryRing()
	}
}

// takeRing takes over a ring that has been made.
func (j *Journal) takeRing() {
	select {
	case j.ring = <-j.made:
		j.log.Info("journal: commit ring made", "size", j.ring.size)
		go j.checkpoints(j.ring)
	default:
	}
}

// closeRing ends the use of the ring. Whoever is making one stops.
func (j *Journal) closeRing() error {
	j.making.Wait()
	if j.ring == nil {
		j.takeRing()
	}
	if j.ring == nil {
		return nil
	}
	err := j.ring.stop()
	j.ring = nil
	if err != nil {
		return fmt.Errorf("close ring: %w", err)
	}
	return nil
}
