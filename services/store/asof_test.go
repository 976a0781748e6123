package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// stateOf is what a restore must give back of a mailbox, in words: each email
// once, in order, with size, dates and flags but \Deleted.
func stateOf(t testing.TB, a storetest.Account, id mail.MailboxID) string {
	t.Helper()
	var b strings.Builder
	seen := map[mail.EmailID]bool{}
	for r, err := range a.Rows(context.Background(), id, storetest.Every()) {
		if err != nil {
			t.Fatal(err)
		}
		if seen[r.Email] {
			continue
		}
		seen[r.Email] = true
		r.Flags.System &^= mail.Deleted
		fmt.Fprintf(&b, "%s %s %s %d %s %v\n", r.Email, r.Thread, r.ID, r.Size, r.Internal, r.Flags.Names())
	}
	return b.String()
}

// statesOf is stateOf of every mailbox, by name.
func statesOf(t testing.TB, a storetest.Account) map[string]string {
	t.Helper()
	list, err := a.Mailboxes(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	for _, m := range list {
		states[m.Name] = stateOf(t, a, m.ID)
	}
	return states
}

// TestAsOf writes down what an account is at many moments of a random history,
// and has it restored into folders as it was at each of them.
func TestAsOf(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b, clock, a := undoBox(t)
	defer func() { b.close() }()
	if err := b.CreateAccount(ctx, 2); err != nil {
		t.Fatal(err)
	}
	type record struct {
		at     time.Time
		states map[string]string
	}
	var records []record
	r := rand.New(rand.NewPCG(5, 5))
	for i, d := range script(t, 9, 250) {
		clock.Advance(time.Duration(r.IntN(100_000)) * time.Millisecond)
		if d.kind == 12 {
			continue
		}
		if err := do(b.Store, d, clock.Now()); err != nil {
			t.Fatalf("deed %d: %v", i, err)
		}
		if i > 2 && i%10 == 0 {
			records = append(records, record{clock.Now(), statesOf(t, a)})
		}
		if i%40 == 20 {
			snapshot(t, b.Store, 1)
		}
		if i == 150 {
			b.close()
			b.open()
			a = accountOf(t, b)
		}
	}
	clock.Advance(time.Minute)
	for i, rec := range records {
		tells := 0
		folder := fmt.Sprintf("as of %d", i)
		done, err := a.RestoreAsOf(ctx, mail.AsOf{At: rec.at, Folder: folder}, func(p mail.Progress) {
			if tells++; p.Done > p.Total {
				t.Errorf("progress %+v", p)
			}
		})
		if err != nil || done.Gone != 0 || tells == 0 {
			t.Fatalf("as of %s: %+v, %v, told %d times", rec.at, done, err, tells)
		}
		if i == 3 { // once more changes nothing
			if again, err := a.RestoreAsOf(ctx, mail.AsOf{At: rec.at, Folder: folder}, nil); err != nil || again.Back != 0 {
				t.Errorf("again: %+v, %v", again, err)
			}
		}
		got := statesOf(t, a)
		for name, want := range rec.states {
			state, ok := got[folder+"/"+name]
			if !ok || state != want {
				t.Errorf("as of %s: %s is there: %t,\n%s; want\n%s", rec.at, name, ok, state, want)
			}
		}
		for name, state := range got { // levels that had no mailbox then have an empty one now
			was, below := strings.CutPrefix(name, folder+"/")
			if _, known := rec.states[was]; below && !known && state != "" {
				t.Errorf("as of %s: %s is\n%s; want nothing", rec.at, was, state)
			}
		}
		for _, m := range []string{"INBOX", "Drafts"} { // and one alone
			if i%7 == 0 {
				checkOneAsOf(t, a, m, rec.at, rec.states[m])
			}
		}
	}
}

func checkOneAsOf(t *testing.T, a *store.Account, name string, at time.Time, want string) {
	t.Helper()
	ctx := context.Background()
	m, err := a.Mailbox(ctx, name)
	if err != nil {
		return // deleted since
	}
	done, err := a.RestoreAsOf(ctx, mail.AsOf{At: at, Mailbox: m.ID, Folder: "one/" + name + at.Format("150405.000")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	into, err := a.Mailbox(ctx, done.Folder)
	if err != nil {
		t.Fatal(err)
	}
	if got := stateOf(t, a, into.ID); got != want {
		t.Errorf("as of %s: %s alone is\n%s; want\n%s", at, name, got, want)
	}
}

// TestAsOfClock asks for what was there before, between and after two times in which
// the clock was wrong by decades.
func TestAsOfClock(t *testing.T) {
	t.Parallel()
	b, clock, a := undoBox(t)
	defer func() { b.close() }()
	const decades = 40 * 365 * 24 * time.Hour
	var moments []time.Time
	live := func() {
		for i := range 10 {
			fillMany(t, a, 1, 1)
			clock.Advance(time.Minute)
			if i == 4 {
				moments = append(moments, clock.Now().Add(-time.Second))
			}
		}
	}
	live()
	for _, wrong := range []time.Duration{decades, -decades} {
		clock.Advance(wrong)
		fillMany(t, a, 1, 1)
		clock.Advance(-wrong)
		live()
	}
	for i, want := range []int{5, 16, 27} {
		done, err := a.RestoreAsOf(t.Context(), mail.AsOf{At: moments[i], Mailbox: 1, Folder: fmt.Sprintf("as of %d", i)}, nil)
		if err != nil || done.Back != want {
			t.Errorf("as of moment %d: %+v, %v; want %d messages", i, done, err, want)
		}
	}
}

// TestAsOfInPlace is the story of somebody who let a program loose on his mail.
func TestAsOfInPlace(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b, clock, a := undoBox(t)
	defer b.close()
	box, err := a.CreateMailbox(ctx, "work", mail.RoleNone)
	if err != nil {
		t.Fatal(err)
	}
	fillMany(t, a, 1, 6)
	fillMany(t, a, box.ID, 2)
	want, wantBox := stateOf(t, a, 1), stateOf(t, a, box.ID)
	moment := clock.Now()
	clock.Advance(time.Hour)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = a.Expunge(ctx, 1, mail.SetOf[mail.UID](1, 2), false)
	must(err)
	_, err = a.Move(ctx, 1, mail.SetOf[mail.UID](3), box.ID)
	must(err)
	_, err = a.SetFlags(ctx, 1, mail.SetOf[mail.UID](4), mail.FlagsReplace, mail.NewFlags(`\Deleted`, "mark"), nil)
	must(err)
	must(a.DeleteMailbox(ctx, box.ID))
	fillMany(t, a, 1, 1)
	clock.Advance(time.Hour)
	for _, wantDone := range []mail.RestoredAsOf{
		{Mailboxes: 7, Back: 3, There: 5, Flagged: 1},
		{Mailboxes: 7, There: 8},
	} {
		done, err := a.RestoreAsOf(ctx, mail.AsOf{At: moment, InPlace: true}, nil)
		must(err)
		if done != wantDone {
			t.Errorf("RestoreAsOf = %+v; want %+v", done, wantDone)
		}
	}
	// All is back, and what came later is there: by email, as the order has changed.
	lines := func(s string) []string { return slices.Sorted(strings.SplitSeq(strings.TrimSpace(s), "\n")) }
	got := lines(stateOf(t, a, 1))
	for _, line := range lines(want) {
		if !slices.Contains(got, line) {
			t.Errorf("INBOX has %q; %q is missing", got, line)
		}
	}
	if len(got) != 7 {
		t.Errorf("INBOX has %d messages; want 7", len(got))
	}
	if got := stateOf(t, a, box.ID); !strings.HasPrefix(got, wantBox) || strings.Count(got, "\n") != 3 {
		t.Errorf("work is\n%s; want\n%s and one more", got, wantBox)
	}
	if _, err := a.RestoreAsOf(ctx, mail.AsOf{At: moment.Add(-time.Hour)}, nil); !errors.Is(err, mail.ErrNoMailbox) {
		t.Errorf("before there was anything: %v; want ErrNoMailbox", err)
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := a.RestoreAsOf(stopped, mail.AsOf{At: moment, Folder: "never"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("RestoreAsOf of one who has left: %v", err)
	}
}

// TestCrashAsOf cuts the power behind every operation of a restore that goes in
// several steps. What is there then is whole, and asking again finishes it.
func TestCrashAsOf(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	clock := storetest.NewClock()
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	var moment time.Time
	var want map[string]string
	for i, d := range script(t, 12, 90) {
		clock.Advance(time.Second)
		if d.kind == 12 {
			continue
		}
		if err := do(r.store, d, clock.Now()); err != nil {
			t.Fatalf("deed %d: %v", i, err)
		}
		if i == 60 {
			a, err := r.store.Account(ctx, 1)
			if err != nil {
				t.Fatal(err)
			}
			moment, want = clock.Now(), statesOf(t, a)
		}
	}
	clock.Advance(time.Second)
	before := dump(t, r.store)
	restore := func(s *store.Store) *store.Account {
		t.Helper()
		a, err := s.Account(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.RestoreAsOf(ctx, mail.AsOf{At: moment, Folder: "then"}, nil); err != nil {
			t.Fatal(err)
		}
		return a
	}
	from := r.log.Ops()
	restore(r.store)
	after := dump(t, r.store)
	to := r.log.Ops()
	r.abandon()
	if before == after || to-from < 6 {
		t.Fatalf("the restore took %d operations", to-from)
	}
	for point := range crashfs.Points(from, to) {
		chance := []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))}[point%3]
		cut := &rig{t: t, log: r.log.Crash(point, chance), index: t.TempDir(), clock: clock}
		if err := cut.open(); err != nil {
			t.Fatalf("cut at %d: %v", point, err)
		}
		if got := dump(t, cut.store); point == to && got != after {
			t.Errorf("cut behind the restore:\ngot\n%s\nwant\n%s", got, after)
		}
		a := restore(cut.store)
		got := statesOf(t, a)
		for name, state := range want {
			if got["then/"+name] != state {
				t.Errorf("cut at %d: %s is\n%s; want\n%s", point, name, got["then/"+name], state)
			}
		}
		report, err := cut.store.Check(ctx)
		if err != nil || !report.OK() {
			t.Errorf("cut at %d: check: %v, %+v", point, err, report)
		}
		cut.abandon()
		if t.Failed() {
			return
		}
	}
}

// BenchmarkAsOf restores a mailbox of 1,000,000 messages that was emptied into a
// folder, and says what that adds to the heap.
func BenchmarkAsOf(bench *testing.B) {
	ctx := context.Background()
	const many = 1_000_000
	for bench.Loop() {
		bench.StopTimer()
		b, clock, a := undoBox(bench)
		fillMany(bench, a, 1, many)
		moment := clock.Now()
		clock.Advance(time.Hour)
		if _, err := a.Expunge(ctx, 1, storetest.Every(), false); err != nil {
			bench.Fatal(err)
		}
		if err := b.Checkpoint(); err != nil {
			bench.Fatal(err)
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		before, most := m.HeapAlloc, uint64(0)
		bench.StartTimer()
		done, err := a.RestoreAsOf(ctx, mail.AsOf{At: moment, Mailbox: 1}, func(p mail.Progress) {
			if p.Done%(many/20) < 2048 {
				runtime.GC()
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		})
		if err != nil || done.Back != many {
			bench.Fatalf("%+v, %v", done, err)
		}
		bench.StopTimer()
		bench.ReportMetric(float64(most-before)/1e6, "MB")
		_ = b.Store.Close()
		_ = b.journal.Close()
		bench.StartTimer()
	}
	bench.ReportMetric(many*float64(bench.N)/bench.Elapsed().Seconds(), "msg/s")
}

// TestAsOfFolders restores two mailboxes that share emails, as of one moment, and
// one of them as of another second of the same minute: each has a folder of its
// own, with its own flags.
func TestAsOfFolders(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b, clock, a := undoBox(t)
	defer b.close()
	box, err := a.CreateMailbox(ctx, "Clients", mail.RoleNone)
	if err != nil {
		t.Fatal(err)
	}
	fillMany(t, a, 1, 3)
	if _, err := a.Copy(ctx, 1, mail.SetOf[mail.UID](1, 2), box.ID); err != nil {
		t.Fatal(err)
	}
	first := clock.Now().Truncate(time.Minute).Add(time.Minute)
	clock.Advance(first.Add(10 * time.Second).Sub(clock.Now()))
	if _, err := a.SetFlags(ctx, box.ID, mail.SetOf[mail.UID](1), mail.FlagsAdd, mail.NewFlags("mark"), nil); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Hour)
	for _, ask := range []struct {
		mailbox mail.MailboxID
		at      time.Time
		folder  string
		marked  bool
	}{
		{1, first, "Restored " + first.Format("2006-01-02 15:04") + "/INBOX", false},
		{box.ID, first, "Restored " + first.Format("2006-01-02 15:04") + "/Clients", false},
		{box.ID, first.Add(20 * time.Second), "Restored " + first.Format("2006-01-02 15:04") + ":20/Clients", true},
	} {
		done, err := a.RestoreAsOf(ctx, mail.AsOf{At: ask.at, Mailbox: ask.mailbox}, nil)
		if err != nil || done.Folder != ask.folder || done.There != 0 || done.Back < 2 {
			t.Fatalf("restore of %s as of %s = %+v, %v; want all back in %q", ask.mailbox, ask.at, done, err, ask.folder)
		}
		if got := strings.Contains(statesOf(t, a)[ask.folder], "mark"); got != ask.marked {
			t.Errorf("marked in %q: %t; want %t", ask.folder, got, ask.marked)
		}
	}
}
