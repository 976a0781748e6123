package store

import (
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// count is the time that has passed as an Upkeep has counted it, by which it lets
// go what was taken away. Where there is one, only that is over which it has let
// go: what was deleted while the box's clock stood at 1970, or years ahead, can be
// found and put back like anything else.
type count struct {
	elapsed time.Duration
	marks   []upkeepMark // oldest first; one at least
}

// count gives what lists need of the state; nil when there is nothing yet.
func (s *upkeepState) count() *count {
	if len(s.marks) == 0 {
		return nil
	}
	return &count{s.elapsed, slices.Clone(s.marks)}
}

// isOver says whether what went at unix is over by the clock, where nobody counts.
// What has been let go is over in any case: the caller sees to that.
func (s *Store) isOver(unix int64) bool {
	return s.count.Load() == nil && !s.now().Before(s.clockUntil(unix))
}

// clockUntil is until when something that went at unix is kept, by the clock.
func (s *Store) clockUntil(unix int64) time.Time { return time.Unix(unix, 0).UTC().Add(s.retention) }

// until is until when what went at unix by a change of the account can be brought
// back: by the clock, where that agrees with what has been counted; else by what
// is left of the count.
func (a *account) until(seq mail.ModSeq, unix int64) time.Time {
	s := a.store
	until, c := s.clockUntil(unix), s.count.Load()
	if c == nil {
		return until
	}
	now := s.now().UTC().Truncate(time.Second)
	if until.After(now) && !until.After(now.Add(s.retention)) {
		return until
	}
	left := s.retention
	for _, m := range c.marks {
		if m.at[a.id] >= seq {
			left = max(0, s.retention-(c.elapsed-m.elapsed))
			break
		}
	}
	return now.Add(left)
}
