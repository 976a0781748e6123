package queue

import (
	"container/heap"
	"math"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// breakAfter is how many messages in a row find nobody at a Hop until it counts
	// as dead: one may be a cable, three are a server.
	breakAfter = 3
	// probeFirst and probeMost are how often a dead Hop is probed: soon at first, for
	// most come back soon.
	probeFirst = time.Minute
	probeMost  = 30 * time.Minute
)

// Way is by which server mail for a Hop goes. An item remembers its Hop only: mail that
// waits goes the way that holds when it is sent. The zero Way is to the Hop's own
// servers.
type Way struct {
	Host string // a smart host, as people know it
	// Settings tells one way to talk to it from another: what waited for a log-in that
	// was wrong need not wait for one that is right.
	Settings uint64
}

// laneKey is what mail has to have in common to wait together: the Hop, or the smart
// host whatever the Hop.
type laneKey struct {
	hop mail.Hop
	way Way
}

// key is where mail for a Hop waits.
func (q *Queue) key(hop mail.Hop) laneKey {
	if hop == HopLater {
		return laneKey{hop: hop} // it goes nowhere yet
	}
	if way := q.opts.Way(hop); way != (Way{}) {
		return laneKey{way: way}
	}
	return laneKey{hop: hop}
}

// job is what an item has for one Hop.
type job struct {
	card   *card
	hop    mail.Hop
	lane   *lane
	next   int64 // when it is tried, Unix nanoseconds
	forced bool  // also what is not due
	rushed bool  // also while the window is closed
	pos    int   // in one of the lane's heaps; -1: it is being sent

	priority int8 // RFC 6710
	ripe     bool // in the lane's due
}

// lane is one Hop, or one smart host: what waits for it, and how it does.
type lane struct {
	key      laneKey
	jobs     jobHeap // those for later, by time
	due      dueHeap // those whose time has come, by priority
	rushed   dueHeap // of these the ones that don't wait for the window
	running  int
	failures int       // messages in a row that found nobody there
	probeAt  time.Time // of a dead one
	last     mail.Attempt
	queued   bool // in ready
	wakeAt   int64
	pos      int // in waiting, by wakeAt; -1: it is not
}

// dead says that messages are not tried there, but for one at a time that finds out.
func (l *lane) dead() bool { return l.failures >= breakAfter }

// at is when the lane may run next, Unix nanoseconds; ok is false when it can't until
// something ends. opens gives the first time from one on at which mail may leave.
func (l *lane) at(perHop int, now time.Time, opens func(int64) int64) (next int64, ok bool) {
	l.ripen(now)
	if l.waiting() == 0 || l.running >= perHop || l.dead() && l.running > 0 {
		return 0, false
	}
	next = l.first()
	if l.dead() {
		next = max(l.probeAt.UnixNano(), next)
	}
	if len(l.rushed) == 0 && l.key.hop != HopLater { // the window is for what leaves
		next = opens(max(next, now.UnixNano()))
	}
	return next, true
}

// force has everything that waits there, or with a hop what waits for that, go at once,
// but what its sender holds back; with rush also while the window is closed. It says
// whether there was any.
func (l *lane) force(now time.Time, hop mail.Hop, rush bool) (found bool) {
	for _, j := range l.jobs {
		held := j.card.began > now.UnixNano()
		if hop != "" && j.hop != hop {
			continue
		}
		found = true
		if !held && j.next > now.UnixNano() {
			j.next, j.forced = now.UnixNano(), true
		}
		j.rushed = j.rushed || rush && !held
	}
	heap.Init(&l.jobs)
	for _, j := range slices.Clone(l.due) {
		if hop == "" || j.hop == hop {
			found = true
			if rush {
				l.rush(j)
			}
		}
	}
	return found || len(l.rushed) > 0
}

// rush has one that waits go while the window is closed, too.
func (l *lane) rush(j *job) {
	l.remove(j)
	j.rushed = true
	l.add(j)
}

