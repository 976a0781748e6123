package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// Collector fetches mail from mailboxes at providers.
type Collector interface {
	// List gives the status of all sources. It waits for nothing.
	List() []collect.Status
	// Now has mail collected at once, from the sources of a user or from all. It does
	// not wait for it. The error is collect.ErrNoSource.
	Now(user string) error
	// Try tries a source out: it logs in and looks what is there, and changes nothing.
	Try(ctx context.Context, s collect.Source) collect.Trial
}

// Sources are the settings of mailboxes at providers.
type Sources interface {
	// Collections are those of now, with their passwords.
	Collections() []setup.Collection
	// ParseCollection reads one, as in a set-up document; password is used where that
	// has none. The error is a *setup.FieldError.
	ParseCollection(ctx context.Context, document []byte, password string) (setup.Collection, error)
	// SetCollection adds one, or replaces the one of the same protocol, host and user.
	// Errors: mail.ErrNotOurDomain, mail.ErrTooMany.
	SetCollection(ctx context.Context, c setup.Collection) error
	// RemoveCollection ends one; mail.ErrNoMailbox.
	RemoveCollection(ctx context.Context, protocol setup.Protocol, host, user string) error
}

// source is a collect.Status as the API shows it.
type source struct {
	ID        string     `json:"id"`
	Protocol  string     `json:"protocol"`
	Host      string     `json:"host"`
	User      string     `json:"user"`
	Into      string     `json:"into"`
	Last      *time.Time `json:"last,omitempty" etag:"-"`
	LastGood  *time.Time `json:"last_good,omitempty" etag:"-"`
	Next      *time.Time `json:"next,omitempty" etag:"-"`
	Running   bool       `json:"running" etag:"-"`
	Paused    bool       `json:"paused"`
	Listening bool       `json:"listening" etag:"-"`
	Problem   string     `json:"problem,omitempty" etag:"-"`
	Collected int        `json:"collected" etag:"-"` // this and the next two: since the start
	Unsorted  int        `json:"unsorted" etag:"-"`
	Deleted   int        `json:"deleted" etag:"-"`
	TooLarge  int        `json:"too_large" etag:"-"`
	Waiting   int        `json:"waiting" etag:"-"`
	// Settings are as POST takes them, without the password.
	Settings *sourceSettings `json:"settings,omitempty"`
}

// getCollect is GET /api/collect.
func (s *Server) getCollect(w http.ResponseWriter, r *http.Request, _ caller) error {
	if s.opt.Collector == nil {
		return errNoCollector()
	}
	s.replySources(w, r, http.StatusOK)
	return nil
}

// postCollectBody is what postCollect takes.
type postCollectBody struct {
	User string `json:"user"`
}

// postCollect is POST /api/collect: mail is collected now, from the sources of "user"
// or from all; 202, and what GET tells.
func (s *Server) postCollect(w http.ResponseWriter, r *http.Request, who caller) error {
	var in postCollectBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if s.opt.Collector == nil {
		return errNoCollector()
	}
	err := s.opt.Collector.Now(in.User)
	if errors.Is(err, collect.ErrNoSource) {
		return &Problem{Status: http.StatusNotFound, Field: "user", Message: "No mail is collected for this user.", WhatToDo: "Use a user name from the list of mailboxes at providers."}
	}
	if err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "mail is collected at once", slog.String("by", who.Address.String()))
	s.replySources(w, r, http.StatusAccepted)
	return nil
}

func errNoCollector() error {
	return &Problem{Status: http.StatusNotFound, Message: "This box collects no mail from providers."}
}

// sourcesAnswer is what the calls below /api/collect give.
type sourcesAnswer struct {
	Sources []source `json:"sources"`
}

func (s *Server) replySources(w http.ResponseWriter, r *http.Request, status int) {
	out := sourcesAnswer{[]source{}}
	settings := map[collect.SourceKey]*sourceSettings{}
	if s.opt.Sources != nil {
		for _, c := range s.opt.Sources.Collections() {
			settings[keyOf(c)] = settingsOf(c)
		}
	}
	for _, c := range s.opt.Collector.List() {
		if set := settings[c.Key]; set != nil {
			c.Paused = set.Paused // what was set this moment is followed soon
		}
		out.Sources = append(out.Sources, source{
			ID: c.Key.String(), Protocol: string(c.Protocol), Host: c.Host, User: c.User, Into: c.Into, Last: moment(c.Last), LastGood: moment(c.LastGood), Next: moment(c.Next),
			Running: c.Running, Paused: c.Paused, Listening: c.Listening, Problem: c.Problem,
			Collected: c.Collected, Unsorted: c.Unsorted, Deleted: c.Deleted, TooLarge: c.TooLarge, Waiting: c.Waiting, Settings: settings[c.Key],
		})
	}
	// What was set this moment is followed soon.
	for key, set := range settings {
		if !slices.ContainsFunc(out.Sources, func(shown source) bool { return shown.ID == key.String() }) {
			out.Sources = append(out.Sources, source{ID: key.String(), Protocol: set.Protocol, Host: set.Host, User: set.User, Into: set.Into, Paused: set.Paused, Settings: set})
		}
	}
	s.reply(w, r, status, out)
}
