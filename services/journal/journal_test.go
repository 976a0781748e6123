package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

func options() journal.Options {
	return journal.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func open(t testing.TB, fsys durable.FS, opts journal.Options) *journal.Journal {
	t.Helper()
	j, err := journal.Open(fsys, opts)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return j
}

// stage makes a body of the given text, its meta telling the size.
func stage(t testing.TB, j *journal.Journal, text string) *journal.Staged {
	t.Helper()
	s, err := j.Stage(context.Background(), fmt.Appendf(nil, "%d", len(text)), strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatalf("Stage: %v", err)
	}
	return s
}

// put commits a record with the payload and gives its slot.
func put(j *journal.Journal, payload string, bodies ...*journal.Staged) (journal.Slot, error) {
	var slot journal.Slot
	err := j.Commit(context.Background(), &journal.Entry{
		Family: journal.FamilyStore, Type: 7, Bodies: bodies,
		Prepare: func(s journal.Slot) ([]byte, error) { slot = s; return []byte(payload), nil },
	})
	return slot, err
}

func mustPut(t testing.TB, j *journal.Journal, payload string, bodies ...*journal.Staged) journal.Slot {
	t.Helper()
	slot, err := put(j, payload, bodies...)
	if err != nil {
		t.Fatalf("Commit: %v", err)
	}
	return slot
}

func replay(t testing.TB, j *journal.Journal, from journal.LSN) []journal.Record {
	t.Helper()
	var all []journal.Record
	err := j.Replay(context.Background(), journal.FamilyStore, from, func(r journal.Record) error {
		r.Payload = bytes.Clone(r.Payload)
		all = append(all, r)
		return nil
	})
	if err != nil {
		t.Fatalf("Replay: %v", err)
	}
	return all
}

func payloads(records []journal.Record) string {
	var b strings.Builder
	for _, r := range records {
		fmt.Fprintf(&b, "%s ", r.Payload)
	}
	return strings.TrimSpace(b.String())
}

func readBody(t testing.TB, j *journal.Journal, ref journal.BodyRef) string {
	t.Helper()
	b, err := j.Body(ref)
	if err != nil {
		t.Fatalf("Body(%s): %v", ref, err)
	}
	defer b.Close()
	size, err := b.Size()
	if err != nil {
		t.Fatalf("Size of %s: %v", ref, err)
	}
	text, err := io.ReadAll(io.NewSectionReader(b, 0, size))
	if err != nil {
		t.Fatalf("read %s: %v", ref, err)
	}
	if meta, err := b.Meta(); err != nil || string(meta) != fmt.Sprint(len(text)) {
		t.Errorf("Meta of %s = %q, %v; want %d", ref, meta, err, len(text))
	}
	return string(text)
}

// noise is text that does not compress.
func noise(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 3))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	opts := options()
	opts.Segment = 100 << 10 // several
	j := open(t, disk, opts)
	bodies := []string{
		"", "short", strings.Repeat("compressible ", 3000), noise(1, 1000), noise(2, 128<<10), noise(3, 128<<10+1),
		strings.Repeat("x", journal.LargeBody), noise(4, journal.LargeBody+1), strings.Repeat("large and dull ", 100_000),
	}
	refs := map[journal.BodyRef]string{}
	n := 0
	for i, text := range bodies {
		slot := mustPut(t, j, fmt.Sprint(n), stage(t, j, text))
		refs[slot.Bodies[0]] = text
		n++
		// Several in one record, small and large.
		slot = mustPut(t, j, fmt.Sprint(n), stage(t, j, text), stage(t, j, bodies[(i+3)%len(bodies)]), stage(t, j, "y"))
		refs[slot.Bodies[0]], refs[slot.Bodies[1]], refs[slot.Bodies[2]] = text, bodies[(i+3)%len(bodies)], "y"
		n++
		mustPut(t, j, fmt.Sprint(n))
		n++
	}
	if len(refs) != 4*len(bodies) {
		t.Errorf("%d different bodies; want %d", len(refs), 4*len(bodies))
	}
	for round := range 3 {
		records := replay(t, j, 1)
		if len(records) != n {
			t.Fatalf("round %d: %d records; want %d", round, len(records), n)
		}
		for i, r := range records {
			if string(r.Payload) != fmt.Sprint(i) || r.Type != 7 || i > 0 && r.LSN <= records[i-1].LSN {
				t.Errorf("record %d is %+v", i, r)
			}
		}
		if got := replay(t, j, records[n/2].LSN); len(got) != n-n/2 || got[0].LSN != records[n/2].LSN {
			t.Errorf("Replay from %d gave %d records; want %d", records[n/2].LSN, len(got), n-n/2)
		}
		for ref, text := range refs {
			if got := readBody(t, j, ref); got != text {
				t.Errorf("body %s has %d bytes; want the %d written", ref, len(got), len(text))
			}
		}
		if damage, err := j.Scrub(context.Background()); err != nil || damage != nil {
			t.Errorf("Scrub = %v, %v", damage, err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := put(j, "late"); !errors.Is(err, mail.ErrClosed) {
			t.Errorf("Commit after Close: %v; want ErrClosed", err)
		}
		j = open(t, disk, opts)
	}
}

func TestReadAt(t *testing.T) {
	t.Parallel()
	j := open(t, crashfs.New(), options())
	text := strings.Repeat("0123456789abcdef", 20_000) + noise(5, 150_000)
	slot := mustPut(t, j, "x", stage(t, j, text))
	b, err := j.Body(slot.Bodies[0])
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		off, n := r.IntN(len(text)), r.IntN(300_000)
		p := make([]byte, n)
		got, err := b.ReadAt(p, int64(off))
		want := text[off:min(len(text), off+n)]
		if string(p[:got]) != want || (err == io.EOF) != (got < n) || err != nil && err != io.EOF {
			t.Fatalf("ReadAt(%d, %d) = %d, %v", n, off, got, err)
		}
	}
	if _, err := b.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("ReadAt at a negative offset succeeded")
	}
}

