package web

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Shares are the mailboxes that people have opened to each other. Errors:
// mail.ErrNoAccount, mail.ErrNoMailbox, mail.ErrNoSuchAddress, mail.ErrNoRight (the
// owner's own rights are always all), mail.ErrTooMany, or the box's own trouble.
type Shares interface {
	// Given is what an account has opened, by mailbox; Received what it sees of others.
	Given(ctx context.Context, owner mail.AccountID) ([]mail.SharedMailbox, error)
	Received(ctx context.Context, id mail.AccountID) ([]mail.SharedMailbox, error)
	// Set gives somebody, or mail.Anyone, rights in an account's mailbox in the place of
	// those of before; none end it.
	Set(ctx context.Context, owner mail.AccountID, mailbox string, g mail.Grant) error
}

// shareJSON is one grant. An owner that is left out is who asks.
type shareJSON struct {
	Owner   string `json:"owner"`
	Mailbox string `json:"mailbox"`
	Who     string `json:"who"` // an address, or anyone
	Rights  string `json:"rights"`
}

// everybodysShares stands for an owner in GET /api/shares.
const everybodysShares = "*"

// sharer is whose mailboxes a request is about: who asks, or whom an administrator names.
func (s *Server) sharer(r *http.Request, owner string) (who caller, account mail.Account, err error) {
	if who, err = s.login(r); err != nil {
		return who, account, err
	}
	account, err = s.opt.Accounts.Account(r.Context(), who.Account)
	if err != nil || owner == "" {
		return who, account, err
	}
	if address, err := parseAddress(owner); err == nil && address == account.Address {
		return who, account, nil
	}
	if !who.Admin {
		return who, account, &Problem{Status: http.StatusForbidden, Field: "owner", Message: "Only an administrator may do this for somebody else.",
			WhatToDo: "Ask the owner of the folder, or the person who runs the box."}
	}
	account, err = s.find(r.Context(), owner)
	return who, account, err
}

// getSharesAnswer is what getShares gives.
type getSharesAnswer struct {
	Shares   []shareJSON `json:"shares"`
	Received []shareJSON `json:"received"`
}

// getShares is GET /api/shares: what one has opened to others, and what others have to
// him; for an administrator ?owner=ADDRESS somebody's, or ?owner=* all that is opened.
func (s *Server) getShares(w http.ResponseWriter, r *http.Request, _ caller) error {
	ctx, owner := r.Context(), r.FormValue("owner")
	all := owner == everybodysShares
	if all {
		owner = ""
	}
	who, account, err := s.sharer(r, owner)
	if err != nil {
		return err
	}
	if all {
		return s.getAllShares(w, r, who)
	}
	given, err := s.opt.Shares.Given(ctx, account.ID)
	if err != nil {
		return err
	}
	received, err := s.opt.Shares.Received(ctx, account.ID)
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, getSharesAnswer{sharesJSON(given), sharesJSON(received)})
	return nil
}

func (s *Server) getAllShares(w http.ResponseWriter, r *http.Request, who caller) error {
	if !who.Admin {
		return &Problem{Status: http.StatusForbidden, Field: "owner", Message: "Only an administrator may do this.", WhatToDo: "Ask the person who runs the box."}
	}
	people, err := s.opt.Accounts.Accounts(r.Context())
	if err != nil {
		return err
	}
	slices.SortFunc(people, func(a, b mail.Account) int { return cmp.Compare(a.Address.String(), b.Address.String()) })
	var all []mail.SharedMailbox
	for _, p := range people {
		given, err := s.opt.Shares.Given(r.Context(), p.ID)
		if err != nil && !errors.Is(err, mail.ErrNoAccount) { // removed in this moment
			return err
		}
		all = append(all, given...)
	}
	s.reply(w, r, http.StatusOK, getSharesAnswer{sharesJSON(all), []shareJSON{}})
	return nil
}

func sharesJSON(list []mail.SharedMailbox) []shareJSON {
	all := []shareJSON{}
	for _, s := range list {
		all = append(all, shareJSON{s.Owner.String(), s.Mailbox, s.ID, s.Rights.String()})
	}
	return all
}

// putShare is PUT /api/shares: 204.
func (s *Server) putShare(w http.ResponseWriter, r *http.Request, _ caller) error {
	var in shareJSON
	if err := decode(w, r, &in); err != nil {
		return err
	}
	rights, err := mail.ParseRights(in.Rights)
	if err != nil || rights == 0 {
		return &mail.RuleError{Field: "rights", Text: "Rights are some of the letters " + mail.AllRights.String() + ", such as lrs for reading"}
	}
	return s.setShare(w, r, in, rights)
}

// deleteShare is DELETE /api/shares?mailbox=NAME&who=ADDRESS: 204, also when there is
// none.
func (s *Server) deleteShare(w http.ResponseWriter, r *http.Request, _ caller) error {
	return s.setShare(w, r, shareJSON{Owner: r.FormValue("owner"), Mailbox: r.FormValue("mailbox"), Who: r.FormValue("who")}, 0)
}

func (s *Server) setShare(w http.ResponseWriter, r *http.Request, in shareJSON, rights mail.Rights) error {
	who, account, err := s.sharer(r, in.Owner)
	if err != nil {
		return err
	}
	err = s.opt.Shares.Set(r.Context(), account.ID, in.Mailbox, mail.Grant{ID: in.Who, Rights: rights})
	switch {
	case errors.Is(err, mail.ErrNoRight):
		return &mail.RuleError{Field: "who", Text: "The owner of a folder has all rights there, and keeps them"}
	case errors.Is(err, mail.ErrNoSuchAddress):
		return &Problem{Status: http.StatusNotFound, Field: "who", Message: "Nobody on this box has this address as his own.",
			WhatToDo: "Write the address of a person here, or anyone for everybody who has an account.", Cause: err}
	case err != nil:
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "mailbox shared", slog.String("of", account.Address.String()), slog.String("mailbox", in.Mailbox),
		slog.String("with", in.Who), slog.String("rights", rights.String()), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
