package web

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// sureFor is how long a browser is trusted with what an owner of an office would be asked
// for twice: as long as such work takes, and less than a lunch.
const sureFor = 10 * time.Minute

// unsure is the field of the problem by which pages know that they have to ask.
const unsure = "confirm"

func problemUnsure() *Problem {
	return &Problem{Status: http.StatusForbidden, Field: unsure, Message: "The box wants to be sure that this is you.", WhatToDo: "Type your password once more."}
}

// postConfirmBody is what postConfirm takes.
type postConfirmBody struct {
	Password string `json:"password"`
}

// postConfirm is POST /api/session/confirm {"password"}: 204. For ten minutes this browser
// may do what one that was left open may not.
func (s *Server) postConfirm(w http.ResponseWriter, r *http.Request, who caller) error {
	var in postConfirmBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if err := s.again(r, who, "password", in.Password); err != nil {
		return err
	}
	s.sessions.prove(cookieOf(r))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// again asks for the password of who is signed in once more. Wrong ones count for the
// lock-out of all log-ins.
func (s *Server) again(r *http.Request, who caller, field, password string) error {
	got, err := s.opt.Authenticator.Password(r.Context(), addrOf(r.RemoteAddr), who.Address.String(), password)
	if err == nil && got.Account != who.Account {
		err = mail.ErrDenied // the address went to somebody else this moment
	}
	if errors.Is(err, mail.ErrDenied) {
		s.log.LogAttrs(r.Context(), slog.LevelInfo, "wrong password when asked once more", slog.String("account", who.Address.String()), slog.String("peer", r.RemoteAddr))
		return &Problem{Status: http.StatusForbidden, Field: field, Message: "This is not your present password.", WhatToDo: "Type the one you sign in with.", Cause: err}
	}
	return err
}
