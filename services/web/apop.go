package web

import (
	"context"
	"log/slog"
	"net/http"
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// APOP is who can log in by POP3's APOP. Errors: mail.ErrNoAccount, or the box's own
// trouble.
type APOP interface {
	APOPs() []mail.Address
	AddAPOP(ctx context.Context, id mail.AccountID) (secret string, err error)
	// RemoveAPOP also ends the account's sessions; that there is nothing is no error.
	RemoveAPOP(ctx context.Context, id mail.AccountID) error
}

// warnAPOP is what everybody who turns APOP on has to read.
const warnAPOP = "APOP is only for old programs that can do nothing else. The box has to keep this secret so that it can read it back, and what protects it on the line is broken (MD5). " +
	"So it is not the person's password, and opens nothing but POP3: give it to that one program, and end it when the program is gone."

// getAPOPAnswer is what getAPOP gives.
type getAPOPAnswer struct {
	APOP []string `json:"apop"` // addresses
}

// getAPOP is GET /api/apop.
func (s *Server) getAPOP(w http.ResponseWriter, r *http.Request, _ caller) error {
	list := []string{}
	for _, a := range s.opt.APOP.APOPs() {
		list = append(list, a.String())
	}
	s.reply(w, r, http.StatusOK, getAPOPAnswer{list})
	return nil
}

// postAPOPBody is what postAPOP takes.
type postAPOPBody struct {
	Who string `json:"who"`
}

// postAPOPAnswer is what postAPOP gives.
type postAPOPAnswer struct {
	Secret  string `json:"secret"`
	Warning string `json:"warning"`
}

// postAPOP is POST /api/apop: 201.
func (s *Server) postAPOP(w http.ResponseWriter, r *http.Request, who caller) error {
	var in postAPOPBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	account, err := s.over(r.Context(), &who, in.Who)
	if err != nil {
		return err
	}
	secret, err := s.opt.APOP.AddAPOP(r.Context(), account.ID)
	if err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "APOP allowed", slog.String("of", account.Address.String()), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusCreated, postAPOPAnswer{secret, warnAPOP})
	return nil
}

// deleteAPOP is DELETE /api/apop/{address}: 204.
func (s *Server) deleteAPOP(w http.ResponseWriter, r *http.Request, who caller) error {
	account, err := s.reach(r.Context(), &who, r.PathValue("address"))
	if err != nil {
		return err
	}
	if err := s.opt.APOP.RemoveAPOP(r.Context(), account.ID); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "APOP ended", slog.String("of", account.Address.String()), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// getOwnAPOPAnswer is what getOwnAPOP gives.
type getOwnAPOPAnswer struct {
	On bool `json:"on"`
}

// getOwnAPOP is GET /api/me/apop.
func (s *Server) getOwnAPOP(w http.ResponseWriter, r *http.Request, who caller) error {
	s.reply(w, r, http.StatusOK, getOwnAPOPAnswer{s.hasAPOP(who)})
	return nil
}

func (s *Server) hasAPOP(who caller) bool { return slices.Contains(s.opt.APOP.APOPs(), who.Address) }

// postOwnAPOP is POST /api/me/apop: 201, and another secret in place of the one there was.
// Whether there is such a log-in at all isn't a person's to say: with the first one the box
// greets everybody's programs another way.
func (s *Server) postOwnAPOP(w http.ResponseWriter, r *http.Request, who caller) error {
	if !s.hasAPOP(who) {
		return &Problem{Status: http.StatusForbidden, Message: "APOP isn't allowed for you.", WhatToDo: "Ask the person who runs the box, or make a password for that program."}
	}
	secret, err := s.opt.APOP.AddAPOP(r.Context(), who.Account)
	if err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "APOP has another secret", slog.String("of", who.Address.String()), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusCreated, postAPOPAnswer{secret, warnAPOP})
	return nil
}

// deleteOwnAPOP is DELETE /api/me/apop: 204. It needs no password: who doesn't know what it
// is for is to end it at once.
func (s *Server) deleteOwnAPOP(w http.ResponseWriter, r *http.Request, who caller) error {
	if err := s.opt.APOP.RemoveAPOP(r.Context(), who.Account); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "APOP ended", slog.String("of", who.Address.String()), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
