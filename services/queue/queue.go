package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Sender sends one message to one Hop.
type Sender interface {
	// Send gives one result for each recipient of the job. When ctx ends it gives up
	// as soon as it can.
	Send(ctx context.Context, job *mail.Job) []mail.Attempt
}

// Options are what a Queue needs. Sender, Post and Logger are required.
type Options struct {
	Sender Sender
	Post   Post
	// Resumer takes on what has waited for its time; nil: nothing can be postponed.
	Resumer Resumer
	// Hostname is the box's name, as reports say it; Postmaster gets what can't be
	// returned to anybody. Both may change.
	Hostname   func() string
	Postmaster func() mail.Address
	// Schedule is for mail to a Hop; nil: DefaultSchedule for all.
	Schedule func(mail.Hop) Schedule
	// Way is by which server mail for a Hop goes; nil: all Hops have their own. Both
	// are asked when mail is planned: call Replan when they say something else.
	Way func(mail.Hop) Way
	// Window says whether mail may leave at a time, and until when that surely holds
	// (zero: for ever); nil: always. Replan as above.
	Window  func(time.Time) (open bool, until time.Time)
	Workers int // messages that are being sent at once; 0: DefaultWorkers
	PerHop  int // of these to one Hop; 0: DefaultPerHop
	Logger  *slog.Logger
}

const (
	// DefaultWorkers bounds connections and memory: each sends a message in pieces
	// and waits for the network most of the time.
	DefaultWorkers = 40
	// DefaultPerHop is what large providers take from one small sender without
	// slowing it down.
	DefaultPerHop = 8
)

const (
	// saveAfter is after how many changed items the index is written, and saveDelay
	// after how long at most: what a start reads again from the log.
	saveAfter = 1000
	saveDelay = 30 * time.Second
	// maxUnsaved bounds the memory for items while the index can't be written.
	maxUnsaved = 50_000
)

// Queue is the open queue. See the package comment.
type Queue struct {
	opts    Options
	journal *journal.Journal
	log     *slog.Logger

	saving sync.Mutex // held while the index is written, and by who replaces it
	index  *index

	wake chan struct{} // capacity 1: the scheduler has something to look at

	mu      sync.Mutex // guards what follows
	all     map[mail.ID]*card
	coming  map[*Item]*wait // taken in this moment, and not yet in all
	lanes   map[laneKey]*lane
	waiting laneHeap // lanes that may run later
	ready   []*lane  // lanes that may run now, each once, in turn
	clock   cardHeap // what has a deadline
	running int
	attends int
	changed map[mail.ID]bool // since the last save
	saved   bool             // being written now
	saveAt  time.Time        // zero: nothing has changed
	applied journal.LSN      // of the last record applied
	floor   journal.LSN      // up to which a record says that all items have gone
	// unreached are the Hops where nobody was reached since a server last answered.
	unreached map[laneKey]bool
	span      span      // of Options.Window, asked last
	stale     bool      // planned by what doesn't hold any more
	ledger    ledger    // of the clock
	failedAt  time.Time // when the index could last not be written; zero: it could
	watchers  map[chan struct{}]bool

	failOnce sync.Once
	failed   chan struct{}
}

// card is what is in memory of each item.
type card struct {
	wait      *wait // nil: it is on its way
	id        mail.ID
	lsn       journal.LSN
	body      journal.BodyRef
	began     int64 // when its time began, Unix nanoseconds
	item      *Item // nil: only the index has it
	users     int   // who need item
	jobs      []*job
	attending bool // somebody works on all of it that is not being sent
	deadline  int64
	pos       int // in clock
}

// Open brings the index in the file path up to the end of the journal, or makes it
// anew from there when it is missing or damaged. Nothing is sent until Run.
func Open(ctx context.Context, path string, j *journal.Journal, o Options) (*Queue, error) {
	if o.Workers == 0 {
		o.Workers = DefaultWorkers
	}
	if o.PerHop == 0 {
		o.PerHop = DefaultPerHop
	}
	if o.Way == nil {
		o.Way = func(mail.Hop) Way { return Way{} }
	}
	if o.Schedule == nil {
		o.Schedule = func(mail.Hop) Schedule { return DefaultSchedule() }
	}
	q := &Queue{opts: o, journal: j, log: o.Logger, wake: make(chan struct{}, 1), watchers: map[chan struct{}]bool{}, unreached: map[laneKey]bool{}, failed: make(chan struct{})}
	if err := q.recover(ctx, path); err != nil {
		if q.index != nil {
			_ = q.index.close() // nothing was written
		}
		return nil, err
	}
	return q, nil
}

