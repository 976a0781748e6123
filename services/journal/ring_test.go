package journal_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const ringFile = "ring/commit.ring"

// ringOptions are those of a journal with a ring so small that it goes round
// every few commits.
func ringOptions() journal.Options {
	opts := options()
	opts.Ring = 8 * 4096
	return opts
}

// TestRingCrashEverywhere is TestCrashEverywhere with a ring that goes round many
// times, and with segments that end within a lap or never.
func TestRingCrashEverywhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		seed           uint64
		writers, kinds int
		segment        int64
	}{{1, 1, 4, 1 << 20}, {2, 4, 4, 1 << 20}, {3, 1, 4, 20000}, {4, 7, 4, 9000}, {5, 2, 8, 30000}} {
		t.Run(fmt.Sprint(c.seed), func(t *testing.T) {
			t.Parallel()
			disk := crashfs.New()
			opts := ringOptions()
			opts.Segment = c.segment
			done := load(t, disk, opts, c.seed, c.writers, 160/c.kinds, c.kinds)
			for point := range crashfs.Points(0, disk.Ops()) {
				for i, chance := range []crashfs.Chance{
					crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point)), crashfs.Some(uint64(point) + 1e6),
				} {
					what := fmt.Sprintf("crash behind operation %d, chance %d", point, i)
					checkCrash(t, what, disk.Crash(point, chance), opts, done, point)
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

// filled is a disk on which n records were acknowledged, of which the last are
// only in the ring, and what they were. The journal that wrote them is abandoned:
// the power is about to fail.
func filled(t testing.TB, opts journal.Options, n int) (*crashfs.FS, []string) {
	disk, _, want := fill(t, opts, n)
	return disk, want
}

// fill is filled with the journal, which is still open.
func fill(t testing.TB, opts journal.Options, n int) (*crashfs.FS, *journal.Journal, []string) {
	disk := crashfs.New()
	j := open(t, disk, opts)
	var want []string
	for i := range n {
		want = append(want, fmt.Sprintf("%d-%s", i, strings.Repeat("x", i%7*300)))
		mustPut(t, j, want[i])
	}
	return disk, j, want
}

// reopened opens a disk, has do look at it, and closes it: thousands of disks are
// made here, and none is to stay in memory.
func reopened(t testing.TB, disk *crashfs.FS, opts journal.Options, do func(*journal.Journal)) {
	t.Helper()
	j := open(t, disk, opts)
	do(j)
	if err := j.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

func checkPayloads(t *testing.T, what string, j *journal.Journal, want []string) {
	t.Helper()
	if got := payloads(replay(t, j, 1)); got != strings.Join(want, " ") {
		t.Errorf("%s: records\n%.60s… (%d bytes); want\n%.60s… (%d bytes)", what, got, len(got), strings.Join(want, " "), len(strings.Join(want, " ")))
	}
}

// TestRingLaps proves that many laps leave what was acknowledged, and nothing of
// an earlier lap: also when the ring is all that survives.
func TestRingLaps(t *testing.T) {
	t.Parallel()
	for n := 1; n < 60; n++ {
		disk, want := filled(t, ringOptions(), n)
		after := disk.Crash(disk.Ops(), crashfs.Nothing())
		j := open(t, after, ringOptions())
		checkPayloads(t, fmt.Sprintf("%d records", n), j, want)
		if d := j.Damage(); d != nil {
			t.Errorf("%d records: damage %+v", n, d)
		}
		if got, want := after.Size(ringFile), disk.Size(ringFile); got != want || got != 8*4096 {
			t.Errorf("%d records: the ring has %d bytes, had %d; want %d", n, got, want, 8*4096)
		}
		j.Close()
	}
}

// TestRingRecoveryCut cuts the power behind every operation of the recovery
// itself, again and again.
func TestRingRecoveryCut(t *testing.T) {
	t.Parallel()
	opts := ringOptions()
	opts.Segment = 4000
	for _, n := range []int{3, 9, 14, 23} {
		disk, want := filled(t, opts, n)
		for seed := range uint64(4) {
			first := disk.Crash(disk.Ops(), crashfs.Some(seed))
			recovered := 0
			reopened(t, first, opts, func(j *journal.Journal) {
				checkPayloads(t, "first recovery", j, want)
				recovered = first.Ops()
			})
			for point := range recovered + 1 {
				for _, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(seed + uint64(point))} {
					second := first.Crash(point, chance)
					what := fmt.Sprintf("%d records, recovery cut behind operation %d", n, point)
					var third *crashfs.FS
					reopened(t, second, opts, func(k *journal.Journal) {
						checkPayloads(t, what, k, want)
						if d := k.Damage(); d != nil {
							t.Errorf("%s: damage %+v", what, d)
						}
						third = second.Crash(second.Ops(), crashfs.Nothing())
					})
					reopened(t, third, opts, func(k *journal.Journal) { checkPayloads(t, what+" and cut again", k, want) })
				}
			}
		}
	}
}

// TestRingMakingCut cuts the power behind every operation while the ring is
// made, and does without one when it can't be made.
func TestRingMakingCut(t *testing.T) {
	t.Parallel()
	disk, want := filled(t, ringOptions(), 3)
	for point := range crashfs.Points(0, disk.Ops()) {
		for _, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))} {
			after := disk.Crash(point, chance)
			reopened(t, after, ringOptions(), func(j *journal.Journal) {
				got := payloads(replay(t, j, 1))
				if !strings.HasPrefix(strings.Join(want, " "), got) || j.Damage() != nil {
					t.Errorf("cut behind operation %d: records %.100q, damage %v", point, got, j.Damage())
				}
				mustPut(t, j, "on")
				if after.Size(ringFile) != 8*4096 {
					t.Errorf("cut behind operation %d: there is no ring", point)
				}
			})
		}
	}
	for _, kind := range []crashfs.Kind{crashfs.Create, crashfs.Write, crashfs.Sync, crashfs.SyncDir, crashfs.Rename} {
		disk := crashfs.New()
		disk.Fault(func(o crashfs.Op) error {
			if o.Kind == kind && strings.HasPrefix(o.Name, "ring") {
				return syscall.ENOSPC
			}
			return nil
		})
		j := open(t, disk, ringOptions())
		mustPut(t, j, "one")
		disk.Fault(nil)
		mustPut(t, j, "two")
		if err := j.Close(); err != nil {
			t.Errorf("without a ring, kind %d: Close = %v", kind, err)
		}
		j = open(t, disk.Crash(disk.Ops(), crashfs.Nothing()), ringOptions())
		checkPayloads(t, fmt.Sprintf("without a ring, kind %d", kind), j, []string{"one", "two"})
	}
}

