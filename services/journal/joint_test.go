package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// say is an entry that says something.
func say(family journal.Family, payload string, bodies ...*journal.Staged) *journal.Entry {
	return &journal.Entry{Family: family, Type: 7, Bodies: bodies, Prepare: func(journal.Slot) ([]byte, error) { return []byte(payload), nil }}
}

// said replays a family.
func said(t testing.TB, j *journal.Journal, family journal.Family) (all []journal.Record) {
	t.Helper()
	err := j.Replay(t.Context(), family, 1, func(r journal.Record) error {
		r.Payload = bytes.Clone(r.Payload)
		all = append(all, r)
		return nil
	})
	if err != nil {
		t.Fatalf("Replay: %v", err)
	}
	return all
}

// TestCommitAll: each family reads its own part, under one LSN, with its own bodies.
func TestCommitAll(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	j := open(t, disk, options())
	shared, other := stage(t, j, "shared"), stage(t, j, noise(1, journal.LargeBody+1))
	var slots [2]journal.Slot
	var order []string
	entry := func(i int, family journal.Family, bodies ...*journal.Staged) *journal.Entry {
		return &journal.Entry{
			Family: family, Type: uint8(i), Bodies: bodies, ID: mail.ID{15: byte(i)},
			Prepare: func(s journal.Slot) ([]byte, error) {
				order = append(order, fmt.Sprint("prepare ", i))
				return fmt.Appendf(nil, "part %d", i), nil
			},
			Apply: func(s journal.Slot) { slots[i], order = s, append(order, fmt.Sprint("apply ", i)) },
			Abort: func() { t.Error("aborted") },
		}
	}
	nothing := &journal.Entry{Family: journal.FamilyDirectory, Prepare: func(journal.Slot) ([]byte, error) { return nil, nil }, Apply: func(journal.Slot) { t.Error("nothing was applied") }}
	if err := j.CommitAll(t.Context(), entry(0, journal.FamilyStore, shared), nothing, entry(1, journal.FamilyQueue, other, shared)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"prepare 0", "prepare 1", "apply 0", "apply 1"}; !slices.Equal(order, want) {
		t.Errorf("order %q; want %q", order, want)
	}
	if slots[0].LSN != slots[1].LSN || slots[0].Bodies[0] != slots[1].Bodies[1] || readBody(t, j, slots[0].Bodies[0]) != "shared" || readBody(t, j, slots[1].Bodies[0]) == "shared" {
		t.Errorf("slots %+v; want one LSN, and the shared body under one name", slots)
	}
	if err := j.CommitAll(t.Context(), nothing); err != nil {
		t.Errorf("nothing to write: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, disk, options())
	defer j.Close()
	for family, want := range map[journal.Family]string{journal.FamilyStore: "part 0", journal.FamilyQueue: "part 1", journal.FamilyDirectory: ""} {
		records := said(t, j, family)
		if got := payloads(records); got != want {
			t.Errorf("family %d says %q; want %q", family, got, want)
		}
		for i, r := range records {
			if r.LSN != slots[0].LSN || r.Family != family || r.Type != map[bool]uint8{true: 1}[family == journal.FamilyQueue] || r.ID != (mail.ID{}) && r.ID != (mail.ID{15: 1}) {
				t.Errorf("family %d: record %d is %+v", family, i, r)
			}
		}
	}
}

// TestJointRefused: when one part refuses, nothing is written and the parts before it
// are taken back, without harm to other entries of the batch that built on the state
// before, or would build on the state behind.
func TestJointRefused(t *testing.T) {
	t.Parallel()
	j := open(t, crashfs.New(), options())
	defer j.Close()
	// The state of a family: a count, of which pending is what the batch made of it.
	var count, pending int
	counting := func() *journal.Entry {
		return &journal.Entry{
			Family:  journal.FamilyStore,
			Prepare: func(journal.Slot) ([]byte, error) { pending++; return fmt.Append(nil, pending), nil },
			Apply:   func(journal.Slot) { count++ },
			Abort:   func() { pending = count },
		}
	}
	errNo := errors.New("no")
	no := &journal.Entry{Family: journal.FamilyQueue, Prepare: func(journal.Slot) ([]byte, error) { return nil, errNo }}
	// Somebody holds the turn until all others wait: they make one batch.
	blocked, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = j.Commit(context.Background(), &journal.Entry{Prepare: func(journal.Slot) ([]byte, error) {
			close(blocked)
			<-release
			return nil, nil
		}})
	})
	<-blocked
	for i := range 30 {
		wg.Go(func() {
			if i%3 == 1 {
				if err := j.CommitAll(context.Background(), counting(), no); !errors.Is(err, errNo) {
					t.Errorf("CommitAll = %v; want %v", err, errNo)
				}
			} else if err := j.CommitAll(context.Background(), counting(), say(journal.FamilyQueue, "q")); err != nil {
				t.Errorf("CommitAll = %v", err)
			}
		})
	}
	close(release)
	wg.Wait()
	records := said(t, j, journal.FamilyStore)
	for i, r := range records {
		if string(r.Payload) != fmt.Sprint(i+1) {
			t.Errorf("record %d says %s", i+1, r.Payload)
		}
	}
	if len(records) != 20 || count != 20 || len(said(t, j, journal.FamilyQueue)) != 20 {
		t.Errorf("%d records, %d applied; want 20", len(records), count)
	}
}

