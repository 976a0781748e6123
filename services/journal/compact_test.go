package journal_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"syscall"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// owner says of each body whether it is alive.
type owner map[journal.BodyRef]bool

func (o owner) Live(_ context.Context, note func(journal.BodyRef)) error {
	for ref, alive := range o {
		if alive {
			note(ref)
		}
	}
	return nil
}

// ownerOf names the bodies of the records; alive says which of these live.
func ownerOf(done []acked, alive func(i int) bool) owner {
	o := owner{}
	for i, a := range done {
		for _, ref := range a.slot.Bodies {
			o[ref] = alive(i)
		}
	}
	return o
}

func third(i int) bool { return i%3 == 0 }

// compact compacts all that is dead.
func compact(t testing.TB, j *journal.Journal, o journal.Owner) journal.Compacted {
	t.Helper()
	done, err := j.Compact(context.Background(), journal.Compaction{Owners: []journal.Owner{o}, Share: 1e-9})
	if err != nil {
		t.Fatalf("Compact: %v", err)
	}
	return done
}

// checkCompacted checks that all records are there, the living bodies as they
// were, and the dead ones either as they were or dropped.
func checkCompacted(t *testing.T, what string, j *journal.Journal, done []acked, o owner) {
	t.Helper()
	if _, err := j.Scrub(context.Background()); err != nil {
		t.Errorf("%s: scrub: %v", what, err)
	}
	if d := j.Damage(); d != nil {
		t.Errorf("%s: damage: %+v", what, d)
	}
	found := map[string]journal.LSN{}
	for _, r := range replay(t, j, 1) {
		found[string(r.Payload)] = r.LSN
	}
	for _, a := range done {
		if found[a.payload] != a.slot.LSN {
			t.Errorf("%s: record %s has LSN %d; want %d", what, a.payload, found[a.payload], a.slot.LSN)
		}
		for i, ref := range a.slot.Bodies {
			b, err := j.Body(ref)
			if err == nil {
				_ = b.Close()
				if i == 0 && readBody(t, j, ref) != a.body {
					t.Errorf("%s: body %s of record %s differs", what, ref, a.payload)
				}
			} else if o[ref] || !errors.Is(err, journal.ErrDropped) {
				t.Errorf("%s: body %s of record %s: %v", what, ref, a.payload, err)
			}
		}
	}
}

func sizeOf(disk *crashfs.FS) (total int64) {
	for n := 1; n < 200; n++ {
		total += disk.Size(fmt.Sprintf("log/%08d.seg", n))
	}
	return total
}

// loaded is a journal that has been used for a while, and closed.
func loaded(t *testing.T, seed uint64) (*crashfs.FS, journal.Options, []acked) {
	disk, opts := crashfs.New(), options()
	opts.Segment = 6000
	if seed%2 == 1 {
		opts.Ring = 8 * 4096
	}
	return disk, opts, load(t, disk, opts, seed, 1, 60, 8)
}

func TestCompact(t *testing.T) {
	t.Parallel()
	disk, opts, done := loaded(t, 1)
	o := ownerOf(done, third)
	j := open(t, disk, opts)
	var reader *journal.Body // of a body that is going to be dropped
	var text string
	for i, a := range done {
		if reader == nil && !third(i) && len(a.body) > 1000 {
			var err error
			if reader, err = j.Body(a.slot.Bodies[0]); err != nil {
				t.Fatal(err)
			}
			text = a.body
		}
	}
	before := sizeOf(disk)
	first := compact(t, j, o)
	if got := before - sizeOf(disk); got != first.Freed || got < before/3 {
		t.Errorf("Freed = %d, the files shrank by %d of %d", first.Freed, got, before)
	}
	checkCompacted(t, "at once", j, done, o)
	got, err := io.ReadAll(io.NewSectionReader(reader, 0, int64(len(text))))
	if err != nil || string(got) != text {
		t.Errorf("a body that was open reads %d bytes, %v; want all %d", len(got), err, len(text))
	}
	_ = reader.Close()
	if again := compact(t, j, o); again.Rewritten != 0 || again.Dead > again.Bytes/10 {
		t.Errorf("a second compaction does %+v; want nothing", again)
	}
	if slot := mustPut(t, j, "on", stage(t, j, "and on")); readBody(t, j, slot.Bodies[0]) != "and on" {
		t.Error("a body of after the compaction differs")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, disk, opts)
	checkCompacted(t, "after a start", j, done, o)
	// Later more is dead, also in segments that were compacted before.
	o = ownerOf(done, func(i int) bool { return i%6 == 0 })
	if more := compact(t, j, o); more.Freed == 0 {
		t.Error("nothing came back although more is dead")
	}
	checkCompacted(t, "once more", j, done, o)
	o = ownerOf(done, func(int) bool { return false })
	compact(t, j, o)
	checkCompacted(t, "all dead", j, done, o)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	checkCompacted(t, "all dead, after a start", open(t, disk, opts), done, o)
}

