package journal

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// maxBatch bounds what is written before one sync: it keeps the wait of the
	// first in a batch near that of a single write.
	maxBatch = 4 << 20
	// maxEntries bounds a batch in number, for the memory of what is prepared.
	maxEntries = 1024
)

// Slot is a record's place, known when it is prepared.
type Slot struct {
	LSN    LSN
	Time   time.Time
	Bodies []BodyRef // of the entry's bodies, in their order
}

// Entry is one record on its way into the log. Its functions run on whatever
// goroutine commits, one of all entries at a time: they must not block, nor call
// the journal.
type Entry struct {
	Family Family
	Type   uint8
	ID     mail.ID   // zero if it is about no one message
	Bodies []*Staged // what Stage gave

	// Prepare makes the payload. It is called in LSN order, on the state that
	// all earlier entries left, of which some may not be durable. A nil payload
	// without error means that there is nothing to write: the entry succeeds
	// with the batch, without Apply. An error goes to the waiter. It may be
	// called a second time, after Abort. More than MaxPayload bytes are a
	// programmer's error, and stop the journal.
	Prepare func(Slot) ([]byte, error)
	// Apply makes the change visible, in LSN order, when it is durable. May be nil.
	Apply func(Slot)
	// Late has Commit return once the record is durable, when Apply may still be on
	// its way on another goroutine: for one whose Apply is long. Whoever reads what
	// it changes waits with Settled. It does nothing in a joint record.
	Late bool
	// Abort says that what was prepared will not be. It is called for every
	// entry of the batch whose Prepare was called, whatever that returned. May
	// be nil.
	Abort func()

	joint *joint // nil but in a record of several entries
}

// request is an entry that waits.
type request struct {
	entry *Entry
	taken atomic.Bool // by whoever commits, or withdrawn by the waiter
	done  chan error  // capacity 1

	slot    Slot
	err     error // Prepare's
	written bool
	refused bool // err is final: it is not prepared again
	told    bool // before it was applied
}

// run commits what those who can't do it themselves have queued up, and applies what
// those who did have left behind.
func (j *Journal) run() {
	defer close(j.stopped)
	for {
		select {
		case <-j.turn:
		case <-j.handed:
			j.catchUp()
		}
		closing := j.drive(func() bool { return false })
		j.turn <- struct{}{}
		if closing {
			return
		}
		<-j.wake
	}
}

// drive commits, batch by batch, until done says so or nothing waits. The caller
// has the turn, and catches up or hands the turn to one who does. An entry that
// panics on the goroutine of somebody who survives that leaves the journal unusable,
// and nobody waiting.
func (j *Journal) drive(done func() bool) (closing bool) {
	var batch []*request
	defer func() {
		if batch == nil {
			return
		}
		err := j.fail(errors.New("an entry panicked"))
		for _, r := range batch {
			select {
			case r.done <- err:
			default: // told before
			}
		}
	}()
	for !done() {
		if batch, closing = j.take(); len(batch) == 0 {
			batch = nil
			return closing
		}
		j.buf = j.commit(batch, j.buf[:0])
		if cap(j.buf) > 2*maxBatch {
			j.buf = nil // a rare large payload's
		}
		if j.behind != nil && done() {
			batch = nil
			return false
		}
		j.catchUp()
		batch = nil
		if !done() {
			// Those just told may have more: let them queue it up before the next
			// sync begins without them.
			runtime.Gosched()
		}
	}
	return false
}

// take removes the next batch from the queue. It is empty only when the queue
// is: were those whose waiters have gone counted, a batch of nothing else would
// send whoever commits to sleep with others waiting behind it.
func (j *Journal) take() (batch []*request, closing bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, size := 0, 0
	for ; n < len(j.queue) && len(batch) < maxEntries && size < maxBatch; n++ {
		r := j.queue[n]
		if !r.taken.CompareAndSwap(false, true) {
			continue
		}
		batch = append(batch, r)
		for _, b := range r.entry.Bodies {
			size += len(b.frames) + len(b.meta)
		}
	}
	rest := copy(j.queue, j.queue[n:])
	clear(j.queue[rest:])
	j.queue = j.queue[:rest]
	return batch, j.closing && rest == 0
}

// commit brings a batch to disk and tells its waiters. It gives buf back for
// the next.
func (j *Journal) commit(batch []*request, buf []byte) []byte {
	if err := j.failureOf(); err != nil {
		finish(batch, err)
		return buf
	}
	j.adoptRing()
	if err := j.rotate(); err != nil {
		j.refuse(batch, err)
		return buf
	}
	buf, err := j.prepare(batch, buf)
	if err != nil {
		abort(batch)
		finishAll(batch, j.fail(err))
		return buf
	}
	if len(buf) == 0 {
		finish(batch, nil)
		return buf
	}
	if j.takesRing(j.records, int64(len(buf))) {
		err = j.writeRing(j.records, buf)
	} else {
		if err := j.records.write(buf); err != nil {
			abort(batch)
			j.ring.unreserve() // cutting the file back gives its space back
			j.refuse(batch, err)
			return buf
		}
		err = j.syncSegment(j.records)
	}
	if err != nil {
		err = j.fail(err)
		abort(batch)
		finish(batch, err)
		return buf
	}
	if !j.tellEarly(batch) {
		j.applyAll(batch)
		finish(batch, nil)
	}
	return buf
}

// applyAll makes a durable batch visible.
func (j *Journal) applyAll(batch []*request) {
	for _, r := range batch {
		if r.written {
			if r.entry.Apply != nil {
				r.entry.Apply(r.slot)
			}
			j.durable.Store(uint64(r.slot.LSN))
			j.named(r.entry.Bodies)
		}
	}
}