// TestGroupCommit proves that who waits shares the sync.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	var mu sync.Mutex
	syncs := 0
	j := open(t, disk, options())
	mustPut(t, j, "first")
	disk.Fault(func(o crashfs.Op) error {
		if o.Kind == crashfs.Sync {
			mu.Lock()
			syncs++
			mu.Unlock()
			// A disk takes its time; the others queue up meanwhile. (Not the
			// wall clock: a yield for each of them.)
			for range 1000 {
				runtime.Gosched()
			}
		}
		return nil
	})
	const writers, each = 32, 20
	var applied []journal.LSN
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				err := j.Commit(context.Background(), &journal.Entry{
					Family:  journal.FamilyStore,
					Prepare: func(journal.Slot) ([]byte, error) { return []byte("x"), nil },
					Apply:   func(s journal.Slot) { applied = append(applied, s.LSN) },
				})
				if err != nil {
					t.Errorf("Commit: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if len(applied) != writers*each {
		t.Errorf("%d applied; want %d", len(applied), writers*each)
	}
	for i, lsn := range applied {
		if lsn != journal.LSN(i+2) {
			t.Fatalf("applied LSN %d as number %d; want them in order", lsn, i)
		}
	}
	if syncs > writers*each/2 {
		t.Errorf("%d syncs for %d commits by %d writers; want them shared", syncs, writers*each, writers)
	}
}

func TestPrepare(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	j := open(t, disk, options())
	mustPut(t, j, "a")
	ops := disk.Ops()
	failure := errors.New("no")
	err := j.Commit(context.Background(), &journal.Entry{
		Family: journal.FamilyStore, Bodies: []*journal.Staged{stage(t, j, "b1"), stage(t, j, "b2")},
		Prepare: func(journal.Slot) ([]byte, error) { return nil, failure },
		Apply:   func(journal.Slot) { t.Error("applied what could not be prepared") },
	})
	if !errors.Is(err, failure) {
		t.Errorf("Commit = %v; want Prepare's error", err)
	}
	err = j.Commit(context.Background(), &journal.Entry{
		Family:  journal.FamilyStore,
		Prepare: func(journal.Slot) ([]byte, error) { return nil, nil },
		Apply:   func(journal.Slot) { t.Error("applied nothing") },
	})
	if err != nil {
		t.Errorf("Commit of nothing = %v", err)
	}
	if got := disk.Ops(); got != ops {
		t.Errorf("%d disk operations for nothing", got-ops)
	}
	if slot := mustPut(t, j, "b"); slot.LSN != 2 {
		t.Errorf("next LSN = %d; want 2", slot.LSN)
	}
	if got := payloads(replay(t, j, 1)); got != "a b" {
		t.Errorf("records %q; want a b", got)
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	j := open(t, crashfs.New(), options())
	hold, held := make(chan struct{}), make(chan struct{})
	go func() {
		_ = j.Commit(context.Background(), &journal.Entry{Prepare: func(journal.Slot) ([]byte, error) {
			close(held)
			<-hold
			return nil, nil
		}})
	}()
	<-held
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error)
	go func() {
		result <- j.Commit(ctx, &journal.Entry{Prepare: func(journal.Slot) ([]byte, error) {
			t.Error("prepared what was withdrawn")
			return nil, nil
		}})
	}()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Commit = %v; want Canceled", err)
	}
	close(hold)
	mustPut(t, j, "after")
}

