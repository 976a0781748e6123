package boot

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/control"
)

const (
	// takenWithin is how long it is waited that the mail service asks for something to do:
	// it always does, but for a moment between two questions.
	takenWithin = 5 * time.Second
	// doneWithin is for a bundle with a large log on a slow disk.
	doneWithin = 150 * time.Second
)

// errNobody says that the mail service does not ask for errands.
var errNobody = errors.New("errand: the mail service doesn't run")

// errands are what the mail service is to do for PID 1, one at a time.
type errands struct {
	offers chan *errand // taken by verbNext
	one    sync.Mutex   // held while an errand is under way

	mu    sync.Mutex         // guards all below
	last  uint64             // ID given last
	open  *errand            // handed out, and not done
	leave context.CancelFunc // sends the one away who waits in verbNext
}

type errand struct {
	control.Errand
	result chan control.ErrandResult // capacity 1
}

func newErrands() *errands { return &errands{offers: make(chan *errand)} }

// run has the mail service do something. errNobody if there is none that answers.
func (e *errands) run(ctx context.Context, kind control.ErrandKind) (control.ErrandResult, error) {
	e.one.Lock()
	defer e.one.Unlock()
	e.mu.Lock()
	e.last++
	job := &errand{control.Errand{ID: e.last, Kind: kind}, make(chan control.ErrandResult, 1)}
	e.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, doneWithin)
	defer cancel()
	taken := time.NewTimer(takenWithin)
	defer taken.Stop()
	select {
	case e.offers <- job:
	case <-taken.C:
		return control.ErrandResult{}, errNobody
	case <-ctx.Done():
		return control.ErrandResult{}, ctx.Err()
	}
	defer e.forget(job)
	select {
	case r := <-job.result:
		return r, nil
	case <-ctx.Done():
		return control.ErrandResult{}, errors.Join(errNobody, ctx.Err())
	}
}

func (e *errands) forget(job *errand) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.open == job {
		e.open = nil
	}
}

// verbNext waits for an errand. Who waited before is sent away: a service that was
// started anew must not lose errands to the one before.
func (e *errands) verbNext(ctx context.Context, _ json.RawMessage) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, control.ErrandWait)
	defer cancel()
	e.mu.Lock()
	if e.leave != nil {
		e.leave()
	}
	e.leave = cancel
	e.mu.Unlock()
	select {
	case job := <-e.offers:
		e.mu.Lock()
		e.open = job
		e.mu.Unlock()
		return job.Errand, nil
	case <-ctx.Done():
		return control.Errand{}, nil
	}
}

// verbDone takes how the errand that is under way has ended; one that nobody waits for
// any more counts for nothing.
func (e *errands) verbDone(_ context.Context, raw json.RawMessage) (any, error) {
	var r control.ErrandResult
	if err := control.Strict(raw, &r); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.open == nil || e.open.ID != r.ID {
		return nil, control.Invalid("nobody waits for errand %d", r.ID)
	}
	e.open.result <- r
	e.open = nil
	return nil, nil
}
