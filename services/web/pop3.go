package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// POP3 is what holds for people who fetch their mail by POP3. Errors: mail.ErrNoAccount,
// a *mail.RuleError, or the box's own trouble.
type POP3 interface {
	POP3s() []mail.PersonPOP3
	SetLeave(ctx context.Context, id mail.AccountID, leave mail.Leave) error
	SetLoginDelay(ctx context.Context, id mail.AccountID, delay time.Duration) error
}

// leaveAlways is JSON's word for mail that stays until somebody deletes it.
const leaveAlways = -1

// shownLeave is JSON's number for how long mail stays, and leaveOf what it means.
func shownLeave(l mail.Leave) int {
	if l.Enforced {
		return l.Days
	}
	return leaveAlways
}

func leaveOf(days int) mail.Leave {
	if days == leaveAlways {
		return mail.Leave{}
	}
	return mail.Leave{Enforced: true, Days: days}
}

type pop3JSON struct {
	Who        string `json:"who"`         // an address
	Leave      *int   `json:"leave"`       // days, or leaveAlways
	LoginDelay *int   `json:"login_delay"` // seconds
}

// getPOP3Answer is what getPOP3 gives.
type getPOP3Answer struct {
	POP3 []pop3JSON `json:"pop3"`
}

// getPOP3 is GET /api/pop3.
func (s *Server) getPOP3(w http.ResponseWriter, r *http.Request, _ caller) error {
	list := []pop3JSON{}
	for _, p := range s.opt.POP3.POP3s() {
		leave, delay := shownLeave(p.Leave), int(p.LoginDelay/time.Second)
		list = append(list, pop3JSON{p.Who.String(), &leave, &delay})
	}
	s.reply(w, r, http.StatusOK, getPOP3Answer{list})
	return nil
}

// putPOP3 is PUT /api/pop3: 204.
func (s *Server) putPOP3(w http.ResponseWriter, r *http.Request, who caller) error {
	var in pop3JSON
	if err := decode(w, r, &in); err != nil {
		return err
	}
	account, err := s.reach(r.Context(), &who, in.Who)
	if err != nil {
		return err
	}
	set := []slog.Attr{slog.String("of", account.Address.String()), slog.String("by", who.Address.String())}
	if in.Leave != nil {
		if err := s.opt.POP3.SetLeave(r.Context(), account.ID, leaveOf(*in.Leave)); err != nil {
			return err
		}
		set = append(set, slog.Int("leave", *in.Leave))
	}
	if in.LoginDelay != nil {
		// Far above the bound, and far below what a Duration can hold.
		seconds := min(max(*in.LoginDelay, -1), 1<<20)
		if err := s.opt.POP3.SetLoginDelay(r.Context(), account.ID, time.Duration(seconds)*time.Second); err != nil {
			return err
		}
		set = append(set, slog.Int("login_delay", seconds))
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "POP3 set", set...)
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// ownPOP3JSON is what getOwnPOP3 gives.
type ownPOP3JSON struct {
	Leave      int `json:"leave"`       // days, or leaveAlways
	LoginDelay int `json:"login_delay"` // seconds
}

// getOwnPOP3 is GET /api/me/pop3.
func (s *Server) getOwnPOP3(w http.ResponseWriter, r *http.Request, who caller) error {
	var own mail.POP3
	for _, p := range s.opt.POP3.POP3s() {
		if p.Who == who.Address {
			own = p.POP3
		}
	}
	s.reply(w, r, http.StatusOK, ownPOP3JSON{shownLeave(own.Leave), int(own.LoginDelay / time.Second)})
	return nil
}

// putOwnPOP3Body is what putOwnPOP3 takes.
type putOwnPOP3Body struct {
	Leave *int `json:"leave"`
}

// putOwnPOP3 is PUT /api/me/pop3: 204. How long mail stays is its owner's to say, who may
// delete it anyway; the wait guards the box from their program.
func (s *Server) putOwnPOP3(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putOwnPOP3Body
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if in.Leave == nil {
		return &mail.RuleError{Field: "leave", Text: "It isn't said for how many days mail stays"} // zero would take all of it away
	}
	if err := s.opt.POP3.SetLeave(r.Context(), who.Account, leaveOf(*in.Leave)); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "POP3 set", slog.String("of", who.Address.String()), slog.String("by", who.Address.String()), slog.Int("leave", *in.Leave))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
