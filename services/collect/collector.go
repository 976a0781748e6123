package collect

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"reflect"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
)

const (
	// places is how many sessions run at a time: each holds a message in memory or
	// in the spool, and lines of offices are thin.
	places = 4
	// lookEvery is how soon changed settings are followed.
	lookEvery = 15 * time.Second
)

// Options are what a Collector needs; all but Judge, Dial and Roots are required.
type Options struct {
	Sources   func() []Source // those of now; asked again and again
	State     *State
	Directory Directory
	Post      Post
	Judge     Judge // nil: nobody judges
	Draft     func(limit int64) *draft.Draft
	MaxSize   int64          // bytes of the largest message that is collected
	Dial      Dial           // nil: the network
	Roots     *x509.CertPool // who is believed about providers' names; nil: the system's
	Log       *slog.Logger
}

// Collector fetches mail from providers. See the package comment.
type Collector struct {
	o      Options
	places chan struct{} // one token for each session that runs
	look   chan struct{} // capacity 1: sources have changed

	mu      sync.Mutex
	workers map[SourceKey]*worker // guarded by mu
}

// New makes a Collector, which does nothing before Run.
func New(o Options) *Collector {
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	return &Collector{o: o, places: make(chan struct{}, places), look: make(chan struct{}, 1), workers: map[SourceKey]*worker{}}
}

// Run collects from all sources by their schedule until ctx ends; by then all
// connections are closed.
func (c *Collector) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		c.follow(ctx, &running)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-c.look:
		}
	}
}

// Changed says that the sources have changed; else that is seen a little later.
func (c *Collector) Changed() {
	select {
	case c.look <- struct{}{}:
	default: // it is known
	}
}

// follow begins with new sources and ends with those that are gone or have changed;
// a changed one begins anew when its last session has ended.
func (c *Collector) follow(ctx context.Context, running *sync.WaitGroup) {
	wanted := map[SourceKey]Source{}
	for _, s := range c.o.Sources() {
		if _, twice := wanted[s.Key()]; !twice {
			wanted[s.Key()] = s
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, w := range c.workers {
		s, ok := wanted[key]
		if ok && reflect.DeepEqual(s, w.source) {
			delete(wanted, key)
			continue
		}
		w.cancel()
		select {
		case <-w.ended:
			delete(c.workers, key)
		default:
			delete(wanted, key)
		}
	}
	for key, s := range wanted {
		w := newWorker(c, s)
		own, cancel := context.WithCancel(ctx)
		w.cancel = cancel
		c.workers[key] = w
		running.Go(func() {
			defer close(w.ended)
			defer cancel()
			w.run(own)
		})
	}
}
