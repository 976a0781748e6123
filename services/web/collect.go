package web

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Collector fetches mail from mailboxes at providers.
type Collector interface {
	// List gives the status of all sources. It waits for nothing.
	List() []collect.Status
	// Now has mail collected at once, from the sources of a user or from all. It does
	// not wait for it. The error is collect.ErrNoSource.
	Now(user string) error
}

// source is a collect.Status as the API shows it.
type source struct {
	Protocol  string     `json:"protocol"`
	Host      string     `json:"host"`
	User      string     `json:"user"`
	Into      string     `json:"into"`
	Last      *time.Time `json:"last,omitempty"`
	LastGood  *time.Time `json:"last_good,omitempty"`
	Next      *time.Time `json:"next,omitempty"`
	Running   bool       `json:"running"`
	Listening bool       `json:"listening"`
	Problem   string     `json:"problem,omitempty"`
	Collected int        `json:"collected"` // this and the next two: since the start
	Unsorted  int        `json:"unsorted"`
	Deleted   int        `json:"deleted"`
	TooLarge  int        `json:"too_large"`
	Waiting   int        `json:"waiting"`
}

// getCollect is GET /api/collect.
func (s *Server) getCollect(w http.ResponseWriter, r *http.Request, _ mail.Login) error {
	if s.opt.Collector == nil {
		return errNoCollector()
	}
	s.replySources(w, r, http.StatusOK)
	return nil
}

// postCollect is POST /api/collect: mail is collected now, from the sources of "user"
// or from all; 202, and what GET tells.
func (s *Server) postCollect(w http.ResponseWriter, r *http.Request, who mail.Login) error {
	var in struct {
		User string `json:"user"`
	}
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

func (s *Server) replySources(w http.ResponseWriter, r *http.Request, status int) {
	out := struct {
		Sources []source `json:"sources"`
	}{[]source{}}
	for _, c := range s.opt.Collector.List() {
		out.Sources = append(out.Sources, source{
			Protocol: string(c.Protocol), Host: c.Host, User: c.User, Into: c.Into, Last: moment(c.Last), LastGood: moment(c.LastGood), Next: moment(c.Next),
			Running: c.Running, Listening: c.Listening, Problem: c.Problem,
			Collected: c.Collected, Unsorted: c.Unsorted, Deleted: c.Deleted, TooLarge: c.TooLarge, Waiting: c.Waiting,
		})
	}
	s.reply(w, r, status, out)
}
