package search

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// Account is one account's mail; *store.Account is one.
type Account interface {
	Mailboxes(ctx context.Context) ([]mail.Mailbox, error)
	Rows(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet) iter.Seq2[mail.Row, error]
	Open(ctx context.Context, mailbox mail.MailboxID, uid mail.UID) (*message.Stored, error)
	Changes(ctx context.Context, mailbox mail.MailboxID, since mail.ModSeq) (mail.Changes, error)
}

// Store says which accounts have changed; *store.Store is one.
type Store interface {
	Watch() *mail.Watch
	ChangedAccounts(ctx context.Context, since mail.Position) (mail.StoreChanges, error)
}

// Options say how to open an Index; those without a default are required.
type Options struct {
	Files durable.FS // the index's own directory
	Store Store
	// Open gives an account's mail.
	Open func(ctx context.Context, id mail.AccountID) (Account, error)
	// Delay is how long after a change an account is looked at, so that many
	// changes cost one writing; until then searches look at new mail itself. 0:
	// DefaultDelay.
	Delay time.Duration
	// Alone says that there is nobody to give way to: the indexing never rests.
	Alone  bool
	Logger *slog.Logger
}

// DefaultDelay makes an office's mail some thousand writings a day, and leaves a
// search a few new messages to look at.
const DefaultDelay = time.Minute

const (
	// maxMemory bounds what open segments hold, in bytes; an account's largest is
	// 16 bytes a message. What is being used is over and above.
	maxMemory = 32 << 20
	// maxOpen bounds the accounts whose files are open: each has up to some forty.
	maxOpen = 24
)

// Index is the search index of all accounts.
type Index struct {
	files    durable.FS
	store    Store
	open     func(ctx context.Context, id mail.AccountID) (Account, error)
	delay    time.Duration
	log      *slog.Logger
	life     context.Context
	stop     context.CancelFunc
	running  sync.WaitGroup
	throttle throttle

	mu       sync.Mutex
	accounts map[mail.AccountID]*account // guarded by mu
	clock    uint64                      // guarded by mu
	damaged  map[mail.AccountID]bool     // to be forgotten; guarded by mu
	queue    queue                       // guarded by mu
	rebuilds []*rebuilding               // guarded by mu
	wake     chan struct{}

	kept mail.Position // what the file of the position says; of the one goroutine
}

// Open opens the index and begins to follow the store where it left off: only
// accounts that have changed since are looked at. It waits for nothing: what it
// hasn't read yet is not narrowed, that is all.
func Open(options Options) *Index {
	ix := &Index{
		files: options.Files, store: options.Store, open: options.Open, delay: options.Delay, log: options.Logger,
		accounts: map[mail.AccountID]*account{}, damaged: map[mail.AccountID]bool{}, queue: queue{due: map[mail.AccountID]due{}}, wake: make(chan struct{}, 1),
	}
	if ix.delay == 0 {
		ix.delay = DefaultDelay
	}
	ix.throttle.off = options.Alone
	ix.kept = ix.readPosition()
	ix.queue.asked = ix.kept
	ix.life, ix.stop = context.WithCancel(context.Background())
	ix.running.Go(ix.run)
	return ix
}

// Close stops the indexing and closes the files. Searches must have ended.
func (ix *Index) Close() error {
	ix.stop()
	ix.running.Wait()
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for _, a := range ix.accounts {
		a.mu.Lock()
		a.unload()
		a.mu.Unlock()
	}
	return nil
}

// acquire gives an account's index, open; release must be called. An index that
// is damaged is given as an empty one, and made again.
func (ix *Index) acquire(id mail.AccountID) (a *account, release func(), err error) {
	ix.mu.Lock()
	a = ix.accounts[id]
	if a == nil {
		a = &account{id: id, files: ix.files, dir: id.String()}
		ix.accounts[id] = a
	}
	ix.clock++
	a.used = ix.clock
	a.pinned++
	ix.evict()
	ix.mu.Unlock()
	release = func() {
		ix.mu.Lock()
		defer ix.mu.Unlock()
		a.pinned--
	}
	a.mu.Lock()
	err = a.load()
	a.mu.Unlock()
	if errors.Is(err, errDamage) {
		ix.log.Warn("search: index is damaged, it is made again", "account", id, "error", err)
		ix.touch(id, 0)
		err = nil
	}
	if err != nil {
		release()
		return nil, nil, fmt.Errorf("open search index of account %s: %w", id, err)
	}
	return a, release, nil
}

// evict closes what has not been asked for longest, until the rest is within the
// bounds. The caller holds mu.
func (ix *Index) evict() {
	for {
		var oldest *account
		count, memory, least := 0, 0, uint64(math.MaxUint64)
		for _, a := range ix.accounts {
			if a.pinned > 0 || !a.mu.TryRLock() {
				continue
			}
			if a.open {
				count++
				for _, s := range a.segments {
					memory += s.memory()
				}
				if a.used < least {
					oldest, least = a, a.used
				}
			}
			a.mu.RUnlock()
		}
		if oldest == nil || count <= maxOpen && memory <= maxMemory {
			return
		}
		if !oldest.mu.TryLock() {
			return
		}
		oldest.unload()
		oldest.mu.Unlock()
	}
}

// touch says that the account is to be looked at after a while.
func (ix *Index) touch(id mail.AccountID, after time.Duration) {
	ix.mu.Lock()
	ix.queue.add(id, due{time.Now().Add(after), ix.queue.asked})
	ix.mu.Unlock()
	ix.poke()
}

// poke wakes the one goroutine that writes.
func (ix *Index) poke() {
	select {
	case ix.wake <- struct{}{}:
	default: // it will wake up already
	}
}

// broken notes that a segment turned out to be damaged while it was asked: the
// one goroutine that writes drops the account's index and makes it again.
func (ix *Index) broken(id mail.AccountID, err error) {
	ix.log.Warn("search: index is damaged, it is made again", "account", id, "error", err)
	ix.mu.Lock()
	ix.damaged[id] = true
	ix.mu.Unlock()
	ix.touch(id, 0)
}

// takeDamaged says whether that was so, and forgets it.
func (ix *Index) takeDamaged(id mail.AccountID) bool {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	damaged := ix.damaged[id]
	delete(ix.damaged, id)
	return damaged
}
