package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// upkeepEvery is how often the background looks what there is to do, and notes
	// how late it is.
	upkeepEvery = time.Hour
	// upkeepLook is how often it looks whether the disk fills.
	upkeepLook = time.Minute
	// lowSpace is below how much free space what is due is given back at once, flat
	// out but for commits: new mail is refused below an eighth of it, or sooner, see
	// UpkeepOptions.Outside. In between is what a busy office gets in an hour.
	lowSpace = 8 * journal.DefaultReserve
	// reliefRate is what is read and written in a second then: a segment in two.
	reliefRate = 8 * journal.BackgroundRate
	// upkeepFirst is how long after a start it waits: then there is enough to do.
	upkeepFirst = 5 * time.Minute
	// markEvery is how often it is noted how far each account has come: what was
	// taken away is let go up to this much later than it could be.
	markEvery = 24 * time.Hour
	// trustedGap is how much of the time in which the box was off is believed, for
	// each start. It is only the clock's word.
	trustedGap = 24 * time.Hour
	// scrubEvery is how often everything on the disk is read.
	scrubEvery = 30 * 24 * time.Hour
	// scrubPasses is in how many passes that is done: three weeks of hours, so that
	// it is done within the month also on a box that is off at night.
	scrubPasses = 300
)

// UpkeepOptions says how to look after a store; all may be zero but Logger.
type UpkeepOptions struct {
	Logger *slog.Logger
	// Owners, besides the store, have bodies in its journal.
	Owners []journal.Owner
	// Uptime is the time since some moment, by a clock that nobody sets; nil: that
	// of the process.
	Uptime func() time.Duration
	// Free tells the bytes free on the disk; nil: unknown, and nothing is done sooner
	// when it fills.
	Free func() (int64, error)
	// Outside is how many free bytes there must be for mail from outside to be taken: Run
	// gives space back before; 0: as many as Reserve.
	Outside int64
	// Reserve is how many the log keeps for flags and deletions; 0: journal.DefaultReserve.
	Reserve int64
	// Every is how often Run looks what there is to do; 0: each hour. It begins as
	// long after a start, or five minutes if that is less.
	Every time.Duration
	// Flat out: without giving way to anybody, as long as nobody else is there.
	Flat bool
}

// Upkeep looks after a store in the background: it lets go for good what was taken
// away longer ago than the retention, gives the space of it back, and reads
// everything once a month to find damage.
//
// Nothing is let go on the word of the box's clock alone. How much time has passed
// is counted while the process runs, by a clock that only goes on; of the time in
// which it did not, a day is believed for each start, and nothing that the clock
// has shown before. At each day of this time it is noted how far every account has
// come, and what was taken away by then is let go when the retention has passed
// since. So a clock that leaps costs nobody a message; one that is wrong, or a box
// that is often off, only keeps mail longer.
type Upkeep struct {
	store *Store
	opts  UpkeepOptions
	pace  journal.Pace
	quick journal.Pace // for when the disk fills
	start journal.LSN  // of the last record when this was made

	mu    sync.Mutex // held for a whole pass
	state upkeepState
	seen  time.Duration // Uptime when state.elapsed was last brought on
	begun bool          // state is loaded

	healthLock sync.Mutex
	health     Health
}

// NewUpkeep makes an Upkeep. It is the only one of its store.
func NewUpkeep(s *Store, opts UpkeepOptions) *Upkeep {
	if opts.Uptime == nil {
		start := time.Now()
		opts.Uptime = func() time.Duration { return time.Since(start) }
	}
	u := &Upkeep{store: s, opts: opts, start: s.journal.Durable()}
	if !opts.Flat {
		u.pace = s.journal.Pace(journal.BackgroundRate)
		u.quick = s.journal.Pace(reliefRate)
	}
	return u
}