// TestRingMadeBeside has a larger ring made while commits go on, and the journal
// closed before and after.
func TestRingMadeBeside(t *testing.T) {
	t.Parallel()
	opts := options()
	opts.Ring = 3 << 20
	for _, n := range []int{0, 1, 200} {
		disk := crashfs.New()
		j := open(t, disk, opts)
		for i := range n {
			mustPut(t, j, fmt.Sprint(i))
		}
		if err := j.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		j = open(t, disk.Crash(disk.Ops(), crashfs.Nothing()), opts)
		if got := len(replay(t, j, 1)); got != n || j.Damage() != nil {
			t.Errorf("%d records, damage %v; want %d and none", got, j.Damage(), n)
		}
		if err := j.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
}

// TestRingEmptyAfterStop proves that after a clean stop nothing is left to apply,
// and that looking at the data of a stopped box writes nothing to it.
func TestRingEmptyAfterStop(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	j := open(t, disk, ringOptions())
	for i := range 20 {
		mustPut(t, j, fmt.Sprint(i))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	disk.Fault(func(o crashfs.Op) error {
		if o.Kind == crashfs.Write {
			t.Errorf("%d bytes are written to %s", o.Size, o.Name)
		}
		return nil
	})
	opts := ringOptions()
	opts.Ring = journal.NoRing
	j = open(t, disk, opts)
	if got := len(replay(t, j, 1)); got != 20 {
		t.Errorf("%d records; want 20", got)
	}
}

// TestRingNotUsed opens a box after a power cut with a tool that does not use the
// ring, has it write, and goes on with the ring: in any order nothing comes twice
// or is lost.
func TestRingNotUsed(t *testing.T) {
	t.Parallel()
	disk, want := filled(t, ringOptions(), 11)
	tool := ringOptions()
	tool.Ring = journal.NoRing
	for i := range 4 {
		disk = disk.Crash(disk.Ops(), crashfs.Some(uint64(i)))
		opts := tool
		if i%2 == 1 {
			opts = ringOptions()
		}
		j := open(t, disk, opts)
		checkPayloads(t, fmt.Sprint("start ", i), j, want)
		for k := range 5 {
			want = append(want, fmt.Sprintf("%d.%d", i, k))
			mustPut(t, j, want[len(want)-1])
		}
	}
	checkPayloads(t, "at the end", open(t, disk.Crash(disk.Ops(), crashfs.Nothing()), tool), want)
}

// TestKilled ends the process between writing and syncing, and has the power fail
// after the next start: what that start showed stays, although the kernel takes
// it for written, and so does what was acknowledged.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, ring := range []int64{journal.NoRing, 8 * 4096} {
		for _, failing := range []string{"log", "ring"} {
			opts := options()
			opts.Ring = ring
			disk, want := filled(t, opts, 10)
			j := open(t, disk, opts)
			disk.Fault(func(o crashfs.Op) error {
				if o.Kind == crashfs.Sync && strings.HasPrefix(o.Name, failing) {
					return syscall.EIO
				}
				return nil
			})
			for i := 0; i < 20; i++ {
				payload := fmt.Sprint("more ", i)
				if _, err := put(j, payload); err != nil {
					break
				}
				want = append(want, payload)
			}
			disk.Restart()
			shown := payloads(replay(t, open(t, disk, opts), 1))
			if !strings.HasPrefix(shown, strings.Join(want, " ")) {
				t.Errorf("ring of %d, sync of %s fails: records %.100q; want at least %.100q", ring, failing, shown, want)
			}
			cut := disk.Crash(disk.Ops(), crashfs.Nothing())
			if got := payloads(replay(t, open(t, cut, opts), 1)); got != shown {
				t.Errorf("ring of %d, sync of %s fails: the start showed\n%.200q, the one after a power cut\n%.200q", ring, failing, shown, got)
			}
		}
	}
}