// place has the scheduler find the lane when it is time. The caller holds mu.
func (q *Queue) place(l *lane, now time.Time) {
	if l.pos >= 0 {
		heap.Remove(&q.waiting, l.pos)
	}
	next, ok := l.at(q.opts.PerHop, now, q.opens)
	switch {
	case !ok:
		if l.waiting() == 0 && l.running == 0 && l.failures == 0 && !l.queued {
			delete(q.lanes, l.key)
		}
	case next <= now.UnixNano():
		if !l.queued {
			l.queued = true
			q.ready = append(q.ready, l)
		}
	case !l.queued:
		l.wakeAt = next
		heap.Push(&q.waiting, l)
	}
}

func (q *Queue) lane(key laneKey) *lane {
	l := q.lanes[key]
	if l == nil {
		l = &lane{key: key, pos: -1}
		q.lanes[key] = l
	}
	return l
}

// plan makes the jobs and the deadline of an item what they have to be. What is being
// sent is left alone. The caller holds mu.
func (q *Queue) plan(s *card, it *Item, now time.Time) {
	next := map[mail.Hop]int64{}
	for i := range it.To {
		if r := &it.To[i]; r.State == StateQueued {
			at := q.due(it, r, now)
			if known, ok := next[r.Hop]; !ok || at < known {
				next[r.Hop] = at
			}
		}
	}
	jobs := s.jobs[:0]
	for _, j := range s.jobs {
		at, wanted := next[j.hop]
		if j.pos >= 0 && wanted && j.lane.key != q.key(j.hop) {
			next[j.hop] = max(min(at, now.UnixNano()), s.began) // another way: it is tried at once
			wanted = false
		} else {
			delete(next, j.hop)
		}
		switch {
		case j.pos < 0:
			jobs = append(jobs, j) // being sent
		case !wanted:
			j.lane.remove(j)
			q.place(j.lane, now)
		default:
			jobs = append(jobs, j)
			j.lane.remove(j)
			j.next = at
			j.lane.add(j)
			q.place(j.lane, now)
		}
	}
	clear(s.jobs[len(jobs):])
	s.jobs = jobs
	for hop, at := range next {
		l := q.lane(q.key(hop))
		if l.key.hop == hop {
			hop = l.key.hop // the lane's own memory, not one more of each item
		}
		j := &job{card: s, hop: hop, lane: l, next: at, priority: it.Wishes.Priority}
		j.forced = at < earliest(it, hop)
		s.jobs = append(s.jobs, j)
		j.lane.add(j)
		q.place(j.lane, now)
	}
	q.setDeadline(s, q.deadline(it))
}

// earliest is when the first of an item's recipients at a Hop is due by itself.
func earliest(it *Item, hop mail.Hop) int64 {
	at := int64(math.MaxInt64)
	for i := range it.To {
		if r := &it.To[i]; r.State == StateQueued && r.Hop == hop {
			at = min(at, r.Next.UnixNano())
		}
	}
	return at
}

