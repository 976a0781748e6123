package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// compact gives back everything that is dead.
func compact(t testing.TB, j *journal.Journal, s *store.Store) journal.Compacted {
	t.Helper()
	done, err := j.Compact(context.Background(), journal.Compaction{Owners: []journal.Owner{s}, Share: 1e-9})
	if err != nil {
		t.Fatalf("Compact: %v", err)
	}
	return done
}

// expungeUpTo takes the first messages of an account's INBOX away.
func expungeUpTo[A storetest.Account](t testing.TB, s storetest.Store[A], id mail.AccountID, last mail.UID) {
	t.Helper()
	a, err := s.Account(context.Background(), id)
	if err == nil {
		_, err = a.Expunge(context.Background(), 1, mail.SetOfRanges(mail.Range[mail.UID]{First: 1, Last: last}), false)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// expireAll lets go of everything that was taken away in an account.
func expireAll[A storetest.Account](t testing.TB, s storetest.Store[A], id mail.AccountID) {
	t.Helper()
	if err := s.Expire(context.Background(), id, 1<<40); err != nil {
		t.Fatalf("Expire: %v", err)
	}
}

// TestCompactCrash cuts the power behind every operation on the log while
// messages expire and their bodies are dropped, with indexes lost, old or new.
func TestCompactCrash(t *testing.T) {
	t.Parallel()
	const ring = 12 * 4096
	clock := storetest.NewClock()
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock, ring: ring, segment: 6000}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	model := memstore.New(clock.Now)
	dumps, done := []string{dump(t, model)}, []int{r.log.Ops()}
	snapshots := []indexCopy{{t.TempDir(), 0}}
	freed := int64(0)
	note := func() {
		dumps = append(dumps, dump(t, model))
		done = append(done, r.log.Ops())
	}
	for i, d := range script(t, 14, 80) {
		if d.kind > 9 {
			continue // what is put back lives longer, and accounts that are removed
		}
		for _, err := range []error{do(r.store, d, clock.Now()), do(model, d, clock.Now())} {
			if err != nil {
				t.Fatalf("deed %d: %v", i, err)
			}
		}
		note()
		if i%12 == 11 {
			for id := mail.AccountID(1); id <= 2; id++ {
				if _, err := model.Account(t.Context(), id); err != nil {
					continue // removed: a later deed brings it back
				}
				expungeUpTo(t, r.store, id, mail.UID(i/4))
				expungeUpTo(t, model, id, mail.UID(i/4))
				note()
				expireAll(t, r.store, id)
				expireAll(t, model, id)
				note()
				snapshot(t, r.store, id)
			}
			freed += compact(t, r.journal, r.store).Freed
		}
		if i%17 == 16 {
			if err := r.store.Checkpoint(); err != nil {
				t.Fatal(err)
			}
			snapshots = append(snapshots, indexCopy{copyDir(t, r.index), r.log.Ops()})
		}
	}
	if freed == 0 {
		t.Fatal("nothing came back: the test tests nothing")
	}
	ops := r.log.Ops()
	r.abandon()
	for point := range crashfs.Points(0, ops) {
		after, what := r.crash(point, snapshots)
		acked := last(done, point)
		checkRecovered(t, after, what, dumps[acked:min(acked+2, len(dumps))])
		if err := os.RemoveAll(after.index); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			return
		}
	}
}

