package web

import (
	"log/slog"
	"net/http"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// patchAccount is PATCH /api/accounts/{address}: 200 and the person. It changes
// what it has: quota_bytes, quota_messages; zero means no bound.
func (s *Server) patchAccount(w http.ResponseWriter, r *http.Request, who mail.Login) error {
	var in struct {
		Bytes    *int64 `json:"quota_bytes"`
		Messages *int64 `json:"quota_messages"`
	}
	if err := decode(w, r, &in); err != nil {
		return err
	}
	account, _, err := s.find(r.Context(), r.PathValue("address"))
	if err != nil {
		return err
	}
	for _, field := range []struct {
		name string
		from *int64
		to   *int64
	}{{"quota_bytes", in.Bytes, &account.Quota.Bytes}, {"quota_messages", in.Messages, &account.Quota.Messages}} {
		switch {
		case field.from == nil:
		case *field.from < 0:
			return &Problem{Status: http.StatusBadRequest, Field: field.name, Message: "A bound can't be less than zero.",
				WhatToDo: "Write zero for an account that may take up what it likes."}
		default:
			*field.to = *field.from
		}
	}
	if err := s.opt.Accounts.SetQuota(r.Context(), account.ID, account.Quota); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "quota changed", slog.String("account", account.Address.String()), slog.String("by", who.Address.String()),
		slog.Int64("bytes", account.Quota.Bytes), slog.Int64("messages", account.Quota.Messages))
	p, err := s.person(r.Context(), account)
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, p)
	return nil
}
