package web

import (
	"net/http"
	"strings"
)

// area is a part of the API: the calls of one interface in the options, or of more that
// belong together.
type area struct {
	name  string // the scope of tokens, too
	there bool   // the box has what it needs
	calls []call
}

// call is one call of the API. Who may make it, and that a change is noted, is said here
// and seen to in one place (serve): its handler knows nothing of it.
type call struct {
	// pattern is http.ServeMux's, and behind a "?" the names of the parameters.
	pattern string
	need    need
	about   string // what it is for, in a sentence
	in, out any    // zero values of what its bodies are read into and made of; a media is no JSON; nil: no body
	handle  handler
}

// media is a body that is no JSON: its media type.
type media string

type handler func(w http.ResponseWriter, r *http.Request, who caller) error

// path is the pattern without its parameters.
func (c *call) path() string {
	path, _, _ := strings.Cut(c.pattern, "?")
	return path
}

// parameters are those of the query.
func (c *call) parameters() []string {
	_, names, found := strings.Cut(c.pattern, "?")
	if !found {
		return nil
	}
	return strings.Split(names, "&")
}

// noted says whether a call is kept in the list of changes: all that somebody changes for
// others, and what they read of others' mail.
func (c *call) noted() bool {
	return c.need&^sure > forSignedIn || strings.HasSuffix(c.path(), " /api/shares")
}

// serve is the way of each call to its handler.
func (s *Server) serve(in string, c call) http.HandlerFunc {
	handle := s.unlessChanged(c)
	return func(w http.ResponseWriter, r *http.Request) {
		who, err := s.admit(r, in, &c)
		if err == nil {
			if c.noted() {
				w, r = s.audited(w, r, who.Address.String())
			}
			err = handle(w, r, who)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	}
}

// admit says who makes a call, if they may.
func (s *Server) admit(r *http.Request, in string, c *call) (caller, error) {
	switch c.need {
	case forAnybody:
		return caller{}, nil
	case forCoded:
		code, text, err := s.claim(r)
		if err != nil {
			return caller{}, err
		}
		return caller{}, code.Check(addrOf(r.RemoteAddr), text)
	}
	who, err := s.login(r)
	switch {
	case err != nil:
		return caller{}, err
	case !c.need.grants(who.role):
		return caller{}, problemNeeds(c.need)
	case who.token && !scopesAllow(who.scopes, in, c.path()):
		return caller{}, &Problem{Status: http.StatusForbidden, Field: "token", Message: "This token isn't for that.", WhatToDo: "Make one whose scope has “" + in + "” in it."}
	case c.need&sure != 0 && !who.token && !s.sessions.proved(cookieOf(r)):
		return caller{}, problemUnsure()
	}
	return who, nil
}

func problemNeeds(n need) *Problem {
	p := &Problem{Status: http.StatusForbidden, Message: "Only an administrator may do this.", WhatToDo: "Ask the person who runs the box."}
	if n&^sure == forOwners {
		p.Message = "Only an owner of the box may do this."
	}
	return p
}
