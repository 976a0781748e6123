package store

import (
	"context"
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
	start journal.LSN // of the last record when this was made

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
	}
	return u
}

// Run does what is due, again and again, until ctx ends. What fails is logged and
// tried again at the next pass.
func (u *Upkeep) Run(ctx context.Context) {
	timer := time.NewTimer(upkeepFirst)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if err := u.Pass(ctx); err != nil && ctx.Err() == nil {
			u.opts.Logger.Error("store: upkeep; it is tried again in an hour", "error", err)
		}
		timer.Reset(upkeepEvery)
	}
}

// Pass does what is due now: a day's expiry and compaction, and a part of the
// month's reading.
func (u *Upkeep) Pass(ctx context.Context) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	day, err := u.tell(ctx)
	if err != nil {
		return err
	}
	if day {
		if err := u.expire(ctx); err != nil {
			return err
		}
		if _, err := u.compact(ctx, 0); err != nil {
			return err
		}
	}
	return u.scrub(ctx)
}

// Compact lets go what is due and gives back all space that there is, however
// little it is.
func (u *Upkeep) Compact(ctx context.Context) (journal.Compacted, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, err := u.tell(ctx); err != nil {
		return journal.Compacted{}, err
	}
	if err := u.expire(ctx); err != nil {
		return journal.Compacted{}, err
	}
	return u.compact(ctx, offlineShare)
}

// offlineShare is the dead share of a segment that is worth rewriting it when
// somebody asked for all the space there is.
const offlineShare = 0.01

// tell brings the time on, and makes a mark when a day has passed.
func (u *Upkeep) tell(ctx context.Context) (day bool, err error) {
	if !u.begun {
		if u.state, err = loadUpkeep(u.store, u.start); err != nil {
			return false, err
		}
		u.publish()
		if err := u.findHurt(ctx); err != nil {
			return false, err
		}
	}
	uptime := u.opts.Uptime()
	u.state.pass(u.store.now(), uptime-u.seen, !u.begun)
	u.begun, u.seen = true, uptime
	every := min(markEvery, max(u.store.retention/30, time.Second))
	n := len(u.state.marks)
	if day = n == 0 || u.state.elapsed-u.state.marks[n-1].elapsed >= every; day {
		m, err := u.store.positionsOfAll(ctx)
		if err != nil {
			return false, err
		}
		u.state.marks = append(u.state.marks, upkeepMark{u.state.elapsed, m})
	}
	return day, u.state.save(u.store)
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

// positionsOfAll says how far each account has come.
func (s *Store) positionsOfAll(ctx context.Context) (map[mail.AccountID]mail.ModSeq, error) {
	s.mu.RLock()
	ids := slices.Sorted(maps.Keys(s.known))
	s.mu.RUnlock()
	at := map[mail.AccountID]mail.ModSeq{}
	for _, id := range ids {
		a, err := s.anyAccount(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", id, err)
		}
		a.mu.RLock()
		at[id] = a.last.modSeq
		a.mu.RUnlock()
	}
	return at, nil
}

// expire lets go what was taken away by the last mark that is old enough.
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
	for _, id := range slices.Sorted(maps.Keys(m.at)) {
		if err := u.pace.Step(ctx, 1); err != nil {
			return err
		}
		if err := u.store.Expire(ctx, id, m.at[id]); err != nil {
			return err
		}
	}
	u.state.marks = u.state.marks[due+1:]
	return u.state.save(u.store)
}

// compact gives space back.
func (u *Upkeep) compact(ctx context.Context, share float64) (journal.Compacted, error) {
	owners := append([]journal.Owner{u.store}, u.opts.Owners...)
	done, err := u.store.journal.Compact(ctx, journal.Compaction{Owners: owners, Share: share, Pace: u.pace})
	if err != nil {
		return done, err
	}
	u.state.freed += done.Freed
	u.healthLock.Lock()
	u.health.Space = done.Usage
	u.healthLock.Unlock()
	if done.Freed > 0 {
		u.opts.Logger.Info("store: space given back", "bytes", done.Freed, "segments", done.Rewritten)
	}
	return done, nil
}
