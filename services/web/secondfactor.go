package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"

	"rsc.io/qr"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/totp"
)

// SecondFactors keeps people's second factors. Errors are mail.ErrNoAccount, those of
// Authenticator, or the box's own trouble.
type SecondFactors interface {
	// HasSecondFactor must not wait.
	HasSecondFactor(id mail.AccountID) (bool, error)
	// ChangeSecondFactor makes a factor's text what change makes of it, "" being none.
	// Changes of one account wait for one another; it is durable on return. Where change
	// fails nothing is changed.
	ChangeSecondFactor(ctx context.Context, id mail.AccountID, change func(old string) (string, error)) error
	// SecondFactor has check look at one, under the lock-out of all log-ins.
	SecondFactor(ctx context.Context, peer netip.Addr, login string, check func(context.Context) (bool, error)) error
}

// errWrongCode ends a change whose code is not good.
var errWrongCode = errors.New("web: the code is wrong or has been used")

func problemWrongCode() error {
	return &Problem{Status: http.StatusForbidden, Field: "code", Message: "This code isn't right, or has been used already.",
		WhatToDo: "Wait for the next one that the app shows. If the phone is gone, use a recovery code."}
}

// passSecond asks for the second factor of who has given the right password, where there
// is one. The code is taken, durably, before anybody is let in.
func (s *Server) passSecond(r *http.Request, who mail.Login, code string) error {
	if s.opt.SecondFactors == nil {
		return nil
	}
	has, err := s.opt.SecondFactors.HasSecondFactor(who.Account)
	if err != nil || !has {
		return err
	}
	if code == "" {
		return &Problem{Status: http.StatusForbidden, Field: "code", Message: "The code from your app is missing.", WhatToDo: "Type the six digits that it shows now, or a recovery code."}
	}
	err = s.opt.SecondFactors.SecondFactor(r.Context(), addrOf(r.RemoteAddr), who.Address.String(), func(ctx context.Context) (bool, error) {
		err := s.useCode(ctx, who.Account, code)
		if errors.Is(err, errWrongCode) {
			return false, nil
		}
		return err == nil, err
	})
	if errors.Is(err, mail.ErrDenied) {
		return problemWrongCode()
	}
	return err
}

// useCode takes a code, or fails with errWrongCode.
func (s *Server) useCode(ctx context.Context, id mail.AccountID, code string) error {
	return s.opt.SecondFactors.ChangeSecondFactor(ctx, id, func(old string) (string, error) {
		if old == "" {
			return "", nil // it has been taken away this moment
		}
		f, err := totp.Decode(old)
		if err != nil {
			return "", err
		}
		if !f.Use(code, s.now()) {
			return "", errWrongCode
		}
		return f.Encode(), nil
	})
}

// getSecondFactorAnswer is what getSecondFactor gives.
type getSecondFactorAnswer struct {
	On   bool `json:"on"`
	Left int  `json:"recovery_left"`
}

// getSecondFactor is GET /api/me/second-factor: {on, recovery_left}.
func (s *Server) getSecondFactor(w http.ResponseWriter, r *http.Request, who caller) error {
	answer := getSecondFactorAnswer{}
	err := s.opt.SecondFactors.ChangeSecondFactor(r.Context(), who.Account, func(old string) (string, error) {
		if old == "" {
			return old, nil
		}
		f, err := totp.Decode(old)
		if err == nil {
			answer.On, answer.Left = true, f.Left()
		}
		return old, err
	})
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, answer)
	return nil
}

// postSecondFactorAnswer is what postSecondFactor gives.
type postSecondFactorAnswer struct {
	Secret string `json:"secret"`
	Size   int    `json:"size"` // of the drawing, in modules, with the quiet zone
	Path   string `json:"path"`
}

