package store_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// tended is a box whose upkeep never rests: snapshots, compactions, indexes written
// anew, and checkpoints, one after another, beside all that else is done.
type tended struct {
	*box
	r    *rand.Rand // of this test's goroutine
	lock sync.Mutex // who compacts does not let anything expire meanwhile
	stop func()
}

// tendedStore is a store whose Expire waits for the upkeep.
type tendedStore struct {
	*store.Store
	lock *sync.Mutex
}

func (s tendedStore) Expire(ctx context.Context, id mail.AccountID, until mail.ModSeq) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.Store.Expire(ctx, id, until)
}

// begin opens the box and has it tended until stop.
func (b *tended) begin() storetest.Store[*store.Account] {
	b.open()
	b.ShrinkFrom(1)
	done, ended := make(chan struct{}), make(chan struct{})
	b.stop = func() { close(done); <-ended }
	r := rand.New(rand.NewPCG(b.r.Uint64(), 1))
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			default:
				b.tend(r)
			}
		}
	}()
	return tendedStore{b.Store, &b.lock}
}

// tend does one thing. An account that is not made yet has nothing to be done.
func (b *tended) tend(r *rand.Rand) {
	b.lock.Lock()
	defer b.lock.Unlock()
	id := mail.AccountID(1 + r.IntN(2))
	var err error
	switch r.IntN(6) {
	case 0:
		err = b.Snapshot(b.t.Context(), id, nil)
	case 1:
		compact(b.t, b.journal, b.Store)
	case 2:
		err = b.Shrink(b.t.Context(), id)
	default:
		err = b.Checkpoint()
	}
	if err != nil && !errors.Is(err, mail.ErrNoAccount) {
		b.t.Errorf("upkeep: %v", err)
	}
}

// TestAgainstModelBesideUpkeep does random things while the upkeep never rests;
// now and then an index is lost, or all that is not the log.
func TestAgainstModelBesideUpkeep(t *testing.T) {
	t.Parallel()
	seeds, steps := uint64(2), 300
	if os.Getenv("SANDUK_LONG") != "" {
		seeds, steps = 8, 1000
	}
	for seed := range seeds {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			clock := storetest.NewClock()
			b := &tended{box: newBox(t), r: rand.New(rand.NewPCG(seed, 12))}
			b.opts.Now, b.jopts.Now = clock.Now, clock.Now
			b.opts.CacheRows = 20
			b.opts.Quota = storetest.Quota
			b.jopts.Segment, b.jopts.Ring = 64<<10, 256<<10
			model := memstore.New(clock.Now).SetQuota(storetest.Quota)
			tested := b.begin()
			defer func() { b.stop(); b.close() }()
			storetest.Compare(t, 1000+seed, steps, clock, tested, model, func() storetest.Store[*store.Account] {
				b.stop()
				b.close()
				if lost := []string{"", "", "1/index.db", "2/index.db", "registry", "."}[b.r.IntN(6)]; lost != "" {
					if err := os.RemoveAll(filepath.Join(b.files.Path("accounts"), lost)); err != nil && !errors.Is(err, os.ErrNotExist) {
						t.Fatal(err)
					}
				}
				tested := b.begin()
				for id := mail.AccountID(1); id <= 2; id++ {
					// What had expired comes back with a rebuild, and leaves with the next sweep.
					if err := tested.Expire(t.Context(), id, 0); err != nil {
						t.Fatal(err)
					}
				}
				return tested
			})
		})
	}
}
