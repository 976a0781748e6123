package office

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/room"
)

const (
	// roomFile is how the disk was used, below mail.
	roomFile = "room"
	// roomEvery is how often it is seen whether that has to be noted.
	roomEvery = 10 * time.Minute
	// foretold is how long before mail from outside has to wait it is said: enough to
	// order a disk, and to find a day for it.
	foretold = 60 * 24 * time.Hour
)

// measure begins to know how full the disk is. What a disk is that doesn't say how
// large it is, or that a developer shares with other things, is not known: it has the
// least bounds.
func (o *Office) measure(files durable.FS) {
	ask, shared := o.options.Disk, o.options.Dev
	if ask == nil {
		ask = func() (room.Usage, error) { return usageOf(o.options.Data) }
	} else {
		shared = false
	}
	var total int64
	if u, err := ask(); err == nil && !shared {
		total = u.Total
	}
	o.room = room.New(ask, room.BoundsOf(total))
	var err error
	if o.history, err = room.OpenHistory(files, roomFile); err != nil {
		o.log.Warn("when the disk will be full is not known for some days", "err", err)
	}
}

// roomForDrafts is the free bytes as the spool has to see them, which keeps a little
// more than journal.DefaultReserve: a message is refused before it has been written
// there for nothing.
func (o *Office) roomForDrafts() (int64, error) {
	free, err := o.room.Free()
	return free - (o.room.Bounds().Reserve - journal.DefaultReserve), err
}

// The spool has to give up first.
const _ = uint(draft.Reserve - journal.DefaultReserve)

// watchRoom notes how the disk is used, until ctx ends.
func (o *Office) watchRoom(ctx context.Context) {
	ticker := time.NewTicker(roomEvery)
	defer ticker.Stop()
	for {
		if u, err := o.room.Usage(); err == nil && o.sure() && !o.readOnly.Load() {
			if err := o.history.Note(u, time.Now()); err != nil {
				o.log.Warn("how full the disk is was not noted", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// roomFindings say when the disk will be so full that somebody has to wait, as long as
// nobody has to (store.Health says so then).
func (o *Office) roomFindings() []mail.Finding {
	u, err := o.room.Usage()
	floor := o.room.Bounds().Outside
	if err != nil || u.Free < floor {
		return nil
	}
	f, ok := o.history.Forecast(u, floor)
	if !ok || f.Left > foretold {
		return nil
	}
	return []mail.Finding{{
		What: fmt.Sprintf("The disk will be full in about %s: %d MB are added in a day. Then mail from outside has to wait.", inDays(f.Left), f.PerDay>>20),
		ToDo: "Put a larger disk in before, or have mail deleted that is no longer needed: its space comes back when it can't be undone any more.",
	}}
}

// inDays is a time in words, not shorter than a day.
func inDays(d time.Duration) string {
	if days := int(d.Hours() / 24); days > 1 {
		return fmt.Sprintf("%d days", days)
	}
	return "a day"
}

// usageOf asks the kernel for the disk on which a directory is.
func usageOf(dir string) (room.Usage, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return room.Usage{}, fmt.Errorf("office: ask for free space: %w", err)
	}
	return room.Usage{Total: int64(s.Blocks) * s.Bsize, Free: int64(s.Bavail) * s.Bsize}, nil
}

// freeBytes is what an unprivileged process may still write below dir.
func freeBytes(dir string) (int64, error) {
	u, err := usageOf(dir)
	return u.Free, err
}