// TestRingDamage turns a bit anywhere in the ring, or in what it stands for: what
// is in the other copy is still there, and what is in none is reported.
func TestRingDamage(t *testing.T) {
	t.Parallel()
	disk, j, want := fill(t, ringOptions(), 16)
	replay(t, j, 1) // who reads has all of it written to the segment too
	last := want[:len(want)-1]
	for off := int64(0); off < disk.Size(ringFile); off += 211 {
		// Both copies: nothing may be missing.
		both := disk.Crash(disk.Ops(), crashfs.Everything())
		both.Flip(ringFile, off)
		reopened(t, both, ringOptions(), func(j *journal.Journal) {
			checkPayloads(t, fmt.Sprintf("flipped at %d, the segment is whole", off), j, want)
		})
		// The ring alone: what is missing is reported, but for the very last batch,
		// of which nothing later says that it had been acknowledged.
		alone := disk.Crash(disk.Ops(), crashfs.Nothing())
		alone.Flip(ringFile, off)
		var got string
		var again *crashfs.FS
		reopened(t, alone, ringOptions(), func(j *journal.Journal) {
			got = payloads(replay(t, j, 1))
			if got != strings.Join(want, " ") && got != strings.Join(last, " ") && len(j.Damage()) == 0 {
				t.Errorf("flipped at %d: %d bytes of records are left of %d and no damage is reported", off, len(got), len(strings.Join(want, " ")))
			}
			if n := len(replay(t, j, 1)); n < len(last) {
				t.Errorf("flipped at %d: %d records are left of %d; want all but one at least", off, n, len(want))
			}
			// The LSNs begin at 1, and that of the very last batch may be free again.
			if slot := mustPut(t, j, "on"); slot.LSN < journal.LSN(len(want)) {
				t.Errorf("flipped at %d: LSN %d is given out twice", off, slot.LSN)
			}
			again = alone.Crash(alone.Ops(), crashfs.Nothing())
		})
		reopened(t, again, ringOptions(), func(j *journal.Journal) {
			if now := payloads(replay(t, j, 1)); now != got+" on" {
				t.Errorf("flipped at %d: after another crash the records differ", off)
			}
		})
	}
	name := "log/00000001.seg"
	for off := disk.Size(name) - 390; off < disk.Size(name); off += 23 {
		broken := disk.Crash(disk.Ops(), crashfs.Everything())
		broken.Flip(name, off)
		reopened(t, broken, ringOptions(), func(j *journal.Journal) {
			checkPayloads(t, fmt.Sprintf("segment flipped at %d", off), j, want)
			if d := j.Damage(); d != nil {
				t.Errorf("segment flipped at %d: damage %v; want it mended", off, d)
			}
		})
	}
}

