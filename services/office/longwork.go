package office

import (
	"fmt"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/store"
)

const (
	// showAfter is for how long work goes on before the screen tells of it, and
	// how often the screen then changes.
	showAfter = time.Second
	// showTime bounds how long the work waits for the screen.
	showTime = 2 * time.Second
)

// longWork puts on the box's screen what the box is busy with while nobody can
// be served: people stand in front of it and wait.
type longWork struct {
	show func(text string) // set once, before anything else

	mu    sync.Mutex
	began time.Time // of the work; zero: there is none; guarded by mu
	shown time.Time // guarded by mu
	wrote bool      // the screen shows something of this; guarded by mu
}

// rebuilding is store.Options.Rebuilding.
func (w *longWork) rebuilding(r store.Rebuilding) {
	what := "An index was lost or damaged. It is being made anew, no mail is lost"
	if r.Account == 0 {
		what = "The box was stopped without notice. It is reading what it was doing"
	}
	w.tell(what, uint64(r.Read), uint64(r.Of), r.Done)
}

// reading is journal.Options.Recovering.
func (w *longWork) reading(r journal.Recovering) {
	w.tell("The newest mail is being read through", uint64(r.Read), uint64(r.Of), r.Done)
}

// tell says how far some work is.
func (w *longWork) tell(what string, read, of uint64, done bool) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case done:
		w.began = time.Time{}
		return
	case w.began.IsZero():
		w.began, w.shown = now, now
	}
	if now.Sub(w.shown) < showAfter {
		return
	}
	w.shown, w.wrote = now, true
	w.show(fmt.Sprintf("%s: %d %%", what, min(100, read*100/max(of, 1))))
}

// took reports whether the screen shows something of this that is past.
func (w *longWork) took() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	past := w.wrote && w.began.IsZero()
	if past {
		w.wrote = false
	}
	return past
}
