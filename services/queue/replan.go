package queue

import (
	"context"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Replan has all that waits planned anew, after Options.Schedule or Options.Way have
// come to say something else. What goes another way now is tried at once. It returns
// before that is done: Run does it, by and by.
func (q *Queue) Replan() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stale, q.span = true, span{}
	poke(q.wake)
}

// takeStale says whether all is to be planned anew, once.
func (q *Queue) takeStale() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	was := q.stale
	q.stale = false
	return was
}

// replan plans one item after the other: nobody waits for all of them.
func (q *Queue) replan(ctx context.Context) {
	q.mu.Lock()
	ids := q.ids()
	q.mu.Unlock()
	for _, id := range ids {
		if ctx.Err() != nil {
			return
		}
		q.replanItem(id)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for key, l := range q.lanes { // where nothing goes any more nobody need be dead
		if l.waiting() == 0 && l.running == 0 && !l.queued && l.pos < 0 {
			delete(q.lanes, key)
		}
	}
	poke(q.wake)
}

func (q *Queue) replanItem(id mail.ID) {
	s, _, err := q.pin(id)
	if err != nil {
		q.log.Error("queue: an item can't be read", "item", id, "err", err)
	}
	if s == nil {
		return
	}
	defer q.release(s)
	q.mu.Lock()
	defer q.mu.Unlock()
	if !s.attending && q.all[id] == s { // else who attends to it plans it
		q.plan(s, s.item, time.Now())
	}
}