// deadline is the earliest by the schedules of the item's Hops.
func (q *Queue) deadline(it *Item) time.Time {
	var first time.Time
	seen := map[mail.Hop]bool{}
	for i := range it.To {
		if seen[it.To[i].Hop] {
			continue
		}
		seen[it.To[i].Hop] = true
		schedule := q.opts.Schedule(it.To[i].Hop)
		if at := it.deadline(&schedule, q.start(it), q.ledger.shift(it.lsn)); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// setDeadline has the scheduler attend to the item at that time; never if it is zero.
func (q *Queue) setDeadline(s *card, at time.Time) {
	if s.pos >= 0 {
		heap.Remove(&q.clock, s.pos)
	}
	if !at.IsZero() {
		s.deadline = at.UnixNano()
		heap.Push(&q.clock, s)
	}
}

// unplan takes an item out that has gone.
func (q *Queue) unplan(s *card) {
	now := time.Now()
	for _, j := range s.jobs {
		if j.pos >= 0 {
			j.lane.remove(j)
			q.place(j.lane, now)
		}
	}
	s.jobs = nil
	q.setDeadline(s, time.Time{})
}

// sending says whether a recipient at the Hop is being sent. The caller holds mu.
func (s *card) sending(hop mail.Hop) bool {
	return slices.ContainsFunc(s.jobs, func(j *job) bool { return j.pos < 0 && j.hop == hop })
}

// waiting is how many jobs wait there.
func (l *lane) waiting() int { return len(l.jobs) + len(l.due) + len(l.rushed) }

// first is when the first of them may be sent.
func (l *lane) first() int64 {
	for _, list := range []dueHeap{l.rushed, l.due} {
		if len(list) > 0 {
			return list[0].next
		}
	}
	return l.jobs[0].next
}

// ripen finds those whose time has come: among them the priority decides (RFC 6710
// §4.2), and nothing that is due waits for what is not.
func (l *lane) ripen(now time.Time) {
	for len(l.jobs) > 0 && l.jobs[0].next <= now.UnixNano() {
		j := heap.Pop(&l.jobs).(*job)
		j.ripe = true
		heap.Push(l.ripeHeap(j), j)
	}
}

// ripeHeap is the heap of a job whose time has come.
func (l *lane) ripeHeap(j *job) *dueHeap {
	if j.rushed {
		return &l.rushed
	}
	return &l.due
}

// add has a job wait for its time.
func (l *lane) add(j *job) {
	j.ripe = false
	heap.Push(&l.jobs, j)
}

// remove takes out a job that waits.
func (l *lane) remove(j *job) {
	if j.ripe {
		heap.Remove(l.ripeHeap(j), j.pos)
	} else {
		heap.Remove(&l.jobs, j.pos)
	}
}

// take gives the one that is sent next: one is due.
func (l *lane) take() *job {
	if len(l.rushed) > 0 {
		return heap.Pop(&l.rushed).(*job)
	}
	return heap.Pop(&l.due).(*job)
}

// The heaps, each with its elements' places in it.

type jobHeap []*job

func (h jobHeap) Len() int           { return len(h) }
func (h jobHeap) Less(i, j int) bool { return h[i].next < h[j].next }
func (h jobHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i]; h[i].pos, h[j].pos = i, j }
func (h *jobHeap) Push(x any)        { j := x.(*job); j.pos = len(*h); *h = append(*h, j) }
func (h *jobHeap) Pop() any {
	old := *h
	j := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	j.pos = -1
	return j
}

type dueHeap []*job

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Less(i, j int) bool {
	if h[i].priority != h[j].priority {
		return h[i].priority > h[j].priority
	}
	return h[i].next < h[j].next
}
func (h dueHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i]; h[i].pos, h[j].pos = i, j }
func (h *dueHeap) Push(x any)   { (*jobHeap)(h).Push(x) }
func (h *dueHeap) Pop() any     { return (*jobHeap)(h).Pop() }

type laneHeap []*lane

func (h laneHeap) Len() int           { return len(h) }
func (h laneHeap) Less(i, j int) bool { return h[i].wakeAt < h[j].wakeAt }
func (h laneHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i]; h[i].pos, h[j].pos = i, j }
func (h *laneHeap) Push(x any)        { l := x.(*lane); l.pos = len(*h); *h = append(*h, l) }
func (h *laneHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	l.pos = -1
	return l
}

type cardHeap []*card

func (h cardHeap) Len() int           { return len(h) }
func (h cardHeap) Less(i, j int) bool { return h[i].deadline < h[j].deadline }
func (h cardHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i]; h[i].pos, h[j].pos = i, j }
func (h *cardHeap) Push(x any)        { s := x.(*card); s.pos = len(*h); *h = append(*h, s) }
func (h *cardHeap) Pop() any {
	old := *h
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	s.pos = -1
	return s
}