// postSecondFactor is POST /api/me/second-factor: a new secret for an app, and nothing
// changed yet. The code is drawn by the page, from a path of an SVG.
func (s *Server) postSecondFactor(w http.ResponseWriter, r *http.Request, who caller) error {
	state, err := s.state(r.Context())
	if err != nil {
		return err
	}
	secret := totp.NewSecret()
	code, err := qr.Encode(totp.URI(state.Hostname.String(), who.Address.String(), secret), qr.M)
	if err != nil {
		return &Problem{Status: http.StatusBadRequest, Message: "The address is too long for a QR code.", Cause: err}
	}
	s.reply(w, r, http.StatusOK, postSecondFactorAnswer{secret, code.Size + 2*quietZone, qrPath(code)})
	return nil
}

// putSecondFactorBody is what putSecondFactor takes.
type putSecondFactorBody struct {
	Secret  string `json:"secret"`
	Code    string `json:"code"`
	Current string `json:"current"`
}

// putSecondFactorAnswer is what putSecondFactor gives.
type putSecondFactorAnswer struct {
	Recovery []string `json:"recovery"`
}

// putSecondFactor is PUT /api/me/second-factor {secret, code, current}: turns it on, with
// a secret of before, a code that shows that the app has it, and the present password.
// 200 and the recovery codes, shown this once.
func (s *Server) putSecondFactor(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putSecondFactorBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	f, recovery, err := totp.New(in.Secret)
	if err != nil {
		return &Problem{Status: http.StatusBadRequest, Field: "secret", Message: "This is no secret of this box's.", WhatToDo: "Begin anew: reload the page.", Cause: err}
	}
	if err := s.again(r, who, "current", in.Current); err != nil {
		return err
	}
	if !f.Use(in.Code, s.now()) {
		return problemWrongCode()
	}
	err = s.opt.SecondFactors.ChangeSecondFactor(r.Context(), who.Account, func(old string) (string, error) {
		if old != "" {
			return "", &Problem{Status: http.StatusConflict, Message: "There is a second factor already.", WhatToDo: "Turn it off first."}
		}
		return f.Encode(), nil
	})
	if err != nil {
		return err
	}
	s.sessions.endAll(who.Account, cookieOf(r)) // they came in without it
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "second factor on", slog.String("account", who.Address.String()), slog.String("peer", r.RemoteAddr))
	s.reply(w, r, http.StatusOK, putSecondFactorAnswer{recovery})
	return nil
}

// deleteOwnSecondFactorBody is what deleteOwnSecondFactor takes.
type deleteOwnSecondFactorBody struct {
	Current string `json:"current"`
}

// deleteOwnSecondFactor is DELETE /api/me/second-factor {current}: 204.
func (s *Server) deleteOwnSecondFactor(w http.ResponseWriter, r *http.Request, who caller) error {
	var in deleteOwnSecondFactorBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if err := s.again(r, who, "current", in.Current); err != nil {
		return err
	}
	return s.endSecondFactor(w, r, who.Account, who.Address, who)
}

// deleteSecondFactor is DELETE /api/accounts/{address}/second-factor: 204. For who has
// lost phone and recovery codes; one's own is turned off with the password.
func (s *Server) deleteSecondFactor(w http.ResponseWriter, r *http.Request, who caller) error {
	account, err := s.over(r.Context(), &who, r.PathValue("address"))
	if err != nil {
		return err
	}
	if _, token := credential(r, "Bearer"); !token && account.ID == who.Account {
		return &Problem{Status: http.StatusConflict, Message: "This is your own account.", WhatToDo: "Turn it off under “Your account”, where the password is asked for."}
	}
	return s.endSecondFactor(w, r, account.ID, account.Address, who)
}

func (s *Server) endSecondFactor(w http.ResponseWriter, r *http.Request, id mail.AccountID, address mail.Address, by caller) error {
	if err := s.opt.SecondFactors.ChangeSecondFactor(r.Context(), id, func(string) (string, error) { return "", nil }); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelWarn, "second factor off", slog.String("account", address.String()), slog.String("by", by.Address.String()), slog.String("peer", r.RemoteAddr))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
