package web

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/device"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// tokenPrefix makes a token recognisable when it turns up where it shouldn't.
const tokenPrefix = "sanduk_"

// getSession is GET /api/session: who is signed in.
func (s *Server) getSession(w http.ResponseWriter, r *http.Request, who caller) error {
	account, err := s.opt.Accounts.Account(r.Context(), who.Account)
	if err != nil {
		return err
	}
	return s.replySelf(w, r, account)
}

// self is who is signed in.
type self struct {
	person
	// May is for which calls the person is good: "people", "help desk", and so on.
	May []string `json:"may"`
}

func (s *Server) replySelf(w http.ResponseWriter, r *http.Request, account mail.Account) error {
	p, err := s.person(r.Context(), account)
	if err != nil {
		return err
	}
	shown := self{p, []string{}}
	for n := forTracers; n <= forOwners; n++ {
		if n.grants(account.Role) {
			shown.May = append(shown.May, n.String())
		}
	}
	s.reply(w, r, http.StatusOK, shown)
	return nil
}

// postSessionBody is what postSession takes.
type postSessionBody struct {
	Address  string `json:"address"`
	Password string `json:"password"`
	Code     string `json:"code"` // of the second factor, where there is one
}

// postSession is POST /api/session: signs in, 200 and the person, with the cookie.
func (s *Server) postSession(w http.ResponseWriter, r *http.Request, _ caller) error {
	var in postSessionBody
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
	return s.replySelf(w, r, account)
}

// deleteSession is DELETE /api/session: signs out, whoever it was.
func (s *Server) deleteSession(w http.ResponseWriter, r *http.Request, _ caller) error {
	s.sessions.end(cookieOf(r))
	setCookie(w, "", -time.Second)
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// tokenLogin tells who a bearer token belongs to.
func (s *Server) tokenLogin(ctx context.Context, text string, peer netip.Addr) (caller, error) {
	var token Token
	err := mail.ErrDenied
	if s.opt.Tokens != nil && strings.HasPrefix(text, tokenPrefix) {
		token, err = s.opt.Tokens.Token(ctx, sha256.Sum256([]byte(text)))
	}
	var account mail.Account
	if err == nil {
		account, err = s.opt.Accounts.Account(ctx, token.Owner)
	}
	if errors.Is(err, mail.ErrDenied) || errors.Is(err, mail.ErrNoAccount) || err == nil && account.Disabled {
		return caller{}, &Problem{Status: http.StatusUnauthorized, Message: "This token isn't valid, or no longer.", WhatToDo: "Make a new one.", Cause: err}
	}
	if err != nil {
		return caller{}, err
	}
	who := callerOf(account)
	who.token, who.scopes = true, token.Scopes
	if s.opt.Devices != nil {
		s.opt.Devices.SawToken(token.Owner, tokenID(token.Hash), peer)
	}
	return who, nil
}
