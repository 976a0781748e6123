package web

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// patchAccountBody is what patchAccount takes.
type patchAccountBody struct {
	Bytes    *int64 `json:"quota_bytes"`
	Messages *int64 `json:"quota_messages"`
	Disabled *bool  `json:"disabled"`
}

// patchAccount is PATCH /api/accounts/{address}: 200 and the person. It changes
// what it has: quota_bytes, quota_messages (zero means no bound), disabled.
func (s *Server) patchAccount(w http.ResponseWriter, r *http.Request, who caller) error {
	var in patchAccountBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	account, err := s.over(r.Context(), &who, r.PathValue("address"))
	if err != nil {
		return err
	}
	if in.Bytes != nil || in.Messages != nil {
		if err := s.setQuota(r.Context(), &account, in.Bytes, in.Messages, who); err != nil {
			return err
		}
	}
	if in.Disabled != nil {
		if err := s.setDisabled(r.Context(), &account, *in.Disabled, who); err != nil {
			return err
		}
	}
	p, err := s.person(r.Context(), account)
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, p)
	return nil
}

// setQuota changes the bounds that are there.
func (s *Server) setQuota(ctx context.Context, account *mail.Account, size, messages *int64, who caller) error {
	for _, field := range []struct {
		name string
		from *int64
		to   *int64
	}{{"quota_bytes", size, &account.Quota.Bytes}, {"quota_messages", messages, &account.Quota.Messages}} {
		switch {
		case field.from == nil:
		case *field.from < 0:
			return &Problem{Status: http.StatusBadRequest, Field: field.name, Message: "A bound can't be less than zero.",
				WhatToDo: "Write zero for an account that may take up what it likes."}
		default:
			*field.to = *field.from
		}
	}
	if err := s.opt.Accounts.SetQuota(ctx, account.ID, account.Quota); err != nil {
		return err
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "quota changed", slog.String("account", account.Address.String()), slog.String("by", who.Address.String()),
		slog.Int64("bytes", account.Quota.Bytes), slog.Int64("messages", account.Quota.Messages))
	return nil
}

// setDisabled lets nobody in, or lets them in again. Nobody locks themselves out.
func (s *Server) setDisabled(ctx context.Context, account *mail.Account, disabled bool, who caller) error {
	if disabled && account.ID == who.Account {
		return &Problem{Status: http.StatusConflict, Field: "disabled", Message: "This is the account you are using.",
			WhatToDo: "Somebody else who runs the box can disable it."}
	}
	err := s.opt.Accounts.SetDisabled(ctx, account.ID, disabled)
	if disabled {
		s.sessions.endAll(account.ID, "") // also when nobody knows whether it worked
	}
	if err != nil {
		return err
	}
	account.Disabled = disabled
	s.log.LogAttrs(ctx, slog.LevelWarn, "log-ins of an account were set", slog.String("account", account.Address.String()),
		slog.Bool("disabled", disabled), slog.String("by", who.Address.String()))
	return nil
}
