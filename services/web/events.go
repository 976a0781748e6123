package web

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/logbook"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// lookEvery is how soon a page hears that something has changed.
	lookEvery = time.Second
	// beatEvery keeps a stream from being taken for dead, and is how soon one ends whose
	// session has.
	beatEvery = 15 * time.Second
	// eventTimeout is how long a reader may leave what was written unread.
	eventTimeout = 10 * time.Second
	// maxStreams and maxAccountStreams bound them: a browser has one for each window. Who gets
	// none asks every so many seconds instead.
	maxStreams        = 128
	maxAccountStreams = 8
)

// topic is something that pages show and that changes by itself. A stream says of it that
// it has changed, and nothing else: what it is now the page asks by the usual call, which
// knows who may see it.
type topic struct {
	name  string
	need  need
	there bool
	// state is something that is another one when the calls about it answer otherwise. It is
	// looked at once for all streams, while there are any.
	state func(ctx context.Context) (any, error)
}

func (s *Server) topics() []topic {
	o := &s.opt
	return []topic{
		{"queue", forHelpers, o.Queue != nil, func(ctx context.Context) (any, error) {
			counts, err := o.Queue.Counts(ctx)
			if err != nil {
				return nil, err
			}
			list, more, err := o.Queue.Waiting(ctx, mail.WaitingFilter{Limit: 100})
			return []any{counts, list, more}, err
		}},
		{"held", forAdmins, o.Decisions != nil, func(ctx context.Context) (any, error) {
			list, more, err := o.Decisions.Held(ctx, mail.ID{})
			return []any{list, more}, err
		}},
		{"trace", forHelpers, o.Trace != nil, func(ctx context.Context) (any, error) {
			newest, _, err := o.Trace.Find(ctx, TraceQuery{Limit: 1})
			return newest, err
		}},
		{"health", forHelpers, o.Health != nil, func(ctx context.Context) (any, error) { return o.Health.Health(ctx).Findings, nil }},
		{"collect", forAdmins, o.Collector != nil, func(context.Context) (any, error) { return o.Collector.List(), nil }},
		{"moves", forAdmins, o.Mover != nil, func(context.Context) (any, error) { return o.Mover.List(), nil }},
		{"jobs", forSignedIn, true, func(context.Context) (any, error) { return s.jobs.states(), nil }},
		{"update", forAdmins, o.Computer != nil, func(ctx context.Context) (any, error) { return o.Computer.Versions(ctx) }},
		{"log", forAdmins, o.Log != nil, func(ctx context.Context) (any, error) {
			end, err := o.Log.Log(ctx, logbook.Position{}, 1)
			return end.Next, err
		}},
	}
}

// streams are the pages that hear what changes.
type streams struct {
	mu      sync.Mutex
	all     map[*stream]bool
	over    context.Context // ends when there are to be no more
	end     context.CancelFunc
	looks   bool // somebody looks for changes
	looking sync.WaitGroup
}

// stream is one of them.
type stream struct {
	account mail.AccountID
	topics  []string
	wake    chan struct{} // has room for one
	changed []string      // guarded by the streams' lock
}

// join opens a stream, and begins to look when it is the first.
func (s *Server) join(account mail.AccountID, topics []string) (*stream, error) {
	e := s.streams
	e.mu.Lock()
	defer e.mu.Unlock()
	own := 0
	for other := range e.all {
		if other.account == account {
			own++
		}
	}
	if e.over.Err() != nil || own >= maxAccountStreams || len(e.all) >= maxStreams {
		return nil, &Problem{Status: http.StatusServiceUnavailable, Retry: time.Minute, Message: "Too many pages are open at this time.", WhatToDo: "The page asks for itself every few seconds."}
	}
	st := &stream{account: account, topics: topics, wake: make(chan struct{}, 1)}
	if e.all[st] = true; !e.looks {
		e.looks = true
		e.looking.Go(s.look)
	}
	return st, nil
}

func (e *streams) leave(st *stream) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.all, st)
}

// newStreams makes them; end ends them, for good.
func newStreams() *streams {
	e := &streams{all: map[*stream]bool{}}
	e.over, e.end = context.WithCancel(context.Background())
	return e
}

