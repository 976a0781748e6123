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
		leave, delay := leaveAlways, int(p.LoginDelay/time.Second)
		if p.Leave.Enforced {
			leave = p.Leave.Days
		}
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
		leave := mail.Leave{}
		if *in.Leave != leaveAlways {
			leave = mail.Leave{Enforced: true, Days: *in.Leave}
		}
		if err := s.opt.POP3.SetLeave(r.Context(), account.ID, leave); err != nil {
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