// Run does what is due, again and again, until ctx ends, and at once what gives
// space back when the disk fills. What fails is logged and tried again at the next
// pass.
func (u *Upkeep) Run(ctx context.Context) {
	every := cmp.Or(u.opts.Every, upkeepEvery)
	look := time.NewTicker(min(upkeepLook, every))
	defer look.Stop()
	pass := time.Now().Add(min(upkeepFirst, every))
	var relief time.Time // not before
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		var err error
		switch now := time.Now(); {
		case !now.Before(pass):
			err = u.Pass(ctx)
			pass = time.Now().Add(every)
		case !now.Before(relief) && u.isLow():
			var freed int64
			freed, err = u.relieve(ctx)
			if freed == 0 { // there is no more to be had for now
				relief = time.Now().Add(every)
			}
		}
		if err != nil && ctx.Err() == nil {
			u.opts.Logger.Error("store: upkeep; it is tried again", "in", every, "error", err)
		}
	}
}

// Pass does what is due now: a day's snapshots, expiry and compaction, or what of it an
// earlier pass could not do, and a part of the month's reading. What fails keeps
// nothing else from being done.
func (u *Upkeep) Pass(ctx context.Context) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	err := u.tell(ctx)
	if !u.begun || ctx.Err() != nil {
		return err
	}
	errs := []error{err}
	if u.state.owed {
		errs = append(errs, u.snapshots(ctx))
		_, err := u.clear(ctx, 0, u.pace)
		errs = append(errs, err)
	}
	if ctx.Err() == nil {
		errs = append(errs, u.scrub(ctx))
	}
	return u.ended(errors.Join(errs...))
}

// ended says in Health how a pass went.
func (u *Upkeep) ended(err error) error {
	u.publish()
	u.healthLock.Lock()
	defer u.healthLock.Unlock()
	u.health.Trouble = err
	return err
}

// Compact lets go what is due and gives back all space that there is, however
// little it is.
func (u *Upkeep) Compact(ctx context.Context) (journal.Compacted, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.tell(ctx); !u.begun || ctx.Err() != nil {
		return journal.Compacted{}, err
	}
	return u.clear(ctx, offlineShare, u.pace)
}

// isLow says whether the disk fills.
func (u *Upkeep) isLow() bool {
	if u.opts.Free == nil {
		return false
	}
	free, err := u.opts.Free()
	return err == nil && free < u.low()
}

// low is below how many free bytes the disk is nearly full.
func (u *Upkeep) low() int64 { return lowSpace + max(0, u.opts.Outside-journal.DefaultReserve) }

// relieve gives back at once what there is, before mail has to be refused.
func (u *Upkeep) relieve(ctx context.Context) (freed int64, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.tell(ctx); !u.begun || ctx.Err() != nil {
		return 0, err
	}
	done, err := u.clear(ctx, offlineShare, u.quick)
	return done.Freed, u.ended(err)
}

// clear lets go what is due and gives its space back. Until both have succeeded
// every pass tries again.
func (u *Upkeep) clear(ctx context.Context, share float64, pace journal.Pace) (journal.Compacted, error) {
	u.state.owed = true
	expired := u.expire(ctx)
	if ctx.Err() != nil {
		return journal.Compacted{}, expired
	}
	done, err := u.compact(ctx, share, pace)
	if err = errors.Join(expired, err); err != nil {
		return done, err
	}
	u.state.owed = false
	return done, u.state.save(u.store)
}

// offlineShare is the dead share of a segment that is worth rewriting it when
// somebody asked for all the space there is.
const offlineShare = 0.01

