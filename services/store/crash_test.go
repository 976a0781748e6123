package store_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// deed is one thing done to a store, the same for every store.
type deed struct {
	kind    int
	account mail.AccountID
	box     mail.MailboxID
	to      mail.MailboxID
	set     mail.UIDSet
	flags   mail.Flags
	draft   *draft.Draft
	name    string
}

func script(t testing.TB, seed uint64, n int) []deed {
	r := rand.New(rand.NewPCG(seed, 7))
	spool := storetest.NewSpool(t)
	list := []deed{{kind: 0, account: 1}, {kind: 0, account: 2}}
	for i := range n {
		d := deed{kind: 1 + r.IntN(12), account: mail.AccountID(1 + r.IntN(2)), box: mail.MailboxID(1 + r.IntN(2)), to: mail.MailboxID(1 + r.IntN(7))}
		d.set = mail.SetOf(mail.UID(1+r.IntN(8)), mail.UID(1+r.IntN(8)), mail.UID(1+r.IntN(8)))
		d.flags = mail.NewFlags([]string{`\Seen`, `\Deleted`, "label"}[r.IntN(3)])
		d.name = fmt.Sprintf("box%d/%d", r.IntN(3), r.IntN(3))
		if d.kind <= 3 {
			size := r.IntN(900)
			if r.IntN(8) == 0 {
				size = journal.LargeBody + 10
			}
			body := strings.Repeat(fmt.Sprintf("%d", i), size)[:size]
			d.draft = storetest.NewDraft(t, spool, storetest.Message(body, fmt.Sprintf("Message-ID: <%d@x.test>", i), "Subject: s"))
		}
		list = append(list, d)
	}
	return list
}

// do does a deed. What the store rightly refuses is no error.
func do[A storetest.Account](s storetest.Store[A], d deed, now time.Time) error {
	ctx := context.Background()
	if d.kind == 0 {
		return s.CreateAccount(ctx, d.account)
	}
	a, err := s.Account(ctx, d.account)
	if errors.Is(err, mail.ErrNoAccount) {
		return s.RestoreAccount(ctx, d.account) // an earlier deed removed it
	}
	if err != nil {
		return err
	}
	switch d.kind {
	case 1, 2:
		env := &mail.Envelope{Received: now}
		err = s.Deliver(ctx, env, []mail.Target{{Account: 1, Prefix: []byte("To: 1\r\n")}, {Account: d.account, Flags: d.flags}}, d.draft)
	case 3:
		_, err = a.Append(ctx, d.box, []draft.Append{{Draft: d.draft, Flags: d.flags}, {Draft: d.draft}})
	case 4, 5:
		_, err = a.SetFlags(ctx, d.box, d.set, mail.FlagsAdd, d.flags, nil)
	case 6:
		_, err = a.Move(ctx, d.box, d.set, d.to)
	case 7:
		_, err = a.Expunge(ctx, d.box, d.set, true)
	case 8:
		_, err = a.CreateMailbox(ctx, d.name, mail.RoleNone)
	case 9:
		if len(d.set) == 1 {
			err = a.DeleteMailbox(ctx, d.to)
		} else {
			_, err = a.Copy(ctx, d.box, d.set, d.to)
		}
	case 10:
		err = restoreSome(a, d.to)
	case 11:
		_, err = a.RestoreMailbox(ctx, d.to)
	case 12:
		if d.account == 2 { // the other one is always delivered to
			err = s.RemoveAccount(ctx, d.account)
			break
		}
		err = a.Annotate(ctx, d.to, []mail.Annotation{{Name: d.name, Value: d.name + "\x00"}, {Name: "box0/0", Gone: true}})
	}
	for _, refusal := range []error{mail.ErrNoMailbox, mail.ErrMailboxExists, mail.ErrMailboxInUse} {
		if errors.Is(err, refusal) {
			return nil
		}
	}
	return err
}

