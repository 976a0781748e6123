package web

import (
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// maxAgent bounds what is kept of what a browser calls itself: real ones take 150 bytes.
const maxAgent = 256

// sessionIDBytes of its key name a session: enough to tell an account's sixteen apart.
const sessionIDBytes = 8

// agentOf is what a browser calls itself. It says what it likes: nothing but a line for
// its owner comes of it.
func agentOf(r *http.Request) string {
	agent := r.UserAgent()
	agent = strings.ToValidUTF8(agent[:min(len(agent), maxAgent)], "")
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return -1
		}
		return c
	}, agent)
}

// sessionJSON is a signed-in browser as the API shows it.
type sessionJSON struct {
	ID      string    `json:"id"`
	Agent   string    `json:"agent"` // the browser's own words
	Peer    string    `json:"peer"`  // where it was last
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"`
	Current bool      `json:"current"` // it is the one that asks
}

func (v shownSession) id() string { return hex.EncodeToString(v.key[:sessionIDBytes]) }

// getSessionsAnswer is what getSessions gives.
type getSessionsAnswer struct {
	Sessions []sessionJSON `json:"sessions"`
}

// getSessions is GET /api/me/sessions: where the one who asks is signed in, the one used
// last first.
func (s *Server) getSessions(w http.ResponseWriter, r *http.Request, who caller) error {
	own := sessionKeyOf(cookieOf(r))
	list := []sessionJSON{}
	for _, v := range s.sessions.list(who.Account) {
		shown := sessionJSON{ID: v.id(), Agent: v.agent, Created: v.created.UTC(), Seen: v.seen.UTC(), Current: v.key == own}
		if v.peer.IsValid() {
			shown.Peer = v.peer.Unmap().WithZone("").String()
		}
		list = append(list, shown)
	}
	s.reply(w, r, http.StatusOK, getSessionsAnswer{list})
	return nil
}

// deleteOwnSession is DELETE /api/me/sessions/{id}: 204, and that browser is signed out.
// Nobody ends another's: of these there are none.
func (s *Server) deleteOwnSession(w http.ResponseWriter, r *http.Request, who caller) error {
	id := strings.ToLower(r.PathValue("id"))
	for _, v := range s.sessions.list(who.Account) {
		if v.id() == id {
			s.sessions.endKey(v.key)
			s.log.LogAttrs(r.Context(), slog.LevelInfo, "session ended", slog.String("account", who.Address.String()), slog.String("peer", r.RemoteAddr))
			s.reply(w, r, http.StatusNoContent, nil)
			return nil
		}
	}
	return &Problem{Status: http.StatusNotFound, Field: "session", Message: "There is no such session, or no longer.", WhatToDo: "Reload the page: it may have ended by itself."}
}

// deleteSessions is DELETE /api/me/sessions: 204, and all browsers but the one that asks
// are signed out, those too that are signing in at this moment.
func (s *Server) deleteSessions(w http.ResponseWriter, r *http.Request, who caller) error {
	s.sessions.endAll(who.Account, cookieOf(r))
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "other sessions ended", slog.String("account", who.Address.String()), slog.String("peer", r.RemoteAddr))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
