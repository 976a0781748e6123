package web

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Sending is how much people may send within a day, and have sent.
type Sending interface {
	// Limits is what was set for an account, or with 0 for everybody; zeros: nothing.
	Limits(account mail.AccountID) mail.Limits
	// SetLimits sets that. Errors: mail.ErrNoAccount, *mail.RuleError.
	SetLimits(ctx context.Context, account mail.AccountID, limits mail.Limits) error
	// Sent is what an account has sent within 24 hours.
	Sent(account mail.AccountID) mail.Limits
}

// bounds are mail.Limits as the API shows them.
type bounds struct {
	Messages   int `json:"messages"`
	Recipients int `json:"recipients"`
}

// limitsJSON is what somebody may send within a day: Set is what was set (0: nothing,
// -1: no bound), Holds is what is looked at, Sent is what has been sent.
type limitsJSON struct {
	Set   bounds  `json:"set"`
	Holds bounds  `json:"holds"`
	Sent  *bounds `json:"sent,omitempty" etag:"-"` // of one account
}

// limitsOf is whose limits a request is about: an account's, or everybody's.
func (s *Server) limitsOf(r *http.Request) (mail.Account, error) {
	if s.opt.Sending == nil {
		return mail.Account{}, &Problem{Status: http.StatusNotFound, Message: "This box doesn't count what people send."}
	}
	if r.PathValue("address") == "" {
		return mail.Account{}, nil
	}
	account, err := s.find(r.Context(), r.PathValue("address"))
	return account, err
}

// getLimits is GET /api/limits and GET /api/accounts/{address}/limits.
func (s *Server) getLimits(w http.ResponseWriter, r *http.Request, _ caller) error {
	account, err := s.limitsOf(r)
	if err != nil {
		return err
	}
	set := s.opt.Sending.Limits(account.ID)
	shown := limitsJSON{Set: bounds(set), Holds: bounds(set.Or(s.opt.Sending.Limits(0)).Or(mail.StandardLimits()))}
	if account.ID != 0 {
		sent := bounds(s.opt.Sending.Sent(account.ID))
		shown.Sent = &sent
	}
	s.reply(w, r, http.StatusOK, shown)
	return nil
}

// patchLimitsBody is what patchLimits takes.
type patchLimitsBody struct {
	Messages   *int `json:"messages"`
	Recipients *int `json:"recipients"`
}

// patchLimits is PATCH of the same: it sets what it has, and answers as GET does.
func (s *Server) patchLimits(w http.ResponseWriter, r *http.Request, who caller) error {
	var in patchLimitsBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	account, err := s.limitsOf(r)
	if err != nil {
		return err
	}
	set := s.opt.Sending.Limits(account.ID)
	if in.Messages != nil {
		set.Messages = *in.Messages
	}
	if in.Recipients != nil {
		set.Recipients = *in.Recipients
	}
	if err := s.opt.Sending.SetLimits(r.Context(), account.ID, set); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "limits changed", slog.String("account", account.Address.String()), slog.String("by", who.Address.String()),
		slog.Int("messages", set.Messages), slog.Int("recipients", set.Recipients))
	return s.getLimits(w, r, who)
}
