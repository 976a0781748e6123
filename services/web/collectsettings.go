package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// sourceSettings are the settings of a mailbox at a provider, in the form of an
// entry of a set-up document's "collect".
type sourceSettings struct {
	Protocol string   `json:"protocol"`
	Host     string   `json:"host"`
	Port     uint16   `json:"port"`
	TLS      string   `json:"tls"`
	User     string   `json:"user"`
	Into     string   `json:"into"`
	Every    string   `json:"every"`
	Leave    string   `json:"leave"`
	Folders  []string `json:"folders,omitempty"`
	Fields   []string `json:"fields,omitempty"`
	ToCc     bool     `json:"to_cc,omitempty"`
	Unsorted string   `json:"unsorted,omitempty"`
	Believe  string   `json:"believe,omitempty"`
	Paused   bool     `json:"paused,omitempty"`
}

func settingsOf(c setup.Collection) *sourceSettings {
	shown := &sourceSettings{
		Protocol: string(c.Protocol), Host: c.Host, Port: c.Port, TLS: string(c.TLS), User: c.User, Into: string(c.IntoDomain), Every: c.Every.String(),
		Folders: c.Folders, Fields: c.Fields, ToCc: c.ToCc, Believe: c.Believe, Paused: c.Paused,
	}
	if c.IntoDomain == "" {
		shown.Into = c.IntoAddress.String()
	}
	switch {
	case c.Leave < 0:
		shown.Leave = "forever"
	case c.Leave == 0:
		shown.Leave = "0"
	default:
		shown.Leave = fmt.Sprintf("%dd", c.Leave/(24*time.Hour))
	}
	if !c.Keeper.IsZero() {
		shown.Unsorted = c.Keeper.String()
	}
	return shown
}

func keyOf(c setup.Collection) collect.SourceKey {
	s := collect.SourceOf(c)
	return s.Key()
}

// findSource is the source that a request names.
func (s *Server) findSource(id string) (setup.Collection, error) {
	if s.opt.Sources != nil {
		for _, c := range s.opt.Sources.Collections() {
			if keyOf(c).String() == id {
				return c, nil
			}
		}
	}
	return setup.Collection{}, &Problem{Status: http.StatusNotFound, Message: "No mail is collected from this mailbox.", WhatToDo: "Reload the page: somebody may have removed it."}
}

// readSource reads settings. Where they have no password it is that of before, for
// the same mailbox only: a password goes nowhere but where it was entered for.
func (s *Server) readSource(w http.ResponseWriter, r *http.Request) (setup.Collection, error) {
	if s.opt.Sources == nil || s.opt.Collector == nil {
		return setup.Collection{}, errNoCollector()
	}
	body, err := read(w, r, maxRequest)
	if err != nil {
		return setup.Collection{}, err
	}
	// Read once to learn which mailbox it is.
	c, err := s.opt.Sources.ParseCollection(r.Context(), body, "unknown")
	if err != nil {
		return setup.Collection{}, err
	}
	password := ""
	if old, err := s.findSource(keyOf(c).String()); err == nil {
		password = old.Password
	}
	return s.opt.Sources.ParseCollection(r.Context(), body, password)
}

// postSource is POST /api/collect/sources: mail is collected from one more mailbox;
// 201, and what GET /api/collect tells. If there is one of this protocol, host and
// user already it is 409.
func (s *Server) postSource(w http.ResponseWriter, r *http.Request, who caller) error {
	c, err := s.readSource(w, r)
	if err != nil {
		return err
	}
	if _, err := s.findSource(keyOf(c).String()); err == nil {
		return &Problem{Status: http.StatusConflict, Field: "user", Message: "Mail is collected from this mailbox already.", WhatToDo: "Change its settings instead."}
	}
	return s.setSource(w, r, who, c, http.StatusCreated)
}

// putSource is PUT /api/collect/sources/{id}: other settings for the same mailbox, the
// password of before where none is given; 200, and what GET /api/collect tells.
func (s *Server) putSource(w http.ResponseWriter, r *http.Request, who caller) error {
	if _, err := s.findSource(r.PathValue("id")); err != nil {
		return err
	}
	c, err := s.readSource(w, r)
	if err != nil {
		return err
	}
	if keyOf(c).String() != r.PathValue("id") {
		return &Problem{Status: http.StatusConflict, Field: "user", Message: "Another protocol, server or user is another mailbox.",
			WhatToDo: "Add it as a new one, and remove this one."}
	}
	return s.setSource(w, r, who, c, http.StatusOK)
}

func (s *Server) setSource(w http.ResponseWriter, r *http.Request, who caller, c setup.Collection, status int) error {
	if err := s.opt.Sources.SetCollection(r.Context(), c); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "collecting from a mailbox was set", slog.String("host", c.Host), slog.String("user", c.User),
		slog.Bool("paused", c.Paused), slog.String("by", who.Address.String()))
	s.replySources(w, r, status)
	return nil
}

// deleteSource is DELETE /api/collect/sources/{id}: 204. Mail that was collected stays
// here; mail there stays there.
func (s *Server) deleteSource(w http.ResponseWriter, r *http.Request, who caller) error {
	c, err := s.findSource(r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := s.opt.Sources.RemoveCollection(r.Context(), c.Protocol, c.Host, c.User); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "collecting from a mailbox was ended", slog.String("host", c.Host), slog.String("user", c.User), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// postTryAnswer is what postTry gives.
type postTryAnswer struct {
	Works    bool     `json:"works"`
	Problem  string   `json:"problem,omitempty"`
	Messages int      `json:"messages"`
	New      int      `json:"new"`
	Folders  []string `json:"folders,omitempty"`
	Listens  bool     `json:"listens"` // the server says by itself when there is mail
}

// postTry is POST /api/collect/try: settings as for POST, which are tried out and not
// kept. 200 also when it does not work: "problem" says why, and what to do.
func (s *Server) postTry(w http.ResponseWriter, r *http.Request, _ caller) error {
	c, err := s.readSource(w, r)
	if err != nil {
		return err
	}
	extend(w, time.Now().Add(tryWait))
	ctx, cancel := context.WithTimeout(r.Context(), tryWait)
	defer cancel()
	trial := s.opt.Collector.Try(ctx, collect.SourceOf(c))
	s.reply(w, r, http.StatusOK, postTryAnswer{trial.Problem == "", trial.Problem, trial.Messages, trial.New, trial.Folders, trial.Idle})
	return nil
}

// tryWait is above what a trial takes at most.
const tryWait = 28 * time.Second
