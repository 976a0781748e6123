package queue

import (
	"math"
	"time"
)

// span is from when until when the window is open, or closed, in Unix nanoseconds: it is
// asked for each message that waits.
type span struct {
	from, until int64
	open        bool
}

// opens is the first time from at on when mail may leave, both in Unix nanoseconds. The
// caller holds mu.
func (q *Queue) opens(at int64) int64 {
	if q.opts.Window == nil {
		return at
	}
	if at < q.span.from || at >= q.span.until {
		open, until := q.opts.Window(time.Unix(0, at))
		q.span = span{at, until.UnixNano(), open || until.IsZero()}
		if until.IsZero() {
			q.span.until = math.MaxInt64
		}
	}
	if q.span.open {
		return at
	}
	return q.span.until
}

// start is from when an item's schedule counts: nobody need be told that it takes long,
// nor has it back, for a window that was closed when it came. The caller holds mu.
func (q *Queue) start(it *Item) time.Time {
	if it.Later() {
		return it.began()
	}
	shift := q.ledger.shift(it.lsn)
	began := it.began().UnixNano()
	if at := q.opens(began); at > began {
		return time.Unix(0, at).Add(shift)
	}
	return it.began().Add(shift)
}
