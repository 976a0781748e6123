package web

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/uplink"
)

// Uplink finds out how mail can reach the box. It takes uplink.Limit at most.
type Uplink interface {
	Find(ctx context.Context, domain string) uplink.Findings
}

// findingsJSON is what the set-up shows under the ways of mail.
type findingsJSON struct {
	Internet bool         `json:"internet"`
	Local    []netip.Addr `json:"local"`
	Public   string       `json:"public,omitempty"`
	Line     uplink.Line  `json:"line,omitempty"`    // public, router, shared
	Sending  uplink.Port  `json:"sending,omitempty"` // open, closed
	Name     string       `json:"name,omitempty"`
	Named    bool         `json:"named"`
	Today    []string     `json:"today"`
	Advice   uplink.Way   `json:"advice"` // direct, provider, inside
}

// postFindingsBody is what postFindings takes.
type postFindingsBody struct {
	Domain string `json:"domain"`
}

// postFindings is POST /api/setup/findings {"domain": "example.com"}: what the box finds
// out about its way to the Internet, with "Authorization: Claim CODE". One look at a
// time: another one waits.
func (s *Server) postFindings(w http.ResponseWriter, r *http.Request, _ caller) error {
	if s.opt.Uplink == nil {
		return &Problem{Status: http.StatusNotFound, Message: "This box doesn't look how mail can reach it."}
	}
	var in postFindingsBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	name := domain.Name("")
	if in.Domain != "" {
		var err error
		if name, err = domain.Canonical(in.Domain); err != nil {
			return &Problem{Status: http.StatusBadRequest, Field: "domain", Message: "This isn't a domain name.", WhatToDo: "One looks like example.com.", Cause: err}
		}
	}
	extend(w, time.Now().Add(2*uplink.Limit+time.Minute))
	select {
	case s.looking <- struct{}{}:
		defer func() { <-s.looking }()
	case <-r.Context().Done():
		return r.Context().Err()
	}
	f := s.opt.Uplink.Find(r.Context(), string(name))
	answer := findingsJSON{Internet: f.Internet, Local: f.Local, Line: f.Line, Sending: f.Sending, Name: f.Name, Named: f.Named, Today: f.Today, Advice: f.Advice}
	if f.Public.IsValid() {
		answer.Public = f.Public.String()
	}
	if answer.Local == nil {
		answer.Local = []netip.Addr{}
	}
	if answer.Today == nil {
		answer.Today = []string{}
	}
	s.reply(w, r, http.StatusOK, answer)
	return nil
}