// TestRingLost takes the ring's header: the loss is reported, the ring is set
// aside, and what is in the segments is served.
func TestRingLost(t *testing.T) {
	t.Parallel()
	disk, want := filled(t, ringOptions(), 10)
	one := disk.Crash(disk.Ops(), crashfs.Nothing())
	one.Flip(ringFile, 20)
	checkPayloads(t, "one header", open(t, one, ringOptions()), want)
	both := disk.Crash(disk.Ops(), crashfs.Nothing())
	both.Flip(ringFile, 20)
	both.Flip(ringFile, 7*4096+20)
	j := open(t, both, ringOptions())
	if d := j.Damage(); len(d) == 0 {
		t.Error("no damage is reported")
	}
	if got := payloads(replay(t, j, 1)); !strings.HasPrefix(strings.Join(want, " "), got) {
		t.Errorf("records %.100q", got)
	}
	mustPut(t, j, "on")
	if both.Size(ringFile+".damaged") == 0 || both.Size(ringFile) == 0 {
		t.Error("the damaged ring is not set aside, or there is no new one")
	}
}

// TestRingSyncFails fails the ring's sync, and that of the segment behind it.
func TestRingSyncFails(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"ring", "log"} {
		disk := crashfs.New()
		j := open(t, disk, ringOptions())
		want := []string{"0"}
		mustPut(t, j, "0")
		disk.Fault(func(o crashfs.Op) error {
			if o.Kind == crashfs.Sync && strings.HasPrefix(o.Name, prefix) {
				return syscall.EIO
			}
			return nil
		})
		var failure error
		for i := 1; failure == nil && i < 50; i++ {
			payload := fmt.Sprint(i)
			if _, failure = put(j, payload); failure == nil {
				want = append(want, payload)
			}
		}
		if !errors.Is(failure, mail.ErrClosed) || !errors.Is(failure, syscall.EIO) {
			t.Errorf("%s: Commit = %v; want ErrClosed and EIO", prefix, failure)
		}
		<-j.Failed()
		if prefix == "log" && len(want) < 2 {
			t.Errorf("nothing was acknowledged from the ring")
		}
		disk.Fault(nil)
		if _, err := put(j, "no"); !errors.Is(err, mail.ErrClosed) {
			t.Errorf("%s: Commit = %v; want ErrClosed for ever", prefix, err)
		}
		if err := j.Close(); !errors.Is(err, mail.ErrClosed) {
			t.Errorf("%s: Close = %v; want the failure", prefix, err)
		}
		j = open(t, disk.Crash(disk.Ops(), crashfs.Nothing()), ringOptions())
		checkPayloads(t, prefix, j, want)
	}
}

