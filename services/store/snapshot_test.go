package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// TestSnapshotsAgainstModel does random things, among them, again and again:
// snapshots, the retention going by, compaction, and the loss of one index, of all,
// or of all that is not the log.
func TestSnapshotsAgainstModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			clock := storetest.NewClock()
			b := newBox(t)
			b.opts.Now, b.jopts.Now = clock.Now, clock.Now
			b.opts.CacheRows = 20
			b.opts.Quota = storetest.Quota
			b.jopts.Segment = 16 << 10
			b.open()
			defer func() { b.close() }()
			r := rand.New(rand.NewPCG(seed, 11))
			model := memstore.New(clock.Now).SetQuota(storetest.Quota)
			taken, later := 0, false
			reopen := func() storetest.Store[*store.Account] {
				for id := mail.AccountID(1); id <= 2; id++ {
					if r.IntN(2) == 0 {
						snapshot(t, b.Store, id)
						taken++
					}
				}
				if r.IntN(8) == 0 && !later { // twice, and the feed forgets what the model knows
					clock.Advance(31 * 24 * time.Hour)
					later = true
				}
				if r.IntN(2) == 0 {
					compact(t, b.journal, b.Store)
				}
				b.close()
				lost := []string{"", "1/index.db", "2/index.db", "registry", "."}[r.IntN(5)]
				if lost != "" {
					if err := os.RemoveAll(filepath.Join(b.files.Path("accounts"), lost)); err != nil && !errors.Is(err, os.ErrNotExist) {
						t.Fatal(err)
					}
				}
				b.open()
				for id := mail.AccountID(1); id <= 2; id++ {
					// What had expired comes back with a rebuild, and leaves with the next sweep.
					if err := b.Expire(t.Context(), id, 0); err != nil {
						t.Fatal(err)
					}
				}
				return b.Store
			}
			storetest.Compare(t, 100+seed, 1000, clock, b.Store, model, reopen)
			if taken == 0 {
				t.Error("no snapshot was taken: the test tests nothing")
			}
		})
	}
}

func snapshot(t testing.TB, s *store.Store, id mail.AccountID) {
	t.Helper()
	if err := s.Snapshot(t.Context(), id, nil); err != nil {
		t.Fatalf("Snapshot: %v", err)
	}
}

