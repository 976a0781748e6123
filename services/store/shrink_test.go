package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

func sizeOfFile(t *testing.T, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// swelled is a store whose index is mostly free.
func swelled(t *testing.T) *kept {
	k := newKept(t)
	k.store.ShrinkFrom(1)
	fillInbox(t, k.rig, 400)
	if err := k.store.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	k.expunge(mail.UIDSet{{First: 5, Last: 400}})
	if err := k.store.Expire(t.Context(), 1, 1<<40); err != nil {
		t.Fatal(err)
	}
	return k
}

// TestShrink writes an index anew, and cuts the power at each state that the
// directory can be in: the one or the other file is there, and whole.
func TestShrink(t *testing.T) {
	t.Parallel()
	k := swelled(t)
	defer func() { k.abandon() }()
	before := sizeOfFile(t, k.indexOf())
	old, ops := copyDir(t, k.index), k.log.Ops()
	if err := k.store.Shrink(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	after := sizeOfFile(t, k.indexOf())
	if after > before/2 {
		t.Errorf("the index had %d bytes and has %d; want less than half", before, after)
	}
	small := copyDir(t, k.index)
	k.wantGood("shrunk", 4)
	fillInbox(t, k.rig, 3)
	k.wantGood("used after that", 7)
	if err := k.store.Shrink(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if got := sizeOfFile(t, k.indexOf()); got < after {
		t.Errorf("it was written anew again, though it was not half empty: %d bytes", got)
	}
	whole, err := os.ReadFile(filepath.Join(small, "accounts", "1", "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range []int{0, 1, 4096, len(whole) / 2, len(whole)} {
		cut(t, k, fmt.Sprintf("cut with %d bytes of the new file written", n), old, ops, func(dir string) {
			if err := os.WriteFile(filepath.Join(dir, "index.db.shrunk"), whole[:n], 0o600); err != nil {
				t.Fatal(i, err)
			}
		})
	}
	cut(t, k, "cut behind the renaming", small, ops, func(string) {})
}

// cut opens what a power cut has left and looks at it.
func cut(t *testing.T, k *kept, what, index string, ops int, change func(dir string)) {
	t.Helper()
	r := &rig{t: t, log: k.log.Crash(ops, crashfs.Nothing()), index: copyDir(t, index), clock: k.clock, segment: 6000}
	dir := filepath.Join(r.index, "accounts", "1")
	change(dir)
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	defer r.abandon()
	again := &kept{rig: r}
	again.wantGood(what, 4)
	if _, err := os.Stat(filepath.Join(dir, "index.db.shrunk")); err == nil {
		t.Errorf("%s: it is still there", what)
	}
	r.store.ShrinkFrom(1)
	if err := r.store.Shrink(t.Context(), 1); err != nil {
		t.Errorf("%s: Shrink = %v", what, err)
	}
	fillInbox(t, r, 2)
	again.wantGood(what+", used on", 6)
}

// TestShrinkBeside has people read and mail come in while the index is written
// anew, again and again.
func TestShrinkBeside(t *testing.T) {
	t.Parallel()
	k := swelled(t)
	defer func() { k.abandon() }()
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			a, err := k.store.Account(ctx, 1)
			for err == nil && ctx.Err() == nil {
				_, err = a.Expunged(context.Background(), mail.ExpungedQuery{})
			}
			if err != nil {
				t.Errorf("a reader: %v", err)
			}
		})
	}
	for range 10 {
		fillInbox(t, k.rig, 5)
		if err := k.store.Checkpoint(); err != nil {
			t.Fatal(err)
		}
		if err := k.store.Shrink(t.Context(), 1); err != nil {
			t.Logf("Shrink: %v", err) // readers may never leave it
		}
	}
	cancel()
	readers.Wait()
	k.wantGood("after all", 54)
}
