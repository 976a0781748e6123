package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// acked is a record that its writer was told is durable.
type acked struct {
	payload string
	body    string
	slot    journal.Slot
	point   int // disk operations that there had been, at most
}

// load commits n records by several writers and gives what was acknowledged: with kinds
// 8 a mix of all sorts, with 4 no large bodies, which go past the ring anyway.
func load(t *testing.T, disk *crashfs.FS, opts journal.Options, seed uint64, writers, n, kinds int) []acked {
	j := open(t, disk, opts)
	var mu sync.Mutex
	var done []acked
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(w)))
			for i := range n / writers {
				a := acked{payload: fmt.Sprintf("%d.%d", w, i)}
				var bodies []*journal.Staged
				switch r.IntN(kinds) {
				case 0, 1, 2:
					a.body = noise(r.Uint64(), r.IntN(3000))
					bodies = append(bodies, stage(t, j, a.body))
				case 3:
					a.body = noise(r.Uint64(), 2000)
					bodies = append(bodies, stage(t, j, a.body), stage(t, j, "another"))
				case 4:
					a.body = noise(r.Uint64(), journal.LargeBody+1+r.IntN(1000))
					bodies = append(bodies, stage(t, j, a.body))
				}
				err := j.Commit(context.Background(), &journal.Entry{
					Family: journal.FamilyStore, Bodies: bodies,
					Prepare: func(journal.Slot) ([]byte, error) { return []byte(a.payload), nil },
					Apply:   func(s journal.Slot) { a.slot = s },
					Late:    i%3 == 0,
				})
				a.point = disk.Ops()
				j.Settled()
				if err != nil {
					t.Errorf("Commit: %v", err)
				}
				mu.Lock()
				done = append(done, a)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := j.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	return done
}

