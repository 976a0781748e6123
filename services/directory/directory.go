package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Mailboxes are where an account's mail is kept. Both methods may be called for
// an account for which they were called before.
type Mailboxes interface {
	// CreateAccount makes the first mailboxes of an account.
	CreateAccount(ctx context.Context, id mail.AccountID) error
	// RemoveAccount sets an account's mail aside.
	RemoveAccount(ctx context.Context, id mail.AccountID) error
	// RestoreAccount brings an account's mail back. mail.ErrGone when the time
	// for that is over.
	RestoreAccount(ctx context.Context, id mail.AccountID) error
	// RemovedAccounts lists those whose mail can be brought back.
	RemovedAccounts(ctx context.Context) ([]mail.RemovedAccount, error)
	// Gone says whether all mail of a removed account is gone for good.
	Gone(ctx context.Context, id mail.AccountID) (bool, error)
	// Used lists the accounts with this number or a higher one in which anything
	// has happened since their mailboxes were made, and whether they were removed.
	Used(ctx context.Context, from mail.AccountID) (map[mail.AccountID]bool, error)
}

// Options are what a Directory needs; all but Now and Logger must be given.
type Options struct {
	Key       *auth.Key
	Mailboxes Mailboxes
	Now       func() time.Time // nil: time.Now
	Logger    *slog.Logger     // nil: nothing is logged
}

// Directory is the open directory. See the package comment.
type Directory struct {
	index     *Index
	journal   *journal.Journal
	key       *auth.Key
	mailboxes Mailboxes
	now       func() time.Time
	log       *slog.Logger

	current atomic.Pointer[view]

	// turn holds one token: who has it may change the directory. (A mutex can't
	// be waited for with a context.)
	turn chan struct{}
	// stale says that the index missed a change and must be written as a whole.
	// Guarded by turn.
	stale bool
	// seen is the LSN that the index has. Guarded by turn.
	seen journal.LSN

	watching sync.Mutex
	watchers map[chan struct{}]bool // of shares; guarded by watching

	odd []string // what was found odd when opening; never changed afterwards
}

// view is what readers see: the state, and what is worked out from it once.
type view struct {
	*state
	shown Box // the box record with its secrets opened
	// What readers get of the routing records, without removed accounts.
	book     map[mail.Address]*mail.Listing
	standing map[mail.AccountID]*mail.Rules
	copies   map[domain.Name][]mail.Copy
	// Of domains that have any.
	contentRules map[domain.Name][]mail.ContentRule
	ways         routes // with their passwords opened
	window       mail.Window
	certificates map[mail.Fingerprint]mail.AccountID
	apop         bool                            // anybody has a secret for it
	received     map[mail.AccountID][]mail.Share // by grantee, 0: anyone
}

