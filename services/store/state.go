package store

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// account is one account's mail: what is in the index, and what has changed
// since (dirty, and flushing while a checkpoint writes it). Accounts stay in
// memory once they were used; their rows come and go.
type account struct {
	id    mail.AccountID
	store *Store
	index index

	// mu guards everything below. Only the commit goroutine (and, alone,
	// recovery) changes what is not about loading or checkpoints, so it reads
	// without the lock.
	mu         sync.RWMutex
	last       counters
	boxes      map[mail.MailboxID]*mailbox
	names      map[string]mail.MailboxID
	subscribed map[string]bool
	keywords   *keywords
	applied    journal.LSN // of the last record that touched the account
	indexed    journal.LSN // up to which the index holds everything
	floor      mail.ModSeq // the feed tells of what came after this
	// hole is where it first showed that the log has lost something of the
	// account; 0: it has not, as far as it was read.
	hole     journal.LSN
	dirty    overlay
	flushing *overlay // nil when no checkpoint is under way
	flush    *flush   // the checkpoint that is to write flushing
	// flushes counts the checkpoints: what was looked up in the index before
	// one may be there after it.
	flushes    uint64
	touched    time.Time // when dirty last grew
	dirtySince time.Time // when it began to
	retryAt    time.Time // no checkpoint before, as the last one failed; zero: it did not

	// reaping are emails that are about to leave the index: nothing may come to
	// refer to them any more.
	reaping  map[mail.EmailID]bool
	sweeping sync.Mutex // see sweep.go

	// spoiled is set when memory can't be believed any more: no checkpoint
	// writes it.
	spoiled atomic.Bool

	watchLock sync.Mutex
	watchers  map[chan struct{}]bool // guarded by watchLock

	// filtered says that the store's filter has all thread keys of the account,
	// unfiltered that it can't be; the latter is fill's.
	filtered   atomic.Bool
	unfiltered bool

	// lost is set when a durable change could not be applied: what would be
	// decided from here on would be wrong. The commit goroutine's.
	lost bool
	// pending is what the batch under way will change; the commit goroutine's.
	pending      *pending
	spare        *pending // an empty one; nil: none
	tracker      tracker  // the same memory for each change
	pendingUsers int      // entries of the batch that wait for their sync
}

// mailbox is a box and its rows.
type mailbox struct {
	box
	// rows are all rows, when loaded; nil else.
	rows *table
	// listed are the UIDs that the index has, once they were asked for without rows;
	// nil else. What it points to is never changed.
	listed *uidRanges
	// pins keep rows loaded; guarded by the store's cache lock.
	pins int
	used uint64 // the cache's clock; guarded by the cache lock

	// vanished lists what was expunged with a ModSeq over vanishedFrom, oldest
	// first; what is older is in the index.
	vanished     []vanished
	vanishedFrom mail.ModSeq
}

type vanished struct {
	modSeq mail.ModSeq
	uids   mail.UIDSet
}

// keepVanished is how many expungings of a mailbox stay in memory when they are
// in the index too: what sessions ask for is recent.
const keepVanished = 256

// overlay is what has changed since a checkpoint.
type overlay struct {
	size       int // rows and other things in it
	rows       map[mail.MailboxID]*table
	boxes      map[mail.MailboxID]bool
	emails     map[mail.EmailID]email
	threads    map[threadKey]mail.ThreadID
	subscribed map[string]bool
	feed       []feedEntry // by ModSeq
	// left says how and when the rows went that are gone, by their ModSeq.
	left map[mail.ModSeq]leaving
}

// leaving is how and when rows went.
type leaving struct {
	unix int64 // seconds
	verb verb
}

func newOverlay() overlay {
	return overlay{
		left: map[mail.ModSeq]leaving{},
		rows: map[mail.MailboxID]*table{}, boxes: map[mail.MailboxID]bool{}, emails: map[mail.EmailID]email{},
		threads: map[threadKey]mail.ThreadID{}, subscribed: map[string]bool{},
	}
}

func (o *overlay) putRow(id mail.MailboxID, r row) {
	t := o.rows[id]
	if t == nil {
		t = &table{}
		o.rows[id] = t
	}
	before := t.count
	t.put(r)
	o.size += t.count - before
}

func newAccount(s *Store, id mail.AccountID) *account {
	a := &account{
		id: id, store: s, boxes: map[mail.MailboxID]*mailbox{}, names: map[string]mail.MailboxID{},
		subscribed: map[string]bool{}, keywords: newKeywords(), dirty: newOverlay(), watchers: map[chan struct{}]bool{},
	}
	a.index.account = a
	return a
}