// TestCrashEverywhere cuts the power behind every disk operation, and checks
// that everything acknowledged is there once, nothing else is but what was under
// way, and that the journal goes on.
func TestCrashEverywhere(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			disk := crashfs.New()
			opts := options()
			opts.Segment = 6000
			done := load(t, disk, opts, seed, 1+int(seed)*3, 60, 8)
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

func checkCrash(t *testing.T, what string, disk *crashfs.FS, opts journal.Options, done []acked, point int) {
	looked := onlyRead(t, disk, opts)
	j := open(t, disk, opts)
	defer j.Close()
	if d := j.Damage(); d != nil {
		t.Errorf("%s: damage reported: %+v", what, d)
	}
	records := replay(t, j, 1)
	if !slices.EqualFunc(looked, records, func(a, b journal.Record) bool { return a.LSN == b.LSN && bytes.Equal(a.Payload, b.Payload) }) {
		t.Errorf("%s: before anything was written %d records could be read; want the %d of the recovery", what, len(looked), len(records))
	}
	found := map[string]journal.LSN{}
	for i, r := range records {
		if i > 0 && r.LSN <= records[i-1].LSN {
			t.Errorf("%s: LSN %d behind %d", what, r.LSN, records[i-1].LSN)
		}
		if found[string(r.Payload)] != 0 {
			t.Errorf("%s: record %s is there twice", what, r.Payload)
		}
		found[string(r.Payload)] = r.LSN
	}
	for _, a := range done {
		lsn, there := found[a.payload]
		delete(found, a.payload)
		if !there && a.point <= point {
			t.Errorf("%s: record %s (LSN %d, acknowledged at operation %d) is lost", what, a.payload, a.slot.LSN, a.point)
		}
		if !there {
			continue
		}
		if lsn != a.slot.LSN {
			t.Errorf("%s: record %s has LSN %d; was %d", what, a.payload, lsn, a.slot.LSN)
		}
		if len(a.slot.Bodies) > 0 && readBody(t, j, a.slot.Bodies[0]) != a.body {
			t.Errorf("%s: record %s: the body differs", what, a.payload)
		}
	}
	if len(found) > 0 {
		t.Errorf("%s: records that nobody wrote: %v", what, found)
	}
	// It goes on, and what it says then holds as well.
	slot := mustPut(t, j, "on", stage(t, j, "and on"))
	again := open(t, disk.Crash(disk.Ops(), crashfs.Nothing()), opts)
	defer again.Close()
	if last := replay(t, again, 1); len(last) != len(records)+1 || string(last[len(last)-1].Payload) != "on" {
		t.Errorf("%s: after another crash there are %d records; want %d", what, len(last), len(records)+1)
	}
	if got := readBody(t, again, slot.Bodies[0]); got != "and on" {
		t.Errorf("%s: body after another crash: %q", what, got)
	}
}

// onlyRead gives the records that there are to be read without writing anything, and
// proves that nothing is written and nothing taken.
func onlyRead(t *testing.T, disk *crashfs.FS, opts journal.Options) []journal.Record {
	t.Helper()
	ops := disk.Ops()
	opts.ReadOnly = syscall.EROFS
	j := open(t, disk, opts)
	records := replay(t, j, 1)
	err := j.Commit(t.Context(), &journal.Entry{Family: journal.FamilyStore, Prepare: func(journal.Slot) ([]byte, error) { return []byte("new"), nil }})
	if !errors.Is(err, mail.ErrReadOnly) || !errors.Is(err, syscall.EROFS) {
		t.Errorf("Commit to what is only read: %v; want ErrReadOnly and its cause", err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("Close of what was only read: %v", err)
	}
	if n := disk.Ops(); n != ops {
		t.Errorf("%d operations wrote to what is only to be read", n-ops)
	}
	return records
}

// TestDamage flips bits all over a log whose records were all acknowledged: the
// rest must stay, and what is missing must be reported.
func TestDamage(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	opts := options()
	opts.Segment = 6000
	done := load(t, disk, opts, 1, 1, 40, 8)
	for number := 1; ; number++ {
		name := fmt.Sprintf("log/%08d.seg", number)
		size := disk.Size(name)
		if size == 0 {
			break
		}
		step := max(size/40, 8) + 3
		for i := range crashfs.Points(0, int((size-65)/step)) {
			checkDamage(t, disk, opts, name, 64+int64(i)*step, done)
		}
	}
}

func checkDamage(t *testing.T, disk *crashfs.FS, opts journal.Options, name string, off int64, done []acked) {
	broken := disk.Crash(disk.Ops(), crashfs.Nothing())
	broken.Flip(name, off)
	j := open(t, broken, opts)
	defer j.Close()
	if _, err := j.Scrub(context.Background()); err != nil {
		t.Fatalf("Scrub: %v", err)
	}
	found := map[string]bool{}
	for _, r := range replay(t, j, 1) {
		found[string(r.Payload)] = true
	}
	missing, unreadable := 0, 0
	for _, a := range done {
		if !found[a.payload] {
			missing++
			continue
		}
		if len(a.slot.Bodies) == 0 {
			continue
		}
		b, err := j.Body(a.slot.Bodies[0])
		if err == nil {
			p := make([]byte, len(a.body))
			_, err = b.ReadAt(p, 0)
			if err == nil && string(p) != a.body {
				t.Errorf("%s flipped at %d: record %s reads a wrong body", name, off, a.payload)
			}
			_ = b.Close()
		}
		if err != nil {
			if !errors.Is(err, journal.ErrDamaged) {
				t.Errorf("%s flipped at %d: read body of %s: %v; want ErrDamaged", name, off, a.payload, err)
			}
			unreadable++
		}
	}
	if missing+unreadable > 1 {
		t.Errorf("%s flipped at %d: %d records lost and %d bodies unreadable by one bit", name, off, missing, unreadable)
	}
	if missing > 0 && len(j.Damage()) == 0 {
		t.Errorf("%s flipped at %d: a record is missing and no damage reported", name, off)
	}
	mustPut(t, j, "on")
	if last := replay(t, j, 1); string(last[len(last)-1].Payload) != "on" {
		t.Errorf("%s flipped at %d: the journal does not go on", name, off)
	}
}

// TestLastBodyDamaged turns one bit anywhere in the newest large body, which was
// acknowledged. The rest of it stays readable, and no later body ever goes by
// its name.
func TestLastBodyDamaged(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	j := open(t, disk, options())
	text := noise(3, journal.LargeBody+2000)
	slot := mustPut(t, j, "large", stage(t, j, text))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	ref := slot.Bodies[0]
	name := fmt.Sprintf("log/%08d.seg", ref.Segment)
	for off := int64(64); off < disk.Size(name); off += disk.Size(name) / 9 {
		broken := disk.Crash(disk.Ops(), crashfs.Nothing())
		broken.Flip(name, off)
		j := open(t, broken, options())
		other := mustPut(t, j, "other", stage(t, j, noise(4, journal.LargeBody+2000)))
		if other.Bodies[0] == ref {
			t.Errorf("flipped at %d: two bodies are called %s", off, ref)
		}
		later := broken.Crash(broken.Ops(), crashfs.Nothing())
		later.Flip(name, off) // a crash brings back what was written
		again := open(t, later, options())
		for what, j := range map[string]*journal.Journal{"": j, ", after a start": again} {
			if got := readBody(t, j, other.Bodies[0]); got != noise(4, journal.LargeBody+2000) {
				t.Errorf("flipped at %d%s: the new body differs", off, what)
			}
			b, err := j.Body(ref)
			if off < 64+88 { // the record's header: then nothing is left to find it by
				if !errors.Is(err, journal.ErrDamaged) {
					t.Errorf("flipped at %d%s: Body = %v; want ErrDamaged", off, what, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("flipped at %d%s: Body = %v", off, what, err)
				continue
			}
			good := 0
			for at := 0; at < len(text); at += 1000 {
				p := make([]byte, min(1000, len(text)-at))
				if _, err := b.ReadAt(p, int64(at)); err == nil {
					good++
					if string(p) != text[at:at+len(p)] {
						t.Errorf("flipped at %d%s: wrong bytes at %d", off, what, at)
					}
				} else if !errors.Is(err, journal.ErrDamaged) {
					t.Errorf("flipped at %d%s: read at %d: %v; want ErrDamaged", off, what, at, err)
				}
			}
			if good == 0 && off < disk.Size(name)-40 {
				t.Errorf("flipped at %d%s: nothing of the body can be read", off, what)
			}
			_ = b.Close()
		}
		for _, j := range []*journal.Journal{j, again} {
			if err := j.Close(); err != nil {
				t.Errorf("flipped at %d: Close = %v", off, err)
			}
		}
	}
}

// TestTornBody stops while a large body is written: it is taken off, for nobody
// was told, and its ordinal is not used again.
func TestTornBody(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	j := open(t, disk, options())
	text := noise(5, journal.LargeBody+2000)
	slot := mustPut(t, j, "large", stage(t, j, text))
	name := fmt.Sprintf("log/%08d.seg", slot.Bodies[0].Segment)
	whole := disk.Size(name)
	point := disk.Ops() + 1 // the first frame is written
	stage(t, j, noise(6, journal.LargeBody+2000))
	after := disk.Crash(point, crashfs.Everything())
	if after.Size(name) <= whole {
		t.Fatalf("the segment has %d bytes; want more than %d", after.Size(name), whole)
	}
	j = open(t, after, options())
	if got := after.Size(name); got != whole {
		t.Errorf("the segment has %d bytes after a start; want %d", got, whole)
	}
	other := mustPut(t, j, "other", stage(t, j, noise(7, journal.LargeBody+2000)))
	if other.Bodies[0].Segment == slot.Bodies[0].Segment {
		t.Errorf("the new body is %s, in the torn segment", other.Bodies[0])
	}
	if got := readBody(t, j, slot.Bodies[0]); got != text {
		t.Error("the whole body differs")
	}
}

// TestForgery proves that the bytes of records inside a body don't pass for
// records, also when the record around them is torn.
func TestForgery(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	j := open(t, disk, options())
	mustPut(t, j, "real")
	size := disk.Size("log/00000001.seg")
	f, err := disk.Open("log/00000001.seg")
	if err != nil {
		t.Fatal(err)
	}
	log := make([]byte, size)
	if _, err := f.ReadAt(log, 0); err != nil {
		t.Fatal(err)
	}
	// What the sender can know: a record of a log, but not of this one.
	other := crashfs.New()
	k := open(t, other, options())
	mustPut(t, k, "other")
	mustPut(t, k, "forged")
	g, err := other.Open("log/00000001.seg")
	if err != nil {
		t.Fatal(err)
	}
	forged := make([]byte, other.Size("log/00000001.seg")-64)
	if _, err := g.ReadAt(forged, 64); err != nil {
		t.Fatal(err)
	}
	before := disk.Ops()
	mustPut(t, j, "torn", stage(t, j, noise(1, 512)+string(bytes.Repeat(forged, 20))))
	for seed := range uint64(50) {
		reopened(t, disk.Crash(before+1, crashfs.Some(seed)), options(), func(again *journal.Journal) {
			if got := payloads(replay(t, again, 1)); got != "real" && got != "real torn" {
				t.Errorf("records %q after a crash", got)
			}
			if d := again.Damage(); d != nil {
				t.Errorf("damage %+v after a crash", d)
			}
		})
	}
}

// TestStop proves that damage to the very end is told from a torn tail when the
// box stopped in order.
func TestStop(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	j := open(t, disk, options())
	mustPut(t, j, "one")
	end := disk.Size("log/00000001.seg")
	mustPut(t, j, "two")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	disk.Flip("log/00000001.seg", end+20)
	j = open(t, disk, options())
	if got := payloads(replay(t, j, 1)); got != "one" {
		t.Errorf("records %q; want one", got)
	}
	if d := j.Damage(); len(d) != 1 || d[0].LSN != 2 {
		t.Errorf("Damage = %+v; want that LSN 2 is missing", d)
	}
	if slot := mustPut(t, j, "three"); slot.LSN <= 3 {
		t.Errorf("the next LSN is %d, which was given out before", slot.LSN)
	}
}

// TestSealLost proves that a segment without its table is read by a scan.
func TestSealLost(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	opts := options()
	opts.Segment = 2000
	j := open(t, disk, opts)
	var slots []journal.Slot
	for i := range 20 {
		slots = append(slots, mustPut(t, j, fmt.Sprint(i), stage(t, j, strings.Repeat("b", i))))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	disk.Flip("log/00000001.seg", disk.Size("log/00000001.seg")-3)
	j = open(t, disk, opts)
	for i, s := range slots {
		if got := readBody(t, j, s.Bodies[0]); got != strings.Repeat("b", i) {
			t.Errorf("body %d = %q", i, got)
		}
	}
	if records := replay(t, j, 1); !slices.IsSortedFunc(records, func(a, b journal.Record) int { return int(a.LSN) - int(b.LSN) }) || len(records) != 20 {
		t.Errorf("%d records; want 20 in order", len(records))
	}
}