// TestWithdrawnCrowd has more waiters go away than fit into two batches, as when
// a disk stands still for longer than they wait: who comes behind them is served.
func TestWithdrawnCrowd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := open(t, crashfs.New(), options())
		defer j.Close()
		hold := make(chan struct{})
		go func() {
			_ = j.Commit(context.Background(), &journal.Entry{Prepare: func(journal.Slot) ([]byte, error) {
				<-hold
				return nil, nil
			}})
		}()
		synctest.Wait()
		ctx, cancel := context.WithCancel(context.Background())
		for range 3000 {
			go func() {
				_ = j.Commit(ctx, &journal.Entry{Prepare: func(journal.Slot) ([]byte, error) { return []byte("gone"), nil }})
			}()
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		done := make(chan error)
		go func() { _, err := put(j, "behind"); done <- err }()
		synctest.Wait()
		close(hold)
		if err := <-done; err != nil { // synctest ends a wait that has no end
			t.Errorf("Commit = %v", err)
		}
		if got := payloads(replay(t, j, 1)); got != "behind" {
			t.Errorf("the log has %q; want only what was not withdrawn", got)
		}
	})
}

// TestPayloadBound: what no reader would believe is never acknowledged.
func TestPayloadBound(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	j := open(t, disk, options())
	mustPut(t, j, "small")
	err := j.Commit(context.Background(), &journal.Entry{Family: journal.FamilyStore, Prepare: func(journal.Slot) ([]byte, error) {
		return make([]byte, journal.MaxPayload+1), nil
	}})
	if !errors.Is(err, mail.ErrClosed) {
		t.Errorf("Commit of %d bytes = %v; want ErrClosed", journal.MaxPayload+1, err)
	}
	if got := payloads(replay(t, open(t, disk, options()), 1)); got != "small" {
		t.Errorf("after a new start: %q; want what was acknowledged", got)
	}
}

// TestPanic has an entry panic on the goroutine of one who survives that: nobody
// waits for ever, and the journal is not used on.
func TestPanic(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	j := open(t, disk, options())
	mustPut(t, j, "good")
	func() {
		defer func() {
			if p := recover(); p != "bad entry" {
				t.Errorf("recovered %v; want the entry's panic", p)
			}
		}()
		_ = j.Commit(context.Background(), &journal.Entry{Family: journal.FamilyStore, Prepare: func(journal.Slot) ([]byte, error) {
			panic("bad entry")
		}})
	}()
	if _, err := put(j, "more"); !errors.Is(err, mail.ErrClosed) {
		t.Errorf("Commit = %v; want ErrClosed", err)
	}
	<-j.Failed()
	if err := j.Close(); !errors.Is(err, mail.ErrClosed) {
		t.Errorf("Close = %v; want the failure", err)
	}
	if got := payloads(replay(t, open(t, disk, options()), 1)); got != "good" {
		t.Errorf("after a new start: %q; want good", got)
	}
}

// failing is an open journal with a record, "good", on a disk on which no sync works any
// more.
func failing(t *testing.T) (*crashfs.FS, *journal.Journal) {
	t.Helper()
	disk := crashfs.New()
	j := open(t, disk, options())
	mustPut(t, j, "good")
	disk.Fault(func(o crashfs.Op) error {
		if o.Kind == crashfs.Sync {
			return syscall.EIO
		}
		return nil
	})
	return disk, j
}

// lost is an entry that must never be applied. It counts how often it is aborted.
func lost(t *testing.T, late bool, aborted *int) *journal.Entry {
	return &journal.Entry{
		Family: journal.FamilyStore, Late: late,
		Prepare: func(journal.Slot) ([]byte, error) { return []byte("lost"), nil },
		Apply:   func(journal.Slot) { t.Error("applied what is not durable") },
		Abort:   func() { *aborted++ },
	}
}

// TestSyncFails proves that a failed sync is final, and that what had been
// acknowledged is there after a start.
func TestSyncFails(t *testing.T) {
	t.Parallel()
	disk, j := failing(t)
	aborted := 0
	for range 2 {
		err := j.Commit(context.Background(), lost(t, false, &aborted))
		if !errors.Is(err, mail.ErrClosed) || !errors.Is(err, syscall.EIO) {
			t.Errorf("Commit = %v; want ErrClosed and EIO", err)
		}
		disk.Fault(nil) // the disk is well again; the journal must not believe it
	}
	if aborted != 1 {
		t.Errorf("aborted %d times; want 1: the second was never prepared", aborted)
	}
	select {
	case <-j.Failed():
	default:
		t.Error("Failed is not closed")
	}
	if _, err := j.Stage(context.Background(), nil, strings.NewReader("x"), 1); !errors.Is(err, mail.ErrClosed) {
		t.Errorf("Stage = %v; want ErrClosed", err)
	}
	if err := j.Close(); !errors.Is(err, mail.ErrClosed) {
		t.Errorf("Close = %v; want the failure", err)
	}
	j = open(t, disk.Crash(disk.Ops(), crashfs.Nothing()), options())
	if got := payloads(replay(t, j, 1)); got != "good" {
		t.Errorf("after the start: %q; want good", got)
	}
	mustPut(t, j, "again")
}