// The account as a ledger. The caller holds mu.

func (a *account) counters() *counters { return &a.last }

func (a *account) keywordSets() *keywords { return a.keywords }

func (a *account) box(id mail.MailboxID) *box {
	m := a.boxes[id]
	if m == nil {
		return nil
	}
	// Who asks a ledger for a box changes it.
	a.dirty.boxes[id] = true
	return &m.box
}

func (a *account) addBox(b box) {
	a.boxes[b.id] = &mailbox{box: b, rows: &table{}, vanishedFrom: b.highest}
	a.dirty.boxes[b.id] = true
	a.dirty.size++
}

func (a *account) dropBox(id mail.MailboxID) {
	delete(a.boxes, id)
	a.dirty.boxes[id] = true
	a.dirty.size++
}

func (a *account) setName(name string, id mail.MailboxID) {
	if id == 0 {
		delete(a.names, name)
	} else {
		a.names[name] = id
	}
	a.dirty.size++
}

func (a *account) setSubscribed(name string, on bool) {
	if on {
		a.subscribed[name] = true
	} else {
		delete(a.subscribed, name)
	}
	a.dirty.subscribed[name] = on
	a.dirty.size++
}

func (a *account) row(id mail.MailboxID, uid mail.UID) (row, bool, error) {
	m := a.boxes[id]
	if m == nil {
		return row{}, false, nil
	}
	if m.rows != nil {
		if r := m.rows.get(uid); r != nil {
			return *r, true, nil
		}
		return row{}, false, nil
	}
	if r := a.dirty.rows[id].get(uid); r != nil {
		return *r, !r.gone(), nil
	}
	if a.flushing != nil {
		if r := a.flushing.rows[id].get(uid); r != nil {
			return *r, !r.gone(), nil
		}
	}
	return a.index.row(id, uid)
}

func (a *account) putRow(id mail.MailboxID, r row) {
	if m := a.boxes[id]; m.rows != nil {
		m.rows.put(r)
	}
	a.dirty.putRow(id, r)
}

func (a *account) dropRow(id mail.MailboxID, r row, at moment) {
	m := a.boxes[id]
	if m.rows != nil {
		m.rows.remove(r.uid)
	}
	a.dirty.putRow(id, r)
	a.dirty.left[r.modSeq] = leaving{at.time.Unix(), at.verb}
	if n := len(m.vanished); n > 0 && m.vanished[n-1].modSeq == r.modSeq {
		m.vanished[n-1].uids = m.vanished[n-1].uids.Add(r.uid)
		return
	}
	m.vanished = append(m.vanished, vanished{r.modSeq, mail.SetOf(r.uid)})
}

func (a *account) putEmail(id mail.EmailID, e email) {
	a.dirty.emails[id] = e
	a.dirty.size++
}

func (a *account) setThread(k threadKey, t mail.ThreadID) {
	a.store.threadKeys.add(k)
	a.dirty.threads[k] = t
	a.dirty.size++
}

func (a *account) putFeed(e feedEntry) { a.dirty.feed = append(a.dirty.feed, e) }

// email finds an email. The caller holds mu.
func (a *account) email(id mail.EmailID) (email, error) {
	if e, ok := a.dirty.emails[id]; ok {
		return e, nil
	}
	if a.flushing != nil {
		if e, ok := a.flushing.emails[id]; ok {
			return e, nil
		}
	}
	return a.index.email(id)
}

// recentThread finds the thread of a key among what is not yet in the index.
// The caller holds mu, or is the commit goroutine.
func (a *account) recentThread(k threadKey) mail.ThreadID {
	if t := a.dirty.threads[k]; t != 0 {
		return t
	}
	if a.flushing != nil {
		return a.flushing.threads[k]
	}
	return 0
}

// apply makes a durable section visible, and says whether the checkpointer is to
// look at the account.
func (a *account) apply(s *section, at moment) (due bool, err error) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	first := a.applied == a.indexed
	if first || a.dirty.size == 0 {
		a.dirtySince = now
	}
	if a.hole == 0 && a.apartFrom(s) {
		a.hole = at.lsn
	}
	if a.hole == 0 {
		a.tracker.begin(a)
		err = a.tracker.apply(s, at)
	} else {
		err = applyBehindHole(a, s, at)
	}
	a.applied = at.lsn
	a.touched = now
	a.dirty.size++
	return first || a.dirty.size >= checkpointAfter, err
}

// spoil has the account written no more, and the store opened anew by its owner;
// false when it was spoilt before.
func (a *account) spoil() bool {
	a.store.failOnce.Do(func() { close(a.store.failed) })
	return !a.spoiled.Swap(true)
}
