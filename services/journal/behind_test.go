package journal_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestLate: who commits a late entry is told while it is being applied; the next is
// prepared on what it leaves, and Settled and Close wait for it.
func TestLate(t *testing.T) {
	t.Parallel()
	j := open(t, crashfs.New(), options())
	mustPut(t, j, "first")
	goOn, applied := make(chan struct{}), false
	var slot journal.Slot
	err := j.Commit(context.Background(), &journal.Entry{
		Family: journal.FamilyStore, Late: true,
		Prepare: func(s journal.Slot) ([]byte, error) { slot = s; return []byte("late"), nil },
		Apply:   func(journal.Slot) { <-goOn; applied = true },
	}) // would wait for ever if it waited for Apply
	if err != nil {
		t.Fatal(err)
	}
	if d := j.Durable(); d >= slot.LSN {
		t.Errorf("Durable is %d while record %d is being applied", d, slot.LSN)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if j.Settled(); !applied {
				t.Error("settled before it was applied")
			}
		})
		wg.Go(func() {
			err := j.Commit(context.Background(), &journal.Entry{Family: journal.FamilyStore, Prepare: func(s journal.Slot) ([]byte, error) {
				if !applied || s.LSN <= slot.LSN {
					t.Errorf("record %d is prepared before record %d is applied", s.LSN, slot.LSN)
				}
				return []byte("next"), nil
			}})
			if err != nil {
				t.Errorf("Commit: %v", err)
			}
		})
	}
	close(goOn)
	wg.Wait()
	if d := j.Durable(); d < slot.LSN+3 {
		t.Errorf("Durable is %d; want all up to %d", d, slot.LSN+3)
	}

	goOn, applied = make(chan struct{}), false
	if err := j.Commit(context.Background(), &journal.Entry{
		Family: journal.FamilyStore, Late: true,
		Prepare: func(journal.Slot) ([]byte, error) { return []byte("last"), nil },
		Apply:   func(journal.Slot) { <-goOn; applied = true },
	}); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error)
	go func() { closed <- j.Close() }()
	close(goOn)
	if err := <-closed; err != nil || !applied {
		t.Errorf("Close = %v, the last entry applied: %t", err, applied)
	}
}

// TestLateAmongOthers has many commit entries of both kinds at once: they are applied
// in the order of the log, and whoever was told finds what he did, the ones at once,
// the others when all is settled.
func TestLateAmongOthers(t *testing.T) {
	t.Parallel()
	const writers, each = 16, 60
	j := open(t, crashfs.New(), options())
	var order []journal.LSN // of who commits
	var done [writers * each]atomic.Bool
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				n, late := w*each+i, (w+i)%3 == 0
				err := j.Commit(context.Background(), &journal.Entry{
					Family: journal.FamilyStore, Late: late,
					Prepare: func(journal.Slot) ([]byte, error) {
						if i%7 == 6 {
							return nil, nil // nothing to write, and nothing to apply
						}
						return fmt.Append(nil, n), nil
					},
					Apply: func(s journal.Slot) { order = append(order, s.LSN); done[n].Store(true) },
				})
				if late {
					j.Settled()
				}
				if err != nil || done[n].Load() != (i%7 != 6) {
					t.Errorf("entry %d, late %t: %v, applied %t", n, late, err, done[n].Load())
				}
			}
		})
	}
	wg.Wait()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(order) {
		t.Error("entries were not applied in the order of the log")
	}
}

// TestLateFails: a late entry whose sync fails is neither acknowledged nor applied.
func TestLateFails(t *testing.T) {
	t.Parallel()
	_, j := failing(t)
	aborted := 0
	err := j.Commit(context.Background(), lost(t, true, &aborted))
	if !errors.Is(err, mail.ErrClosed) || !errors.Is(err, syscall.EIO) || aborted != 1 {
		t.Errorf("Commit = %v, aborted %d times; want ErrClosed and EIO, once", err, aborted)
	}
	j.Settled() // has nothing to wait for
	if err := j.Close(); !errors.Is(err, mail.ErrClosed) {
		t.Errorf("Close = %v; want the failure", err)
	}
}
