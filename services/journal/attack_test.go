package journal_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// contents reads a whole file.
func contents(t *testing.T, disk *crashfs.FS, name string) []byte {
	t.Helper()
	f, err := disk.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, disk.Size(name)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// replaceFile puts other contents into a file, as somebody does who copies files.
func replaceFile(t *testing.T, disk *crashfs.FS, name string, b []byte) {
	t.Helper()
	f, err := disk.Create(name)
	if err == nil {
		_, err = f.WriteAt(b, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRingOfAnotherBox puts a ring that knows of far more into a box that was
// stopped in order: it is set aside and said, and neither its contents nor what it
// says had been durable changes anything.
func TestRingOfAnotherBox(t *testing.T) {
	t.Parallel()
	other, _ := filled(t, ringOptions(), 40)
	disk, want := filled(t, ringOptions(), 5)
	reopened(t, disk.Crash(disk.Ops(), crashfs.Nothing()), ringOptions(), func(*journal.Journal) {})
	disk = disk.Crash(disk.Ops(), crashfs.Everything())
	j := open(t, disk, ringOptions())
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	before := j.Durable()
	replaceFile(t, disk, ringFile, contents(t, other, ringFile))
	reopened(t, disk, ringOptions(), func(j *journal.Journal) {
		checkPayloads(t, "with another box's ring", j, want)
		if d := j.Damage(); len(d) != 1 || d[0].Segment != 0 {
			t.Errorf("Damage = %+v; want that the ring is not this box's", d)
		}
		if slot := mustPut(t, j, "on"); slot.LSN != before+1 {
			t.Errorf("the next LSN is %d; want %d", slot.LSN, before+1)
		}
		if disk.Size(ringFile+".damaged") == 0 {
			t.Error("the ring is not set aside")
		}
	})
	reopened(t, disk, ringOptions(), func(j *journal.Journal) {
		checkPayloads(t, "afterwards", j, append(slices.Clone(want), "on"))
	})
}

// TestRingOfAnotherAge puts a ring of before a power cut back after much else was
// written and segments were compacted: nothing of it comes back over what there is.
func TestRingOfAnotherAge(t *testing.T) {
	t.Parallel()
	opts := ringOptions()
	opts.Segment = 6000
	disk, done := crashfs.New(), []acked(nil)
	j := open(t, disk, opts)
	var old [][]byte
	for i := range 40 {
		a := acked{payload: fmt.Sprint(i), body: noise(uint64(i), i%5*400+10)}
		a.slot = mustPut(t, j, a.payload, stage(t, j, a.body))
		done = append(done, a)
		if i%3 == 0 {
			old = append(old, contents(t, disk, ringFile))
		}
	}
	o := ownerOf(done, third)
	if compact(t, j, o).Rewritten == 0 {
		t.Error("nothing was compacted")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for i, ring := range old {
		after := disk.Crash(disk.Ops(), crashfs.Everything())
		replaceFile(t, after, ringFile, ring)
		for range 2 {
			reopened(t, after, opts, func(j *journal.Journal) {
				checkCompacted(t, fmt.Sprint("ring of age ", i), j, done, o)
			})
		}
	}
}

// TestRingEmptied has a ring whose batches have all gone, though its headers are
// good: that never comes of a power cut, so it is not passed over in silence.
func TestRingEmptied(t *testing.T) {
	t.Parallel()
	disk, want := filled(t, ringOptions(), 10)
	disk = disk.Crash(disk.Ops(), crashfs.Nothing())
	b := contents(t, disk, ringFile)
	clear(b[4096 : len(b)-4096])
	replaceFile(t, disk, ringFile, b)
	reopened(t, disk, ringOptions(), func(j *journal.Journal) {
		if got := payloads(replay(t, j, 1)); !strings.HasPrefix(strings.Join(want, " "), got) {
			t.Errorf("records %.100q", got)
		}
		if len(j.Damage()) == 0 {
			t.Error("no damage is reported")
		}
	})
}

// TestRingCutBesideCheckpoint has a full disk cut the segment back while a
// checkpoint is under way: the space that this one had set aside is gone, and what
// is acknowledged later must not count on it in a recovery on a full disk.
func TestRingCutBesideCheckpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		opts := options()
		opts.Ring = 32 * 4096
		disk := crashfs.New()
		j := open(t, disk, opts)
		mustPut(t, j, "0")
		want := []string{"0"}
		hold, held := make(chan struct{}), false
		disk.Fault(func(o crashfs.Op) error {
			switch {
			case o.Kind == crashfs.Sync && strings.HasPrefix(o.Name, "log") && !held:
				held = true
				<-hold
			case o.Kind == crashfs.Write && o.Size > 100<<10:
				return syscall.ENOSPC
			}
			return nil
		})
		for i := 1; !held && i < 30; i++ {
			want = append(want, fmt.Sprint(i))
			mustPut(t, j, want[i])
			synctest.Wait()
		}
		if _, err := put(j, strings.Repeat("x", 200<<10)); !errors.Is(err, mail.ErrNoSpace) {
			t.Errorf("Commit = %v; want ErrNoSpace", err)
		}
		close(hold)
		synctest.Wait()
		for i := range 8 {
			payload := fmt.Sprintf("%d %s", i, strings.Repeat("y", 900))
			mustPut(t, j, payload)
			want = append(want, payload)
		}
		after := disk.Crash(disk.Ops(), crashfs.Nothing())
		after.Fault(func(o crashfs.Op) error {
			if o.New > 0 && o.Kind != crashfs.Sync || o.Kind == crashfs.Create {
				return syscall.ENOSPC
			}
			return nil
		})
		reopened(t, after, opts, func(j *journal.Journal) { checkPayloads(t, "on a full disk", j, want) })
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestRefusedForGood cuts the power after entries were refused on a full disk: none
// of them is there afterwards, although it may have been written.
func TestRefusedForGood(t *testing.T) {
	t.Parallel()
	for _, ring := range []int64{journal.NoRing, 8 * 4096} {
		synctest.Test(t, func(t *testing.T) {
			opts := options()
			opts.Ring = ring
			disk := crashfs.New()
			j := open(t, disk, opts)
			mustPut(t, j, "0")
			hold := make(chan struct{})
			go func() {
				_ = j.Commit(t.Context(), &journal.Entry{Family: journal.FamilyStore, Prepare: func(journal.Slot) ([]byte, error) {
					<-hold // so that the others make one batch
					return []byte("1"), nil
				}})
			}()
			synctest.Wait()
			for i, size := range []int{100, 9000} {
				body := stage(t, j, noise(uint64(i), size))
				go func() {
					if _, err := put(j, fmt.Sprint("refused ", i), body); !errors.Is(err, mail.ErrNoSpace) {
						t.Errorf("Commit = %v; want ErrNoSpace", err)
					}
				}()
				synctest.Wait()
			}
			disk.Fault(func(o crashfs.Op) error {
				if o.Kind == crashfs.Write && o.Size > 9000 && strings.HasPrefix(o.Name, "log") {
					return syscall.ENOSPC
				}
				return nil
			})
			close(hold)
			synctest.Wait()
			for seed := range uint64(30) {
				reopened(t, disk.Crash(disk.Ops(), crashfs.Some(seed)), opts, func(j *journal.Journal) {
					if got := payloads(replay(t, j, 1)); got != "0 1" {
						t.Errorf("ring of %d: records %q; want 0 1", ring, got)
					}
				})
			}
			if err := j.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestStopBehindSeal stops while the segment is sealed and its successor can't be
// made: nothing is written behind the end mark, and the segment can be compacted.
func TestStopBehindSeal(t *testing.T) {
	t.Parallel()
	disk, opts := crashfs.New(), ringOptions()
	opts.Segment = 2000
	j := open(t, disk, opts)
	slot := mustPut(t, j, "0", stage(t, j, noise(1, 3000)))
	disk.Fault(func(o crashfs.Op) error {
		if o.Kind == crashfs.Create {
			return syscall.ENOSPC
		}
		return nil
	})
	if _, err := put(j, "no"); !errors.Is(err, mail.ErrNoSpace) {
		t.Errorf("Commit = %v; want ErrNoSpace", err)
	}
	sealed := disk.Size("log/00000001.seg")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	disk.Fault(nil)
	if got := disk.Size("log/00000001.seg"); got != sealed {
		t.Errorf("the sealed segment had %d bytes and has %d after a stop", sealed, got)
	}
	reopened(t, disk, opts, func(j *journal.Journal) {
		mustPut(t, j, "1")
		if got := compact(t, j, owner{slot.Bodies[0]: false}); got.Rewritten != 1 {
			t.Errorf("Compact = %+v; want one segment rewritten", got)
		}
		checkPayloads(t, "compacted", j, []string{"0", "1"})
		if d := j.Damage(); d != nil {
			t.Errorf("damage %+v", d)
		}
	})
}

// TestRingOfLater has the log of some moment with the ring of a later one, as in a
// backup of a box that was running: what the log holds is served, what is missing
// is reported, and no LSN is given out again.
func TestRingOfLater(t *testing.T) {
	t.Parallel()
	const name = "log/00000001.seg"
	disk := crashfs.New()
	j := open(t, disk, ringOptions())
	var old [][]byte
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprint("record ", i))
		mustPut(t, j, want[i])
		replay(t, j, 1) // who reads has all of it written to the segment
		old = append(old, contents(t, disk, name))
	}
	running := contents(t, disk, ringFile)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for i, log := range old[:len(old)-1] {
		for what, ring := range map[string][]byte{"running": running, "stopped": contents(t, disk, ringFile)} {
			what := fmt.Sprintf("log after record %d, ring of when it was %s", i, what)
			after := disk.Crash(disk.Ops(), crashfs.Everything())
			replaceFile(t, after, name, log)
			replaceFile(t, after, ringFile, ring)
			last := j.Durable() - 1 // without the stop
			for range 2 {
				reopened(t, after, ringOptions(), func(j *journal.Journal) {
					all := replay(t, j, 1)
					if got := payloads(all); len(all) <= i || !strings.HasPrefix(got, strings.Join(want[:i+1], " ")) {
						t.Errorf("%s: records %.60q (%d)", what, got, len(all))
					}
					if len(all) < len(want) && last < 22 && len(j.Damage()) == 0 {
						t.Errorf("%s: %d records of %d and no damage", what, len(all), len(want))
					}
					slot := mustPut(t, j, "on")
					if slot.LSN < last {
						t.Errorf("%s: LSN %d is given out again", what, slot.LSN)
					}
					last = slot.LSN + 1
				})
			}
		}
	}
}

// TestScrubUnreadable has the disk give no more what is in the middle of segments:
// the body there is named, and the reading goes on with the next.
func TestScrubUnreadable(t *testing.T) {
	t.Parallel()
	disk, opts := crashfs.New(), options()
	opts.Segment = 6000
	j := open(t, disk, opts)
	var slots []journal.Slot
	for i := range 12 {
		slots = append(slots, mustPut(t, j, fmt.Sprint(i), stage(t, j, noise(uint64(i), 2000))))
	}
	bad := slots[1].Bodies[0]
	if bad.Segment != 1 {
		t.Fatalf("the second body is %s; want it in the first segment", bad)
	}
	disk.FaultRead(func(name string, offset int64) error {
		if name == "log/00000001.seg" && offset > 2250 && offset < 4000 {
			return syscall.EIO
		}
		return nil
	})
	var found []journal.BodyRef
	for _, number := range j.Segments() {
		refs, err := j.ScrubSegment(t.Context(), number, nil)
		if err != nil {
			t.Fatalf("ScrubSegment(%d) = %v", number, err)
		}
		found = append(found, refs...)
	}
	if !slices.Contains(found, bad) || slices.ContainsFunc(found, func(r journal.BodyRef) bool { return r.Segment != 1 }) {
		t.Errorf("damaged are %v; want %s among them, and none of another segment", found, bad)
	}
	disk.FaultRead(nil)
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

// TestScrubReadsAgain has each read of a scrub fail once: what the disk gives the
// second time is not damaged.
func TestScrubReadsAgain(t *testing.T) {
	t.Parallel()
	for at := 1; ; at++ {
		disk, opts := crashfs.New(), options()
		opts.Segment = 6000
		j := open(t, disk, opts)
		for i := range 6 {
			mustPut(t, j, fmt.Sprint(i), stage(t, j, noise(uint64(i), 2000)))
		}
		n := 0
		disk.FaultRead(func(string, int64) error {
			if n++; n == at {
				return syscall.EIO
			}
			return nil
		})
		for _, number := range j.Segments() {
			if bad, err := j.ScrubSegment(t.Context(), number, nil); err != nil || len(bad) > 0 {
				t.Errorf("read %d fails once: ScrubSegment(%d) = %v, %v; want nothing damaged", at, number, bad, err)
			}
		}
		if d := j.Damage(); len(d) > 0 {
			t.Errorf("read %d fails once: damage %+v; want none", at, d)
		}
		disk.FaultRead(nil)
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		if n < at || t.Failed() {
			return
		}
	}
}