// recover reads the index, if it is good, and the journal from there.
func (q *Queue) recover(ctx context.Context, path string) error {
	err := q.load(ctx, path)
	if errors.Is(err, errIndex) {
		q.log.Error("queue: index is made anew", "err", err)
		if q.index != nil {
			_ = q.index.close() // it is damaged
			q.index = nil
		}
		if err := setAside(path); err != nil {
			return err
		}
		err = q.load(ctx, path)
	}
	if err != nil {
		return err
	}
	return nil
}

func (q *Queue) load(ctx context.Context, path string) (err error) {
	// Nothing stays of a load that met damage on its way: what it had planned would be
	// sent twice.
	q.all, q.coming, q.lanes, q.changed = map[mail.ID]*card{}, map[*Item]*wait{}, map[laneKey]*lane{}, map[mail.ID]bool{}
	q.waiting, q.ready, q.clock = nil, nil, nil
	q.applied, q.floor, q.saveAt = 0, 0, time.Time{}
	if q.index, err = openIndex(path); err != nil {
		return err
	}
	now := time.Now()
	var latest time.Time
	q.ledger = q.index.ledger()
	seen, err := q.index.load(func(it *Item) {
		s := q.insert(it)
		latest = later(latest, it)
		q.plan(s, it, now)
		s.item = nil // a hundred thousand of them are too many
	})
	if err == nil && seen > q.journal.Durable() {
		err = fmt.Errorf("it has LSN %d, the log ended at %d: %w", seen, q.journal.Durable(), errIndex)
	}
	if err != nil {
		return err
	}
	q.applied = seen
	err = q.journal.Replay(ctx, journal.FamilyQueue, seen+1, func(r journal.Record) error {
		err := q.replay(r)
		if errors.Is(err, journal.ErrDamaged) {
			q.log.Error("queue: a record makes no sense", "lsn", r.LSN, "err", err)
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("queue: read journal: %w", err)
	}
	for id := range q.changed {
		if s := q.all[id]; s != nil {
			latest = later(latest, s.item)
		}
	}
	if by := q.ledger.start(now, latest, q.applied); by != 0 {
		q.log.Warn("queue: the clock went on while the queue did not; what waits is not older for that", "by", by.Round(time.Second))
		q.stale = true
	}
	for id := range q.changed {
		if s := q.all[id]; s != nil {
			q.plan(s, s.item, now)
		}
	}
	return nil
}

// replay does what a record says. One about an item that is not there is of one whose
// records compaction has let go.
func (q *Queue) replay(r journal.Record) error {
	if v := verb(r.Type); v == 0 || v > verbFloor {
		return fmt.Errorf("queue: a record with verb %d: %w", v, mail.ErrNewer) // going on would send what it says is not to be sent
	}
	q.applied = r.LSN
	switch verb(r.Type) {
	case verbFloor:
		floor, err := decodeFloor(r.Payload)
		if err != nil {
			return err
		}
		q.floor = floor
		for id, s := range q.all {
			if s.lsn <= floor {
				q.touch(id)
				delete(q.all, id)
				q.unplan(s)
			}
		}
		return nil
	case verbAdd:
		items, err := decodeItems(r.Payload)
		if err != nil {
			return err
		}
		for _, it := range items {
			if it.done() {
				continue
			}
			it.lsn = r.LSN
			q.insert(it)
			q.touch(it.ID)
		}
		return nil
	}
	c, err := decodeChange(r.Payload)
	if err != nil {
		return err
	}
	s := q.all[c.id]
	if s == nil {
		return nil
	}
	if s.item == nil {
		if s.item, err = q.index.get(c.id); err != nil || s.item == nil {
			return fmt.Errorf("item %s: %w", c.id, errors.Join(errIndex, err))
		}
	}
	s.item = s.item.with(verb(r.Type), c.changes)
	q.touch(c.id)
	if s.item.done() {
		delete(q.all, c.id)
		q.unplan(s)
	}
	return nil
}

// insert makes the card of an item.
func (q *Queue) insert(it *Item) *card {
	s := &card{id: it.ID, lsn: it.lsn, body: it.Body, wait: waitOf(it), began: it.began().UnixNano(), item: it, pos: -1}
	q.all[it.ID] = s
	return s
}

// touch notes that an item has changed since the index was written.
func (q *Queue) touch(id mail.ID) {
	q.changed[id] = true
	if q.saveAt.IsZero() {
		q.saveAt = time.Now().Add(saveDelay)
	}
}

// unpin lets an item's memory go when nobody needs it and the index has it.
func (q *Queue) unpin(s *card) {
	if s.users == 0 && !q.changed[s.id] && !q.saved {
		s.item = nil
	}
}

// pin gives the item and keeps it in memory until release. It is nil when there is no
// such item any more.
func (q *Queue) pin(id mail.ID) (*card, *Item, error) {
	q.mu.Lock()
	s := q.all[id]
	if s == nil {
		q.mu.Unlock()
		return nil, nil, nil
	}
	s.users++
	it := s.item
	q.mu.Unlock()
	if it != nil {
		return s, it, nil
	}
	it, err := q.index.get(id)
	if err == nil && it == nil {
		err = fmt.Errorf("item %s is missing: %w", id, errIndex)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.item != nil { // somebody else was quicker
		return s, s.item, nil
	}
	if err != nil {
		s.users--
		q.failOnce.Do(func() { close(q.failed) })
		return nil, nil, fmt.Errorf("queue: %w", err)
	}
	s.item = it
	return s, it, nil
}

// Failed is closed when the index was found damaged: the next Open makes it anew.
func (q *Queue) Failed() <-chan struct{} { return q.failed }

func (q *Queue) release(s *card) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.users--
	q.unpin(s)
}

// Entry is the record that takes items in; its Bodies are the one body of all of them.
// Their IDs must be new, and their LSN, Body and Accepted are set here. Committed
// together with what else has to become of the message, it is on its way when that is
// durable.
func (q *Queue) Entry(body *journal.Staged, items []*Item) *journal.Entry {
	return &journal.Entry{
		Family: journal.FamilyQueue, Type: uint8(verbAdd), ID: items[0].Message, Bodies: []*journal.Staged{body},
		Prepare: func(at journal.Slot) ([]byte, error) {
			if err := q.mayAdd(items); err != nil {
				return nil, err
			}
			for _, it := range items {
				it.lsn, it.Body, it.Accepted = at.LSN, at.Bodies[0], wall(at.Time)
				it.Wishes.HoldUntil, it.Wishes.By = wall(it.Wishes.HoldUntil), wall(it.Wishes.By)
				for i := range it.To {
					it.start(&it.To[i])
				}
			}
			payload := encodeItems(items)
			if len(payload) > journal.MaxPayload/2 {
				return nil, mail.ErrTooMany
			}
			return payload, nil
		},
		Apply: func(at journal.Slot) { q.applyAdd(at, items) },
	}
}

// mayAdd says whether the items can be taken.
func (q *Queue) mayAdd(items []*Item) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(items) > maxItems {
		return mail.ErrTooMany
	}
	if !q.failedAt.IsZero() && len(q.changed) >= maxUnsaved {
		return fmt.Errorf("queue: the index can't be written: %w", mail.ErrNoSpace)
	}
	for _, it := range items {
		if q.all[it.ID] != nil {
			return fmt.Errorf("queue: item %s is here already", it.ID)
		}
		if len(it.To) == 0 || len(it.To) > maxRecipients {
			return mail.ErrTooMany
		}
	}
	return nil
}

func (q *Queue) applyAdd(at journal.Slot, items []*Item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.applied = at.LSN
	now := time.Now()
	for _, it := range items {
		delete(q.coming, it)
		if it.done() {
			continue // nothing is to be sent or reported
		}
		s := q.insert(it)
		q.touch(it.ID)
		q.plan(s, it, now)
	}
	q.announce()
}

// Enqueue takes items in, with whatever else is to be durable at the same moment.
func (q *Queue) Enqueue(ctx context.Context, body *journal.Staged, items []*Item, with ...*journal.Entry) error {
	return q.journal.CommitAll(ctx, append(with, q.Entry(body, items))...)
}

// entry is the record of a change. It is applied to the item as it is then.
func (q *Queue) entry(v verb, c change) *journal.Entry {
	return &journal.Entry{
		Family: journal.FamilyQueue, Type: uint8(v), ID: c.id,
		Prepare: func(journal.Slot) ([]byte, error) { return c.encode(), nil },
		Apply:   func(at journal.Slot) { q.apply(at, v, c) },
	}
}

// apply makes a durable change visible. Whoever made it has the item pinned.
func (q *Queue) apply(at journal.Slot, v verb, c change) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.applied = at.LSN
	s := q.all[c.id]
	if s == nil || s.item == nil {
		q.log.Error("queue: a change of an item that is not here", "item", c.id, "lsn", at.LSN)
		return
	}
	s.item = s.item.with(v, c.changes)
	q.touch(c.id)
	if s.item.done() {
		delete(q.all, c.id)
		q.unplan(s)
	}
	q.announce()
}

