package queue

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// maxNap is after how long the clock on the wall is looked at again: it may have been
// set.
const maxNap = time.Hour

// maxAttends bounds how many items are attended to at once: reports are written to
// this box's own disk.
const maxAttends = 4

// Run sends what is due until ctx ends, and returns when nothing is being sent any
// more. One goroutine decides; those that it starts are Options.Workers at most.
func (q *Queue) Run(ctx context.Context) {
	var working sync.WaitGroup
	defer working.Wait()
	saves := make(chan struct{}, 1) // a token while the index is being written
	plans := make(chan struct{}, 1) // likewise while all is planned anew
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil { // nothing is begun any more, whatever else is ready in the select
		now := time.Now()
		select {
		case plans <- struct{}{}:
			if !q.takeStale() {
				<-plans
				break
			}
			working.Go(func() {
				q.replan(ctx)
				<-plans
				poke(q.wake)
			})
		default:
		}
		next := q.dispatch(ctx, now, &working)
		if at := q.saveDue(now); !at.IsZero() && !at.After(now) {
			select {
			case saves <- struct{}{}:
				working.Go(func() {
					if err := q.save(); err != nil {
						q.log.Error("queue: the index can't be written", "err", err)
					}
					<-saves
					poke(q.wake)
				})
			default: // one is under way, and wakes us
			}
		} else if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
		if !next.IsZero() {
			timer.Reset(min(max(0, next.Sub(now)), maxNap))
		} else {
			timer.Stop()
		}
		select {
		case <-timer.C:
		case <-q.wake:
		case <-ctx.Done():
			return
		}
	}
}

// saveDue is when the index has to be written; zero: it need not.
func (q *Queue) saveDue(now time.Time) time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case !q.failedAt.IsZero():
		return q.failedAt.Add(saveDelay)
	case len(q.changed) >= saveAfter:
		return now
	case q.saveAt.IsZero() && len(q.all) > 0:
		return q.ledger.alive.Add(aliveEvery)
	}
	return q.saveAt
}

// dispatch starts what is due and says when there is more; the zero time: when
// something ends or comes.
func (q *Queue) dispatch(ctx context.Context, now time.Time, working *sync.WaitGroup) (next time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lookAtClock(now)
	for len(q.clock) > 0 && q.clock[0].deadline <= now.UnixNano() && q.attends < maxAttends {
		s := heap.Pop(&q.clock).(*card)
		if s.attending {
			continue // somebody changes it, and plans it again when he has
		}
		s.attending = true
		q.attends++
		working.Go(func() { q.attend(ctx, s) })
	}
	if len(q.clock) > 0 && q.attends < maxAttends {
		next = time.Unix(0, q.clock[0].deadline)
	}
	for len(q.waiting) > 0 && q.waiting[0].wakeAt <= now.UnixNano() {
		l := heap.Pop(&q.waiting).(*lane)
		if !l.queued {
			l.queued = true
			q.ready = append(q.ready, l)
		}
	}
	// One of each lane in turn: a Hop with a thousand messages is no reason for
	// another's one to wait.
	for q.running < q.opts.Workers && len(q.ready) > 0 {
		l := q.ready[0]
		q.ready[0] = nil
		q.ready = q.ready[1:]
		l.queued = false
		if at, ok := l.at(q.opts.PerHop, now, q.opens); ok && at <= now.UnixNano() {
			j := l.take()
			l.running++
			q.running++
			working.Go(func() { q.try(ctx, j) })
		}
		q.place(l, now)
	}
	if len(q.waiting) > 0 {
		if at := time.Unix(0, q.waiting[0].wakeAt); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}
