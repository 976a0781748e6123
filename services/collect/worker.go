package collect

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/setup"
)

const (
	// longestBackOff is the longest time between tries where the server is the
	// matter: when it is back, mail should come within the hour.
	longestBackOff = time.Hour
	// sweepEvery is how often it is looked what can be forgotten: that reads all that
	// is known of a source.
	sweepEvery = 24 * time.Hour
	// newsPause is how long a server is not believed that said there was news and had
	// none; twice as long each further time. Some say so in every session.
	newsPause = 10 * time.Second
)

// authBackOff is when a password that was refused is tried again: providers lock
// accounts that try a wrong one again and again.
func authBackOff(fails int) time.Duration {
	steps := [...]time.Duration{time.Hour, 4 * time.Hour, 12 * time.Hour, 24 * time.Hour}
	return steps[min(fails, len(steps))-1]
}

// result is what a session came to.
type result struct {
	count count
	more  bool         // there is more: begin again at once
	wait  error        // why some message had to stay at the provider
	idle  *imapSession // open, to wait for news; nil: there is none
}

// worker collects from one source. Its run is one goroutine.
type worker struct {
	c      *Collector
	source Source
	cancel context.CancelFunc
	ended  chan struct{}
	now    chan struct{} // capacity 1: somebody asks for it now
	swept  time.Time
	fails  int
	told   bool // the last session was begun because the server said that there is news
	vain   int  // of those in a row, how many brought nothing

	mu     sync.Mutex
	status Status // guarded by mu
}

func newWorker(c *Collector, s Source) *worker {
	return &worker{
		c: c, source: s, ended: make(chan struct{}), now: make(chan struct{}, 1),
		status: Status{Key: s.Key(), Paused: s.Paused, Protocol: s.Protocol, Host: s.Host, User: s.User, Into: s.into()},
	}
}

// run collects again and again.
func (w *worker) run(ctx context.Context) {
	if w.source.Paused {
		<-ctx.Done()
		return
	}
	for {
		select {
		case w.c.places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		w.note(func(s *Status) { s.Running = true })
		r, err := w.session(ctx)
		<-w.c.places
		if ctx.Err() != nil {
			if r.idle != nil {
				r.idle.close()
			}
			return
		}
		w.rest(ctx, r, w.settle(r, err))
		if ctx.Err() != nil {
			return
		}
	}
}

// session looks once into the mailbox.
func (w *worker) session(ctx context.Context) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, sessionTime)
	defer cancel()
	if w.source.Protocol == setup.ProtocolIMAP {
		return w.c.collectIMAP(ctx, &w.source, w)
	}
	return w.c.collectPOP(ctx, &w.source, w)
}

// settle notes what a session came to, and gives the time to the next.
func (w *worker) settle(r result, err error) time.Duration {
	delay := jitter(w.source.Every)
	text := ""
	switch {
	case err != nil:
		w.fails++
		delay = max(delay, jitter(min(longestBackOff, w.source.Every<<min(w.fails-1, 10))))
		if isAuth(err) {
			delay = max(delay, jitter(authBackOff(w.fails)))
		}
		text = words(&w.source, err)
		w.c.o.Log.Warn("mail could not be collected", "verb", "collect", "from", w.source.name(), "again", delay.Round(time.Second), "err", err)
	case r.wait != nil:
		w.fails = 0
		text = words(&w.source, r.wait)
	default:
		w.fails = 0
		// Only after one that got on: what a session can do nothing about is listed by
		// the next one too.
		if r.more && r.count.moved() {
			delay = 0
		}
	}
	now := time.Now()
	w.note(func(s *Status) {
		s.Running, s.Last, s.Next, s.Problem = false, now, now.Add(delay), text
		if err == nil {
			s.LastGood = now
		}
		s.Collected += r.count.collected
		s.Unsorted += r.count.unsorted
		s.Deleted += r.count.deleted
		s.TooLarge, s.Waiting = r.count.tooLarge, r.count.waiting
	})
	return delay
}

// jitter keeps many sources, and many boxes at one provider, from coming at once.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d))
}

// rest waits for the next time, for whoever asks for it now, or for the server to
// say that there is mail.
func (w *worker) rest(ctx context.Context, r result, delay time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, delay)
	defer cancel()
	told, vain := w.told, w.vain
	w.told, w.vain = false, 0
	if r.idle == nil {
		select {
		case <-ctx.Done():
		case <-w.now:
		}
		return
	}
	w.note(func(s *Status) { s.Listening = true })
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.idle.idle(ctx)
	}()
	select {
	case <-done:
		if w.told = ctx.Err() == nil; w.told && told && !r.count.moved() {
			w.vain = vain + 1
			w.pause(ctx, newsPause<<min(vain, 10))
		}
	case <-w.now:
	}
	cancel()
	<-done
	w.note(func(s *Status) { s.Listening = false })
}

// pause waits, until somebody asks for the mail or the next session is due anyway.
func (w *worker) pause(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	select {
	case <-ctx.Done():
	case <-w.now:
	}
}

// forget drops what the provider has deleted for us and does not list any more, now
// and then. One that it still lists is known on: its deletion has not been done.
func (w *worker) forget(ctx context.Context, there *listing) error {
	if time.Since(w.swept) < sweepEvery {
		return nil
	}
	w.swept = time.Now()
	state, key := w.c.o.State, w.source.Key()
	gone, err := state.deleted(key, func(item Item) bool { return !there.has(nameOf(item)) })
	if err != nil {
		return err
	}
	return state.finish(ctx, kindForgotten, key, gone)
}

func (w *worker) note(change func(*Status)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.status)
}