// TestSweepCutShort gives a sweep up at every step. The index must agree with
// itself each time, and the next sweep must take out the rest.
func TestSweepCutShort(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	defer r.abandon()
	if err := r.store.CreateAccount(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	a, err := r.store.Account(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	fillInbox(t, r, 300)
	other, err := a.CreateMailbox(t.Context(), "other", mail.RoleNone)
	if err != nil {
		t.Fatal(err)
	}
	for range 16 { // more than a step takes
		if _, err := a.Copy(t.Context(), 1, storetest.Every(), other.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.DeleteMailbox(t.Context(), other.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Expunge(t.Context(), 1, mail.SetOfRanges(mail.Range[mail.UID]{First: 1, Last: 290}), false); err != nil {
		t.Fatal(err)
	}
	stopped := 0
	for steps := 1; ; steps++ {
		left := steps
		err := r.store.Expire(impatient{context.Background(), &left}, 1, 1<<40)
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		report, checkErr := r.store.Check(t.Context())
		if checkErr != nil || !report.OK() {
			t.Fatalf("after %d steps: check: %v, %+v", steps, checkErr, report.Problems)
		}
		if err == nil {
			break
		}
		stopped++
	}
	if stopped < 3 {
		t.Errorf("it was stopped %d times; want that there were more steps", stopped)
	}
	if n := r.store.Emails(1); n != 10 {
		t.Errorf("the index has %d emails; want the 10 that are there", n)
	}
}

// TestSpaceComesBack fills a store, deletes nine tenths, and looks at the disk.
func TestSpaceComesBack(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.jopts.Segment = 1 << 20
	b.open()
	defer func() { b.close() }()
	if err := b.CreateAccount(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	a, err := b.Account(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	spool := storetest.NewSpool(t)
	const messages = 400
	for i := range messages {
		size := 20_000
		if i%40 == 0 {
			size = journal.LargeBody + 1000
		}
		d := storetest.NewDraft(t, spool, storetest.Message(noise(i, size), fmt.Sprintf("Message-ID: <%d@x.test>", i)))
		if _, err := a.Append(t.Context(), 1, []draft.Append{{Draft: d}}); err != nil {
			t.Fatal(err)
		}
		d.Discard()
	}
	full := logSize(t, b)
	var most []mail.UID
	for uid := mail.UID(1); uid <= messages; uid++ {
		if uid%10 != 0 {
			most = append(most, uid)
		}
	}
	if _, err := a.Expunge(t.Context(), 1, mail.SetOf(most...), false); err != nil {
		t.Fatal(err)
	}
	if done := compact(t, b.journal, b.Store); done.Freed != 0 || done.Dead != 0 {
		t.Errorf("before it expired %+v came back; want nothing", done)
	}
	expireAll(t, b.Store, 1)
	done := compact(t, b.journal, b.Store)
	after := logSize(t, b)
	t.Logf("log: %d bytes with %d messages, %d bytes with %d; given back %d", full, messages, after, messages-len(most), done.Freed)
	// What stays is the tenth that lives, the newest segment of each kind, which is
	// being written to, and a stub of each record.
	if after > full/10+2*b.jopts.Segment+messages*600 {
		t.Errorf("the log has %d bytes, of %d with ten times as many messages", after, full)
	}
	if again := compact(t, b.journal, b.Store); again.Rewritten != 0 {
		t.Errorf("a second compaction does %+v", again)
	}
	want := dump(t, b.Store)
	b.close()
	if err := os.RemoveAll(b.files.Path("accounts")); err != nil {
		t.Fatal(err)
	}
	b.open() // and everything from the log alone
	if got := dump(t, b.Store); got != want {
		t.Errorf("made anew from the log:\ngot\n%.2000s\nwant\n%.2000s", got, want)
	}
}

// noise is text that does not compress well.
func noise(seed, n int) string {
	b := make([]byte, n)
	x := uint32(seed)*2654435761 + 12345
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"[x>>26]
		if i%70 == 69 {
			b[i] = '\n'
		}
	}
	return string(b)
}

func logSize(t testing.TB, b *box) (total int64) {
	entries, err := os.ReadDir(b.files.Path("log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	return total
}

// TestLiveDoubts: an index that does not agree with itself must not cost any
// message its body.
func TestLiveDoubts(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	for i, d := range script(t, 4, 60) {
		if err := do(r.store, d, clock.Now()); err != nil {
			t.Fatalf("deed %d: %v", i, err)
		}
	}
	want := dump(t, r.store)
	if err := r.store.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	r.store.LoseEmail(1)
	_, err := r.journal.Compact(t.Context(), journal.Compaction{Owners: []journal.Owner{r.store}, Share: 1e-9})
	if err == nil {
		t.Error("Compact believed an index without an email that messages are of")
	}
	r.abandon()
	checkRecovered(t, r, "after a start", []string{want})
}

// TestCompactBeside lets messages come, go and be put back while everything that
// goes is let go for good and its space given back, again and again. The check at
// the end reads every body.
func TestCompactBeside(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.jopts.Segment = 64 << 10
	b.open()
	defer func() { b.close() }()
	if err := b.CreateAccount(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	a, err := b.Account(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	spool := storetest.NewSpool(t)
	var busy sync.WaitGroup
	for w := range 3 {
		busy.Go(func() {
			for i := range 60 {
				size := 2000 + 100*i
				if i%20 == 19 {
					size = journal.LargeBody + 100
				}
				d := storetest.NewDraft(t, spool, storetest.Message(noise(w*1000+i, size), fmt.Sprintf("Message-ID: <%d.%d@x.test>", w, i)))
				done, err := a.Append(t.Context(), 1, []draft.Append{{Draft: d}})
				if err != nil {
					t.Error(err)
					return
				}
				d.Discard()
				if i%3 == 0 {
					continue
				}
				_, err = a.Copy(t.Context(), 1, mail.SetOf(done.UIDs...), 2)
				if err == nil {
					_, err = a.Expunge(t.Context(), 1, mail.SetOf(done.UIDs...), false)
				}
				if err == nil && i%3 == 1 {
					_, err = a.Expunge(t.Context(), 2, storetest.Every(), false)
				}
				if err == nil && i%2 == 1 {
					_, err = a.Restore(t.Context(), []mail.Place{{Mailbox: 1, UID: done.UIDs[0]}}, 0)
				}
				if err != nil && !errors.Is(err, mail.ErrGone) { // it was let go at once
					t.Error(err)
					return
				}
			}
		})
	}
	stop := make(chan struct{})
	go func() { busy.Wait(); close(stop) }()
	freed, rounds := int64(0), 0
	for running := true; running; rounds++ {
		select {
		case <-stop:
			running = false
		default:
		}
		expireAll(t, b.Store, 1)
		freed += compact(t, b.journal, b.Store).Freed
	}
	if freed == 0 {
		t.Errorf("nothing came back in %d rounds", rounds)
	}
}
