package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

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

// TestDamagedValue: where an index turns out to be damaged when some of it has been
// read, nothing of that is planned any more: nobody gets a message twice.
func TestDamagedValue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.open() // without run: all of it is due at the next start
		const items = 20
		for i := range items {
			b.enqueue(item("alice@box.test", fmt.Sprintf("u%d@far%d.test", i, i)))
		}
		b.close()
		db, err := bbolt.Open(b.path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(func(tx *bbolt.Tx) error {
			c := tx.Bucket(itemsBucket()).Cursor()
			last, v := c.Last()
			return c.Bucket().Put(last, append(v[:len(v)-1:len(v)-1], v[len(v)-1]^1))
		}); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		b.open()
		b.run()
		synctest.Wait()
		sent := map[string]int{}
		for _, s := range b.remote.all() {
			sent[s.to]++
		}
		for to, n := range sent {
			if n != 1 {
				t.Errorf("%s got the message %d times", to, n)
			}
		}
		if len(sent) != items {
			t.Errorf("%d messages were sent; want %d", len(sent), items)
		}
		b.close()
	})
}

// TestNewerVerb: a record of a kind that only a later program knows is not passed over,
// nor taken for another: what it says of an item would be undone by what is sent here.
func TestNewerVerb(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, payload := range [][]byte{nil, {formatVersion}, {formatVersion, 1, 2, 3}, (&change{id: mail.ID{1}}).encode()} {
			b := newBench(t)
			b.open()
			err := b.journal.Commit(t.Context(), &journal.Entry{
				Family: journal.FamilyQueue, Type: uint8(verbFloor) + 1,
				Prepare: func(journal.Slot) ([]byte, error) { return append([]byte{}, payload...), nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := b.q.index.close(); err != nil { // as after a stop without notice
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), b.path, b.journal, b.opts); !errors.Is(err, mail.ErrNewer) {
				t.Errorf("Open with a record of verb %d, payload %x: %v; want %v", verbFloor+1, payload, err, mail.ErrNewer)
			}
			if err := b.journal.Close(); err != nil {
				t.Error(err)
			}
			b.journal.Release()
		}
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