// restoreSome puts back what went from one mailbox, by one record.
func restoreSome(a storetest.Account, box mail.MailboxID) error {
	ctx := context.Background()
	page, err := a.Expunged(ctx, mail.ExpungedQuery{Mailbox: box, Moved: true})
	if err != nil {
		return err
	}
	var places []mail.Place
	for _, e := range page.Messages {
		places = append(places, e.Place)
	}
	_, err = a.Restore(ctx, places, 0)
	return err
}

// dump is everything a store shows, in words that compare.
func dump[A storetest.Account](t testing.TB, s storetest.Store[A]) string {
	t.Helper()
	ctx := context.Background()
	var b strings.Builder
	for id := mail.AccountID(1); id <= 2; id++ {
		a, err := s.Account(ctx, id)
		if errors.Is(err, mail.ErrNoAccount) {
			continue
		}
		if err != nil {
			t.Fatalf("Account(%d): %v", id, err)
		}
		boxes, err := a.Mailboxes(ctx)
		if err != nil {
			t.Fatalf("Mailboxes: %v", err)
		}
		for _, m := range boxes {
			// The golden boxes are of before there were annotations.
			shown := strings.Replace(fmt.Sprintf("%+v", m), fmt.Sprintf(" Annotations:%+v", mail.Annotations{}), "", 1)
			fmt.Fprintf(&b, "%d %s\n", id, shown)
			for r, err := range a.Rows(ctx, m.ID, storetest.Every()) {
				if err != nil {
					t.Fatalf("Rows: %v", err)
				}
				fmt.Fprintf(&b, "  %d %d %v %d %s %s e%d t%d %x\n", r.UID, r.ModSeq, r.Flags, r.Size, r.Internal, r.Saved, r.Email, r.Thread, sum(t, a, m.ID, r.UID))
			}
			c, err := a.Changes(ctx, m.ID, 0)
			if err != nil {
				t.Fatalf("Changes: %v", err)
			}
			fmt.Fprintf(&b, "  until %d vanished %s\n", c.Until, c.Vanished)
		}
	}
	return b.String()
}

func sum(t testing.TB, a storetest.Account, box mail.MailboxID, uid mail.UID) []byte {
	m, err := a.Open(context.Background(), box, uid)
	if err != nil {
		t.Errorf("Open(%s, %d): %v", box, uid, err)
		return nil
	}
	defer m.Close()
	h := sha256.New()
	if _, err := io.Copy(h, m.Reader()); err != nil {
		t.Errorf("read message %d of %s: %v", uid, box, err)
	}
	return h.Sum(nil)[:6]
}

// rig is a store whose log is on a crashfs and whose indexes, which bbolt wants
// in real files, are in a directory. Of those a crash leaves the state of some
// earlier checkpoint, or nothing.
type rig struct {
	t     testing.TB
	log   *crashfs.FS
	index string
	clock *storetest.Clock
	ring  int64 // bytes of the journal's ring; 0: none
	// segment is the size of segments; 0: 20,000 bytes.
	segment int64
	free    func() (int64, error) // of the log's disk; nil: unknown
	reserve int64
	// readOnly is why nothing is to be written; nil: it may be.
	readOnly error
	// unwritten is how many changes of an account may be in memory alone; 0: many.
	unwritten int
	lateFrom  int // see store.LateFrom; 0: many accounts

	journal *journal.Journal
	store   *store.Store
	files   *durable.OS
}

func (r *rig) open() error {
	opts := journal.Options{Logger: quiet(), Now: r.clock.Now, Segment: cmp.Or(r.segment, 20000), Ring: r.ring, Free: r.free, Reserve: r.reserve, ReadOnly: r.readOnly}
	var err error
	if r.files, err = durable.NewOS(r.index); err != nil {
		r.t.Fatal(err)
	}
	if r.journal, err = journal.Open(r.log, opts); err != nil {
		return err
	}
	sopts := store.MaxUnwritten(store.Options{Logger: quiet(), Now: r.clock.Now, ReadOnly: r.readOnly != nil}, r.unwritten)
	r.store, err = store.Open(context.Background(), r.journal, r.files, store.LateFrom(sopts, r.lateFrom))
	return err
}

