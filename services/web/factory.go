package web

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// resetWord is what has to be typed for a factory reset.
const resetWord = "erase"

// postFactoryReset is POST /api/factory-reset {"word": "erase", "password"}, the password
// being that of who asks: 202. On return it is certain that the next start, which is now,
// erases everything.
func (s *Server) postFactoryReset(w http.ResponseWriter, r *http.Request, who mail.Login) error {
	var in struct {
		Word     string `json:"word"`
		Password string `json:"password"`
	}
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if !strings.EqualFold(strings.TrimSpace(in.Word), resetWord) {
		return &Problem{Status: http.StatusBadRequest, Field: "word", Message: "A factory reset erases all mail, people and settings.",
			WhatToDo: "Type the word “" + resetWord + "” if you want that."}
	}
	if err := s.confirm(r, who, in.Password); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelWarn, "factory reset asked for", slog.String("by", who.Address.String()), slog.String("peer", r.RemoteAddr))
	if err := s.opt.Computer.FactoryReset(r.Context()); err != nil {
		return err
	}
	s.reply(w, r, http.StatusAccepted, nil)
	return nil
}

// confirm asks for the password of who is signed in once more: what follows is worth it. Wrong ones count for the
// lock-out of all log-ins.
func (s *Server) confirm(r *http.Request, who mail.Login, password string) error {
	account, err := s.opt.Accounts.Account(r.Context(), who.Account)
	if err != nil {
		return err
	}
	_, err = s.opt.Authenticator.Password(r.Context(), addrOf(r.RemoteAddr), account.Address.String(), password)
	if errors.Is(err, mail.ErrDenied) {
		return &Problem{Status: http.StatusForbidden, Field: "password", Message: "This is not your password.", WhatToDo: "Type the one you sign in with.", Cause: err}
	}
	return err
}
