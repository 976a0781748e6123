package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/web/claim"
)

// WayBack lets administrators who have lost their password back in: whoever stands before
// the box has it show a code.
type WayBack interface {
	// Code is the code on the screen; nil: there is none, or its time is over.
	Code() *claim.Code
	// Used is told whose password was set with it, and from which address.
	Used(ctx context.Context, account mail.Account, peer string)
}

// problemNoCode is for codes that are over, and for those who guess.
func problemNoCode() *Problem {
	return &Problem{Status: http.StatusForbidden, Field: "code", Message: "The box's screen shows no code at this time, or it has been used.",
		WhatToDo: "Press F9 on the box's keyboard and choose a new password for an administrator. The code is good for half an hour."}
}

// postPasswordResetBody is what postPasswordReset takes.
type postPasswordResetBody struct {
	Address  string `json:"address"`
	Password string `json:"password"`
}

// postPasswordReset is POST /api/password-reset {"address", "password"} with
// "Authorization: Claim CODE": 204. The code is used up then.
func (s *Server) postPasswordReset(w http.ResponseWriter, r *http.Request, _ caller) error {
	code := s.opt.WayBack.Code()
	text, ok := credential(r, "Claim")
	if code == nil || !ok || text == "" {
		return problemNoCode()
	}
	// As at the set-up: the code is checked before anything is read.
	peer := addrOf(r.RemoteAddr)
	if err := code.Check(peer, text); err != nil {
		return codeProblem(err)
	}
	var in postPasswordResetBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	account, err := s.find(r.Context(), in.Address)
	if err != nil {
		return err
	}
	if !account.Role.Admin() || account.Disabled {
		return &Problem{Status: http.StatusForbidden, Field: "address", Message: "This is not an administrator's address.",
			WhatToDo: "The box's screen lists the administrators. Others get a new password from one of them."}
	}
	if err := auth.CheckPassword(account.Address, in.Password); err != nil {
		return err
	}
	// What has begun is finished, whatever becomes of the browser.
	ctx := context.WithoutCancel(r.Context())
	err = code.Redeem(ctx, peer, text, func(ctx context.Context) error {
		defer s.sessions.endAll(account.ID, "") // also when nobody knows whether it worked
		s.links.drop(account.ID)
		// Somebody else may have been in with the old one: nothing else lets anybody in then.
		// The password comes last, so that what fails can be tried again with the same code.
		if err := s.endOtherProofs(ctx, account.ID); err != nil {
			return err
		}
		return s.opt.Accounts.SetPassword(ctx, account.ID, in.Password)
	})
	if err != nil {
		return codeProblem(err)
	}
	s.log.LogAttrs(ctx, slog.LevelWarn, "password set with a code from the box's screen", slog.String("account", account.Address.String()), slog.String("peer", r.RemoteAddr))
	s.opt.WayBack.Used(ctx, account, r.RemoteAddr)
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// endOtherProofs ends what lets somebody in beside the password: passkeys, app passwords,
// tokens, and the second factor, for whoever stands at the box may have lost the phone too.
func (s *Server) endOtherProofs(ctx context.Context, id mail.AccountID) error {
	if s.opt.Passkeys != nil {
		if err := s.opt.Passkeys.RemovePasskey(ctx, id, nil); err != nil {
			return fmt.Errorf("end passkeys: %w", err)
		}
	}
	if s.opt.AppPasswords != nil {
		if err := s.opt.AppPasswords.RemoveAppPasswords(ctx, id); err != nil {
			return fmt.Errorf("end app passwords: %w", err)
		}
	}
	if s.opt.Tokens != nil {
		list, err := s.opt.Tokens.Tokens(ctx, id)
		if err != nil {
			return fmt.Errorf("end tokens: %w", err)
		}
		for _, token := range list {
			if err := s.opt.Tokens.RemoveToken(ctx, token.Hash); err != nil {
				return fmt.Errorf("end tokens: %w", err)
			}
		}
	}
	if s.opt.SecondFactors == nil {
		return nil
	}
	return s.opt.SecondFactors.ChangeSecondFactor(ctx, id, func(string) (string, error) { return "", nil })
}

// codeProblem says of a code in other words than the set-up does what is the matter.
func codeProblem(err error) error {
	switch {
	case errors.Is(err, claim.ErrSpent):
		return problemNoCode()
	case errors.Is(err, claim.ErrBusy):
		return &Problem{Status: http.StatusConflict, Message: "The code is being used this moment, from another window or device.", WhatToDo: "Sign in with the new password.", Cause: err}
	}
	return err
}