// TestCompactCrash cuts the power behind every disk operation of a compaction.
func TestCompactCrash(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		disk, opts, done := loaded(t, seed)
		o := ownerOf(done, third)
		disk = disk.Crash(disk.Ops(), crashfs.Nothing())
		j := open(t, disk, opts)
		began := disk.Ops()
		compact(t, j, o)
		for point := range crashfs.Points(began, disk.Ops()) {
			for i, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))} {
				what := fmt.Sprintf("seed %d, crash behind operation %d, chance %d", seed, point, i)
				after := disk.Crash(point, chance)
				reopened(t, after, opts, func(j *journal.Journal) {
					checkCompacted(t, what, j, done, o)
					mustPut(t, j, "on")
					compact(t, j, o)
					checkCompacted(t, what+", compacted again", j, done, o)
				})
				if entries, err := after.ReadDir("log"); err != nil || len(entries) > int(countSegments(after)) {
					t.Errorf("%s: files were left: %v, %v", what, entries, err)
				}
			}
			if t.Failed() {
				return
			}
		}
	}
}

func countSegments(disk *crashfs.FS) (n int) {
	for i := 1; i < 200; i++ {
		if disk.Size(fmt.Sprintf("log/%08d.seg", i)) > 0 {
			n++
		}
	}
	return n
}

// TestCompactFaults makes operations of a compaction fail, the first ones all. What it works on
// stays as it was, and the journal goes on, unless a directory can't be synced.
func TestCompactFaults(t *testing.T) {
	t.Parallel()
	full, opts, done := loaded(t, 1)
	o := ownerOf(done, third)
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EIO} {
		for at := range crashfs.Points(1, math.MaxInt) {
			disk := full.Crash(full.Ops(), crashfs.Nothing())
			j := open(t, disk, opts)
			var failed crashfs.Op
			n, hit := 0, false
			disk.Fault(func(op crashfs.Op) error {
				if n++; n != at {
					return nil
				}
				failed, hit = op, true
				return errno
			})
			what := fmt.Sprintf("%v at operation %d", errno, at)
			got, err := j.Compact(context.Background(), journal.Compaction{Owners: []journal.Owner{o}, Share: 1e-9})
			disk.Fault(nil)
			switch {
			case hit && failed.Kind == crashfs.Remove: // the next start does it
			case hit && errno == syscall.EIO && failed.Kind != crashfs.SyncDir && (err != nil || len(got.Bad) != 1 || got.Freed == 0):
				t.Errorf("%s (%+v): Compact = %+v, %v; want that it passes over one segment", what, failed, got, err)
			case hit && !(err == nil && len(got.Bad) == 1) && !errors.Is(err, errno):
				t.Errorf("%s (%+v): Compact = %v", what, failed, err)
			case hit && errno == syscall.ENOSPC && !errors.Is(err, mail.ErrNoSpace):
				t.Errorf("%s: Compact = %v; want ErrNoSpace", what, err)
			}
			checkCompacted(t, what, j, done, o)
			if _, err := put(j, "on"); err != nil && (failed.Kind != crashfs.SyncDir || errno == syscall.ENOSPC) {
				t.Errorf("%s (%+v): the journal does not go on: %v", what, failed, err)
			}
			reopened(t, disk.Crash(disk.Ops(), crashfs.Nothing()), opts, func(j *journal.Journal) {
				checkCompacted(t, what+", after a crash", j, done, o)
			})
			_ = j.Close() // it may have failed, as it was made to
			if t.Failed() {
				return
			}
			if n < at { // there were no more
				break
			}
		}
	}
}