// abandon closes what holds memory and descriptors, whatever it says.
func (r *rig) abandon() {
	if r.store != nil {
		_ = r.store.Close()
	}
	if r.journal != nil {
		_ = r.journal.Close()
	}
	_ = r.files.Close()
}

// indexCopy is a copy of the indexes and the number of log operations before it.
type indexCopy struct {
	dir   string
	point int
}

// last is the last thing done by the given log operation: done has for each how
// many there had been.
func last(done []int, point int) (acked int) {
	for i, at := range done {
		if at <= point {
			acked = i
		}
	}
	return acked
}

// crash gives what the power cut behind a log operation leaves, beside one of the
// snapshots that there were by then, and says so in words.
func (r *rig) crash(point int, snapshots []indexCopy) (after *rig, what string) {
	r.t.Helper()
	var usable []indexCopy
	for _, s := range snapshots {
		if s.point <= point {
			usable = append(usable, s)
		}
	}
	chance := []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))}[point%3]
	old := usable[(point/3)%len(usable)]
	after = &rig{t: r.t, log: r.log.Crash(point, chance), index: copyDir(r.t, old.dir), clock: r.clock, ring: r.ring}
	if point%4 == 3 { // then the log is read from its beginning, over newer indexes
		_ = os.Remove(filepath.Join(after.index, "accounts", "registry"))
	}
	return after, fmt.Sprintf("crash behind operation %d, index of %d", point, old.point)
}

func copyDir(t testing.TB, from string) string {
	to := t.TempDir()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// TestCrashEverywhere cuts the power behind every operation on the log, with
// indexes lost, old or new. What the store then shows must be exactly what the
// model shows after what was acknowledged, or after one deed more.
func TestCrashEverywhere(t *testing.T) {
	t.Parallel()
	t.Run("ring", func(t *testing.T) { t.Parallel(); crashEverywhere(t, 12*4096, 0) })
	t.Run("no ring", func(t *testing.T) { t.Parallel(); crashEverywhere(t, journal.NoRing, 0) })
	t.Run("applied late", func(t *testing.T) { t.Parallel(); crashEverywhere(t, 12*4096, 1) })
}

func crashEverywhere(t *testing.T, ring int64, lateFrom int) {
	clock := storetest.NewClock()
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock, ring: ring, lateFrom: lateFrom}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	model := memstore.New(clock.Now)
	deeds := script(t, 1, 70)
	dumps := []string{dump(t, model)}
	done := []int{r.log.Ops()} // operations when the deed was acknowledged
	snapshots := []indexCopy{{t.TempDir(), 0}}
	for i, d := range deeds {
		for _, err := range []error{do(r.store, d, clock.Now()), do(model, d, clock.Now())} {
			if err != nil {
				t.Fatalf("deed %d: %v", i, err)
			}
		}
		dumps = append(dumps, dump(t, model))
		done = append(done, r.log.Ops())
		if i%23 == 22 {
			if err := r.store.Checkpoint(); err != nil {
				t.Fatal(err)
			}
			snapshots = append(snapshots, indexCopy{copyDir(t, r.index), r.log.Ops()})
		}
	}
	if got := dump(t, r.store); got != dumps[len(dumps)-1] {
		t.Fatalf("without any crash:\ngot\n%s\nwant\n%s", got, dumps[len(dumps)-1])
	}
	ops := r.log.Ops()
	r.abandon()
	for point := range crashfs.Points(0, ops) {
		after, what := r.crash(point, snapshots)
		acked := last(done, point)
		checkRecovered(t, after, what, dumps[acked:min(acked+2, len(dumps))])
		if t.Failed() {
			return
		}
	}
}

