package journal

import "fmt"

// takesRing says whether a batch of so many bytes goes through the ring: then all
// of the segment up to its end must have its space set aside, so that bringing it
// there does not meet a full disk, neither now nor in a recovery.
func (j *Journal) takesRing(w *writer, n int64) bool {
	r := j.ring
	if r == nil || !r.fits(n) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.segment == w.seg && w.end+n <= r.room
}

// writeRing makes the batch that was encoded durable in the ring, and known to
// readers, who find it in its segment.
func (j *Journal) writeRing(w *writer, content []byte) error {
	r := j.ring
	if !r.hasRoom(int64(len(content))) {
		if err := j.drain(); err != nil {
			return err
		}
	}
	err := r.write(batchHeader{floor: j.Durable(), segment: w.seg.number, segmentSum: w.headerSum, offset: w.end}, content)
	if err != nil {
		return err
	}
	if err := w.writeLater(content); err != nil {
		return fmt.Errorf("write segment %08d: %w", w.seg.number, err)
	}
	w.publish()
	r.wrote(w, inBlocks(batchHeaderSize+int64(len(content))))
	return nil
}

// wrote notes a batch that is in the ring, and has the segment synced when much
// is.
func (r *ring) wrote(w *writer, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written = mark{r.next - 1, r.written.bytes + bytes}
	r.end = w.end
	if r.written.bytes-r.applied.bytes > r.size/checkpointShare {
		r.wanted = true
		r.change.Broadcast()
	}
}

// syncSegment makes what was written durable in its segment: that is a
// checkpoint of everything too.
func (j *Journal) syncSegment(w *writer) error {
	room := j.reserve(j.ring, w.seg, w.end)
	if err := w.sync(); err != nil {
		return fmt.Errorf("sync segment %08d: %w", w.seg.number, err)
	}
	if r := j.ring; r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.applied = r.written
		r.segment, r.end, r.room = w.seg, w.end, room
	}
	return nil
}

// synced notes that all that was written to the segment is on disk there.
func (r *ring) synced() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.applied = r.written
	r.segment, r.room = nil, 0
}

// unreserve notes that no space is set aside any more.
func (r *ring) unreserve() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.room = 0
	r.cuts++
}

// reserve sets space aside for what may come into the segment before the next
// checkpoint, unless that is space which bodies may not have. It gives the offset
// up to which there is some, durably when the segment is synced; 0: the ring is
// not to be used.
func (j *Journal) reserve(r *ring, seg *segment, end int64) int64 {
	if r == nil {
		return 0
	}
	ahead := r.size // no more than this fits into the ring
	if j.opts.Free != nil {
		if free, err := j.opts.Free(); err != nil || free < j.opts.Reserve+ahead {
			return 0
		}
	}
	if err := seg.file.Allocate(end, ahead); err != nil {
		j.log.Debug("journal: no space set aside", "segment", seg.number, "cause", err)
		return 0
	}
	return end + ahead
}

// checkpoints is the goroutine that syncs segments behind the ring, so that its
// space can be used again.
func (j *Journal) checkpoints(r *ring) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		for !r.wanted && !r.stopping {
			r.change.Wait()
		}
		if r.stopping {
			return
		}
		r.wanted = false
		if r.written.number > r.applied.number && r.broken == nil {
			j.checkpoint(r)
		}
	}
}

// checkpoint syncs the segment behind what is in the ring now. The caller holds
// the ring's lock, which is given up meanwhile.
func (j *Journal) checkpoint(r *ring) {
	written, seg, end, cuts := r.written, r.segment, r.end, r.cuts
	r.running = true
	r.mu.Unlock()
	room := j.reserve(r, seg, end)
	err := seg.file.Sync()
	if err != nil {
		err = j.fail(fmt.Errorf("sync segment %08d: %w", seg.number, err))
	}
	r.mu.Lock()
	r.running = false
	if err != nil {
		r.broken = err
	} else {
		if r.applied.number < written.number { // a batch too large for the ring may have synced more
			r.applied = written
		}
		if r.cuts == cuts { // else that space may be gone: a full disk had the segment cut back meanwhile
			r.room = room
		}
	}
	r.change.Broadcast()
}

// drain waits until everything in the ring is in the segments, and says so in
// it: then all of it but the note is free.
func (j *Journal) drain() error {
	r := j.ring
	r.mu.Lock()
	for r.written.number > r.applied.number && r.broken == nil {
		r.wanted = true
		r.change.Broadcast()
		r.change.Wait()
	}
	err := r.broken
	r.mu.Unlock()
	if err != nil {
		return err
	}
	return r.note(j.Durable())
}

// settle waits for a checkpoint that is running; none begins until the next
// commit asks for one.
func (r *ring) settle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted = false
	for r.running {
		r.change.Wait()
	}
}

// stop ends the checkpoints and closes the file.
func (r *ring) stop() error {
	r.settle()
	r.mu.Lock()
	r.stopping = true
	r.change.Broadcast()
	r.mu.Unlock()
	return r.file.Close()
}
