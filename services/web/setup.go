package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/sanduk-mail/sanduk/services/setup"
	"github.com/sanduk-mail/sanduk/services/web/claim"
)

// postSetup is POST /api/setup: the contract's set-up document, with
// "Authorization: Claim CODE". 200 when the box is set up, with what GET
// /api/connect says.
func (s *Server) postSetup(w http.ResponseWriter, r *http.Request, _ caller) error {
	code, text, err := s.claim(r)
	if err != nil {
		return err
	}
	// The code is checked before the body is read: a stranger's megabyte isn't.
	peer := addrOf(r.RemoteAddr)
	if err := code.Check(peer, text); err != nil {
		return err
	}
	document, err := read(w, r, maxSetup)
	if err != nil {
		return err
	}
	parsed, err := setup.Parse(document)
	if err != nil {
		return err
	}
	extend(w, time.Now().Add(setupTimeout))
	// What has begun is finished: a browser that is closed or reloaded in the
	// middle finds the box set up, or not, but never half.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), setupTimeout)
	defer cancel()
	began := s.now()
	err = code.Redeem(ctx, peer, text, func(ctx context.Context) error {
		s.settingUp.Store(true)
		defer s.settingUp.Store(false)
		return s.opt.Box.SetUp(ctx, parsed)
	})
	if err != nil {
		if setUp, stateErr := s.isSetUp(ctx); stateErr == nil && setUp {
			return claim.ErrSpent // by a file, or an operator, in the meantime
		}
		return err
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "box set up", slog.String("peer", r.RemoteAddr), slog.Duration("took", s.now().Sub(began)))
	// The box may show another certificate from now on, for the name it has been
	// given, so the page might not be able to ask again: it gets all it needs.
	return s.connect(w, r, caller{})
}

// checkCode is POST /api/setup/check: 204. The code was looked at before.
func (s *Server) checkCode(w http.ResponseWriter, r *http.Request, _ caller) error {
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// claim finds the box's code and the one that was sent; a box that has been set
// up answers nobody.
func (s *Server) claim(r *http.Request) (code *claim.Code, sent string, err error) {
	setUp, err := s.isSetUp(r.Context())
	if err != nil {
		return nil, "", err
	}
	if setUp || s.opt.Claim == nil {
		return nil, "", claim.ErrSpent
	}
	sent, ok := credential(r, "Claim")
	if !ok || sent == "" {
		return nil, "", &Problem{Status: http.StatusForbidden, Field: "code", Message: "The code from the box's screen is missing.",
			WhatToDo: "Type it as the screen shows it: three words and a number."}
	}
	return s.opt.Claim, sent, nil
}
