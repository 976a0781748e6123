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

	wake []chan struct{} // one per terminal, capacity 1

	mu    sync.Mutex // guards all below
	state State
	views []View // one per terminal
	shown bool   // Show was called at least once
}

// New returns a Console for terminals. It shows nothing until [Console.Run].
func New(log *slog.Logger, terminals ...Terminal) *Console {
	c := &Console{terminals: terminals, log: log, views: make([]View, len(terminals))}
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
	for i := range c.wake {
		c.poke(i)
	}
}

// Overlay sets what the terminal with that number, in the order of [New], shows
// beside the State. Like Show, it never blocks and is safe for concurrent use.
func (c *Console) Overlay(terminal int, v View) {
	c.mu.Lock()
	c.views[terminal] = v
	c.mu.Unlock()
	c.poke(terminal)
}

func (c *Console) poke(terminal int) {
	select {
	case c.wake[terminal] <- struct{}{}:
	default:
	}
}

// Run draws until ctx ends. A terminal that blocks holds up neither the others
// nor Run's return.
func (c *Console) Run(ctx context.Context) {
	for i, t := range c.terminals {
		go c.serve(ctx, t, i)
	}
	<-ctx.Done()
}

func (c *Console) serve(ctx context.Context, t Terminal, number int) {
	ticker := time.NewTicker(redraw)
	defer ticker.Stop()
	failed := false
	for {
		show := t.Show
		select {
		case <-ctx.Done():
			return
		case <-c.wake[number]:
		case <-ticker.C:
			show = t.Refresh
		}
		c.mu.Lock()
		state, shown := c.state, c.shown
		state.View = c.views[number]
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