// TestRingBesideCheckpoint holds a segment's sync: commits go on until the ring
// is full, are safe although nothing of them is in the segment, and go on when
// the sync is done.
func TestRingBesideCheckpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		opts := options()
		opts.Ring = 32 * 4096
		disk := crashfs.New()
		j := open(t, disk, opts)
		mustPut(t, j, "0")
		hold := make(chan struct{})
		var held atomic.Int32
		disk.Fault(func(o crashfs.Op) error {
			if o.Kind == crashfs.Sync && strings.HasPrefix(o.Name, "log") {
				held.Add(1)
				<-hold
			}
			return nil
		})
		var mu sync.Mutex
		want := []string{"0"}
		go func() {
			for i := range 100 {
				payload := fmt.Sprint(i + 1)
				mustPut(t, j, payload)
				mu.Lock()
				want = append(want, payload)
				mu.Unlock()
			}
		}()
		synctest.Wait()
		if n := len(want); n < 20 || n > 40 || held.Load() != 1 {
			t.Errorf("%d commits beside %d syncs of the segment; want about as many as the ring holds, beside one", n, held.Load())
		}
		after := disk.Crash(disk.Ops(), crashfs.Nothing())
		k := open(t, after, opts)
		checkPayloads(t, "cut beside the checkpoint", k, want)
		close(hold)
		synctest.Wait()
		if len(want) != 101 {
			t.Errorf("%d commits in all; want 101", len(want))
		}
		for _, j := range []*journal.Journal{j, k} {
			if err := j.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestRingFullDisk fills the disk: what was acknowledged from the ring gets to its
// segment all the same, now and in a recovery on the disk that is still full.
func TestRingFullDisk(t *testing.T) {
	t.Parallel()
	full := func(o crashfs.Op) error {
		if o.New > 0 && o.Kind != crashfs.Sync || o.Kind == crashfs.Create {
			return syscall.ENOSPC
		}
		return nil
	}
	for before := range 12 {
		disk, want := filled(t, ringOptions(), 0)
		j := open(t, disk, ringOptions())
		for i := range before {
			want = append(want, fmt.Sprint(i))
			mustPut(t, j, want[i])
		}
		disk.Fault(full)
		refused := 0
		for i := range 60 {
			payload := fmt.Sprintf("full %d %s", i, strings.Repeat("y", 900))
			switch _, err := put(j, payload); {
			case err == nil:
				want = append(want, payload)
			case errors.Is(err, mail.ErrNoSpace):
				refused++
			default:
				t.Fatalf("%d records before: Commit = %v; want ErrNoSpace", before, err)
			}
		}
		if refused == 0 {
			t.Errorf("%d records before: nothing was refused", before)
		}
		for seed := range uint64(3) {
			after := disk.Crash(disk.Ops(), crashfs.Some(seed))
			if seed == 2 {
				after = disk.Crash(disk.Ops(), crashfs.Nothing())
			}
			after.Fault(full)
			var last *crashfs.FS
			reopened(t, after, ringOptions(), func(k *journal.Journal) {
				checkPayloads(t, fmt.Sprintf("%d records before, on the full disk", before), k, want)
				after.Fault(nil)
				mustPut(t, k, "room")
				last = after.Crash(after.Ops(), crashfs.Nothing())
			})
			reopened(t, last, ringOptions(), func(k *journal.Journal) {
				checkPayloads(t, "with room again", k, append(slices.Clone(want), "room"))
			})
		}
	}
}

// TestNoDescriptors proves that being out of file descriptors is nothing final.
func TestNoDescriptors(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	opts := options()
	opts.Segment = 300
	j := open(t, disk, opts)
	mustPut(t, j, "a")
	mustPut(t, j, "b")
	var last int
	disk.Fault(func(o crashfs.Op) error {
		if o.Kind == crashfs.Create {
			return syscall.EMFILE
		}
		return nil
	})
	var err error
	for last = 0; err == nil && last < 20; last++ {
		_, err = put(j, "c")
	}
	if !errors.Is(err, syscall.EMFILE) || errors.Is(err, mail.ErrClosed) {
		t.Errorf("Commit = %v; want EMFILE, and not ErrClosed", err)
	}
	text := noise(1, journal.LargeBody+1)
	if _, err := j.Stage(context.Background(), nil, strings.NewReader(text), int64(len(text))); !errors.Is(err, syscall.EMFILE) || errors.Is(err, mail.ErrClosed) {
		t.Errorf("Stage = %v; want EMFILE, and not ErrClosed", err)
	}
	disk.Fault(nil)
	mustPut(t, j, "d", stage(t, j, text))
	j = open(t, disk.Crash(disk.Ops(), crashfs.Nothing()), opts)
	got := replay(t, j, 1)
	if len(got) != 2+last || string(got[len(got)-1].Payload) != "d" {
		t.Errorf("%d records; want %d", len(got), 2+last)
	}
}

// TestNoRingUnasked proves that no ring is made where nobody knows how much room
// there is, or where there is little, and one where there is much.
func TestNoRingUnasked(t *testing.T) {
	t.Parallel()
	for free, want := range map[int64]int64{-1: 0, 10 << 20: 0, 150 << 20: 9 << 20} {
		opts := options()
		if free >= 0 {
			opts.Free = func() (int64, error) { return free, nil }
		}
		disk := crashfs.New()
		j := open(t, disk, opts)
		mustPut(t, j, "x")
		for want > 0 { // it is made beside
			if _, err := disk.Stat(ringFile); !errors.Is(err, fs.ErrNotExist) {
				break
			}
			mustPut(t, j, "x")
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		if got := disk.Size(ringFile); got != want {
			t.Errorf("%d bytes free: a ring of %d bytes; want %d", free, got, want)
		}
	}
}

// TestRecovering has a start say how far it is with applying the ring and with
// reading the segment, and at last that it is done.
func TestRecovering(t *testing.T) {
	t.Parallel()
	disk, _ := filled(t, ringOptions(), 9)
	opts := ringOptions()
	var told []journal.Recovering
	opts.Recovering = func(r journal.Recovering) { told = append(told, r) }
	open(t, disk.Crash(disk.Ops(), crashfs.Nothing()), opts)
	if n := len(told); n < 3 || told[n-1] != (journal.Recovering{Done: true}) {
		t.Fatalf("told %+v; want something of the ring and of the segment, and that it is done", told)
	}
	for i, r := range told[:len(told)-1] {
		if r.Read < 0 || r.Read >= r.Of || r.Done {
			t.Errorf("told %+v as number %d", r, i)
		}
	}
}
