package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, files durable.FS) *Book {
	t.Helper()
	b := Open(files, slog.New(slog.DiscardHandler))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	return b
}

func note(t *testing.T, b *Book, who, what string) {
	t.Helper()
	if err := b.Note(Entry{At: noon, Who: who, From: "192.0.2.7", What: what, On: "/api/x", Said: json.RawMessage(`{"office":true}`)}); err != nil {
		t.Fatal(err)
	}
}

func find(t *testing.T, b *Book, text string) (whats []string) {
	t.Helper()
	for q := (Query{Text: text, Limit: 3}); ; {
		found, next, err := b.Find(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range found {
			whats = append(whats, e.What)
		}
		if q.Before = next; next == 0 {
			return whats
		}
	}
}

// lineOf is an entry as a file has it.
func lineOf(t testing.TB, e Entry) []byte {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(text, castagnoli()), text)
}

// TestPages reads a book of several files with damaged lines in pages of all lengths, and
// begins anywhere.
func TestPages(t *testing.T) {
	t.Parallel()
	files := crashfs.New()
	var want []uint64
	number := uint64(0)
	for i := 3; i >= 0; i-- {
		var text []byte
		for n := range 60 {
			number++
			line := lineOf(t, Entry{Number: number, What: fmt.Sprint("PUT ", number)})
			if n%7 == i {
				line[3] ^= 1
				line[len(line)-5] = '"'
			} else {
				want = append(want, number)
			}
			text = append(text, line...)
		}
		text = append(text, "00000000 {\"number\":99"...) // cut off
		if err := durable.ReplaceBytes(files, fileName(i), 0o600, text); err != nil {
			t.Fatal(err)
		}
	}
	b := open(t, files)
	slices.Reverse(want)
	for limit := 1; limit < 9; limit++ {
		for before := range number + 2 {
			if limit != 3 && before%41 != 0 {
				continue // all places for one length, and all lengths from some, are enough
			}
			q, got := Query{Before: before, Limit: limit}, []uint64(nil)
			for range 500 {
				found, next, err := b.Find(t.Context(), q)
				if err != nil || len(found) > limit {
					t.Fatalf("%+v: %d found, %v", q, len(found), err)
				}
				for _, e := range found {
					got = append(got, e.Number)
				}
				if q.Before = next; next == 0 {
					break
				}
			}
			rest := slices.DeleteFunc(slices.Clone(want), func(n uint64) bool { return before != 0 && n >= before })
			if !slices.Equal(got, rest) {
				t.Fatalf("from %d on by %d: %v, want %v", before, limit, got, rest)
			}
		}
	}
}

// TestRareIsBounded: an answer looks at so many and no more, and the next goes on there.
func TestRareIsBounded(t *testing.T) {
	t.Parallel()
	var text []byte
	for n := range uint64(maxLooked + 10) {
		who := "a"
		if n == 3 {
			who = "rare"
		}
		text = append(text, lineOf(t, Entry{Number: n + 1, Who: who})...)
	}
	files := crashfs.New()
	if err := durable.ReplaceBytes(files, fileName(0), 0o600, text); err != nil {
		t.Fatal(err)
	}
	b := open(t, files)
	found, next, err := b.Find(t.Context(), Query{Text: "RARE"})
	if err != nil || len(found) != 0 || next != 11 {
		t.Fatalf("%d found, goes on at %d, %v; want none yet, and 11", len(found), next, err)
	}
	if found, next, err = b.Find(t.Context(), Query{Text: "rare", Before: next}); err != nil || len(found) != 1 || next != 0 {
		t.Errorf("then %d found, goes on at %d, %v; want it, and the end", len(found), next, err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	files := crashfs.New()
	b := open(t, files)
	for i := range 8 {
		note(t, b, []string{"admin@example.test", "ben@example.test"}[i%2], fmt.Sprint("PUT ", i))
	}
	want := []string{"PUT 7", "PUT 5", "PUT 3", "PUT 1"}
	for range 2 {
		if got := find(t, b, "BEN@"); !slices.Equal(got, want) {
			t.Errorf("found %q, want %q", got, want)
		}
		if got := find(t, b, "office"); len(got) != 8 {
			t.Errorf("by what was said found %q, want all", got)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		b = open(t, files)
	}
	note(t, b, "x", "later")
	if got := find(t, b, ""); len(got) != 9 || got[0] != "later" {
		t.Errorf("after a restart %q, want nine, the new one first", got)
	}
}

// TestCrash cuts behind every operation: what Note has returned of is there, once, in order.
func TestCrash(t *testing.T) {
	t.Parallel()
	files := crashfs.New()
	b := open(t, files)
	var safe []int
	for i := range 6 {
		note(t, b, "a", fmt.Sprint(i))
		safe = append(safe, files.Ops())
		if i == 3 {
			b.mu.Lock()
			if err := b.roll(); err != nil {
				t.Fatal(err)
			}
			b.mu.Unlock()
		}
	}
	for point := range files.Ops() + 1 {
		least := len(safe) - len(slices.DeleteFunc(slices.Clone(safe), func(ops int) bool { return ops <= point }))
		for _, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))} {
			b := open(t, files.Crash(point, chance))
			note(t, b, "a", "after")
			got := find(t, b, "")
			slices.Reverse(got)
			if n := len(got) - 1; n < least || got[n] != "after" || !slices.IsSorted(got) {
				t.Errorf("cut at %d: %q, want %d or more and the new one", point, got, least)
			}
			if len(slices.Compact(slices.Clone(got))) != len(got) {
				t.Errorf("cut at %d: something is there twice: %q", point, got)
			}
		}
	}
}

