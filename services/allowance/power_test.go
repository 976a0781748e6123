package allowance

import (
	"errors"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// openOn is a counter of ten messages a day on a disk.
func openOn(disk durable.FS) *Counter {
	return Open(Options{
		FS: disk, File: "counts", Log: slog.New(slog.DiscardHandler), Exhausted: func(Exhausted) {},
		Limits: func(mail.AccountID) mail.Limits { return mail.Limits{Messages: 10, Recipients: 10} },
	})
}

// left is how many messages may still be sent.
func left(c *Counter) (n int) {
	for c.Message(1) == nil {
		n++
	}
	return n
}

// TestPowerCut: what was counted a second before a power cut is not forgiven, at
// whatever operation of the disk it comes, and nobody is counted twice.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk := crashfs.New()
		c := openOn(disk)
		synced := []int{disk.Ops()} // the operation behind which so many messages are durable
		for range 5 {
			want(t, c.Message(1), "")
			time.Sleep(syncAfter)
			synctest.Wait()
			synced = append(synced, disk.Ops())
		}
		for point := range crashfs.Points(synced[0], disk.Ops()) {
			durable := 0
			for n, at := range synced {
				if at <= point {
					durable = n
				}
			}
			for i, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))} {
				again := openOn(disk.Crash(point, chance))
				if n := 10 - left(again); n < durable || n > durable+1 {
					t.Errorf("cut behind operation %d, chance %d: %d messages count; want %d, or the next one too", point, i, n, durable)
				}
				if err := again.Close(); err != nil {
					t.Error(err)
				}
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// failing is a disk on which syncs of files fail.
type failing struct {
	*crashfs.FS
	fails atomic.Bool
}

func (d *failing) OpenFile(name string, flag int, perm os.FileMode) (durable.File, error) {
	f, err := d.FS.OpenFile(name, flag, perm)
	return &failingFile{f, d}, err
}

type failingFile struct {
	durable.File
	disk *failing
}

func (f *failingFile) Sync() error {
	if f.disk.fails.Swap(false) {
		return syscall.EIO
	}
	return f.File.Sync()
}

// TestSyncFails: behind a sync that failed the file is made anew, not synced again as if
// nothing had been.
func TestSyncFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk := &failing{FS: crashfs.New()}
		c := openOn(disk)
		want(t, c.Message(1), "")
		before := c.file
		disk.fails.Store(true)
		time.Sleep(2 * syncAfter)
		synctest.Wait()
		if c.file == before || c.file == nil {
			t.Errorf("the file is %v; want a new one", c.file)
		}
		again := openOn(disk.Crash(disk.Ops(), crashfs.Nothing()))
		if n := left(again); n != 9 {
			t.Errorf("after a power cut %d messages are left; want 9", n)
		}
		if err := errors.Join(again.Close(), c.Close()); err != nil {
			t.Error(err)
		}
	})
}