// save writes the index: what has changed, and up to where the journal is in it.
func (q *Queue) save() error {
	q.saving.Lock()
	defer q.saving.Unlock()
	q.mu.Lock()
	// Everything up to there has been applied: Apply comes before the journal says
	// that a record is durable.
	seen := max(q.applied, q.journal.Durable())
	ids, count := q.changed, len(q.all)
	items := make(map[mail.ID]*Item, len(ids))
	for id := range ids {
		items[id] = nil
		if s := q.all[id]; s != nil {
			items[id] = s.item
		}
	}
	q.changed, q.saved, q.saveAt = map[mail.ID]bool{}, true, time.Time{}
	now := time.Now()
	q.lookAtClock(now)
	q.ledger.alive = now.Round(0)
	clock := q.ledger.encode()
	q.mu.Unlock()
	err := q.index.save(items, seen, count, clock)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.saved = false
	q.failedAt = time.Time{}
	if err != nil {
		q.failedAt = time.Now()
		for id := range ids {
			q.touch(id)
		}
		return fmt.Errorf("queue: write index: %w", err)
	}
	for id := range ids {
		if s := q.all[id]; s != nil {
			q.unpin(s)
		}
	}
	return nil
}

// Checkpoint writes the index. Call it now and then, so that a start need not read
// the journal from far back.
func (q *Queue) Checkpoint(context.Context) error { return q.save() }

