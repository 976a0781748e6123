package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/web/claim"
)

// linkTime is how long a link to a new password is good: until somebody reads the note on their desk.
const linkTime = 24 * time.Hour

// passwordLinks are the codes by which people choose a new password themselves, so that no administrator knows it. They
// live in memory: after a restart there are none. One for each account; a new one ends the one before.
type passwordLinks struct {
	now func() time.Time

	mu    sync.Mutex
	codes map[mail.AccountID]passwordLink
}

type passwordLink struct {
	code  *claim.Code
	until time.Time
}

// make mints the code of an account.
func (l *passwordLinks) make(id mail.AccountID) *claim.Code {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for id, link := range l.codes {
		if !now.Before(link.until) || link.code.Spent() {
			delete(l.codes, id)
		}
	}
	if l.codes == nil {
		l.codes = make(map[mail.AccountID]passwordLink)
	}
	code := claim.New(l.now)
	l.codes[id] = passwordLink{code, now.Add(linkTime)}
	return code
}

// drop ends the link of an account: its password was set in another way.
func (l *passwordLinks) drop(id mail.AccountID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.codes, id)
}

// of is the code of an account, nil if there is none that is good.
func (l *passwordLinks) of(id mail.AccountID) *claim.Code {
	l.mu.Lock()
	defer l.mu.Unlock()
	if link, ok := l.codes[id]; ok && l.now().Before(link.until) {
		return link.code
	}
	return nil
}

// postPasswordLinkAnswer is what postPasswordLink gives.
type postPasswordLinkAnswer struct {
	Path  string `json:"path"` // the code stands behind the #: it reaches no log
	Hours int    `json:"hours"`
}

// postPasswordLink is POST /api/accounts/{address}/password-link: 201 {"path", "hours"}; the path, behind the box's
// address, is for that person alone.
func (s *Server) postPasswordLink(w http.ResponseWriter, r *http.Request, who caller) error {
	account, err := s.over(r.Context(), &who, r.PathValue("address"))
	if err != nil {
		return err
	}
	if account.ID == who.Account {
		return &Problem{Status: http.StatusConflict, Message: "This is your own account.",
			WhatToDo: "Change your password under “Your account”, where the present one is asked for."}
	}
	code := s.links.make(account.ID)
	s.log.LogAttrs(r.Context(), slog.LevelWarn, "a link to a new password was made", slog.String("account", account.Address.String()), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusCreated, postPasswordLinkAnswer{"/reset#" + code.String() + "/" + account.Address.String(), int(linkTime.Hours())})
	return nil
}

// problemNoLink is for links that are over, and for those who guess.
func problemNoLink() *Problem {
	return &Problem{Status: http.StatusForbidden, Message: "This link has been used, or its day is over.", WhatToDo: "Ask the person who runs the box for a new one."}
}

// postByLinkBody is what postByLink takes.
type postByLinkBody struct {
	Address  string `json:"address"`
	Code     string `json:"code"`
	Password string `json:"password"`
}

// postByLink is POST /api/password-link {"address", "code", "password"}: 204. The link is used up then, and everybody
// who was signed in with the old password is signed out. A second factor stays.
func (s *Server) postByLink(w http.ResponseWriter, r *http.Request, _ caller) error {
	var in postByLinkBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	account, err := s.find(r.Context(), in.Address)
	if errors.Is(err, mail.ErrNoAccount) {
		return problemNoLink() // who guesses is not told who is here
	}
	if err != nil {
		return err
	}
	code := s.links.of(account.ID)
	if code == nil {
		return problemNoLink()
	}
	peer := addrOf(r.RemoteAddr)
	if err := code.Check(peer, in.Code); err != nil {
		return linkProblem(err)
	}
	if err := auth.CheckPassword(account.Address, in.Password); err != nil {
		return err
	}
	w, r = s.audited(w, r, account.Address.String())
	// What has begun is finished, whatever becomes of the browser.
	ctx := context.WithoutCancel(r.Context())
	err = code.Redeem(ctx, peer, in.Code, func(ctx context.Context) error {
		defer s.sessions.endAll(account.ID, "") // also when nobody knows whether it worked
		return s.opt.Accounts.SetPassword(ctx, account.ID, in.Password)
	})
	if err != nil {
		return linkProblem(err)
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "password set by a link", slog.String("account", account.Address.String()), slog.String("peer", r.RemoteAddr))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// linkProblem says of a code in other words than the set-up does what is the matter.
func linkProblem(err error) error {
	if errors.Is(err, claim.ErrWrong) || errors.Is(err, claim.ErrSpent) || errors.Is(err, claim.ErrBusy) {
		return problemNoLink()
	}
	return err
}
