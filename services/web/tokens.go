package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"log/slog"
	"net/http"
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
}

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
			use(a, hex.EncodeToString(t.Hash[:tokenIDBytes]), t)
		}
	}
	return nil
}

// getTokens is GET /api/tokens: everybody's, for whoever looks after the box.
func (s *Server) getTokens(w http.ResponseWriter, r *http.Request, _ mail.Login) error {
	answer := struct {
		Tokens []shownToken `json:"tokens"`
	}{[]shownToken{}}
	err := s.eachToken(r.Context(), func(owner mail.Account, id string, t Token) {
		answer.Tokens = append(answer.Tokens, shownToken{id, t.Name, owner.Address.String(), t.Created})
	})
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, answer)
	return nil
}

// deleteToken is DELETE /api/tokens/{id}: 204, and the token is worth nothing any
// more, also when it is the one by which this was asked.
func (s *Server) deleteToken(w http.ResponseWriter, r *http.Request, who mail.Login) error {
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

// postToken is POST /api/tokens: 201 and a new API token, shown this once.
func (s *Server) postToken(w http.ResponseWriter, r *http.Request, who mail.Login) error {
	var in struct {
		Name string `json:"name"`
	}
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if in.Name = strings.TrimSpace(in.Name); in.Name == "" || len(in.Name) > maxName {
		return &Problem{Status: http.StatusBadRequest, Field: "name", Message: "A token needs a name, of at most 200 characters.", WhatToDo: "Say what it is for."}
	}
	if s.opt.Tokens == nil {
		return problemNoTokens()
	}
	var secret [20]byte // 160 bits
	rand.Read(secret[:])
	text := tokenPrefix + strings.ToLower(base32.StdEncoding.EncodeToString(secret[:]))
	token := Token{Hash: sha256.Sum256([]byte(text)), Owner: who.Account, Name: in.Name, Created: s.now()}
	if err := s.opt.Tokens.AddToken(r.Context(), token); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "token made", slog.String("name", in.Name), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusCreated, struct {
		Token string `json:"token"`
	}{text})
	return nil
}
