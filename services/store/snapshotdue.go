package store

import (
	"context"
	"maps"
	"slices"

	"github.com/sanduk-mail/sanduk/services/journal"
)

const (
	// snapshotChanges is after how many changes of an account a snapshot is worth
	// while at all.
	snapshotChanges = 1000
	// snapshotRecords is how far the log goes on, by records of all accounts, until
	// one that has changed little gets a snapshot too: a second or two of reading.
	snapshotRecords = 100_000
	// snapshotShare is how many records come to each message of such a snapshot: so
	// those of 300 accounts add no more to the log than it has grown by.
	snapshotShare = 300
)

// snapshots takes the snapshots that are due. One that can't be had now is tried
// again with the next pass; it is no reason to keep from what gives space back.
func (u *Upkeep) snapshots(ctx context.Context) error {
	if u.isLow() {
		return nil
	}
	s := u.store
	s.mu.RLock()
	ids := slices.Sorted(maps.Keys(s.known))
	s.mu.RUnlock()
	for _, id := range ids {
		a, err := s.anyAccount(ctx, id)
		if err != nil {
			return err
		}
		if !a.snapshotDue(u.state.hurt) {
			continue
		}
		err = s.Snapshot(ctx, id, u.pace)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			u.opts.Logger.Error("store: snapshot; it is tried again tomorrow", "account", id, "error", err)
			continue
		}
		u.opts.Logger.Info("store: snapshot", "account", id, "bytes", s.snapshots.newest(id).size())
	}
	return nil
}

// snapshotDue says whether it is time for a snapshot: when an account has changed
// as often since the last one as it has messages, so that what is read and kept of
// changes stays in proportion to what there is; when the log has gone far on; or
// when the last one is damaged.
func (a *account) snapshotDue(hurt []journal.BodyRef) bool {
	a.mu.RLock()
	changes, messages := uint64(a.last.modSeq), uint64(0)
	for _, m := range a.boxes {
		messages += uint64(m.total)
	}
	a.mu.RUnlock()
	last := a.store.snapshots.newest(a.id)
	if last == nil {
		last = &noted{}
	}
	if slices.ContainsFunc(last.parts, func(p snapshotPart) bool { return slices.Contains(hurt, p.body) }) {
		return true
	}
	changes -= min(changes, uint64(last.last.modSeq))
	records := uint64(a.store.journal.Durable() - last.lsn)
	return changes >= max(snapshotChanges, messages) ||
		changes > 0 && records >= max(snapshotRecords, snapshotShare*messages)
}