// Close writes the index and closes it. Run has returned before; the journal stays
// its owner's.
func (q *Queue) Close() error {
	return errors.Join(q.save(), q.index.close())
}

// Live names the bodies of all items.
func (q *Queue) Live(_ context.Context, note func(journal.BodyRef)) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range q.all {
		note(s.body)
	}
	return nil
}

// Family is FamilyQueue.
func (q *Queue) Family() journal.Family { return journal.FamilyQueue }

// allItems is the one subject of the queue's records: see Over.
const allItems journal.Subject = 0

// Over says that nothing is needed of records older than the oldest item: they are
// about items that have gone. A record says so too: compaction may let go the one by
// which an item ended, and leave for now the one by which it came.
func (q *Queue) Over(ctx context.Context) (map[journal.Subject]journal.LSN, error) {
	q.mu.Lock()
	oldest := journal.LSN(math.MaxUint64)
	for _, s := range q.all {
		oldest = min(oldest, s.lsn)
	}
	floor := min(oldest-1, q.applied)
	known := q.floor
	q.mu.Unlock()
	if floor > known {
		if err := q.journal.Commit(ctx, q.floorEntry(floor)); err != nil {
			return nil, fmt.Errorf("queue: %w", err)
		}
	}
	return map[journal.Subject]journal.LSN{allItems: max(floor, known)}, nil
}

func (q *Queue) floorEntry(floor journal.LSN) *journal.Entry {
	return &journal.Entry{
		Family: journal.FamilyQueue, Type: uint8(verbFloor),
		Prepare: func(journal.Slot) ([]byte, error) { return encodeFloor(floor), nil },
		Apply: func(at journal.Slot) {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.applied, q.floor = at.LSN, floor
		},
	}
}

// Parts says that all of a payload is about the one subject.
func (q *Queue) Parts(payload []byte) []journal.Part {
	return []journal.Part{{Subject: allItems, Size: len(payload)}}
}

// Trim gives all of it, or nothing.
func (q *Queue) Trim(payload []byte, over func(journal.Subject) bool, _ func(journal.BodyRef) bool) []byte {
	if over(allItems) {
		return nil
	}
	return payload
}

// Watch wakes its owner after changes of the queue.
func (q *Queue) Watch() *mail.Watch {
	c := make(chan struct{}, 1)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.watchers[c] = true
	return mail.NewWatch(c, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		delete(q.watchers, c)
	})
}

// announce wakes the watchers and the scheduler. The caller holds mu.
func (q *Queue) announce() {
	for c := range q.watchers {
		poke(c)
	}
	poke(q.wake)
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// ids lists all items in the order in which they came. The caller holds mu.
func (q *Queue) ids() []mail.ID {
	ids := make([]mail.ID, 0, len(q.all))
	for id := range q.all {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b mail.ID) int { return slices.Compare(a[:], b[:]) })
	return ids
}
