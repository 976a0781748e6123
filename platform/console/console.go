package console

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// redraw is how often a screen is drawn again although nothing changed: kernel
// messages scroll it away.
const redraw = 3 * time.Second

// Terminal shows States; *[Screen] and *[Lines] are the two there are.
type Terminal interface {
	Show(State) error
	// Refresh repairs the picture of the State shown last.
	Refresh(State) error
}

// Console keeps terminals up to date. Make one with [New].
type Console struct {
	terminals []Terminal
	log       *slog.Logger

	mu    sync.Mutex
	state State
	shown bool            // Show was called at least once
	wake  []chan struct{} // one per terminal, capacity 1
}

// New returns a Console for terminals. It shows nothing until [Console.Run].
func New(log *slog.Logger, terminals ...Terminal) *Console {
	c := &Console{terminals: terminals, log: log}
	for range terminals {
		c.wake = append(c.wake, make(chan struct{}, 1))
	}
	return c
}

// Show sets what the terminals show from now on. It never blocks and is safe for
// concurrent use. States that a slow terminal had no time for are left out.
func (c *Console) Show(s State) {
	c.mu.Lock()
	c.state, c.shown = s, true
	c.mu.Unlock()
	for _, w := range c.wake {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// Run draws until ctx ends. A terminal that blocks holds up neither the others
// nor Run's return.
func (c *Console) Run(ctx context.Context) {
	for i, t := range c.terminals {
		go c.serve(ctx, t, c.wake[i])
	}
	<-ctx.Done()
}

func (c *Console) serve(ctx context.Context, t Terminal, wake <-chan struct{}) {
	ticker := time.NewTicker(redraw)
	defer ticker.Stop()
	failed := false
	for {
		show := t.Show
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-ticker.C:
			show = t.Refresh
		}
		c.mu.Lock()
		state, shown := c.state, c.shown
		c.mu.Unlock()
		if !shown {
			continue
		}
		err := show(state)
		if err != nil && !failed {
			// Once: a serial line without a card behind it fails for ever.
			c.log.Warn("console can't be written", "error", err)
		}
		failed = err != nil
	}
}
