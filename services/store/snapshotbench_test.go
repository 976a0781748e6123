package store_test

import (
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// BenchmarkSnapshot rebuilds an account of 20,000 messages, each of which has had
// its flags changed 20 times, and reads what it was a while ago: from a snapshot,
// and beside it from the first record.
func BenchmarkSnapshot(b *testing.B) {
	x := newBox(b)
	clock := storetest.NewClock()
	x.opts.Now, x.jopts.Now = clock.Now, clock.Now
	x.jopts.Segment = 4 << 20 // a reader begins at one
	x.open()
	defer func() {
		_ = x.Store.Close()
		_ = x.journal.Close()
	}()
	const messages, changes = 20_000, 20
	a := manyMessages(b, x, messages)
	flip(b, a, messages, changes)
	clock.Advance(40 * 24 * time.Hour)
	expireAll(b, x.Store, 1)
	for _, with := range []string{"first record", "snapshot"} {
		if with == "snapshot" {
			if err := x.Snapshot(b.Context(), 1, nil); err != nil {
				b.Fatal(err)
			}
			expireAll(b, x.Store, 1)
		}
		b.Run("rebuild from "+with, func(b *testing.B) {
			for b.Loop() {
				if err := x.Rebuild(b.Context(), 1); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("as it was, from "+with, func(b *testing.B) {
			for b.Loop() {
				if err := x.ReadPast(b.Context(), 1, clock.Now()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