// TestRegistry proves that the registry never sends the next start past changes
// that are only in memory.
func TestRegistry(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	for i, d := range script(t, 3, 30) {
		if err := do(r.store, d, clock.Now()); err != nil {
			t.Fatalf("deed %d: %v", i, err)
		}
		if i%5 != 4 {
			continue
		}
		if err := r.store.SaveRegistry(); err != nil {
			t.Fatal(err)
		}
		want := dump(t, r.store)
		after := &rig{t: t, log: r.log.Crash(r.log.Ops(), crashfs.Nothing()), index: copyDir(t, r.index), clock: clock}
		checkRecovered(t, after, fmt.Sprintf("deed %d", i), []string{want})
		if i == 14 {
			if err := r.store.Checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.abandon()
}

// TestIndexDamage loses and damages indexes between runs: the same mailboxes,
// UIDs and flags must come back from the log.
func TestIndexDamage(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string) error{
		"lost":      os.Remove,
		"empty":     func(path string) error { return os.Truncate(path, 0) },
		"cut":       func(path string) error { return os.Truncate(path, 5000) },
		"no bolt":   func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("nonsense", 4000)), 0o600) },
		"meta gone": func(path string) error { return zero(path, 0, 8192) },
		"dir gone":  func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
		"all gone":  func(path string) error { return os.RemoveAll(filepath.Dir(filepath.Dir(path))) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := storetest.NewClock()
			r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock}
			if err := r.open(); err != nil {
				t.Fatal(err)
			}
			for i, d := range script(t, 4, 80) {
				if err := do(r.store, d, clock.Now()); err != nil {
					t.Fatalf("deed %d: %v", i, err)
				}
			}
			want := dump(t, r.store)
			r.abandon()
			if err := damage(filepath.Join(r.index, "accounts", "1", "index.db")); err != nil {
				t.Fatal(err)
			}
			checkRecovered(t, r, name, []string{want})
			checkRecovered(t, r, name+", once more", []string{want})
		})
	}
}

func zero(path string, off, n int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(make([]byte, n), off)
	return errors.Join(err, f.Close())
}

