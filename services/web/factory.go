package web

import (
	"log/slog"
	"net/http"
	"strings"
)

// resetWord is what has to be typed for a factory reset.
const resetWord = "erase"

// postFactoryResetBody is what postFactoryReset takes.
type postFactoryResetBody struct {
	Word     string `json:"word"`
	Password string `json:"password"`
}

// postFactoryReset is POST /api/factory-reset {"word": "erase", "password"}, the password
// being that of who asks: 202. On return it is certain that the next start, which is now,
// erases everything.
func (s *Server) postFactoryReset(w http.ResponseWriter, r *http.Request, who caller) error {
	var in postFactoryResetBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if !strings.EqualFold(strings.TrimSpace(in.Word), resetWord) {
		return &Problem{Status: http.StatusBadRequest, Field: "word", Message: "A factory reset erases all mail, people and settings.",
			WhatToDo: "Type the word “" + resetWord + "” if you want that."}
	}
	if err := s.again(r, who, "password", in.Password); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelWarn, "factory reset asked for", slog.String("by", who.Address.String()), slog.String("peer", r.RemoteAddr))
	if err := s.opt.Computer.FactoryReset(r.Context()); err != nil {
		return err
	}
	s.reply(w, r, http.StatusAccepted, nil)
	return nil
}
