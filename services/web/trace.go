package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TraceQuery is what somebody looks for: all that is said must hold.
type TraceQuery struct {
	Text        string    // beginnings of words of addresses, subject, message ID, server
	From, Until time.Time // zero: at any time
	After       string    // the next of the answer before; "": from the newest on
	Limit       int
	Within      TraceWithin
}

// TraceWithin bounds what is told: of messages from or to addresses in some domains, what
// concerns these, and nothing else is found by any word. The zero value bounds nothing.
type TraceWithin struct {
	Limited bool
	Domains []string // canonical
}

// within is what of the trace is somebody's to see.
func (who *caller) within() TraceWithin {
	if who.role != mail.RoleDomainAdmin {
		return TraceWithin{}
	}
	return TraceWithin{Limited: true, Domains: who.domains}
}

// TracePair is one thing that is known of a step.
type TracePair struct{ Name, Value string }

// TraceStep is what happened to a message at one moment.
type TraceStep struct {
	At    time.Time
	What  string
	Pairs []TracePair
}

// Traced is a message with all its steps, from the first on.
type Traced struct {
	ID    mail.ID
	Steps []TraceStep
}

// ErrPlace is of a place in a list that no answer has given.
var ErrPlace = errors.New("web: this is not a place in a list")

// Trace says what happened to mail. Errors: ErrPlace, or the box's own trouble.
type Trace interface {
	// Find gives messages, the one with the newest step first, and where the next begin,
	// "" when there are no more.
	Find(ctx context.Context, q TraceQuery) (found []Traced, next string, err error)
	// Steps gives one message; without steps when nothing is known of it, or nothing that
	// may be told.
	Steps(ctx context.Context, id mail.ID, within TraceWithin) (Traced, error)
}

const (
	maxTraced    = 200
	usualTraced  = 50
	maxTraceText = 500 // characters: an address is at most 320
)

type traceStepJSON struct {
	At    time.Time           `json:"at"`
	What  string              `json:"what"`
	About map[string][]string `json:"about"`
}

type tracedJSON struct {
	ID      string          `json:"id"`
	Steps   []traceStepJSON `json:"steps"`
	LeftOut int             `json:"left_out,omitempty"` // steps in the middle that are not told
}

// A letter to thousands that is tried for days has a step for each of them and each try.
// So many of the first and the last are told: how it came, and how it stands.
const (
	firstSteps, lastSteps   = 500, 1500
	firstListed, lastListed = 20, 80 // in a list
)

// cut leaves the first and the last steps of a message.
func (t *Traced) cut(first, last int) (left int) {
	if left = len(t.Steps) - first - last; left <= 0 {
		return 0
	}
	t.Steps = slices.Concat(t.Steps[:first], t.Steps[first+left:])
	return left
}

// maxShort is how many recipients, or mailboxes, a list has of each step: the page of one
// message has all.
const maxShort = 20

// shortTrace is a message in a list.
func shortTrace(t Traced) tracedJSON {
	left := t.cut(firstListed, lastListed)
	shown := shownTrace(t)
	shown.LeftOut = left
	for _, s := range shown.Steps {
		for name, values := range s.About {
			s.About[name] = values[:min(len(values), maxShort)]
		}
	}
	return shown
}

func shownTrace(t Traced) tracedJSON {
	shown := tracedJSON{ID: t.ID.String(), Steps: make([]traceStepJSON, len(t.Steps))}
	for i, s := range t.Steps {
		about := map[string][]string{}
		for _, p := range s.Pairs {
			about[p.Name] = append(about[p.Name], p.Value)
		}
		shown.Steps[i] = traceStepJSON{s.At.UTC(), s.What, about}
	}
	return shown
}

// findTracedAnswer is what findTraced gives.
type findTracedAnswer struct {
	Messages []tracedJSON `json:"messages"`
	Next     string       `json:"next"`
}

// findTraced is GET /api/trace?q=WORDS&from=TIME&until=TIME&after=PLACE&limit=N: all are
// optional, times as RFC 3339 writes them.
func (s *Server) findTraced(w http.ResponseWriter, r *http.Request, who caller) error {
	q, err := traceQuery(r.URL.Query())
	if err != nil {
		return err
	}
	q.Within = who.within()
	found, next, err := s.opt.Trace.Find(r.Context(), q)
	if errors.Is(err, ErrPlace) {
		return &Problem{Status: http.StatusBadRequest, Field: "after", Message: "This is not where an answer ended.", Cause: err}
	}
	if err != nil {
		return err
	}
	shown := make([]tracedJSON, len(found))
	for i, t := range found {
		shown[i] = shortTrace(t)
	}
	s.reply(w, r, http.StatusOK, findTracedAnswer{shown, next})
	return nil
}

func traceQuery(values url.Values) (q TraceQuery, err error) {
	q = TraceQuery{Text: values.Get("q"), After: values.Get("after"), Limit: usualTraced}
	if len([]rune(q.Text)) > maxTraceText {
		return q, &Problem{Status: http.StatusBadRequest, Field: "q", Message: "This is too long to look for.", WhatToDo: "Type an address, or some words of the subject."}
	}
	for name, at := range map[string]*time.Time{"from": &q.From, "until": &q.Until} {
		if text := values.Get(name); text != "" {
			if *at, err = time.Parse(time.RFC3339, text); err != nil {
				return q, &Problem{Status: http.StatusBadRequest, Field: name, Message: "This is not a time such as 2026-11-23T08:00:00Z.", Cause: err}
			}
		}
	}
	if text := values.Get("limit"); text != "" {
		if q.Limit, err = strconv.Atoi(text); err != nil || q.Limit < 1 || q.Limit > maxTraced {
			return q, &Problem{Status: http.StatusBadRequest, Field: "limit", Message: fmt.Sprintf("The limit is a number from 1 to %d.", maxTraced)}
		}
	}
	return q, nil
}

// getTraced is GET /api/trace/ID.
func (s *Server) getTraced(w http.ResponseWriter, r *http.Request, who caller) error {
	id, err := mail.ParseID(r.PathValue("id"))
	if err != nil {
		return &Problem{Status: http.StatusNotFound, Message: "This is not the ID of a message.", Cause: err}
	}
	t, err := s.opt.Trace.Steps(r.Context(), id, who.within())
	if err != nil {
		return err
	}
	if len(t.Steps) == 0 {
		return &Problem{Status: http.StatusNotFound, Message: "Nothing is known of this message.", WhatToDo: "What happened to a message is kept for ninety days."}
	}
	left := t.cut(firstSteps, lastSteps)
	shown := shownTrace(t)
	shown.LeftOut = left
	s.reply(w, r, http.StatusOK, shown)
	return nil
}
