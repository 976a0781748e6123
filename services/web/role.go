package web

import (
	"log/slog"
	"net/http"
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// putRoleBody is what putRole takes.
type putRoleBody struct {
	Role    mail.AccountRole `json:"role"`
	Domains []string         `json:"domains"` // of a domain administrator
}

// putRole is PUT /api/accounts/{address}/role: 204. Who loses a role loses it at once, with
// all that they are signed in with.
func (s *Server) putRole(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putRoleBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	account, err := s.reach(r.Context(), &who, r.PathValue("address"))
	switch {
	case err != nil:
		return err
	case !in.Role.Known():
		return &Problem{Status: http.StatusBadRequest, Field: "role", Message: "There is no such role.", WhatToDo: "The roles are owner, admin, domain, help_desk, and none."}
	case account.ID == who.Account:
		return &Problem{Status: http.StatusConflict, Field: "role", Message: "This is your own account.", WhatToDo: "Make somebody else an owner: they can change your role."}
	}
	if err := s.opt.Accounts.SetRole(r.Context(), account.ID, in.Role, in.Domains); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelWarn, "role set", slog.String("account", account.Address.String()), slog.String("role", string(in.Role)),
		slog.Any("domains", slices.Clone(in.Domains)), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
