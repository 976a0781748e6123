package search

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// RebuildState is how far the making of a new index is.
type RebuildState string

// The states.
const (
	RebuildWaiting RebuildState = "waiting"
	RebuildRunning RebuildState = "running"
	RebuildDone    RebuildState = "done"
	RebuildFailed  RebuildState = "failed"
)

// Rebuild says how far an account's new index is.
type Rebuild struct {
	Account mail.AccountID
	State   RebuildState
	// Messages have been looked at, of Total, while it runs and when it has ended.
	Messages, Total int64
	Took            time.Duration // when it has ended
	Err             error         // of RebuildFailed; the index of before is still used
}

// rebuilding is one that was asked for. A nil one counts nothing.
type rebuilding struct {
	account         mail.AccountID
	messages, total atomic.Int64

	// Guarded by Index.mu:
	state RebuildState
	began time.Time
	took  time.Duration
	err   error
}

func (r *rebuilding) expect(messages int64) {
	if r != nil {
		r.total.Store(messages)
	}
}

func (r *rebuilding) count() {
	if r != nil {
		r.messages.Add(1)
	}
}

func (r *rebuilding) ended() bool { return r.state == RebuildDone || r.state == RebuildFailed }

// Rebuild has the indexes of these accounts made anew, one after the other, in
// the background. Until one is whole, searches use the index that there is, and a
// restart forgets that a new one was wanted. What was asked for before and has
// ended is no longer told of.
func (ix *Index) Rebuild(ids ...mail.AccountID) {
	ix.mu.Lock()
	ix.rebuilds = slices.DeleteFunc(ix.rebuilds, (*rebuilding).ended)
	for _, id := range ids {
		if !slices.ContainsFunc(ix.rebuilds, func(r *rebuilding) bool { return r.account == id && r.state == RebuildWaiting }) {
			ix.rebuilds = append(ix.rebuilds, &rebuilding{account: id, state: RebuildWaiting})
		}
		ix.queue.add(id, due{time.Now(), ix.queue.asked})
	}
	ix.mu.Unlock()
	ix.poke()
}

// Rebuilds tells of what Rebuild was asked for last, in that order.
func (ix *Index) Rebuilds() []Rebuild {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	list := make([]Rebuild, len(ix.rebuilds))
	for i, r := range ix.rebuilds {
		list[i] = Rebuild{Account: r.account, State: r.state, Messages: r.messages.Load(), Total: r.total.Load(), Took: r.took, Err: r.err}
	}
	return list
}

// beginRebuild says whether a new index of the account was asked for; nil if not.
func (ix *Index) beginRebuild(id mail.AccountID) *rebuilding {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for _, r := range ix.rebuilds {
		if r.account == id && r.state == RebuildWaiting {
			r.state, r.began = RebuildRunning, time.Now()
			return r
		}
	}
	return nil
}

func (ix *Index) endRebuild(r *rebuilding, err error) {
	if r == nil {
		return
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	r.state, r.took, r.err = RebuildDone, time.Since(r.began), err
	if err != nil {
		r.state = RebuildFailed
	}
}
