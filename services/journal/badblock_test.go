package journal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const badBlock = 4096

// TestRingBadBlock has the disk give one block of the ring no more. A box that
// needs nothing of it opens as if nothing had been; where something that was
// acknowledged may have stood there, that is said, and the ring is given up.
func TestRingBadBlock(t *testing.T) {
	t.Parallel()
	for n := 0; n < 40; n += 3 {
		disk, want := filled(t, ringOptions(), n)
		for bad := int64(0); bad < disk.Size(ringFile); bad += badBlock {
			for _, chance := range []crashfs.Chance{crashfs.Everything(), crashfs.Nothing(), crashfs.Some(uint64(n))} {
				what := fmt.Sprintf("%d records, block at %d", n, bad)
				after := disk.Crash(disk.Ops(), chance)
				after.Bad(ringFile, bad, badBlock)
				var again *crashfs.FS
				reopened(t, after, ringOptions(), func(j *journal.Journal) {
					got := payloads(replay(t, j, 1))
					all := strings.Join(want, " ")
					if !areSome(strings.Fields(got), want) || got != all && len(j.Damage()) == 0 {
						t.Errorf("%s: %d bytes of records of %d, damage %v", what, len(got), len(all), j.Damage())
					}
					if bad == 0 || bad == disk.Size(ringFile)-badBlock {
						checkPayloads(t, what, j, want)
						if d := j.Damage(); d != nil {
							t.Errorf("%s: damage %v, though there is a second header", what, d)
						}
					}
					after.Mend() // writing it anew has the disk put another block there
					mustPut(t, j, "on")
					again = after.Crash(after.Ops(), crashfs.Nothing())
					want := got + " on"
					reopened(t, again, ringOptions(), func(k *journal.Journal) {
						if got := payloads(replay(t, k, 1)); strings.TrimSpace(want) != got {
							t.Errorf("%s: after another crash there are %d bytes of records; want %d", what, len(got), len(want))
						}
					})
				})
				if t.Failed() {
					return
				}
			}
		}
	}
}

// areSome says whether the words are some of all, in the same order.
func areSome(words, all []string) bool {
	for _, w := range all {
		if len(words) > 0 && words[0] == w {
			words = words[1:]
		}
	}
	return len(words) == 0
}

// TestRingNotNeeded holds that after a clean stop no single bad block of the ring
// is anything to speak of, but the one with the note that says so and the one where
// the next batch would stand.
func TestRingNotNeeded(t *testing.T) {
	t.Parallel()
	for n := 1; n < 24; n++ {
		disk := crashfs.New()
		var want []string
		reopened(t, disk, ringOptions(), func(j *journal.Journal) {
			for i := range n {
				want = append(want, fmt.Sprint(i))
				mustPut(t, j, want[i])
			}
		})
		spoken := 0
		for bad := int64(0); bad < disk.Size(ringFile); bad += badBlock {
			after := disk.Crash(disk.Ops(), crashfs.Nothing())
			after.Bad(ringFile, bad, badBlock)
			j := open(t, after, ringOptions())
			checkPayloads(t, fmt.Sprintf("%d records, block at %d", n, bad), j, want)
			if len(j.Damage()) > 0 {
				spoken++
			}
			after.Mend()
			mustPut(t, j, "on")
			_ = j.Close()
		}
		if spoken > 3 {
			t.Errorf("%d records: %d of 8 blocks are reported; want 3 at most", n, spoken)
		}
	}
}

// TestRingMadeLater opens on a disk without room for a ring: it is made when there
// is some, without a start.
func TestRingMadeLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk, opts := crashfs.New(), options()
		var free atomic.Int64
		free.Store(100 << 20)
		opts.Free = func() (int64, error) { return free.Load(), nil }
		free.Store(1 << 20)
		j := open(t, disk, opts)
		mustPut(t, j, "without")
		free.Store(4 << 30)
		mustPut(t, j, "too early")
		synctest.Wait()
		if disk.Size(ringFile) != 0 {
			t.Fatal("a ring is made at once; want it tried again after a while")
		}
		time.Sleep(11 * time.Minute)
		mustPut(t, j, "asks for it")
		synctest.Wait()
		mustPut(t, j, "takes it")
		mustPut(t, j, "with it")
		if got := disk.Size(ringFile); got != journal.DefaultRing {
			t.Errorf("the ring has %d bytes; want %d", got, journal.DefaultRing)
		}
		if err := j.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		reopened(t, disk.Crash(disk.Ops(), crashfs.Nothing()), opts, func(j *journal.Journal) {
			checkPayloads(t, "after all", j, []string{"without", "too early", "asks for it", "takes it", "with it"})
		})
	})
}