// TestJointCrash cuts the power behind every disk operation: both parts are there, or
// none, and what was acknowledged is.
func TestJointCrash(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		disk, opts := crashfs.New(), options()
		opts.Segment = 4000
		if seed == 1 {
			opts.Ring = 8 * 4096
		}
		j := open(t, disk, opts)
		points := map[string]int{}
		for i := range 40 {
			text := fmt.Sprint("joint", i)
			s, q := say(journal.FamilyStore, text), say(journal.FamilyQueue, text)
			if i%3 > 0 {
				body := stage(t, j, noise(uint64(i), i*20+i%2*journal.LargeBody))
				s.Bodies, q.Bodies = []*journal.Staged{body}, []*journal.Staged{body}
			}
			if err := j.CommitAll(t.Context(), s, q); err != nil {
				t.Fatal(err)
			}
			points[text] = disk.Ops()
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		for point := range crashfs.Points(0, disk.Ops()) {
			for i, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))} {
				what := fmt.Sprintf("seed %d, crash behind operation %d, chance %d", seed, point, i)
				reopened(t, disk.Crash(point, chance), opts, func(j *journal.Journal) {
					store, queue := said(t, j, journal.FamilyStore), said(t, j, journal.FamilyQueue)
					if a, b := payloads(store), payloads(queue); a != b {
						t.Errorf("%s: one part says %q, the other %q", what, a, b)
					}
					found := map[string]bool{}
					for i, r := range store {
						found[string(r.Payload)] = true
						if r.LSN != queue[i].LSN || r.Body != queue[i].Body {
							t.Errorf("%s: parts of different records", what)
						}
					}
					for text, acked := range points {
						if acked <= point && !found[text] {
							t.Errorf("%s: %s is lost", what, text)
						}
					}
					if d := j.Damage(); d != nil {
						t.Errorf("%s: damage %+v", what, d)
					}
				})
			}
			if t.Failed() {
				return
			}
		}
	}
}

// TestJointTrim compacts joint records: of each part goes what is over of it, and the
// body when nobody asks for it.
func TestJointTrim(t *testing.T) {
	t.Parallel()
	disk, opts := crashfs.New(), options()
	opts.Segment = 2500
	j := open(t, disk, opts)
	var done []acked
	for i := range 60 {
		a := acked{payload: []string{"a", "b", "ab"}[i%3] + fmt.Sprint(i)}
		s, q := say(journal.FamilyStore, a.payload), say(journal.FamilyQueue, "kept"+fmt.Sprint(i))
		if i%2 == 0 {
			a.body = noise(uint64(i), 200)
			body := stage(t, j, a.body)
			s.Bodies, q.Bodies = []*journal.Staged{body}, []*journal.Staged{body}
		}
		s.Apply = func(slot journal.Slot) { a.slot = slot }
		entries := []*journal.Entry{s, q}
		if i%4 == 3 {
			entries = entries[:1]
		}
		if err := j.CommitAll(t.Context(), entries...); err != nil {
			t.Fatal(err)
		}
		done = append(done, a)
	}
	before := len(said(t, j, journal.FamilyQueue))
	h := historianOf(done, 50, 50)
	size := sizeOf(disk)
	compact(t, j, h)
	if again := compact(t, j, h); again.Rewritten != 0 {
		t.Errorf("once more: %+v; want nothing to do", again)
	}
	if after := sizeOf(disk); after > size*3/4 {
		t.Errorf("the log has %d bytes of %d; want much less", after, size)
	}
	for range 2 {
		checkTrimmed(t, "joint", j, done, h)
		if got := said(t, j, journal.FamilyQueue); len(got) != before {
			t.Errorf("%d records of the other family; want %d", len(got), before)
		}
		if got := len(said(t, j, journal.FamilyStore)); got >= 30 {
			t.Errorf("%d records; want that most are gone", got)
		}
		if _, damage := dumped(t, disk); damage != 0 {
			t.Errorf("Dump shows damage at %d places", damage)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, disk, opts)
	}
	_ = j.Close()
}

// TestJointGolden opens a log with joint records as it was first written.
func TestJointGolden(t *testing.T) {
	t.Parallel()
	const dir, name = "testdata/joint-v2", "log/00000001.seg"
	if *golden {
		disk := crashfs.New()
		j := open(t, disk, options())
		body := stage(t, j, "a letter")
		if err := j.CommitAll(t.Context(), say(journal.FamilyStore, "kept here", body), say(journal.FamilyQueue, "sent there", body)); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, "log"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), contents(t, disk, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "log"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := durable.NewOS(root)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	j := open(t, files, options())
	defer j.Release()
	defer j.Close()
	store, queue := said(t, j, journal.FamilyStore), said(t, j, journal.FamilyQueue)
	if payloads(store) != "kept here" || payloads(queue) != "sent there" || readBody(t, j, queue[0].Body) != "a letter" {
		t.Errorf("the parts say %q and %q; want what was written", payloads(store), payloads(queue))
	}
	// A program that knows version 1 alone refuses such a record.
	if at := bytes.Index(b, []byte("SKR1")); at < 0 || b[at+8] != 2 {
		t.Error("the joint record does not have version 2")
	}
}

func FuzzMembers(f *testing.F) {
	f.Add([]byte("\x02\x01\x07\x01a\x03\x07\x00"))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, payload []byte) {
		members, err := journal.Members(journal.Record{Family: journal.FamilyJoint, Payload: payload})
		if err != nil {
			return
		}
		all := 0
		for _, m := range members {
			all += len(m.Payload)
		}
		if all > len(payload) {
			t.Errorf("%d bytes in parts of %d", all, len(payload))
		}
	})
}
