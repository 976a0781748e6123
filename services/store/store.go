package store

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// DefaultCacheRows is how many rows stay in memory for mailboxes that nobody is
// asking for: two mailboxes of a million, 112 MB.
const DefaultCacheRows = 2_000_000

// Rebuilding says how far the reading of the log is: into an index that is made
// anew, or, when the store is opened, into all that have not got everything yet.
type Rebuilding struct {
	Account  mail.AccountID // 0: all
	Read, Of journal.LSN
	Done     bool // or given up
}

// Options says how to open a store.
type Options struct {
	Logger *slog.Logger     // required
	Now    func() time.Time // nil: time.Now
	// Rebuilding is told how far the reading of the log is, after every few thousand
	// records; may be nil. Whoever needs what is read waits for it.
	Rebuilding func(Rebuilding)
	// CacheRows bounds the rows in memory; 0: DefaultCacheRows. What is being
	// used, and what no checkpoint has written yet, is over and above.
	CacheRows int
	// CacheSummaries bounds the summaries in memory, of all accounts, in bytes; 0: 64 MiB.
	CacheSummaries int64
	// Quota says what an account may take up; nil: anything. It is asked for every
	// message, on the goroutine that commits: it must be quick and wait for nothing.
	Quota func(mail.AccountID) mail.Quota
	// Retention is how long what was deleted can be put back; 0: DefaultRetention.
	Retention time.Duration

	// ReadOnly is for a disk that takes no writes, with a journal that is opened so:
	// nothing is written. Indexes that are lost or damaged, or of an earlier form, are
	// made from the log in memory; of accounts that are too large for that every use
	// is mail.ErrReadOnly.
	ReadOnly bool

	// For tests: how much a step of a migration does, and what cuts it short; and how
	// much of an account may be in memory alone.
	migrateBlocks int
	migrated      func() error
	maxUnwritten  int
	lateFrom      int // accounts of a message
}

// DefaultRetention is how long what was deleted can be put back, if nothing else
// is said: somebody's long holiday.
const DefaultRetention = 30 * 24 * time.Hour

// Store is the mail of all accounts, on disk.
type Store struct {
	journal   *journal.Journal
	files     *durable.OS
	log       *slog.Logger
	now       func() time.Time
	cacheRows int
	summaries summaryCache
	quota     func(mail.AccountID) mail.Quota
	// rebuilding is Options.Rebuilding, never nil
	rebuilding func(Rebuilding)
	retention  time.Duration
	readOnly   bool

	migrateBlocks int
	migrated      func() error // nil but in tests
	maxUnwritten  int          // the constant but in tests
	lateFrom      int          // likewise
	shrinkFrom    int64        // the constant but in tests

	mu       sync.RWMutex
	accounts map[mail.AccountID]*account // loaded ones; guarded by mu
	known    map[mail.AccountID]bool     // all there are; false: removed; guarded by mu
	cutShort map[mail.AccountID]bool     // whose index had come further than the log; guarded by mu
	closed   bool                        // guarded by mu
	unready  map[mail.AccountID]unready  // known ones; guarded by mu

	// loading is held while an account is loaded, made or rebuilt: one at a time.
	loading sync.Mutex

	cacheLock  sync.Mutex // see cache.go
	cacheClock uint64

	indexLock   sync.Mutex // see index.go
	indexClock  uint64
	openIndexes []*index

	registry  registry
	positions *positions
	// threadKeys is what spares looking for threads; see keyfilter.go.
	threadKeys *keyFilter
	installed  chan struct{}         // wakes fill
	filled     chan struct{}         // closed when fill has ended
	count      atomic.Pointer[count] // nil: nobody has counted yet
	snapshots  *snapshots

	// start is how far the log went at Open. No index that has not been written
	// since can have more.
	start journal.LSN
	// life ends with Close: an account is loaded for everybody, so it is not
	// given up with the one who asked first.
	life context.Context
	stop context.CancelFunc

	failOnce sync.Once
	failed   chan struct{}

	wake chan struct{} // of the checkpointer
	quit chan struct{}
	done chan struct{}
}

