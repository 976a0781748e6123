package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// tokenIDBytes of its hash name a token: enough to tell the tokens of an office
// apart, and of no use to anyone who wants to sign in.
const tokenIDBytes = 6

// shownToken is a token as the API shows it.
type shownToken struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Owner   string    `json:"owner"`
	Created time.Time `json:"created"`
	// Scopes is what the token is good for; none: all that its owner may.
	Scopes []string `json:"scopes"`
	// Used is when it was used last, as far as is known, and Peer from where.
	Used *time.Time `json:"used,omitempty"`
	Peer string     `json:"peer,omitempty"`
}

// tokenID names a token.
func tokenID(hash [32]byte) string { return hex.EncodeToString(hash[:tokenIDBytes]) }

func problemNoTokens() error {
	return &Problem{Status: http.StatusNotFound, Message: "This box gives out no tokens."}
}

// eachToken gives all tokens with their owners.
func (s *Server) eachToken(ctx context.Context, use func(owner mail.Account, id string, t Token)) error {
	if s.opt.Tokens == nil {
		return problemNoTokens()
	}
	people, err := s.opt.Accounts.Accounts(ctx)
	if err != nil {
		return err
	}
	for _, a := range people {
		list, err := s.opt.Tokens.Tokens(ctx, a.ID)
		if err != nil {
			return err
		}
		for _, t := range list {
			use(a, tokenID(t.Hash), t)
		}
	}
	return nil
}

// getTokensAnswer is what getTokens gives.
type getTokensAnswer struct {
	Tokens []shownToken `json:"tokens"`
}

// getTokens is GET /api/tokens: everybody's, for whoever looks after the box.
func (s *Server) getTokens(w http.ResponseWriter, r *http.Request, _ caller) error {
	answer := getTokensAnswer{[]shownToken{}}
	err := s.eachToken(r.Context(), func(owner mail.Account, id string, t Token) {
		shown := shownToken{ID: id, Name: t.Name, Owner: owner.Address.String(), Created: t.Created, Scopes: append([]string{}, t.Scopes...)}
		if s.opt.Devices != nil {
			if use, ok := s.opt.Devices.TokenUse(t.Owner, id); ok {
				shown.Used, shown.Peer = &use.At, use.Peer.String()
			}
		}
		answer.Tokens = append(answer.Tokens, shown)
	})
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, answer)
	return nil
}

// deleteToken is DELETE /api/tokens/{id}: 204, and the token is worth nothing any
// more, also when it is the one by which this was asked.
func (s *Server) deleteToken(w http.ResponseWriter, r *http.Request, who caller) error {
	var found []Token
	err := s.eachToken(r.Context(), func(_ mail.Account, id string, t Token) {
		if id == strings.ToLower(r.PathValue("id")) {
			found = append(found, t)
		}
	})
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return &Problem{Status: http.StatusNotFound, Field: "token", Message: "There is no such token, or no longer.", WhatToDo: "Reload the page and choose again."}
	}
	for _, t := range found {
		if err := s.opt.Tokens.RemoveToken(r.Context(), t.Hash); err != nil {
			return err
		}
		s.log.LogAttrs(r.Context(), slog.LevelInfo, "token ended", slog.String("name", t.Name), slog.String("by", who.Address.String()))
	}
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// postTokenBody is what postToken takes.
type postTokenBody struct {
	Name string `json:"name"`
	// Scopes are names of areas, "AREA:read", "all:read"; none: all that its owner may.
	Scopes []string `json:"scopes"`
}

// postTokenAnswer is what postToken gives.
type postTokenAnswer struct {
	Token string `json:"token"`
}

// checkScopes refuses what is no scope, and that a token makes one that may more.
func (s *Server) checkScopes(who *caller, scopes []string) error {
	for _, scope := range scopes {
		if !slices.Contains(s.scopes(), scope) {
			return &Problem{Status: http.StatusBadRequest, Field: "scopes", Message: "“" + scope + "” is nothing that a token can be for.", WhatToDo: "Choose from: " + strings.Join(s.scopes(), ", ") + "."}
		}
	}
	if len(who.scopes) == 0 {
		return nil
	}
	for _, scope := range scopes {
		if !slices.Contains(who.scopes, scope) {
			return problemMore()
		}
	}
	if len(scopes) == 0 {
		return problemMore()
	}
	return nil
}

func problemMore() *Problem {
	return &Problem{Status: http.StatusForbidden, Field: "scopes", Message: "A token makes none that may more than it may.", WhatToDo: "Make it on the box's pages."}
}

// scopes are all that a token can have.
func (s *Server) scopes() []string {
	all := []string{allScope, readScope}
	for _, a := range s.api() {
		if !slices.Contains(all, a.name) {
			all = append(all, a.name, a.name+readOnly)
		}
	}
	return all
}

// postToken is POST /api/tokens: 201 and a new API token, shown this once.
func (s *Server) postToken(w http.ResponseWriter, r *http.Request, who caller) error {
	var in postTokenBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if in.Name = strings.TrimSpace(in.Name); in.Name == "" || len(in.Name) > maxName {
		return &Problem{Status: http.StatusBadRequest, Field: "name", Message: "A token needs a name, of at most 200 characters.", WhatToDo: "Say what it is for."}
	}
	if s.opt.Tokens == nil {
		return problemNoTokens()
	}
	if err := s.checkScopes(&who, in.Scopes); err != nil {
		return err
	}
	var secret [20]byte // 160 bits
	rand.Read(secret[:])
	text := tokenPrefix + strings.ToLower(base32.StdEncoding.EncodeToString(secret[:]))
	token := Token{Hash: sha256.Sum256([]byte(text)), Owner: who.Account, Name: in.Name, Created: s.now(), Scopes: in.Scopes}
	if err := s.opt.Tokens.AddToken(r.Context(), token); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "token made", slog.String("name", in.Name), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusCreated, postTokenAnswer{text})
	return nil
}