// TestDiskFull fills the disk at every write in turn.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	for at := range 12 {
		disk := crashfs.New()
		opts := options()
		opts.Segment = 2000
		j := open(t, disk, opts)
		mustPut(t, j, "0")
		full, writes := false, 0
		disk.Fault(func(o crashfs.Op) error {
			if o.Kind == crashfs.Write {
				writes++
			}
			// From the chosen write on there is room for small things only.
			full = full || writes > at
			if full && (o.Kind == crashfs.Write && o.Size > 400 || o.Kind == crashfs.Create) {
				return syscall.ENOSPC
			}
			return nil
		})
		want := []string{"0"}
		for i := 1; i < 12; i++ {
			var bodies []*journal.Staged
			size := []int{0, 900, journal.LargeBody + 1}[i%3]
			if size > 0 {
				s, err := j.Stage(context.Background(), fmt.Appendf(nil, "%d", size), strings.NewReader(noise(1, size)), int64(size))
				if err != nil {
					if !errors.Is(err, mail.ErrNoSpace) {
						t.Fatalf("full at write %d: Stage = %v; want ErrNoSpace", at, err)
					}
					continue
				}
				bodies = append(bodies, s)
			}
			payload := fmt.Sprint(i)
			switch _, err := put(j, payload, bodies...); {
			case err == nil:
				want = append(want, payload)
			case !errors.Is(err, mail.ErrNoSpace):
				t.Fatalf("full at write %d: Commit = %v; want ErrNoSpace", at, err)
			}
		}
		disk.Fault(nil) // somebody made room
		slot := mustPut(t, j, "room", stage(t, j, noise(9, 5000)))
		want = append(want, "room")
		for _, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(at))} {
			reopened(t, disk.Crash(disk.Ops(), chance), opts, func(again *journal.Journal) {
				if got := payloads(replay(t, again, 1)); got != strings.Join(want, " ") {
					t.Errorf("full at write %d: %q; want %q", at, got, want)
				}
				if got := readBody(t, again, slot.Bodies[0]); got != noise(9, 5000) {
					t.Errorf("full at write %d: the body differs", at)
				}
				if d := again.Damage(); d != nil {
					t.Errorf("full at write %d: damage %v", at, d)
				}
			})
		}
		if err := j.Close(); err != nil {
			t.Errorf("full at write %d: Close = %v", at, err)
		}
	}
}

// TestReserve proves that small records still go where bodies may not.
func TestReserve(t *testing.T) {
	t.Parallel()
	opts := options()
	opts.Reserve = 1000
	free := int64(5000)
	opts.Free = func() (int64, error) { return free, nil }
	j := open(t, crashfs.New(), opts)
	mustPut(t, j, "a", stage(t, j, "body"))
	free = 1001
	if _, err := j.Stage(context.Background(), nil, strings.NewReader("body"), 4); !errors.Is(err, mail.ErrNoSpace) {
		t.Errorf("Stage = %v; want ErrNoSpace", err)
	}
	mustPut(t, j, "flags")
	free = 5000
	mustPut(t, j, "b", stage(t, j, "body"))
}

// TestSmallBodyKept: a letter is kept as it is, what is larger is compressed, and
// both read back.
func TestSmallBodyKept(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	j := open(t, disk, options())
	for _, c := range []struct{ size, least, most int }{{8 << 10, 8 << 10, 9 << 10}, {8<<10 + 1, 0, 2 << 10}} {
		before := disk.Size("log/00000001.seg")
		text := strings.Repeat("we write ", c.size)[:c.size]
		slot := mustPut(t, j, "x", stage(t, j, text))
		if got := readBody(t, j, slot.Bodies[0]); got != text {
			t.Errorf("%d bytes: the body reads differently", c.size)
		}
		if got := disk.Size("log/00000001.seg") - before; got < int64(c.least) || got > int64(c.most) {
			t.Errorf("%d bytes: the segment grew by %d; want %d to %d", c.size, got, c.least, c.most)
		}
	}
}