func (j *Journal) failureOf() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failure
}

// stamp is the place of the next record to be written.
func (j *Journal) stamp() stamp {
	floor := j.Durable()
	return stamp{lsn: floor + 1, floor: floor, time: j.opts.Now()}
}

// prepare encodes the batch behind buf. Where a joint entry is refused by one of
// its parts, others having prepared theirs, later entries may not build on these,
// and earlier ones must not lose what they prepared: the batch is aborted and
// prepared anew without it.
func (j *Journal) prepare(batch []*request, buf []byte) ([]byte, error) {
	for {
		encoded, err := j.prepareOnce(batch, buf)
		if !errors.Is(err, errPartly) {
			return encoded, err
		}
		j.records.pending = j.records.pending[:0]
		buf = encoded[:len(buf)]
	}
}

func (j *Journal) prepareOnce(batch []*request, buf []byte) ([]byte, error) {
	w := j.records
	at := j.stamp()
	for i, r := range batch {
		if r.refused {
			continue
		}
		e := r.entry
		before, pending, lsn := len(buf), len(w.pending), at.lsn
		refs := make([]BodyRef, len(e.Bodies))
		inline := inlineBody(e.Bodies)
		for i, b := range e.Bodies {
			switch {
			case !b.ref.isZero():
				refs[i] = b.ref
			case i != inline:
				header := recordHeader{family: FamilyJournal, kind: typeBody, id: e.ID}
				buf = w.append(buf, &header, b.meta, nil, b, at)
				refs[i] = BodyRef{w.seg.number, header.ordinal}
				at.lsn++
			}
		}
		header := recordHeader{family: e.Family, kind: e.Type, id: e.ID}
		var own *Staged
		var meta []byte
		if inline >= 0 {
			own, meta = e.Bodies[inline], e.Bodies[inline].meta
			refs[inline] = BodyRef{w.seg.number, w.next + uint32(len(w.pending))}
		}
		r.slot = Slot{LSN: at.lsn, Time: at.time, Bodies: refs}
		r.written = false
		var payload []byte
		payload, r.err = e.Prepare(r.slot)
		if r.err != nil && e.joint.partly() {
			abort(batch[:i+1])
			r.refused = true
			return buf, errPartly
		}
		if r.err != nil || payload == nil {
			buf, w.pending, at.lsn = buf[:before], w.pending[:pending], lsn
			continue
		}
		if len(payload) > MaxPayload {
			return nil, fmt.Errorf("record %d has a payload of %d bytes", at.lsn, len(payload))
		}
		buf = w.append(buf, &header, meta, payload, own, at)
		r.written = true
		at.lsn++
	}
	return buf, nil
}

// inlineBody says which body goes into the record itself: the only one, if it
// is not in a segment for bodies; else -1.
func inlineBody(bodies []*Staged) int {
	if len(bodies) == 1 && bodies[0].ref.isZero() {
		return 0
	}
	return -1
}

// refuse deals with a batch that could not be written. Its entries have been
// aborted, or not yet prepared. Where the process has no file descriptor left for
// a new segment, they are refused and the next may have more luck. When the disk is full, those without bodies have the reserve to go
// into, so they get a second chance.
func (j *Journal) refuse(batch []*request, err error) {
	switch {
	case isBusy(err):
		finishAll(batch, fmt.Errorf("journal: %w", err))
		return
	case !errors.Is(err, mail.ErrNoSpace):
		finishAll(batch, j.fail(err))
		return
	}
	err = fmt.Errorf("journal: %w", err)
	var small, large []*request
	for _, r := range batch {
		if len(r.entry.Bodies) == 0 {
			small = append(small, r)
		} else {
			large = append(large, r)
		}
	}
	finishAll(large, err)
	if len(large) == 0 {
		finishAll(small, err)
		return
	}
	if len(small) > 0 {
		j.commit(small, nil)
	}
}

// abort takes back what was prepared, the last first.
func abort(batch []*request) {
	for i := len(batch) - 1; i >= 0; i-- {
		if a := batch[i].entry.Abort; a != nil && !batch[i].refused {
			a()
		}
	}
}

// finish tells the waiters: each its own error, else err.
func finish(batch []*request, err error) {
	for _, r := range batch {
		if r.told {
			continue
		}
		if r.err != nil && err == nil {
			r.done <- r.err
			continue
		}
		r.done <- err
	}
}

// finishAll tells all waiters the same.
func finishAll(batch []*request, err error) {
	for _, r := range batch {
		r.done <- err
	}
}

// rotate begins a new segment when the one written to is full.
func (j *Journal) rotate() error {
	if j.records != nil && j.records.end < j.opts.Segment {
		return nil
	}
	if j.records != nil && !j.records.sealed {
		if err := j.seal(); err != nil {
			return err
		}
	}
	w, err := j.newWriter(kindRecords, j.Durable()+1)
	if err != nil {
		return err
	}
	if j.records != nil {
		j.shelf.give(j.records.seg)
	}
	j.records = w
	return nil
}

// seal ends the segment that is written to. The ring then holds nothing for it:
// whoever rewrites a sealed segment need not know of the ring.
func (j *Journal) seal() error {
	if j.ring != nil {
		j.ring.settle()
	}
	if err := j.records.seal(j.stamp()); err != nil {
		j.ring.unreserve()
		return err
	}
	j.durable.Add(1) // the seal has an LSN too
	if j.ring == nil {
		return nil
	}
	j.ring.synced()
	return j.ring.note(j.Durable())
}
