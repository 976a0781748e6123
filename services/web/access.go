package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Access is from where people can log in. Errors: mail.ErrNoAccount, a
// *mail.RuleError, or the box's own trouble.
type Access interface {
	Accesses() []mail.PersonAccess
	// SetAccess also ends the account's sessions in mail programs.
	SetAccess(ctx context.Context, id mail.AccountID, a mail.Access) error
}

type accessJSON struct {
	Who      string         `json:"who"` // an address
	Office   bool           `json:"office"`
	Networks []netip.Prefix `json:"networks"`
}

// getAccessAnswer is what getAccess gives.
type getAccessAnswer struct {
	Access []accessJSON `json:"access"`
}

// getAccess is GET /api/access.
func (s *Server) getAccess(w http.ResponseWriter, r *http.Request, _ caller) error {
	list := []accessJSON{}
	for _, a := range s.opt.Access.Accesses() {
		list = append(list, accessJSON{a.Who.String(), a.Office, append([]netip.Prefix{}, a.Networks...)})
	}
	s.reply(w, r, http.StatusOK, getAccessAnswer{list})
	return nil
}

// putAccess is PUT /api/access: 204.
func (s *Server) putAccess(w http.ResponseWriter, r *http.Request, who caller) error {
	var in accessJSON
	if err := decode(w, r, &in); err != nil {
		return err
	}
	account, err := s.reach(r.Context(), &who, in.Who)
	if err != nil {
		return err
	}
	if err := s.opt.Access.SetAccess(r.Context(), account.ID, mail.Access{Office: in.Office, Networks: in.Networks}); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "access set", slog.String("of", account.Address.String()), slog.Bool("office", in.Office),
		slog.Any("networks", in.Networks), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
