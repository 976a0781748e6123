package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// historian is an owner of records such as "ab17": about a and b, the 17th.
type historian struct {
	owner
	over map[journal.Subject]journal.LSN
}

func (h historian) Family() journal.Family { return journal.FamilyStore }

func (h historian) Over(context.Context) (map[journal.Subject]journal.LSN, error) { return h.over, nil }

func (h historian) Parts(payload []byte) (parts []journal.Part) {
	for _, c := range payload {
		if c >= 'a' {
			parts = append(parts, journal.Part{Subject: journal.Subject(c), Size: len(payload)})
		}
	}
	return parts
}

func (h historian) Trim(payload []byte, over func(journal.Subject) bool, _ func(journal.BodyRef) bool) []byte {
	return trimmed(payload, over)
}

func trimmed(payload []byte, over func(journal.Subject) bool) []byte {
	left := bytes.Map(func(c rune) rune {
		if c >= 'a' && over(journal.Subject(c)) {
			return -1
		}
		return c
	}, payload)
	if bytes.IndexFunc(left, func(c rune) bool { return c >= 'a' }) < 0 {
		return nil
	}
	return left
}

// left is what is needed of a record with this payload.
func (h historian) left(lsn journal.LSN, payload string) string {
	return string(trimmed([]byte(payload), func(s journal.Subject) bool { return h.over[s] >= lsn }))
}

// told is a journal with records about three subjects, every other with a body, in
// many segments and over some starts.
func told(t *testing.T, seed uint64) (*crashfs.FS, journal.Options, []acked) {
	t.Helper()
	disk, opts := crashfs.New(), options()
	opts.Segment = 2500
	if seed%2 == 1 {
		opts.Ring = 8 * 4096
	}
	r := rand.New(rand.NewPCG(seed, 3))
	var done []acked
	for start := range 3 {
		j := open(t, disk, opts)
		for i := range 60 {
			a := acked{payload: []string{"a", "b", "c", "ab", "abc"}[r.IntN(5)] + fmt.Sprint(start*100+i)}
			if r.IntN(2) == 0 {
				a.body = noise(uint64(i), r.IntN(300))
				a.slot = mustPut(t, j, a.payload, stage(t, j, a.body))
			} else {
				a.slot = mustPut(t, j, a.payload)
			}
			done = append(done, a)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return disk, opts, done
}

// checkTrimmed checks that what is not over is there, under its LSN, with its body,
// and what is over either as it was or gone, without anything being taken for
// damage.
func checkTrimmed(t *testing.T, what string, j *journal.Journal, done []acked, h historian) {
	t.Helper()
	if _, err := j.Scrub(t.Context()); err != nil {
		t.Errorf("%s: scrub: %v", what, err)
	}
	if d := j.Damage(); d != nil {
		t.Errorf("%s: damage: %+v", what, d)
	}
	found := map[journal.LSN]string{}
	for _, r := range replay(t, j, 1) {
		found[r.LSN] = string(r.Payload)
	}
	for _, a := range done {
		got, left := found[a.slot.LSN], h.left(a.slot.LSN, a.payload)
		if h.left(a.slot.LSN, got) != left {
			t.Errorf("%s: record %d is %q; it was %q, of which %q is needed", what, a.slot.LSN, got, a.payload, left)
		}
		for _, ref := range a.slot.Bodies {
			b, err := j.Body(ref)
			if err == nil {
				_ = b.Close()
				if text := readBody(t, j, ref); text != a.body {
					t.Errorf("%s: body %s of record %d differs", what, ref, a.slot.LSN)
				}
			} else if h.owner[ref] || !errors.Is(err, journal.ErrDropped) {
				t.Errorf("%s: body %s of record %d: %v", what, ref, a.slot.LSN, err)
			}
		}
	}
}

func historianOf(done []acked, a, b int) historian {
	h := historian{ownerOf(done, third), map[journal.Subject]journal.LSN{}}
	h.over['a'], h.over['b'] = done[a].slot.LSN, done[b].slot.LSN
	return h
}

// TestTrim leaves out what is over, more and more of it.
func TestTrim(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		disk, opts, done := told(t, seed)
		before := sizeOf(disk)
		j := open(t, disk, opts)
		h := historianOf(done, 40, 0)
		for step, a := range []int{50, 90, 91, 140} {
			h.over['a'], h.over['b'] = done[a].slot.LSN, done[a/2].slot.LSN
			if step == 3 {
				h.over['b'], h.over['c'] = h.over['a'], h.over['a']
			}
			compact(t, j, h)
			what := fmt.Sprintf("seed %d, step %d", seed, step)
			checkTrimmed(t, what, j, done, h)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j = open(t, disk, opts)
			checkTrimmed(t, what+", after a start", j, done, h)
		}
		if again := compact(t, j, h); again.Freed != 0 {
			t.Errorf("seed %d: once more: %+v; want that nothing was left to do", seed, again)
		}
		for i, a := range done[:120] {
			if alive := third(i) && len(a.slot.Bodies) > 0; !alive {
				for _, r := range replay(t, j, a.slot.LSN)[:1] {
					if r.LSN == a.slot.LSN {
						t.Errorf("seed %d: record %d is still there", seed, r.LSN)
					}
				}
			}
		}
		if after := sizeOf(disk); after > before*2/3 {
			t.Errorf("seed %d: the log has %d bytes of %d; want much less", seed, after, before)
		}
		if _, damage := dumped(t, disk); damage != 0 {
			t.Errorf("seed %d: Dump shows damage at %d places", seed, damage)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func mustClose(t *testing.T, j *journal.Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTrimSealedTwice is about a segment whose writing ended with its seal, because
// the power failed before there was another one: the next start seals it once more,
// behind nothing new. All of these seals have LSNs, and none may be missed.
func TestTrimSealedTwice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		starts   int // that seal it again
		reopened bool
	}{{1, false}, {1, true}, {2, false}, {2, true}} {
		disk, opts := crashfs.New(), options()
		opts.Segment, opts.Ring = 2500, journal.NoRing
		put := func(j *journal.Journal, i int) acked {
			a := acked{payload: fmt.Sprintf("a%d", i), body: noise(uint64(i), 200)}
			a.slot = mustPut(t, j, a.payload, stage(t, j, a.body))
			return a
		}
		var done []acked
		j := open(t, disk, opts)
		for i := 0; len(j.Segments()) < 2; i++ {
			done = append(done, put(j, i))
		}
		done = done[:len(done)-1] // it is what the next segment was made for
		for range tt.starts {
			mustClose(t, j)
			if err := disk.Remove("log/00000002.seg"); err != nil {
				t.Fatal(err)
			}
			if err := disk.SyncDir("log"); err != nil {
				t.Fatal(err)
			}
			j = open(t, disk, opts)
			put(j, 100)
		}
		done = append(done, put(j, 101))
		if tt.reopened {
			mustClose(t, j)
			j = open(t, disk, opts)
		}
		h := historianOf(done, len(done)-2, 0)
		if got := compact(t, j, h); got.Rewritten != 1 {
			t.Errorf("%+v: %d segments were rewritten, want 1", tt, got.Rewritten)
		}
		checkTrimmed(t, fmt.Sprintf("%+v: compacted", tt), j, done, h)
		mustClose(t, j)
		j = open(t, disk, opts)
		checkTrimmed(t, fmt.Sprintf("%+v: compacted, and opened again", tt), j, done, h)
		mustClose(t, j)
	}
}

// TestTrimCrash cuts the power behind every disk operation of a compaction that
// leaves records out.
func TestTrimCrash(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		disk, opts, done := told(t, seed)
		h := historianOf(done, 120, 70)
		disk = disk.Crash(disk.Ops(), crashfs.Nothing())
		j := open(t, disk, opts)
		began := disk.Ops()
		compact(t, j, h)
		for point := range crashfs.Points(began, disk.Ops()) {
			for i, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))} {
				what := fmt.Sprintf("seed %d, crash behind operation %d, chance %d", seed, point, i)
				reopened(t, disk.Crash(point, chance), opts, func(j *journal.Journal) {
					checkTrimmed(t, what, j, done, h)
					mustPut(t, j, "a1000")
					compact(t, j, h)
					checkTrimmed(t, what+", compacted again", j, done, h)
				})
			}
			if t.Failed() {
				return
			}
		}
	}
}

