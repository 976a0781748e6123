package web

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/device"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// tokenPrefix makes a token recognisable when it turns up where it shouldn't.
const tokenPrefix = "sanduk_"

// getSession is GET /api/session: who is signed in.
func (s *Server) getSession(w http.ResponseWriter, r *http.Request) error {
	who, err := s.login(r)
	if err != nil {
		return err
	}
	account, err := s.opt.Accounts.Account(r.Context(), who.Account)
	if err != nil {
		return err
	}
	p, err := s.person(r.Context(), account)
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, p)
	return nil
}

// postSession is POST /api/session: signs in, 200 and the person, with the cookie.
func (s *Server) postSession(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Address  string `json:"address"`
		Password string `json:"password"`
		Code     string `json:"code"` // of the second factor, where there is one
	}
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if setUp, err := s.isSetUp(r.Context()); err != nil || !setUp {
		return errors.Join(err, mail.ErrDenied)
	}
	mark := s.sessions.mark()
	who, err := s.opt.Authenticator.Password(r.Context(), addrOf(r.RemoteAddr), strings.TrimSpace(in.Address), in.Password)
	if err != nil {
		return err
	}
	if err := s.passSecond(r, who, in.Code); err != nil {
		return err
	}
	return s.letIn(w, r, who, mark)
}

// letIn opens a session for who has proven to be who; mark was taken before that.
func (s *Server) letIn(w http.ResponseWriter, r *http.Request, who mail.Login, mark uint64) error {
	account, err := s.opt.Accounts.Account(r.Context(), who.Account)
	if errors.Is(err, mail.ErrNoAccount) {
		return mail.ErrDenied // removed this moment
	}
	if err != nil {
		return err
	}
	// A new session each time, never the browser's old one: nobody can plant a
	// cookie and wait for it to become worth something.
	s.sessions.end(cookieOf(r))
	cookie, ok := s.sessions.start(who.Account, mark, agentOf(r), addrOf(r.RemoteAddr))
	if !ok {
		return mail.ErrDenied
	}
	setCookie(w, cookie, sessionLife)
	if s.opt.Devices != nil {
		s.opt.Devices.Saw(device.Login{Account: who.Account, Service: device.Pages, Client: agentOf(r), Peer: addrOf(r.RemoteAddr)})
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "signed in", slog.String("account", who.Address.String()), slog.String("peer", r.RemoteAddr))
	p, err := s.person(r.Context(), account)
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, p)
	return nil
}

// deleteSession is DELETE /api/session: signs out, whoever it was.
func (s *Server) deleteSession(w http.ResponseWriter, r *http.Request) error {
	s.sessions.end(cookieOf(r))
	setCookie(w, "", -time.Second)
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// tokenLogin tells who a bearer token belongs to.
func (s *Server) tokenLogin(ctx context.Context, text string) (mail.Login, error) {
	who, err := mail.Login{}, mail.ErrDenied
	if s.opt.Tokens != nil && strings.HasPrefix(text, tokenPrefix) {
		who, err = s.opt.Tokens.TokenOwner(ctx, sha256.Sum256([]byte(text)))
	}
	if errors.Is(err, mail.ErrDenied) {
		return mail.Login{}, &Problem{Status: http.StatusUnauthorized, Message: "This token isn't valid, or no longer.", WhatToDo: "Make a new one.", Cause: err}
	}
	return who, err
}