// TestSnapshotOfMany has a snapshot of so much that it goes into the new index in
// several pieces, what one change did among them.
func TestSnapshotOfMany(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.open()
	defer func() { b.close() }()
	a := manyMessages(t, b, 6000)
	if _, err := a.Copy(t.Context(), 1, storetest.Every(), 3); err != nil {
		t.Fatal(err)
	}
	if _, err := a.SetFlags(t.Context(), 1, storetest.Every(), mail.FlagsAdd, mail.NewFlags(`\Deleted`, "work"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Expunge(t.Context(), 1, mail.SetOfRanges(mail.Range[mail.UID]{First: 100, Last: 5900}), true); err != nil {
		t.Fatal(err)
	}
	want, changes := dump(t, b.Store), told(t, a)
	snapshot(t, b.Store, 1)
	b.loseIndex(1)
	if got := dump(t, b.Store); got != want {
		t.Errorf("got\n%.300s\nwant\n%.300s", got, want)
	}
	if got := told(t, accountOf(t, b)); got != changes {
		t.Errorf("told of changes:\n%.300s\nwant\n%.300s", got, changes)
	}
	page, err := accountOf(t, b).Restore(t.Context(), []mail.Place{{Mailbox: 1, UID: 100}, {Mailbox: 1, UID: 4444}, {Mailbox: 1, UID: 5900}}, 0)
	for _, r := range page {
		if r.Outcome != mail.OutcomeBack {
			t.Errorf("restore: %+v; want it back", r)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// told is what an account tells whoever was there in the beginning.
func told(t testing.TB, a storetest.Account) string {
	t.Helper()
	var text strings.Builder
	for id := mail.MailboxID(1); id <= 3; id++ {
		c, err := a.Changes(t.Context(), id, 1)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%s: %d rows, gone %s\n", id, len(c.Rows), c.Vanished)
	}
	for since, more := mail.ModSeq(1), true; more; {
		c, err := a.ChangedSince(t.Context(), since, 0)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%+v\n", c)
		since, more = c.Until, c.More
	}
	return text.String()
}

// manyMessages makes account 1 with so many small messages in its INBOX.
func manyMessages(t testing.TB, b *box, n int) *store.Account {
	t.Helper()
	if err := b.CreateAccount(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	a := accountOf(t, b)
	spool := storetest.NewSpool(t)
	for done := 0; done < n; {
		var list []draft.Append
		for range min(500, n-done) {
			done++
			d := storetest.NewDraft(t, spool, storetest.Message("x", fmt.Sprintf("Message-ID: <%d@x.test>", done)))
			list = append(list, draft.Append{Draft: d})
		}
		if _, err := a.Append(t.Context(), 1, list); err != nil {
			t.Fatal(err)
		}
		for _, l := range list {
			l.Draft.Discard()
		}
	}
	return a
}

// loseIndex closes the store and opens it without the index of an account.
func (b *box) loseIndex(id mail.AccountID) {
	b.t.Helper()
	b.close()
	if err := os.Remove(filepath.Join(b.files.Path("accounts"), fmt.Sprint(uint64(id)), "index.db")); err != nil {
		b.t.Fatal(err)
	}
	b.open()
}

// TestSnapshotDamaged damages the parts of an account's snapshots, the newest or
// all, and loses its index: what is older is read in their place, and the account
// is what it was.
func TestSnapshotDamaged(t *testing.T) {
	t.Parallel()
	for damaged := 1; damaged <= 2; damaged++ {
		clock := storetest.NewClock()
		r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock, ring: journal.NoRing, segment: 2000}
		if err := r.open(); err != nil {
			t.Fatal(err)
		}
		for i, d := range script(t, 31, 90) {
			if err := do(r.store, d, clock.Now()); err != nil {
				t.Fatalf("deed %d: %v", i, err)
			}
			if i == 20 || i == 45 {
				snapshot(t, r.store, 1)
			}
		}
		want := dump(t, r.store)
		type flip struct {
			segment string
			at      int64
		}
		var flips []flip
		r.abandon()
		err := journal.Dump(t.Context(), r.log, func(f journal.Found) error {
			if d, err := store.Describe(f.Record); f.Record.Family == journal.FamilyStore && err == nil && d.Verb == "snapshot" {
				flips = append(flips, flip{fmt.Sprintf("log/%08d.seg", f.Segment), f.Offset + f.Length - f.Size/2})
			}
			return nil
		})
		if err != nil || len(flips) != 2 {
			t.Fatalf("%d snapshots, %v; want 2", len(flips), err)
		}
		for _, f := range flips[2-damaged:] {
			r.log.Flip(f.segment, f.at)
		}
		if err := os.Remove(r.indexOf()); err != nil {
			t.Fatal(err)
		}
		if err := r.open(); err != nil {
			t.Fatal(err)
		}
		if got := dump(t, r.store); got != want {
			t.Errorf("%d damaged: got\n%s\nwant\n%s", damaged, got, want)
		}
		report, err := r.store.Check(t.Context())
		if err != nil || len(report.Problems) != damaged || !report.Problems[0].Lost {
			t.Errorf("%d damaged: check: %v, %+v; want that it says so", damaged, err, report.Problems)
		}
		r.abandon()
	}
}

// TestSnapshotSees: an index that lacks a page does not become what the account is.
func TestSnapshotSees(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.open()
	manyMessages(t, b, 10)
	if err := b.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	b.LoseEmail(1)
	if err := b.Snapshot(t.Context(), 1, nil); err == nil || b.SnapshotOf(1) != 0 {
		t.Errorf("Snapshot of an index that lacks an email = %v, at %d; want an error", err, b.SnapshotOf(1))
	}
	_ = b.Store.Close()
	if err := b.journal.Close(); err != nil {
		t.Fatal(err)
	}
	b.open() // it was set aside
	defer func() { b.close() }()
	snapshot(t, b.Store, 1)
}

// FuzzSnapshot feeds the reader of snapshots anything.
func FuzzSnapshot(f *testing.F) {
	for _, part := range store.SnapshotParts() {
		f.Add(part)
	}
	f.Fuzz(func(t *testing.T, part []byte) {
		again, err := store.ReadSnapshotPart(part)
		if err != nil {
			return
		}
		twice, err := store.ReadSnapshotPart(again)
		if err != nil || !bytes.Equal(again, twice) {
			t.Errorf("what was read and written again: %v, %x; want %x", err, twice, again)
		}
	})
}

// TestUpkeepSnapshots: an account that has changed much gets a snapshot, once.
func TestUpkeepSnapshots(t *testing.T) {
	t.Parallel()
	k := newKept(t)
	defer func() { k.abandon() }()
	a, err := k.store.Account(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 999 {
		if i == 990 {
			k.live(1)
			if at := k.store.SnapshotOf(1); at != 0 {
				t.Errorf("after %d changes there is a snapshot at %d; want none yet", i, at)
			}
		}
		if err := a.Subscribe(t.Context(), "x", i%2 == 0); err != nil {
			t.Fatal(err)
		}
	}
	k.live(1)
	at := k.store.SnapshotOf(1)
	if at < 1000 {
		t.Errorf("after 1000 changes there is a snapshot at %d; want one", at)
	}
	k.live(3)
	if again := k.store.SnapshotOf(1); again != at {
		t.Errorf("days later there is one at %d; want that of %d", again, at)
	}
}

// flip changes the flags of the first messages of INBOX again and again, a record
// each.
func flip(t testing.TB, a *store.Account, messages, times int) {
	t.Helper()
	var group sync.WaitGroup
	const writers = 64
	for w := range writers {
		group.Go(func() {
			for i := w; i < messages*times; i += writers {
				op := []mail.FlagOp{mail.FlagsAdd, mail.FlagsRemove}[i/messages%2]
				if _, err := a.SetFlags(t.Context(), 1, mail.SetOf(mail.UID(1+i%messages)), op, mail.NewFlags(`\Seen`), nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// TestLogStaysBounded changes the flags of messages again and again for years, with
// the box's own upkeep, and looks at what of the log is not bodies.
func TestLogStaysBounded(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	clock := storetest.NewClock()
	b.opts.Now, b.jopts.Now = clock.Now, clock.Now
	b.jopts.Segment = 64 << 10
	b.open()
	defer func() { b.close() }()
	const messages = 1000
	a := manyMessages(t, b, messages)
	live := described(t, b)
	uptime := time.Duration(0)
	keep := store.NewUpkeep(b.Store, store.UpkeepOptions{Logger: quiet(), Uptime: func() time.Duration { return uptime }, Flat: true})
	pass := func(days int) {
		uptime += time.Duration(days) * 24 * time.Hour
		clock.Advance(time.Duration(days) * 24 * time.Hour)
		if err := keep.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 25 {
		flip(t, a, messages, 2)
		pass(20)
	}
	at := clock.Now()
	want := statesOf(t, a)
	for range 5 {
		pass(10)
	}
	got := described(t, b)
	if got > 3*live {
		t.Errorf("what is no body takes %d bytes of the log; of %d messages without any change it was %d", got, messages, live)
	}
	t.Logf("what is no body: %d bytes at first, %d after 50 changes of each message", live, got)
	shown := dump(t, b.Store)
	b.close()
	for _, lost := range []string{"accounts/1", "accounts"} {
		if err := os.RemoveAll(b.files.Path(lost)); err != nil {
			t.Fatal(err)
		}
		b.open()
		if now := dump(t, b.Store); now != shown {
			t.Errorf("without %s:\n%.300s\nwant\n%.300s", lost, now, shown)
		}
		b.close()
	}
	b.open()
	if _, err := accountOf(t, b).RestoreAsOf(t.Context(), mail.AsOf{At: at.Add(25 * 24 * time.Hour), Folder: "then"}, nil); err != nil {
		t.Errorf("as it was within the retention: %v", err)
	}
	if now := statesOf(t, accountOf(t, b)); now["then/INBOX"] != want["INBOX"] {
		t.Errorf("as it was within the retention: %.300s\nwant\n%.300s", now["then/INBOX"], want["INBOX"])
	}
	if _, err := accountOf(t, b).RestoreAsOf(t.Context(), mail.AsOf{At: at.Add(-100 * 24 * time.Hour), Folder: "before"}, nil); !errors.Is(err, mail.ErrGone) {
		t.Errorf("as it was before the retention: %v; want %v", err, mail.ErrGone)
	}
}

// described is how many bytes of the log are not bodies of messages.
func described(t testing.TB, b *box) (n int64) {
	t.Helper()
	err := journal.Dump(t.Context(), b.files, func(f journal.Found) error {
		n += f.Length
		if d, err := store.Describe(f.Record); err != nil || d.Verb != "snapshot" {
			n -= f.Size
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestBaseLost loses an account's index and, by a damaged part, the snapshot that
// stands for its first records, which are gone: every message is still there, by
// the record that its body is in, and no number is given out again.
func TestBaseLost(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.jopts.Segment = 16 << 10
	b.open()
	a := manyMessages(t, b, 300)
	flip(t, a, 300, 4)
	if _, err := a.Expunge(t.Context(), 1, mail.SetOfRanges(mail.Range[mail.UID]{First: 201, Last: 300}), false); err != nil {
		t.Fatal(err)
	}
	snapshot(t, b.Store, 1)
	expireAll(t, b.Store, 1)
	manyMore(t, a, 700) // so that what counts is in sealed segments
	before := described(t, b)
	compact(t, b.journal, b.Store)
	if after := described(t, b); after > before*3/4 {
		t.Fatalf("the log has %d bytes of %d that are no bodies; want that records are gone", after, before)
	}
	var part journal.Found
	if err := journal.Dump(t.Context(), b.files, func(f journal.Found) error {
		if d, err := store.Describe(f.Record); err == nil && d.Verb == "snapshot" {
			part = f
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	b.close()
	f, err := os.OpenFile(filepath.Join(b.files.Path("log"), fmt.Sprintf("%08d.seg", part.Segment)), os.O_RDWR, 0)
	if err == nil {
		_, err = f.WriteAt([]byte("not what it was"), part.Offset+part.Length-part.Size/2)
		err = errors.Join(err, f.Close(), os.RemoveAll(b.files.Path("accounts")))
	}
	if err != nil {
		t.Fatal(err)
	}
	b.open()
	defer func() { _ = b.Store.Close(); _ = b.journal.Close() }()
	a = accountOf(t, b)
	m, err := a.MailboxByID(t.Context(), 1)
	if err != nil || m.Name != mail.Inbox || m.Total != 900 || m.UIDNext <= 1001 {
		t.Errorf("INBOX is %+v, %v; want 900 messages, and UIDs that nobody had", m, err)
	}
	for uid := mail.UID(1); uid <= 1000; uid++ {
		o, err := a.Open(t.Context(), 1, uid)
		if there := uid <= 200 || uid > 300; there != (err == nil) {
			t.Errorf("open message %d: %v", uid, err)
		}
		if err == nil {
			_ = o.Close()
		}
	}
}

// manyMore appends so many messages to INBOX, one by one.
func manyMore(t testing.TB, a *store.Account, n int) {
	t.Helper()
	spool := storetest.NewSpool(t)
	for i := range n {
		d := storetest.NewDraft(t, spool, storetest.Message("y", fmt.Sprintf("Message-ID: <more%d@x.test>", i)))
		if _, err := a.Append(t.Context(), 1, []draft.Append{{Draft: d}}); err != nil {
			t.Fatal(err)
		}
		d.Discard()
	}
}

// TestAsOfBeforeSnapshot asks for a moment behind an idle account's last change and
// before the snapshot that is its base now: what it was then is in there.
func TestAsOfBeforeSnapshot(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	b := newBox(t)
	b.opts.Now, b.jopts.Now = clock.Now, clock.Now
	b.open()
	defer func() { b.close() }()
	a := manyMessages(t, b, 3)
	day := func(n time.Duration) { clock.Advance(n * 24 * time.Hour) }
	day(40)
	last := clock.Now()
	expireAll(t, b.Store, 1)
	day(2)
	moment := clock.Now()
	day(3)
	snapshot(t, b.Store, 1)
	day(5)
	expireAll(t, b.Store, 1)
	compact(t, b.journal, b.Store)
	for range 2 { // what an index that was made from one knows is enough
		done, err := a.RestoreAsOf(t.Context(), mail.AsOf{At: moment, Mailbox: 1}, nil)
		if err != nil || done.Back+done.There != 3 {
			t.Errorf("RestoreAsOf of a moment before the snapshot = %+v, %v; want 3 messages", done, err)
		}
		if _, err := a.RestoreAsOf(t.Context(), mail.AsOf{At: last.Add(-time.Second), Mailbox: 1}, nil); !errors.Is(err, mail.ErrGone) {
			t.Errorf("RestoreAsOf of a moment before what has expired = %v; want mail.ErrGone", err)
		}
		b.loseIndex(1)
		a = accountOf(t, b)
	}
}