// tell brings the time on, and makes a mark when a day has passed. An error after
// the beginning is of what was noted on the disk, where there may be no room for
// it just when space is to be given back: it counts in memory.
func (u *Upkeep) tell(ctx context.Context) (err error) {
	if !u.begun {
		if u.state, err = loadUpkeep(u.store, u.start); err != nil {
			return err
		}
		u.publish()
	}
	uptime := u.opts.Uptime()
	u.state.pass(u.store.now(), uptime-u.seen, !u.begun)
	first := !u.begun
	u.begun, u.seen = true, uptime
	var errs []error
	if first {
		errs = append(errs, u.findHurt(ctx))
	}
	every := min(markEvery, max(u.store.retention/30, time.Second))
	n := len(u.state.marks)
	if n == 0 || u.state.elapsed-u.state.marks[n-1].elapsed >= every {
		m, err := u.store.positionsOfAll(ctx)
		if ctx.Err() != nil {
			return err
		}
		errs = append(errs, err)
		u.state.marks = append(u.state.marks, upkeepMark{u.state.elapsed, m})
		u.state.owed = true
	}
	u.store.count.Store(u.state.count())
	return errors.Join(append(errs, u.state.save(u.store))...)
}

// pass brings the time on: by what the process has counted, and after a start by
// what the clock says, up to trustedGap, and only beyond what it has said before.
func (s *upkeepState) pass(wall time.Time, counted time.Duration, start bool) {
	gap := time.Duration(0)
	if start && s.wall != 0 {
		gap = min(max(time.Duration(wall.UnixNano()-s.wall), 0), trustedGap)
	}
	s.elapsed += max(counted, gap)
	s.wall = max(s.wall, wall.UnixNano())
}

// positionsOfAll says how far each account has come. One that can't be read is left
// out, and nothing of it is let go by this mark.
func (s *Store) positionsOfAll(ctx context.Context) (map[mail.AccountID]mail.ModSeq, error) {
	s.mu.RLock()
	ids := slices.Sorted(maps.Keys(s.known))
	s.mu.RUnlock()
	at := map[mail.AccountID]mail.ModSeq{}
	var errs []error
	for _, id := range ids {
		a, err := s.anyAccount(ctx, id)
		if err != nil {
			errs = append(errs, fmt.Errorf("account %s: %w", id, err))
			continue
		}
		a.mu.RLock()
		at[id] = a.last.modSeq
		a.mu.RUnlock()
	}
	return at, errors.Join(errs...)
}

// expire lets go what was taken away by the last mark that is old enough. An
// account of which that fails keeps the others from nothing, and is tried again.
func (u *Upkeep) expire(ctx context.Context) error {
	due := -1
	for i, m := range u.state.marks {
		if u.state.elapsed-m.elapsed >= u.store.retention {
			due = i
		}
	}
	if due < 0 {
		return nil
	}
	m := u.state.marks[due]
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(m.at)) {
		if err := u.pace.Step(ctx, 1); err != nil {
			return err
		}
		err := u.store.Expire(ctx, id, m.at[id])
		if err == nil {
			err = u.store.Shrink(ctx, id)
		}
		if errors.Is(err, errIndexBusy) {
			u.opts.Logger.Info("store: index is not written anew today", "account", id, "cause", err)
		} else if err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		u.state.marks = u.state.marks[due:]
		return errors.Join(errs...)
	}
	u.state.marks = u.state.marks[due+1:]
	u.store.count.Store(u.state.count())
	return nil
}

// compact gives space back. What it finds bad is read at once, to tell people
// which messages it is.
func (u *Upkeep) compact(ctx context.Context, share float64, pace journal.Pace) (journal.Compacted, error) {
	owners := append([]journal.Owner{u.store}, u.opts.Owners...)
	done, err := u.store.journal.Compact(ctx, journal.Compaction{Owners: owners, Share: share, Pace: pace})
	u.state.freed += done.Freed
	if err == nil {
		u.healthLock.Lock()
		u.health.Space = done.Usage
		u.healthLock.Unlock()
	}
	if done.Freed > 0 {
		u.opts.Logger.Info("store: space given back", "bytes", done.Freed, "segments", done.Rewritten)
	}
	if len(done.Bad) == 0 || ctx.Err() != nil {
		return done, err
	}
	for _, number := range done.Bad {
		err = errors.Join(err, u.read(ctx, number))
	}
	return done, errors.Join(err, u.findHurt(ctx))
}
