package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxName bounds a person's name, in characters as in the set-up: it stands in
// header fields.
const maxName = 200

// person is an account as the API shows it.
type person struct {
	Address string `json:"address"`
	Name    string `json:"name"`
	Admin   bool   `json:"admin"` // administrator or owner
	// Role is what the person may do beside using their own mailbox, Domains those that a
	// domain administrator looks after.
	Role    mail.AccountRole `json:"role"`
	Domains []string         `json:"domains,omitempty"`
	// Disabled: nobody can log in.
	Disabled bool      `json:"disabled"`
	Created  time.Time `json:"created,omitzero"`
	// What the account may take up (0: anything), and what it does.
	QuotaBytes    int64 `json:"quota_bytes"`
	QuotaMessages int64 `json:"quota_messages"`
	UsedBytes     int64 `json:"used_bytes" etag:"-"`
	UsedMessages  int64 `json:"used_messages" etag:"-"`
}

func (s *Server) person(ctx context.Context, a mail.Account) (person, error) {
	used, err := s.opt.Accounts.Usage(ctx, a.ID)
	if err != nil && !errors.Is(err, mail.ErrNoAccount) { // it may be going this moment
		return person{}, err
	}
	return person{
		Address: a.Address.String(), Name: a.Name, Admin: a.Role.Admin(), Role: a.Role, Domains: a.Domains, Disabled: a.Disabled, Created: a.Created,
		QuotaBytes: a.Quota.Bytes, QuotaMessages: a.Quota.Messages, UsedBytes: used.Bytes, UsedMessages: used.Messages,
	}, nil
}

// getAccountsAnswer is what getAccounts gives.
type getAccountsAnswer struct {
	Accounts []person `json:"accounts"`
}

// getAccounts is GET /api/accounts.
func (s *Server) getAccounts(w http.ResponseWriter, r *http.Request, who caller) error {
	accounts, err := s.opt.Accounts.Accounts(r.Context())
	if err != nil {
		return err
	}
	people := make([]person, 0, len(accounts))
	for _, a := range accounts {
		if !who.looksAfter(a.Address) {
			continue
		}
		p, err := s.person(r.Context(), a)
		if err != nil {
			return err
		}
		people = append(people, p)
	}
	slices.SortFunc(people, func(a, b person) int { return strings.Compare(strings.ToLower(a.Address), strings.ToLower(b.Address)) })
	s.reply(w, r, http.StatusOK, getAccountsAnswer{people})
	return nil
}

// postAccountBody is what postAccount takes.
type postAccountBody struct {
	Address  string `json:"address"`
	Name     string `json:"name"`
	Password string `json:"password"`
}

// postAccount is POST /api/accounts: 201 and the person.
func (s *Server) postAccount(w http.ResponseWriter, r *http.Request, who caller) error {
	var in postAccountBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	address, err := parseAddress(in.Address)
	if err != nil {
		return mail.ErrAddress
	}
	if !who.looksAfter(address) {
		return problemNotYours()
	}
	name := strings.TrimSpace(in.Name)
	if utf8.RuneCountInString(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return &Problem{Status: http.StatusBadRequest, Field: "name", Message: "This name is too long, or has characters in it that a name can't have."}
	}
	state, err := s.state(r.Context())
	if err != nil {
		return err
	}
	if !ours(address, state.Domains) {
		return mail.ErrNotOurDomain
	}
	if err := auth.CheckPassword(address, in.Password); err != nil {
		return err
	}
	account, err := s.opt.Accounts.AddAccount(r.Context(), mail.Account{Address: address, Name: name, Created: s.now()}, in.Password)
	if err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "account added", slog.String("account", account.Address.String()), slog.String("by", who.Address.String()))
	p, err := s.person(r.Context(), account)
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusCreated, p)
	return nil
}

// putPasswordBody is what putPassword takes.
type putPasswordBody struct {
	Password string `json:"password"`
}

// putPassword is PUT /api/accounts/{address}/password: 204. An administrator's
// browser can't change its own account's here, where the present password isn't
// asked for; a script with a token can.
func (s *Server) putPassword(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putPasswordBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	account, err := s.over(r.Context(), &who, r.PathValue("address"))
	if err != nil {
		return err
	}
	if _, token := credential(r, "Bearer"); !token && account.ID == who.Account {
		return &Problem{Status: http.StatusConflict, Message: "This is your own account.",
			WhatToDo: "Change your password under “Your account”, where the present one is asked for."}
	}
	return s.setPassword(w, r, account, in.Password, who)
}

// putOwnPasswordBody is what putOwnPassword takes.
type putOwnPasswordBody struct {
	Current  string `json:"current"`
	Password string `json:"password"`
}

// putOwnPassword is PUT /api/me/password: everybody's own, with the one that was
// valid so far, so that a browser left open isn't enough to take an account over.
func (s *Server) putOwnPassword(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putOwnPasswordBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	account, err := s.opt.Accounts.Account(r.Context(), who.Account)
	if err != nil {
		return err
	}
	if err := s.again(r, who, "current", in.Current); err != nil {
		return err
	}
	return s.setPassword(w, r, account, in.Password, who)
}

// setPassword changes a password and signs the person's other browsers out.
func (s *Server) setPassword(w http.ResponseWriter, r *http.Request, account mail.Account, password string, who caller) error {
	if err := auth.CheckPassword(account.Address, password); err != nil {
		return err
	}
	err := s.opt.Accounts.SetPassword(r.Context(), account.ID, password)
	s.sessions.endAll(account.ID, cookieOf(r)) // also when nobody knows whether it worked
	s.links.drop(account.ID)
	if err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "password changed", slog.String("account", account.Address.String()), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// deleteAccount is DELETE /api/accounts/{address}: 204. Nobody can remove
// themselves, so an administrator always remains.
func (s *Server) deleteAccount(w http.ResponseWriter, r *http.Request, who caller) error {
	account, err := s.over(r.Context(), &who, r.PathValue("address"))
	if err != nil {
		return err
	}
	if account.ID == who.Account {
		return &Problem{Status: http.StatusConflict, Field: "address", Message: "This is the account you are using.",
			WhatToDo: "Somebody has to be left who can run the box."}
	}
	err = s.opt.Accounts.RemoveAccount(r.Context(), account.ID)
	s.sessions.endAll(account.ID, "") // also when not all of it worked: signing in again is little to ask
	if err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "account removed", slog.String("account", account.Address.String()), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// find looks an account up by its address.
func (s *Server) find(ctx context.Context, address string) (mail.Account, error) {
	parsed, err := parseAddress(address)
	if err != nil {
		return mail.Account{}, mail.ErrNoAccount
	}
	all, err := s.opt.Accounts.Accounts(ctx)
	if err != nil {
		return mail.Account{}, err
	}
	i := slices.IndexFunc(all, func(a mail.Account) bool { return a.Address == parsed })
	if i < 0 {
		return mail.Account{}, mail.ErrNoAccount
	}
	return all[i], nil
}

// ours reports whether an address is in one of the domains.
func ours(a mail.Address, domains []domain.Name) bool {
	name, err := domain.Canonical(a.Domain)
	return err == nil && slices.Contains(domains, name)
}

// parseAddress reads one of the office's own addresses into canonical form.
func parseAddress(text string) (mail.Address, error) {
	a, err := mail.ParseAddress(text)
	if err != nil {
		return mail.Address{}, err
	}
	return domain.Address(a)
}