// wanted are the topics that somebody listens to; false: the last has left, and looking ends.
func (e *streams) wanted() (names []string, more bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.all) == 0 {
		e.looks = false
		return nil, false
	}
	for st := range e.all {
		names = append(names, st.topics...)
	}
	slices.Sort(names)
	return slices.Compact(names), true
}

// tell says to those who listen to it that a topic has changed.
func (e *streams) tell(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for st := range e.all {
		if slices.Contains(st.topics, name) && !slices.Contains(st.changed, name) {
			st.changed = append(st.changed, name)
			select {
			case st.wake <- struct{}{}:
			default:
			}
		}
	}
}

// take gives what has changed since it was asked last.
func (e *streams) take(st *stream) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	changed := st.changed
	st.changed = nil
	return changed
}

// look tells of changes until nobody listens. What can't be looked at is no change.
func (s *Server) look() {
	ctx := s.streams.over
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	topics, seed, seen := s.topics(), maphash.MakeSeed(), map[string]uint64{}
	for {
		wanted, more := s.streams.wanted()
		if !more {
			return
		}
		for _, t := range topics {
			if !slices.Contains(wanted, t.name) {
				delete(seen, t.name) // whoever comes back to it asks for all anyhow
				continue
			}
			text, err := stateOf(ctx, t)
			if err != nil {
				continue
			}
			now := maphash.Bytes(seed, text)
			if before, known := seen[t.name]; known && before != now {
				s.streams.tell(t.name)
			}
			seen[t.name] = now
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func stateOf(ctx context.Context, t topic) ([]byte, error) {
	state, err := t.state(ctx)
	if err != nil {
		return nil, err
	}
	return json.Marshal(state)
}

// getEvents is GET /api/events?topics=NAME,NAME: a stream of server-sent events, each
// "change" with the names of what has changed. It ends with the session, or when the role
// behind it changes; it doesn't keep a session that nobody uses.
func (s *Server) getEvents(w http.ResponseWriter, r *http.Request, who caller) error {
	names, err := s.listened(&who, r.URL.Query().Get("topics"))
	if err != nil {
		return err
	}
	st, err := s.join(who.Account, names)
	if err != nil {
		return err
	}
	defer s.streams.leave(st)
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // nothing comes in any more, for as long as it goes on
	w.Header().Set("Content-Type", "text/event-stream")
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for text := ": here\nretry: 5000\n\n"; ; {
		// A reader that has gone to sleep, or reads a byte a minute, is left.
		_ = control.SetWriteDeadline(time.Now().Add(eventTimeout))
		if _, err := w.Write([]byte(text)); err != nil || control.Flush() != nil {
			return nil
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-s.streams.over.Done():
			return nil
		case <-beat.C:
			text = ": still here\n\n"
		case <-st.wake:
			text = "event: change\ndata: " + strings.Join(s.streams.take(st), " ") + "\n\n"
		}
		if !s.stillIs(r, &who) {
			return nil
		}
	}
}

// listened are the topics that are asked for, of those that who asks may hear of.
func (s *Server) listened(who *caller, text string) ([]string, error) {
	var names []string
	for _, name := range strings.Split(text, ",") {
		i := slices.IndexFunc(s.topics(), func(t topic) bool { return t.name == name })
		if i < 0 {
			return nil, &Problem{Status: http.StatusBadRequest, Field: "topics", Message: "There is no such topic."}
		}
		if t := s.topics()[i]; t.there && t.need.grants(who.role) {
			names = append(names, name)
		}
	}
	return names, nil
}

// stillIs says whether who opened a stream is still signed in, as what they were.
func (s *Server) stillIs(r *http.Request, who *caller) bool {
	if !who.token && !s.sessions.alive(cookieOf(r)) {
		return false
	}
	if who.token {
		if _, err := s.login(r); err != nil {
			return false
		}
	}
	account, err := s.opt.Accounts.Account(r.Context(), who.Account)
	return err == nil && !account.Disabled && account.Role == who.role
}