// TestTrimDamaged turns a bit at many places of a segment of which records were
// left out: what is missing then is damage, and never passes for left out.
func TestTrimDamaged(t *testing.T) {
	t.Parallel()
	full, opts, done := told(t, 2)
	h := historianOf(done, 170, 170)
	j := open(t, full, opts)
	compact(t, j, h)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	const name = "log/00000002.seg"
	whole := map[journal.LSN]string{}
	j = open(t, full.Crash(full.Ops(), crashfs.Nothing()), opts)
	for _, r := range replay(t, j, 1) {
		whole[r.LSN] = string(r.Payload)
	}
	bodies := func(j *journal.Journal) (readable int) {
		for _, a := range done {
			for _, ref := range a.slot.Bodies {
				if b, err := j.Body(ref); err == nil {
					_ = b.Close()
					readable++
				}
			}
		}
		return readable
	}
	all := bodies(j)
	for off := int64(64); off < full.Size(name); off += 7 {
		disk := full.Crash(full.Ops(), crashfs.Nothing())
		disk.Flip(name, off)
		j := open(t, disk, opts)
		records := replay(t, j, 1)
		if (len(records) < len(whole) || bodies(j) < all) && len(j.Damage()) == 0 {
			t.Errorf("flipped at %d: %d records of %d, %d bodies of %d, and no damage", off, len(records), len(whole), bodies(j), all)
		}
		for _, a := range done {
			for _, ref := range a.slot.Bodies {
				if _, err := j.Body(ref); h.owner[ref] && errors.Is(err, journal.ErrDropped) {
					t.Errorf("flipped at %d: body %s, which lives, passes for dropped", off, ref)
				}
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNewerSegment refuses a log of a later version, in words for it.
func TestNewerSegment(t *testing.T) {
	t.Parallel()
	disk, opts, _ := told(t, 0)
	b := contents(t, disk, "log/00000001.seg")
	journal.SetSegmentVersion(b, 3)
	replaceFile(t, disk, "log/00000001.seg", b)
	if _, err := journal.Open(disk, opts); !errors.Is(err, mail.ErrNewer) {
		t.Errorf("Open = %v; want %v", err, mail.ErrNewer)
	}
}