// Open opens the store whose records are in j and whose indexes are below
// accounts/ of files. It reads again what the indexes have not got yet. The
// journal stays the caller's: close it after the store.
func Open(ctx context.Context, j *journal.Journal, files *durable.OS, opts Options) (*Store, error) {
	s := &Store{
		journal: j, files: files, log: opts.Logger, now: opts.Now, cacheRows: opts.CacheRows, retention: opts.Retention, readOnly: opts.ReadOnly,
		unready:  map[mail.AccountID]unready{},
		accounts: map[mail.AccountID]*account{}, known: map[mail.AccountID]bool{},
		failed: make(chan struct{}), positions: newPositions(), snapshots: newSnapshots(),
		threadKeys: newKeyFilter(), installed: make(chan struct{}, 1), filled: make(chan struct{}),
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
	s.shrinkFrom = shrinkFrom
	s.summaries.limit = int(opts.CacheSummaries)
	s.migrateBlocks, s.migrated = opts.migrateBlocks, opts.migrated
	if s.migrateBlocks == 0 {
		s.migrateBlocks = migrateBlocks
	}
	s.maxUnwritten, s.lateFrom = cmp.Or(opts.maxUnwritten, maxUnwritten), cmp.Or(opts.lateFrom, lateFrom)
	if s.quota = opts.Quota; s.quota == nil {
		s.quota = func(mail.AccountID) mail.Quota { return mail.Quota{} }
	}
	s.start = j.Durable()
	s.life, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	if s.now == nil {
		s.now = time.Now
	}
	if s.retention == 0 {
		s.retention = DefaultRetention
	}
	if s.rebuilding = opts.Rebuilding; s.rebuilding == nil {
		s.rebuilding = func(Rebuilding) {}
	}
	if s.cacheRows == 0 {
		s.cacheRows = DefaultCacheRows
	}
	if !s.readOnly {
		if err := durable.MkdirAllSync(files, accountsDir, 0o700); err != nil {
			return nil, fmt.Errorf("store: open: %w", err)
		}
	}
	if !s.readOnly {
		s.removeLeftovers()
	}
	if err := s.recover(ctx); err != nil {
		s.indexLock.Lock()
		defer s.indexLock.Unlock()
		s.closeIndexes(0)
		s.stop()
		return nil, fmt.Errorf("store: open: %w", err)
	}
	s.positions.reach(s.start, nil)
	if notes, err := loadUpkeep(s, s.start); err == nil { // else the clock has to do until they can be read
		s.count.Store(notes.count())
	}
	go s.run()
	go s.fill()
	return s, nil
}

// Retention is how long what was deleted can be put back.
func (s *Store) Retention() time.Duration { return s.retention }

// Failed is closed when an index was found damaged: its account can be served
// only from what is in memory until the store is opened again, which rebuilds
// it. (The journal has a Failed of its own.)
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Close writes everything into the indexes and closes them. It is an error when
// that can't be: nothing is lost, the next Open reads it from the log.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.stop()
	close(s.quit)
	<-s.done
	<-s.filled
	s.journal.Settled()
	s.loading.Lock() // whoever loads or makes an account is done with it
	var err error
	if !s.readOnly {
		err = s.checkpointAll()
	}
	s.loading.Unlock()
	s.indexLock.Lock()
	defer s.indexLock.Unlock()
	s.closeIndexes(0)
	if err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	return nil
}

// account gives a loaded account, with all that was acknowledged. The caller holds no
// lock.
func (s *Store) account(ctx context.Context, id mail.AccountID) (*account, error) {
	s.journal.Settled()
	s.mu.RLock()
	a, known, closed := s.accounts[id], s.known[id], s.closed
	s.mu.RUnlock()
	switch {
	case closed:
		return nil, mail.ErrClosed
	case !known:
		return nil, mail.ErrNoAccount
	case a != nil:
		return a, nil
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	if err := s.life.Err(); err != nil {
		return nil, mail.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a, err := s.loadAccount(s.life, id)
	if err == nil && a.removed() {
		err = mail.ErrNoAccount
	}
	return a, err
}

func (a *account) removed() bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.last.removed
}

// loadAccount reads the account from its index, or from the log when the index
// is lost or damaged. The caller holds loading.
func (s *Store) loadAccount(ctx context.Context, id mail.AccountID) (*account, error) {
	s.mu.RLock()
	a := s.accounts[id]
	s.mu.RUnlock()
	if a != nil {
		return a, nil
	}
	if err := s.stillUnready(id); err != nil {
		return nil, fmt.Errorf("load account %s: %w", id, err)
	}
	a = newAccount(s, id)
	exists, err := a.index.exists()
	if err == nil && exists {
		err = a.index.load(ctx)
	}
	if err == nil && a.indexed > s.start {
		// The log was put back to an earlier state. New records get the same LSNs,
		// and new bodies the same names: what the index has may be another's mail.
		err = fmt.Errorf("it has LSN %d, the log ended at %d: %w", a.indexed, s.start, errIndex)
		s.noteCut(id)
	}
	if err == nil && exists && s.ahead(id, a.last.modSeq) {
		err = fmt.Errorf("it ends at change %d, before a snapshot: %w", a.last.modSeq, errIndex)
	}
	if err == nil && !exists || isBoltDamage(err) {
		a, err = s.rebuildAnyhow(ctx, a, err)
	}
	if err != nil {
		return nil, fmt.Errorf("load account %s: %w", id, err)
	}
	s.install(a)
	return a, nil
}

// install has an account be the loaded one.
func (s *Store) install(a *account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[a.id] = a
	s.known[a.id] = !a.last.removed
	s.pokeFill()
}

// Account gives a handle on the account.
func (s *Store) Account(ctx context.Context, id mail.AccountID) (*Account, error) {
	a, err := s.account(ctx, id)
	if err != nil {
		return nil, err
	}
	return &Account{a}, nil
}

// Account is a handle on one account of a Store.
type Account struct{ a *account }

// check says whether the account may still be used, and waits for what was
// acknowledged to be applied. Every method asks it first, and holds no lock then.
func (h *Account) check() error {
	s := h.a.store
	s.journal.Settled()
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.closed:
		return mail.ErrClosed
	case !s.known[h.a.id]:
		return mail.ErrNoAccount
	}
	return nil
}

// Watch wakes its owner after every change of the account.
func (h *Account) Watch() *mail.Watch {
	c := make(chan struct{}, 1)
	return mail.NewWatch(c, h.WatchOn(c))
}

// WatchOn is Watch on a channel that hangs on other accounts as well, once on each. It
// has room for one value, and stop may be called more than once.
func (h *Account) WatchOn(c chan struct{}) (stop func()) {
	a := h.a
	a.watchLock.Lock()
	defer a.watchLock.Unlock()
	a.watchers[c] = true
	return func() {
		a.watchLock.Lock()
		defer a.watchLock.Unlock()
		delete(a.watchers, c)
	}
}

// announce wakes whoever watches the account. It waits for nobody: a wake-up
// that has not been taken yet stands for this one too.
func (a *account) announce() {
	a.watchLock.Lock()
	defer a.watchLock.Unlock()
	for c := range a.watchers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