// TestNewSegmentFull has the disk say that it is full wherever a new segment is
// begun. That is nothing final: with room again the next commit succeeds.
func TestNewSegmentFull(t *testing.T) {
	t.Parallel()
	for _, kind := range []crashfs.Kind{crashfs.Create, crashfs.Write, crashfs.Sync, crashfs.SyncDir} {
		disk, opts := crashfs.New(), options()
		opts.Segment = 500
		j := open(t, disk, opts)
		want := []string{strings.Repeat("x", 900)} // the segment is full now
		mustPut(t, j, want[0])
		disk.Fault(func(o crashfs.Op) error {
			if o.Kind == kind && (kind == crashfs.SyncDir || o.Name == "log/00000002.seg") {
				return syscall.ENOSPC
			}
			return nil
		})
		for range 3 {
			if _, err := put(j, "full"); !errors.Is(err, mail.ErrNoSpace) {
				t.Errorf("kind %d: Commit = %v; want ErrNoSpace", kind, err)
			}
			if _, err := j.Stage(context.Background(), nil, strings.NewReader(noise(1, journal.LargeBody+1)), journal.LargeBody+1); !errors.Is(err, mail.ErrNoSpace) {
				t.Errorf("kind %d: Stage = %v; want ErrNoSpace", kind, err)
			}
		}
		disk.Fault(nil)
		for i := range 3 {
			want = append(want, fmt.Sprint("room ", i))
			mustPut(t, j, want[i+1], stage(t, j, noise(2, journal.LargeBody+1)))
		}
		reopened(t, disk.Crash(disk.Ops(), crashfs.Nothing()), opts, func(j *journal.Journal) {
			checkPayloads(t, fmt.Sprint("kind ", kind), j, want)
		})
		if err := j.Close(); err != nil {
			t.Errorf("kind %d: Close = %v", kind, err)
		}
	}
}

// TestSegmentBadBlock has the disk give one block of a sealed segment no more,
// wherever it is, its table included. What is in the other blocks is read as
// before, and a compaction goes on with the other segments, leaves that one as it
// is, and names it.
func TestSegmentBadBlock(t *testing.T) {
	t.Parallel()
	full, opts, done := loaded(t, 2)
	o := ownerOf(done, third)
	for _, number := range []uint32{1, 2, 3, 4} {
		name := fmt.Sprintf("log/%08d.seg", number)
		for bad := int64(0); bad < full.Size(name); bad += badBlock {
			what := fmt.Sprintf("block at %d of %s", bad, name)
			disk := full.Crash(full.Ops(), crashfs.Nothing())
			j := open(t, disk, opts)
			disk.Bad(name, bad, badBlock)
			before := disk.Size(name)
			got := compact(t, j, o)
			if got.Freed == 0 {
				t.Errorf("%s: nothing came back from the other segments", what)
			}
			for _, b := range got.Bad {
				if b != number {
					t.Errorf("%s: segment %d was passed over", what, b)
				}
			}
			if len(got.Bad) > 0 && disk.Size(name) != before {
				t.Errorf("%s: it was passed over and has %d bytes; want %d", what, disk.Size(name), before)
			}
			unread := 0
			for i, a := range done {
				for k, ref := range a.slot.Bodies {
					if !third(i) || k > 0 || ref.Segment != number {
						continue
					}
					b, err := j.Body(ref)
					if err == nil {
						_, err = b.Size()
						_ = b.Close()
					}
					if err != nil && !errors.Is(err, syscall.EIO) {
						t.Errorf("%s: body %s: %v; want what the disk says", what, ref, err)
					}
					if err != nil {
						unread++
					}
				}
			}
			if unread > 5 { // of small ones; more than stand in a block
				t.Errorf("%s: %d bodies can't be read", what, unread)
			}
			_ = j.Close()
			disk.Mend()
			j = open(t, disk, opts)
			checkCompacted(t, what+", mended", j, done, o)
			_ = j.Close()
		}
	}
}

// TestSegmentHeaderUnreadable opens a journal of which the disk does not give the
// beginning of a segment: the others are there, and it is said.
func TestSegmentHeaderUnreadable(t *testing.T) {
	t.Parallel()
	disk, opts, done := loaded(t, 2)
	fewer := 0
	for number := uint32(1); number <= 4; number++ {
		disk.Bad(fmt.Sprintf("log/%08d.seg", number), 0, badBlock)
		j := open(t, disk, opts)
		if d := j.Damage(); len(d) != 1 || d[0].Segment != number {
			t.Errorf("damage %+v; want segment %d", d, number)
		}
		if n := len(replay(t, j, 1)); n < len(done) && n >= len(done)/2 {
			fewer++
		}
		_ = j.Close()
		disk.Mend()
		j = open(t, disk, opts)
		if n := len(replay(t, j, 1)); n != len(done) || len(j.Damage()) > 0 {
			t.Errorf("mended, %d records are there of %d, damage %v", n, len(done), j.Damage())
		}
		_ = j.Close()
	}
	if fewer == 0 {
		t.Error("none of the segments that could not be read had records in it")
	}
}
