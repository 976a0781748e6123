package queue

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
)

const (
	// leastLeap is how far the clock on the wall has to leave the one that only goes on to
	// have leapt: no crystal is off by as much in a year, and no schedule minds less.
	leastLeap = 10 * time.Minute
	// believed is how much of the time between two runs the clock on the wall is believed.
	// A box that was off for a weekend does not send Friday's mail back on Monday before it
	// has tried it for another while; one whose clock was wrong doesn't at all.
	believed = 24 * time.Hour
	// maxLeaps bounds those that are remembered: of a clock that leaps more often in the
	// life of one message the oldest are forgotten.
	maxLeaps = 16
	// aliveEvery is how often it is noted that the queue runs, while it has items.
	aliveEvery = time.Hour
	// leapsVersion is that of the index's note.
	leapsVersion = 1
)

// leap is that the clock went on by more, or less, than there was time. It is about the
// items that came before it: records are in order whatever the clock says.
type leap struct {
	lsn journal.LSN
	by  time.Duration // less than zero: back
}

// ledger is what is known of the clock. The time that an item has waited is what
// passed, not what the clock says: else a clock that is put right, by months where a
// battery was empty, would send everything back that waits.
type ledger struct {
	leaps []leap    // the oldest first
	alive time.Time // on the wall: when it was last noted that the queue runs; zero: never

	began time.Time     // with the clock that only goes on: since when it is compared
	known time.Duration // how far the two have left each other since, as far as is in leaps
}

// shift is how much of the time since an item came has not passed.
func (l *ledger) shift(lsn journal.LSN) (by time.Duration) {
	if lsn == 0 {
		return 0 // it has just come
	}
	for _, one := range l.leaps {
		if lsn <= one.lsn {
			by += one.by
		}
	}
	return by
}

// look compares the clocks at now, which has both readings, and notes a leap. upTo is the
// newest record.
func (l *ledger) look(now time.Time, upTo journal.LSN) (leapt time.Duration) {
	if l.began.IsZero() {
		l.began = now
		return 0
	}
	off := now.Round(0).Sub(l.began.Round(0)) - now.Sub(l.began)
	if d := off - l.known; d.Abs() >= leastLeap {
		l.known = off
		l.add(leap{upTo, d})
		return d
	}
	return 0
}

// start notes what passed between the last run and this one that is not believed. seen is
// the latest time that anything in the queue tells of: the note may be an hour old, or missing.
func (l *ledger) start(now, seen time.Time, upTo journal.LSN) (leapt time.Duration) {
	last := l.alive
	if seen.After(last) {
		last = seen
	}
	l.began, l.known, l.alive = now, 0, now.Round(0)
	if last.IsZero() {
		return 0
	}
	switch gap := now.Round(0).Sub(last.Round(0)); {
	case gap > believed:
		leapt = gap - believed
	case gap <= -leastLeap:
		leapt = gap
	default:
		return 0
	}
	l.add(leap{upTo, leapt})
	return leapt
}

func (l *ledger) add(one leap) {
	l.leaps = append(l.leaps, one)
	if n := len(l.leaps) - maxLeaps; n > 0 {
		l.leaps = append([]leap(nil), l.leaps[n:]...)
	}
}

// encode is the note in the index: CRC32 (of what follows), version, alive in Unix
// nanoseconds, then LSN and nanoseconds of each leap; numbers have eight bytes.
func (l *ledger) encode() []byte {
	b := append(make([]byte, 4, 16+16*len(l.leaps)), leapsVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(l.alive.UnixNano()))
	for _, one := range l.leaps {
		b = binary.BigEndian.AppendUint64(b, uint64(one.lsn))
		b = binary.BigEndian.AppendUint64(b, uint64(one.by))
	}
	binary.BigEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	return b
}

// decodeLedger reads a note. One that is no good, or newer, is as none: it only makes
// messages wait for longer.
func decodeLedger(b []byte) (l ledger) {
	if len(b) < 13 || (len(b)-13)%16 != 0 || (len(b)-13)/16 > maxLeaps || b[4] != leapsVersion || binary.BigEndian.Uint32(b) != crc32.ChecksumIEEE(b[4:]) {
		return ledger{}
	}
	l.alive = time.Unix(0, int64(binary.BigEndian.Uint64(b[5:])))
	for b = b[13:]; len(b) > 0; b = b[16:] {
		l.leaps = append(l.leaps, leap{journal.LSN(binary.BigEndian.Uint64(b)), time.Duration(binary.BigEndian.Uint64(b[8:]))})
	}
	return l
}

// lookAtClock notes when the clock has been set, and has everything planned anew then.
// The caller holds mu.
func (q *Queue) lookAtClock(now time.Time) {
	if by := q.ledger.look(now, max(q.applied, q.journal.Durable())); by != 0 {
		q.log.Warn("queue: the clock has been set; what waits is not older for that", "by", by.Round(time.Second))
		q.stale, q.span = true, span{}
		for _, l := range q.lanes {
			if l.probeAt.Sub(now.Round(0)) > probeMost {
				l.probeAt = now.Round(0)
			}
		}
		poke(q.wake)
		if q.saveAt.IsZero() {
			q.saveAt = now.Add(saveDelay)
		}
	}
}

// later is the latest time that an item tells of, if that is after at.
func later(at time.Time, it *Item) time.Time {
	if it.Accepted.After(at) {
		at = it.Accepted
	}
	for i := range it.To {
		if last := it.To[i].Last.At; last.After(at) {
			at = last
		}
	}
	return at
}

// due is when a recipient is tried, Unix nanoseconds. One that is due later than its
// schedule can have said was planned by a clock that has been put back: it is due now.
func (q *Queue) due(it *Item, r *Recipient, now time.Time) int64 {
	wait := r.Next.Sub(now.Round(0))
	if wait <= time.Hour || r.Hop == HopLater || !r.Next.After(it.Wishes.HoldUntil) {
		return r.Next.UnixNano()
	}
	if s := q.opts.Schedule(r.Hop); wait > s.longest() {
		return now.UnixNano()
	}
	return r.Next.UnixNano()
}