// Open brings the index up to the end of the journal and takes both over: Close
// closes the index, the journal stays its owner's.
//
// What in the journal can't be read or doesn't fit is reported to the log and by
// Check, and passed over: a box with one damaged record still has its mail.
func Open(ctx context.Context, index *Index, j *journal.Journal, o Options) (*Directory, error) {
	d := &Directory{index: index, journal: j, key: o.Key, mailboxes: o.Mailboxes, now: o.Now, log: o.Logger, turn: make(chan struct{}, 1), watchers: map[chan struct{}]bool{}}
	if d.now == nil {
		d.now = time.Now
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if err := d.recover(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// recover loads the index, or starts from nothing where it can't be used, and
// applies what the journal has beyond it.
func (d *Directory) recover(ctx context.Context) error {
	s, seen, err := d.index.load()
	anew, had := d.index.new, err == nil && s.box != nil
	switch {
	case errors.Is(err, errIndex):
		d.log.Error("directory: index is made anew", "err", err)
		anew = true
	case err != nil:
		return fmt.Errorf("directory: read index: %w", err)
	case seen > d.journal.Durable():
		// The journal was put back to an earlier state than the index has seen.
		d.log.Error("directory: index is ahead of the journal and is made anew", "index", seen, "journal", d.journal.Durable())
		anew = true
	}
	if d.index.asideErr != nil {
		d.log.Error("directory: damaged index was set aside", "err", d.index.asideErr)
	}
	if anew {
		s, seen = emptyState(), 0
	}
	changes := 0
	err = d.journal.Replay(ctx, journal.FamilyDirectory, seen+1, func(r journal.Record) error {
		next, err := d.replay(s, r)
		switch {
		case errors.Is(err, ErrNewer):
			return err // going on would give numbers and addresses away twice
		case err != nil:
			d.odd = append(d.odd, fmt.Sprintf("record %d of the log does not fit what came before it: %v", r.LSN, err))
			d.log.Error("directory: a record does not fit", "lsn", r.LSN, "err", err)
		default:
			s = next
			changes++
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("directory: read journal: %w", err)
	}
	if s.box == nil && (had || d.odd != nil || len(d.journal.Damage()) > 0) {
		// Nothing has been written yet: the index may know what the log has lost.
		return ErrLost
	}
	d.install(s)
	d.seen = seen
	if end := d.journal.Durable(); anew || changes > 0 || end > seen {
		err := d.index.saveAll(s, end)
		if errors.Is(err, errIndex) {
			d.log.Error("directory: index can't be mended and is set aside", "err", err)
			if err = d.index.startOver(); err == nil {
				err = d.index.saveAll(s, end)
			}
		}
		if err != nil {
			return err
		}
		d.seen = end
	}
	if anew && len(d.journal.Damage()) > 0 {
		d.distrustShares(ctx)
	}
	return d.adopt(ctx)
}

func (d *Directory) replay(s *state, r journal.Record) (*state, error) {
	record, err := decodeRecord(kind(r.Type), r.Payload)
	if err != nil {
		return nil, err
	}
	next, _, err := s.apply(record)
	if err != nil {
		return nil, err
	}
	next.lsn = r.LSN
	return next, nil
}

// install makes s what readers see.
func (d *Directory) install(s *state) {
	v := &view{state: s}
	old := d.current.Load()
	if old != nil && old.box == s.box {
		v.shown = old.shown
	} else if s.box != nil {
		var err error
		if v.shown, err = s.box.open(d.key); err != nil {
			d.log.Error("directory: a password at the provider can't be opened", "err", err)
		}
	}
	if old != nil && old.shares == s.shares {
		v.received = old.received
	} else {
		v.received = s.shares.receive()
	}
	v.compile()
	d.openRoutes(v)
	d.current.Store(v)
	d.announceShares(old, v)
}

// begin waits for the turn to change the directory; end gives it back.
func (d *Directory) begin(ctx context.Context) error {
	select {
	case d.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("directory: wait for another change: %w", context.Cause(ctx))
	}
}

func (d *Directory) end() { <-d.turn }

// commit makes one record durable and visible. The caller has the turn. The
// order is: see that it fits, the journal, the readers, the index.
func (d *Directory) commit(ctx context.Context, k kind, record any) error {
	payload, err := encodeRecord(record)
	if err != nil {
		return err
	}
	// What is applied is what a replay will read, not what the caller holds.
	if record, err = decodeRecord(k, payload); err != nil {
		return err
	}
	next, touched, err := d.current.Load().apply(record)
	if err != nil {
		return err
	}
	err = d.journal.Commit(ctx, &journal.Entry{
		Family:  journal.FamilyDirectory,
		Type:    uint8(k),
		Prepare: func(journal.Slot) ([]byte, error) { return payload, nil },
		Apply: func(at journal.Slot) {
			next.lsn = at.LSN
			d.install(next)
		},
	})
	if err != nil {
		return fmt.Errorf("directory: commit: %w", err)
	}
	d.save(next, touched)
	return nil
}

// save writes the index. That it can't doesn't undo the change, which is in the
// journal: the next save, or the next Open, makes up for it.
func (d *Directory) save(s *state, touched []entry) {
	seen := d.journal.Durable() // nothing of ours beyond s is in it: we have the turn
	var err error
	if d.stale {
		err = d.index.saveAll(s, seen)
	} else {
		err = d.index.save(s, touched, seen)
	}
	d.stale = err != nil
	if err != nil {
		d.log.Error("directory: index could not be written", "err", err)
		return
	}
	d.seen = seen
}

// Checkpoint notes in the index how far the journal has come, so that the next
// Open need not read what has come since the last change of the directory. Call
// it now and then (once an hour); it does nothing when there is nothing to note.
func (d *Directory) Checkpoint(ctx context.Context) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	if d.stale || d.seen != d.journal.Durable() {
		d.save(d.current.Load().state, nil)
		if d.stale {
			return errors.New("directory: checkpoint: index could not be written")
		}
	}
	return nil
}

// Close writes a last checkpoint and closes the index. No other method may be
// called any more; call it before the journal's Close.
func (d *Directory) Close() error {
	d.turn <- struct{}{} // never given back
	if d.stale || d.seen != d.journal.Durable() {
		d.save(d.current.Load().state, nil)
	}
	return d.index.Close()
}

// Settle repeats what a crash may have left undone: the mailboxes of every
// account are made, those of removed ones set aside. Call it once at the start.
//
// An account whose mail was set aside although it is there has lost the record of
// its removal: it is removed again, for who was sent away must not come back by a
// damaged disk. Only the last administrator stays.
func (d *Directory) Settle(ctx context.Context) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	for id, a := range d.current.Load().accounts {
		if a.Removed.IsZero() {
			err := d.mailboxes.CreateAccount(ctx, id)
			if errors.Is(err, mail.ErrNoAccount) {
				err = d.removeAgain(ctx, id)
			}
			if err != nil {
				return fmt.Errorf("directory: make mailboxes of %s: %w", id, err)
			}
		} else if err := d.removeMailboxes(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (d *Directory) removeMailboxes(ctx context.Context, id mail.AccountID) error {
	if err := d.mailboxes.RemoveAccount(ctx, id); err != nil && !errors.Is(err, mail.ErrNoAccount) {
		return fmt.Errorf("directory: set mailboxes of %s aside: %w", id, err)
	}
	return nil
}