// TestBroken: a book that the disk doesn't give takes nothing and says so; it keeps nobody
// from starting.
func TestBroken(t *testing.T) {
	t.Parallel()
	files := crashfs.New()
	b := open(t, files)
	note(t, b, "a", "before")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	files.Bad(fileName(0), 0, 10)
	b = Open(files, slog.New(slog.DiscardHandler))
	if err := b.Note(Entry{Who: "a", What: "lost"}); b.Err() == nil || !errors.Is(err, b.Err()) {
		t.Errorf("with a damaged disk: %v, noting gives %v", b.Err(), err)
	}
	if _, _, err := b.Find(t.Context(), Query{}); err == nil {
		t.Error("what can't be read is found")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	files.Mend()
	b = open(t, files)
	note(t, b, "a", "after")
	if got := find(t, b, ""); !slices.Equal(got, []string{"after", "before"}) {
		t.Errorf("once it is mended there is %q", got)
	}
	files.Fault(func(o crashfs.Op) error { return errors.New("no room") })
	if err := b.Note(Entry{Who: "a", What: "no room"}); err == nil || b.Err() != nil {
		t.Errorf("on a full disk: %v, and for good: %v; want an error of the moment", err, b.Err())
	}
	files.Fault(nil)
	note(t, b, "a", "later")
	if got := find(t, b, ""); !slices.Equal(got, []string{"later", "after", "before"}) {
		t.Errorf("when there is room again: %q", got)
	}
}

func TestRoll(t *testing.T) {
	t.Parallel()
	files := crashfs.New()
	b := open(t, files)
	long, err := json.Marshal(strings.Repeat("x", maxEntry-1000))
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxFiles*maxBytes/maxEntry + 100 {
		if err := b.Note(Entry{At: noon, Who: "a", What: fmt.Sprint(i), Said: long}); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := files.ReadDir(".")
	if err != nil || len(entries) != maxFiles {
		t.Errorf("%d files, %v; want %d", len(entries), err, maxFiles)
	}
	found, _, err := b.Find(t.Context(), Query{Limit: 1})
	if err != nil || len(found) != 1 || found[0].Number != uint64(maxFiles*maxBytes/maxEntry+100) {
		t.Errorf("the newest is %+v, %v", found, err)
	}
	if err := b.Note(Entry{Who: "a", Said: json.RawMessage(`"` + strings.Repeat("x", maxEntry) + `"`)}); err != nil {
		t.Errorf("what is too long is noted without what was said: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`00000000 {"number":1}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if e, ok := parse(line); ok && e.Number == 0 {
			t.Errorf("%q is read as %+v", line, e)
		}
	})
}
