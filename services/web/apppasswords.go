package web

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// AppPasswords keeps people's passwords for single mail programs. Errors are
// mail.ErrNoAccount, mail.ErrTooMany, mail.ErrName, a *mail.RuleError, or the box's own
// trouble.
type AppPasswords interface {
	// AppPasswords lists an account's, oldest first, and says whether its programs need one.
	AppPasswords(id mail.AccountID) (list []mail.AppPassword, only bool, err error)
	// AddAppPassword makes one with p's name and services; the text is shown this once.
	AddAppPassword(ctx context.Context, id mail.AccountID, p mail.AppPassword) (text string, err error)
	// RemoveAppPassword ends one, and its programs' sessions; it does nothing when there is none.
	RemoveAppPassword(ctx context.Context, id mail.AccountID, number mail.ProgramNumber) error
	// RemoveAppPasswords ends all, and that programs need one.
	RemoveAppPasswords(ctx context.Context, id mail.AccountID) error
	// SetOnlyPrograms says whether an account's programs need one.
	SetOnlyPrograms(ctx context.Context, id mail.AccountID, only bool) error
}

// appPasswordJSON is an app password as the API shows it.
type appPasswordJSON struct {
	Number   mail.ProgramNumber `json:"number"`
	Name     string             `json:"name"`
	Services []mail.Service     `json:"services"` // all of them by name
	Added    time.Time          `json:"added"`
	// The last use, as far as is known.
	Used    *time.Time   `json:"used,omitempty"`
	Service mail.Service `json:"used_service,omitempty"`
	Peer    string       `json:"used_peer,omitempty"`
}

// getOwnAppPasswordsAnswer is what getOwnAppPasswords gives.
type getOwnAppPasswordsAnswer struct {
	Passwords []appPasswordJSON `json:"passwords"`
	Only      bool              `json:"only"` // programs need one
}

// getOwnAppPasswords is GET /api/me/app-passwords: {passwords, only}.
func (s *Server) getOwnAppPasswords(w http.ResponseWriter, r *http.Request, who caller) error {
	list, only, err := s.opt.AppPasswords.AppPasswords(who.Account)
	if err != nil {
		return err
	}
	shown := []appPasswordJSON{}
	for _, p := range list {
		j := appPasswordJSON{Number: p.Number, Name: p.Name, Services: p.Services, Added: p.Added}
		if len(j.Services) == 0 {
			j.Services = mail.Services()
		}
		if s.opt.Devices != nil {
			if use, ok := s.opt.Devices.LastUse(who.Account, p.Number); ok {
				j.Used, j.Service, j.Peer = &use.At, use.Service, use.Peer.String()
			}
		}
		shown = append(shown, j)
	}
	s.reply(w, r, http.StatusOK, getOwnAppPasswordsAnswer{shown, only})
	return nil
}

// postAppPasswordBody is what postAppPassword takes.
type postAppPasswordBody struct {
	Name     string         `json:"name"`
	Services []mail.Service `json:"services"`
	Current  string         `json:"current"`
}

// postAppPasswordAnswer is what postAppPassword gives.
type postAppPasswordAnswer struct {
	Password string `json:"password"`
}

// postAppPassword is POST /api/me/app-passwords {name, services, current}: 201 and the
// password, shown this once. Without services it is good for all.
func (s *Server) postAppPassword(w http.ResponseWriter, r *http.Request, who caller) error {
	var in postAppPasswordBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if err := s.again(r, who, "current", in.Current); err != nil {
		return err
	}
	text, err := s.opt.AppPasswords.AddAppPassword(r.Context(), who.Account, mail.AppPassword{Name: in.Name, Services: in.Services})
	if err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "app password made", slog.String("account", who.Address.String()), slog.String("name", in.Name), slog.String("peer", r.RemoteAddr))
	s.reply(w, r, http.StatusCreated, postAppPasswordAnswer{text})
	return nil
}

// putOnlyProgramsBody is what putOnlyPrograms takes.
type putOnlyProgramsBody struct {
	Only    bool   `json:"only"`
	Current string `json:"current"`
}

// putOnlyPrograms is PUT /api/me/app-passwords {only, current}: 204. With only, the
// account's own password is for the pages alone.
func (s *Server) putOnlyPrograms(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putOnlyProgramsBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if err := s.again(r, who, "current", in.Current); err != nil {
		return err
	}
	if err := s.opt.AppPasswords.SetOnlyPrograms(r.Context(), who.Account, in.Only); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "what mail programs need is set", slog.String("account", who.Address.String()), slog.Bool("only app passwords", in.Only), slog.String("peer", r.RemoteAddr))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// deleteAppPassword is DELETE /api/me/app-passwords/{number}: 204. It needs no password:
// who sees something that isn't theirs is to end it at once.
func (s *Server) deleteAppPassword(w http.ResponseWriter, r *http.Request, who caller) error {
	number, err := strconv.ParseUint(r.PathValue("number"), 10, 32)
	if err != nil {
		return &Problem{Status: http.StatusNotFound, Field: "number", Message: "There is no such app password.", WhatToDo: "Reload the page and choose again.", Cause: err}
	}
	if err := s.opt.AppPasswords.RemoveAppPassword(r.Context(), who.Account, mail.ProgramNumber(number)); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "app password ended", slog.String("account", who.Address.String()), slog.Uint64("number", number), slog.String("peer", r.RemoteAddr))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// getAppPasswordsAnswer is what getAppPasswords gives.
type getAppPasswordsAnswer struct {
	Count int  `json:"count"`
	Only  bool `json:"only"`
}

// getAppPasswords is GET /api/accounts/{address}/app-passwords: {count, only}. What they
// are for is their owner's.
func (s *Server) getAppPasswords(w http.ResponseWriter, r *http.Request, who caller) error {
	account, err := s.reach(r.Context(), &who, r.PathValue("address"))
	if err != nil {
		return err
	}
	list, only, err := s.opt.AppPasswords.AppPasswords(account.ID)
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, getAppPasswordsAnswer{len(list), only})
	return nil
}

// deleteAppPasswords is DELETE /api/accounts/{address}/app-passwords: 204, all have ended.
func (s *Server) deleteAppPasswords(w http.ResponseWriter, r *http.Request, who caller) error {
	account, err := s.over(r.Context(), &who, r.PathValue("address"))
	if err != nil {
		return err
	}
	if err := s.opt.AppPasswords.RemoveAppPasswords(r.Context(), account.ID); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelWarn, "all app passwords ended", slog.String("account", account.Address.String()), slog.String("by", who.Address.String()), slog.String("peer", r.RemoteAddr))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