// TestPageDamage zeroes pages of an index one after another. The store may say
// that it is damaged and rebuild it at the next start, or find it unhurt; what
// it shows is never wrong.
func TestPageDamage(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	for i, d := range script(t, 5, 80) {
		if err := do(r.store, d, clock.Now()); err != nil {
			t.Fatalf("deed %d: %v", i, err)
		}
	}
	want := dump(t, r.store)
	r.abandon()
	data, err := os.ReadFile(filepath.Join(r.index, "accounts", "1", "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	for page := int64(2); (page+1)*4096 <= int64(len(data)); page++ {
		if allZero(data[page*4096 : (page+1)*4096]) {
			continue // never written: the file is grown far beyond what it holds
		}
		hurt := &rig{t: t, log: r.log.Crash(r.log.Ops(), crashfs.Nothing()), index: copyDir(t, r.index), clock: clock}
		if err := zero(filepath.Join(hurt.index, "accounts", "1", "index.db"), page*4096, 4096); err != nil {
			t.Fatal(err)
		}
		for try := 0; ; try++ {
			if err := hurt.open(); err != nil {
				t.Fatalf("page %d: open: %v", page, err)
			}
			report, err := hurt.store.Check(context.Background())
			if err != nil {
				t.Fatalf("page %d: check: %v", page, err)
			}
			if report.OK() {
				break
			}
			if try == 1 {
				t.Fatalf("page %d: still damaged after another start: %+v", page, report.Problems)
			}
			hurt.abandon()
		}
		if got := dump(t, hurt.store); got != want {
			t.Errorf("page %d:\ngot\n%s\nwant\n%s", page, got, want)
		}
		hurt.abandon()
		if err := os.RemoveAll(hurt.index); err != nil { // hundreds of copies would fill the disk
			t.Fatal(err)
		}
	}
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// onlyRead gives what there is to be read without writing anything, and proves that
// nothing is written.
func onlyRead(t *testing.T, r *rig, what string) string {
	t.Helper()
	ops, files := r.log.Ops(), fileTimes(t, r.index)
	look := *r
	look.readOnly = syscall.EROFS
	if err := look.open(); err != nil {
		t.Fatalf("%s: open only to read: %v", what, err)
	}
	text := dump(t, look.store)
	look.abandon()
	if n := r.log.Ops(); n != ops {
		t.Errorf("%s: %d operations wrote to a log that is only to be read", what, n-ops)
	}
	if after := fileTimes(t, r.index); !maps.Equal(files, after) {
		t.Errorf("%s: files that were only to be read were %v and are %v", what, files, after)
	}
	return text
}

// fileTimes says when each file below a directory was changed last.
func fileTimes(t *testing.T, dir string) map[string]time.Time {
	t.Helper()
	times := map[string]time.Time{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			times[path] = info.ModTime()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return times
}

func checkRecovered(t *testing.T, r *rig, what string, want []string) {
	looked := onlyRead(t, r, what)
	if err := r.open(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer r.abandon()
	got := dump(t, r.store)
	if got != want[0] && got != want[len(want)-1] {
		t.Errorf("%s:\ngot\n%s\nwant\n%s\nor\n%s", what, got, want[0], want[len(want)-1])
	}
	if looked != got {
		t.Errorf("%s: before anything was written there was to be read\n%s\nwant\n%s", what, looked, got)
	}
	report, err := r.store.Check(context.Background())
	if strings.HasSuffix(what, "registry") || strings.Contains(what, "registry of") && !strings.HasSuffix(what, ", on") { // of TestIndexAhead: the log is shorter than an index has seen, and check says so once
		short := slices.DeleteFunc(slices.Clone(report.Problems), func(p store.Problem) bool { return !p.Remade || !strings.Contains(p.Text, "had seen more") })
		if len(short) == 0 || len(short) != len(report.Problems) {
			t.Errorf("%s: check finds %+v; want that the log is shorter than an index has seen, and nothing else", what, report.Problems)
		}
		report.Problems = nil
	}
	if err != nil || !report.OK() {
		t.Errorf("%s: check: %v, %+v", what, err, report)
	}
}

// TestFaults makes every operation on the log fail in turn, with a full disk and
// with an I/O error. What was acknowledged stays, what was refused is not there,
// and on a full disk the store goes on.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EIO} {
		t.Run(errno.Error(), func(t *testing.T) {
			t.Parallel()
			deeds := script(t, 2, 40)
			for at := 1; ; at += 1 + at/20 {
				if !faultAt(t, deeds, at, errno) || t.Failed() {
					return
				}
			}
		})
	}
}

// faultAt has one operation fail; false when there were not that many.
func faultAt(t *testing.T, deeds []deed, at int, errno syscall.Errno) bool {
	clock := storetest.NewClock()
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	n, hit := 0, false
	r.log.Fault(func(o crashfs.Op) error {
		if n++; n == at && (o.Kind == crashfs.Write || o.Kind == crashfs.Sync && errno == syscall.EIO || o.Kind == crashfs.Create) {
			hit = true
			return errno
		}
		return nil
	})
	model := memstore.New(clock.Now)
	failed := 0
	for i, d := range deeds {
		err := do(r.store, d, clock.Now())
		switch {
		case err == nil:
			if err := do(model, d, clock.Now()); err != nil {
				t.Fatal(err)
			}
		case i < 2:
			// Without its accounts there is nothing to compare.
			r.abandon()
			return true
		case errors.Is(err, mail.ErrNoSpace) && errno == syscall.ENOSPC, errno == syscall.EIO && (errors.Is(err, mail.ErrClosed) || errors.Is(err, syscall.EIO)):
			failed++
		default:
			t.Errorf("fault at operation %d: deed %d: %v", at, i, err)
		}
	}
	if failed > 1 && errno == syscall.ENOSPC {
		t.Errorf("fault at operation %d: %d deeds failed by one full disk", at, failed)
	}
	what := fmt.Sprintf("%v at operation %d", errno, at)
	want := dump(t, model)
	if got := dump(t, r.store); got != want {
		t.Errorf("%s:\ngot\n%s\nwant\n%s", what, got, want)
	}
	ops := r.log.Ops()
	r.abandon()
	after := &rig{t: t, log: r.log.Crash(ops, crashfs.Nothing()), index: t.TempDir(), clock: clock}
	checkRecovered(t, after, what, []string{want})
	return hit || n >= at
}
