package queue

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestCompact: what has gone leaves the log; what has not keeps its body, and nothing
// comes back when the index is lost, though records may be let go segment by segment.
func TestCompact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		open := func() {
			t.Helper()
			var err error
			if b.journal, err = journal.Open(b.disk, journal.Options{Logger: b.opts.Logger, Ring: journal.NoRing, Segment: 4000}); err != nil {
				t.Fatal(err)
			}
			b.post.journal = b.journal
			if b.q, err = Open(t.Context(), b.path, b.journal, b.opts); err != nil {
				t.Fatal(err)
			}
			b.run()
		}
		open()
		b.remote.answer = func(job *mail.Job, to mail.Address) mail.Attempt {
			if job.Hop == "slow.test" {
				return defer451(job, to)
			}
			return accept(job, to)
		}
		// The body of the first is somebody's else too: it outlives the item.
		for i := range 60 {
			b.enqueue(item("alice@box.test", fmt.Sprintf("u%d@far.test", i)))
		}
		synctest.Wait()
		waits := item("alice@box.test", "z@slow.test")
		b.enqueue(waits)
		for i := range 60 {
			b.enqueue(item("alice@box.test", fmt.Sprintf("v%d@far.test", i)))
		}
		synctest.Wait()
		for _, share := range []float64{0.9, 1e-9} { // first only some segments
			done, err := b.journal.Compact(context.Background(), journal.Compaction{Owners: []journal.Owner{b.q}, Share: share})
			if err != nil {
				t.Fatal(err)
			}
			if share < 0.5 && done.Rewritten == 0 {
				t.Errorf("nothing was compacted: %+v", done)
			}
			b.close()
			b.path = filepath.Join(t.TempDir(), File)
			sent := len(b.remote.all())
			open()
			time.Sleep(time.Second)
			synctest.Wait()
			if n := b.q.Stats().Items; n != 1 {
				t.Errorf("%d items after a start without index; want 1", n)
			}
			for _, s := range b.remote.all()[sent:] {
				if s.hop == "far.test" {
					t.Errorf("%s is sent again", s.to)
				}
			}
		}
		b.remote.mu.Lock()
		b.remote.answer = accept
		b.remote.mu.Unlock()
		b.q.Kick("slow.test")
		synctest.Wait()
		if n := b.q.Stats().Items; n != 0 {
			t.Errorf("%d items are left", n)
		}
		b.close()
	})
}

// TestDamagedIndex: an index that is no good is made anew from the log.
func TestDamagedIndex(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.remote.answer = defer451
		b.open()
		b.run()
		for range 20 {
			b.enqueue(item("alice@box.test", "bob@far.test"))
		}
		time.Sleep(time.Minute)
		b.close()
		damage(t, b.path)
		b.open()
		if n := b.q.Stats().Items; n != 20 {
			t.Errorf("%d items; want 20", n)
		}
		b.run()
		b.close()
	})
}

// damage turns bits all over a file.
func damage(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 5000; i < len(b); i += 97 {
		b[i] ^= 0x55
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
