package store_test

import (
	"context"
	"errors"
	"os"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// undoBox is a box with one account, on a clock that the test moves.
func undoBox(t testing.TB) (*box, *storetest.Clock, *store.Account) {
	t.Helper()
	clock := storetest.NewClock()
	b := newBox(t)
	b.opts.Now, b.jopts.Now = clock.Now, clock.Now
	b.open()
	if err := b.CreateAccount(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
	return b, clock, accountOf(t, b)
}

func accountOf(t testing.TB, b *box) *store.Account {
	t.Helper()
	a, err := b.Account(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// fillMany appends n small messages, a thousand at a time.
func fillMany(t testing.TB, a *store.Account, mailbox mail.MailboxID, n int) {
	t.Helper()
	spool := storetest.NewSpool(t)
	d := storetest.NewDraft(t, spool, storetest.Message("text", "Subject: many"))
	for n > 0 {
		list := slices.Repeat([]draft.Append{{Draft: d, Flags: mail.NewFlags(`\Seen`)}}, min(n, 1000))
		if _, err := a.Append(context.Background(), mailbox, list); err != nil {
			t.Fatal(err)
		}
		n -= len(list)
	}
}

func listExpunged(t testing.TB, a *store.Account, q mail.ExpungedQuery) []mail.Expunged {
	t.Helper()
	var all []mail.Expunged
	for {
		page, err := a.Expunged(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Messages...)
		if !page.More {
			return all
		}
		q.After = page.Next
	}
}

func placesOf(list []mail.Expunged) []mail.Place {
	var places []mail.Place
	for _, e := range list {
		places = append(places, e.Place)
	}
	return places
}

// TestRetention: what is over is neither listed nor brought back, and the
// moment at which it is over is the one that was said.
func TestRetention(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b, clock, _ := undoBox(t)
	defer func() { b.close() }()
	b.close()
	b.opts.Retention = 10 * 24 * time.Hour
	b.open()
	a := accountOf(t, b)
	box, err := a.CreateMailbox(ctx, "box", mail.RoleNone)
	if err != nil {
		t.Fatal(err)
	}
	fillMany(t, a, 1, 3)
	fillMany(t, a, box.ID, 1)
	if _, err := a.Copy(ctx, 1, mail.SetOf[mail.UID](1), box.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Expunge(ctx, 1, mail.SetOf[mail.UID](1, 2), false); err != nil {
		t.Fatal(err)
	}
	if err := a.DeleteMailbox(ctx, box.ID); err != nil {
		t.Fatal(err)
	}
	list := listExpunged(t, a, mail.ExpungedQuery{})
	if len(list) != 4 || !list[0].Until.Equal(list[0].At.Add(b.opts.Retention)) {
		t.Fatalf("listed are %+v", list)
	}
	clock.Advance(list[0].Until.Sub(clock.Now()) - time.Second)
	if got := listExpunged(t, a, mail.ExpungedQuery{}); len(got) != 4 {
		t.Errorf("a second before the end %d are listed; want 4", len(got))
	}
	clock.Advance(time.Second)
	if got := listExpunged(t, a, mail.ExpungedQuery{}); len(got) != 0 {
		t.Errorf("at the end %d are listed; want none", len(got))
	}
	if got, err := a.Restore(ctx, placesOf(list), 0); !errors.Is(err, mail.ErrGone) {
		t.Errorf("Restore = %+v, %v; want ErrGone", got, err)
	}
	if got, err := a.DeletedMailboxes(ctx); err != nil || len(got) != 0 {
		t.Errorf("DeletedMailboxes = %+v, %v; want none", got, err)
	}
	if _, err := a.RestoreMailbox(ctx, box.ID); !errors.Is(err, mail.ErrGone) {
		t.Errorf("RestoreMailbox: %v; want ErrGone", err)
	}
	if err := b.RemoveAccount(ctx, 1); err != nil {
		t.Fatal(err)
	}
	clock.Advance(b.opts.Retention)
	if err := b.RestoreAccount(ctx, 1); !errors.Is(err, mail.ErrGone) {
		t.Errorf("RestoreAccount: %v; want ErrGone", err)
	}
	if got, err := b.RemovedAccounts(ctx); err != nil || len(got) != 0 {
		t.Errorf("RemovedAccounts = %+v, %v; want none", got, err)
	}
}

// TestUndoAfterStart: what can be put back is the same after a start, and after
// one that had to make the index anew.
func TestUndoAfterStart(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b, clock, a := undoBox(t)
	defer func() { b.close() }()
	fillMany(t, a, 1, 20)
	for uid := range mail.UID(9) {
		clock.Advance(time.Minute)
		if _, err := a.Expunge(ctx, 1, mail.SetOf(uid+1), false); err != nil {
			t.Fatal(err)
		}
		if uid == 4 {
			if _, err := a.Move(ctx, 1, mail.SetOf[mail.UID](12, 13), 2); err != nil {
				t.Fatal(err)
			}
			if err := b.Checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := listExpunged(t, a, mail.ExpungedQuery{Moved: true})
	if len(want) != 11 {
		t.Fatalf("%d are listed; want 11", len(want))
	}
	clock.Advance(time.Hour)
	for _, anew := range []bool{false, true} {
		b.close()
		if anew {
			if err := os.RemoveAll(b.files.Path("accounts")); err != nil {
				t.Fatal(err)
			}
		}
		b.open()
		a = accountOf(t, b)
		if got := listExpunged(t, a, mail.ExpungedQuery{Moved: true}); !reflect.DeepEqual(got, want) {
			t.Errorf("index made anew: %t: listed are\n%+v; want\n%+v", anew, got, want)
		}
	}
	done, err := a.Restore(ctx, placesOf(want), 0)
	if err != nil || slices.ContainsFunc(done, func(r mail.Restored) bool { return r.Outcome != mail.OutcomeBack }) {
		t.Errorf("Restore = %+v, %v", done, err)
	}
}

// TestUndoGolden lists and restores from a box of the first format, whose index
// does not say how a message went.
func TestUndoGolden(t *testing.T) {
	t.Parallel()
	b := newBoxAt(t, copyDir(t, "testdata/v1"))
	b.opts.Now = storetest.NewClock().Now // it is as old as that
	b.open()
	defer b.close()
	list := listExpunged(t, accountOf(t, b), mail.ExpungedQuery{Moved: true})
	if len(list) == 0 {
		t.Fatal("nothing is listed")
	}
	if done, err := accountOf(t, b).Restore(context.Background(), placesOf(list), 0); err != nil || len(done) != len(list) {
		t.Errorf("Restore = %+v, %v", done, err)
	}
}

// TestRestoreMany puts more back than goes into one record, while mail comes in
// and goes.
func TestRestoreMany(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b, _, a := undoBox(t)
	defer b.close()
	const many = 5000
	fillMany(t, a, 1, many)
	if _, err := a.Expunge(ctx, 1, storetest.Every(), false); err != nil {
		t.Fatal(err)
	}
	list := listExpunged(t, a, mail.ExpungedQuery{})
	if len(list) != many {
		t.Fatalf("%d are listed; want %d", len(list), many)
	}
	stop := make(chan struct{})
	var busy sync.WaitGroup
	d := storetest.NewDraft(t, storetest.NewSpool(t), storetest.Message("new"))
	busy.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := a.Append(ctx, 1, []draft.Append{{Draft: d}}); err != nil {
				t.Error(err)
			}
			if i%10 == 0 {
				if err := b.Checkpoint(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	// Two at once, the same: each email comes back once.
	for range 2 {
		busy.Go(func() {
			for piece := range slices.Chunk(placesOf(list), 700) {
				if _, err := a.Restore(ctx, piece, 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done, err := a.Restore(ctx, placesOf(list), 0)
	close(stop)
	busy.Wait()
	if err != nil || len(done) != many {
		t.Fatalf("Restore gave %d outcomes, %v", len(done), err)
	}
	seen := map[mail.EmailID]bool{}
	for r, err := range a.Rows(ctx, 1, storetest.Every()) {
		if err != nil {
			t.Fatal(err)
		}
		if seen[r.Email] {
			t.Errorf("email %s stands there twice", r.Email)
		}
		seen[r.Email] = true
	}
	for _, e := range list {
		if !seen[e.Row.Email] {
			t.Errorf("email %s is not back", e.Row.Email)
		}
	}
}

// BenchmarkRestore puts 100,000 messages back.
func BenchmarkRestore(bench *testing.B) {
	ctx := context.Background()
	const many = 100_000
	for bench.Loop() {
		bench.StopTimer()
		b, _, a := undoBox(bench)
		fillMany(bench, a, 1, many)
		if _, err := a.Expunge(ctx, 1, storetest.Every(), false); err != nil {
			bench.Fatal(err)
		}
		bench.StartTimer()
		list := listExpunged(bench, a, mail.ExpungedQuery{})
		done, err := a.Restore(ctx, placesOf(list), 0)
		if err != nil || len(done) != many {
			bench.Fatal(len(done), err)
		}
		bench.StopTimer()
		_ = b.Store.Close()
		_ = b.journal.Close()
		bench.StartTimer()
	}
	bench.ReportMetric(many*float64(bench.N)/bench.Elapsed().Seconds(), "msg/s")
}