// TestCompactStaged compacts while a large body waits for its record, in a
// segment that has been sealed meanwhile.
func TestCompactStaged(t *testing.T) {
	t.Parallel()
	disk, opts := crashfs.New(), options()
	opts.Segment = 6000
	j := open(t, disk, opts)
	text := noise(1, journal.LargeBody+100)
	waiting := stage(t, j, text)
	stage(t, j, noise(2, journal.LargeBody+100)) // its record never comes
	mustPut(t, j, "other", stage(t, j, noise(3, journal.LargeBody+100)))
	compact(t, j, owner{})
	slot := mustPut(t, j, "late", waiting)
	if got := readBody(t, j, slot.Bodies[0]); got != text {
		t.Error("a body was dropped before its record came")
	}
	compact(t, j, owner{slot.Bodies[0]: true})
	if got := readBody(t, j, slot.Bodies[0]); got != text {
		t.Error("the body differs")
	}
	before := sizeOf(disk)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, disk, opts)
	mustPut(t, j, "on", stage(t, j, noise(4, journal.LargeBody+100)))
	if got := compact(t, j, owner{slot.Bodies[0]: true}); got.Freed < journal.LargeBody {
		t.Errorf("after a start %+v came back of %d; want the body that nobody named", got, before)
	}
}

// TestCompactTorn gives back what a power cut has left of a large body on its way.
func TestCompactTorn(t *testing.T) {
	t.Parallel()
	disk, opts := crashfs.New(), options()
	j := open(t, disk, opts)
	text := noise(1, journal.LargeBody+100)
	slot := mustPut(t, j, "one", stage(t, j, text))
	stage(t, j, noise(2, 3*journal.LargeBody))
	after := disk.Crash(disk.Ops()-1, crashfs.Some(3)) // not synced
	j = open(t, after, opts)
	o := owner{slot.Bodies[0]: true}
	o[mustPut(t, j, "two", stage(t, j, noise(3, journal.LargeBody+100))).Bodies[0]] = true
	if got := compact(t, j, o); got.Freed < journal.LargeBody {
		t.Errorf("Compact = %+v; want the torn body's space back", got)
	}
	if got := readBody(t, j, slot.Bodies[0]); got != text {
		t.Error("the whole body differs")
	}
}

// TestCompactDamaged leaves a segment of records alone in which something is
// damaged, and goes on with the others.
func TestCompactDamaged(t *testing.T) {
	t.Parallel()
	full, opts, done := loaded(t, 1)
	o := ownerOf(done, third)
	for i := range crashfs.Points(0, int(full.Size("log/00000001.seg")-20-70)/97) {
		off := 70 + int64(i)*97
		disk := full.Crash(full.Ops(), crashfs.Nothing())
		disk.Flip("log/00000001.seg", off)
		j := open(t, disk, opts)
		before := disk.Size("log/00000001.seg")
		if got := compact(t, j, o); got.Freed == 0 {
			t.Errorf("flipped at %d: nothing came back from the other segments", off)
		}
		records := map[string]bool{}
		for _, r := range replay(t, j, 1) {
			records[string(r.Payload)] = true
		}
		lost := 0
		for _, a := range done {
			if !records[a.payload] {
				lost++
			}
		}
		if lost > 1 || lost == 1 && (len(j.Damage()) == 0 || disk.Size("log/00000001.seg") != before) {
			t.Errorf("flipped at %d: %d records lost, damage %+v, segment had %d bytes and has %d", off, lost, j.Damage(), before, disk.Size("log/00000001.seg"))
		}
		if err := j.Close(); err != nil {
			t.Errorf("flipped at %d: Close = %v", off, err)
		}
	}
}

// TestCompactAsks drops nothing when an owner can't tell.
func TestCompactAsks(t *testing.T) {
	t.Parallel()
	disk, opts, done := loaded(t, 1)
	j := open(t, disk, opts)
	before := sizeOf(disk)
	_, err := j.Compact(context.Background(), journal.Compaction{Owners: []journal.Owner{owner{}, unsure{}}, Share: 1e-9})
	if !errors.Is(err, errUnsure) || sizeOf(disk) != before {
		t.Errorf("Compact = %v, %d bytes; want the owner's error and %d", err, sizeOf(disk), before)
	}
	checkCompacted(t, "unsure", j, done, ownerOf(done, func(int) bool { return true }))
}

var errUnsure = errors.New("index is being made")

type unsure struct{}

func (unsure) Live(context.Context, func(journal.BodyRef)) error { return errUnsure }
