package search

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// buildMemory is how many bytes are gathered before a segment is written.
	buildMemory = 24 << 20
	// fewChanges is up to how many changes are asked for as changes, which come
	// all at once; more are found by walking the mailbox.
	fewChanges = 256
	// retry is how long an account rests whose index could not be written: the
	// disk may be full.
	retry = 5 * time.Minute
)

// run is the one goroutine that writes: it brings the account whose time has come
// up to date, one at a time.
func (ix *Index) run() {
	defer ix.keepPosition()
	w := ix.store.Watch()
	defer w.Close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	ask, kept := time.Now(), time.Now()
	for {
		select {
		case <-ix.life.Done():
			return
		case <-ix.wake:
		case <-w.C:
			// Wake-ups come with every change: some are answered together.
			if ask.IsZero() {
				ask = time.Now().Add(min(askEvery, ix.delay))
			}
		case <-timer.C:
		}
		if !ask.IsZero() && !time.Now().Before(ask) {
			ask = time.Time{}
			if err := ix.ask(); err != nil && ix.life.Err() == nil {
				ix.log.Error("search: what has changed can't be asked", "error", err)
				ask = time.Now().Add(retry)
			}
		}
		ix.work()
		if time.Since(kept) >= keepEvery {
			ix.keepPosition()
			kept = time.Now()
		}
		timer.Reset(ix.wait(ask, kept.Add(keepEvery)))
	}
}

// work brings those accounts up to date whose time has come.
func (ix *Index) work() {
	for ix.life.Err() == nil {
		id, d, ok := ix.next()
		if !ok {
			return
		}
		err := ix.update(id, d.since == 0)
		if err == nil {
			ix.done()
			continue
		}
		if ix.life.Err() == nil {
			ix.log.Error("search: index an account", "account", id, "error", err)
		}
		ix.again(id, d)
	}
}

// update brings one account up to date; anew, it looks at all of its messages,
// whatever the index says that it has seen.
func (ix *Index) update(id mail.AccountID, anew bool) (err error) {
	rebuild := ix.beginRebuild(id)
	defer func() {
		if p := recover(); p != nil { // one message must not take all mail down
			ix.log.Error("search: panic", "account", id, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
		ix.endRebuild(rebuild, err)
	}()
	a, release, err := ix.acquire(id)
	if err != nil {
		return err
	}
	defer release()
	remade := ix.takeDamaged(id)
	if remade {
		a.mu.Lock()
		err := a.forget()
		a.mu.Unlock()
		if err != nil {
			return err
		}
	}
	if err := a.tidy(ix.life); err != nil {
		return err
	}
	box, err := ix.open(ix.life, id)
	if errors.Is(err, mail.ErrNoAccount) {
		return ix.drop(a)
	}
	if err != nil {
		return err
	}
	u := updating{ix: ix, a: a, box: box, b: newBuilder(), anew: anew, rebuild: rebuild}
	defer u.abandon()
	err = u.all(ix.life)
	if errors.Is(err, errDamage) {
		if !remade {
			ix.broken(id, err)
			return nil
		}
		// What was written this moment can't be read: it is the disk. Made again at once,
		// it would be made again and again, and nothing else done.
		ix.mu.Lock()
		ix.damaged[id] = true
		ix.mu.Unlock()
	}
	return err
}

// drop removes the index of an account that is gone. When it comes back, it is
// indexed again.
func (ix *Index) drop(a *account) error {
	if a.manifest.modSeq == 0 && len(a.segments) == 0 {
		return nil // there is none
	}
	a.mu.Lock()
	err := a.forget()
	a.mu.Unlock()
	if err != nil {
		return err
	}
	return a.tidy(ix.life)
}

const (
	// workTime is how long the indexing works before it lets others work for as
	// long: it takes half a processor at most.
	workTime = 5 * time.Millisecond
	// restTime bounds one rest, after something that took long.
	restTime = 50 * time.Millisecond
)

// throttle makes the indexing give way. It belongs to the one goroutine.
type throttle struct {
	since time.Time
	off   bool // for tests and benchmarks
}

func (t *throttle) rest(ctx context.Context) {
	if t.off {
		return
	}
	worked := time.Since(t.since)
	if worked < workTime {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(min(worked, restTime)):
	}
	t.since = time.Now()
}
