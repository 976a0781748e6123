package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Spares are the domains of others for which the box is a spare mail server, and the
// office's own spare servers. Errors: domain.ErrName, mail.ErrNoDomain, mail.ErrTooMany,
// a *mail.RuleError, or the box's own trouble.
type Spares interface {
	Spares(ctx context.Context) ([]mail.Spare, error)
	SetSpare(ctx context.Context, s mail.Spare) error
	RemoveSpare(ctx context.Context, domain string) error
	SpareServers() []netip.Prefix
	SetSpareServers(ctx context.Context, servers []netip.Prefix) error
}

type spareJSON struct {
	Domain     string   `json:"domain"`
	Recipients []string `json:"recipients"` // none: all
}

// getSparesAnswer is what getSpares gives.
type getSparesAnswer struct {
	Spares  []spareJSON `json:"spares"`
	Servers []string    `json:"servers"`
}

// getSpares is GET /api/spares.
func (s *Server) getSpares(w http.ResponseWriter, r *http.Request, _ caller) error {
	all, err := s.opt.Spares.Spares(r.Context())
	if err != nil {
		return err
	}
	shown := make([]spareJSON, len(all))
	for i, d := range all {
		shown[i] = spareJSON{d.Domain, append([]string{}, d.Recipients...)}
	}
	s.reply(w, r, http.StatusOK, getSparesAnswer{shown, networks(s.opt.Spares.SpareServers())})
	return nil
}

// putSpareBody is what putSpare takes.
type putSpareBody struct {
	Recipients []string `json:"recipients"`
}

// putSpare is PUT /api/spares/{domain}: 204.
func (s *Server) putSpare(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putSpareBody
	if err := decodeUpTo(w, r, &in, maxContent); err != nil {
		return err
	}
	d := mail.Spare{Domain: r.PathValue("domain"), Recipients: in.Recipients}
	if err := s.opt.Spares.SetSpare(r.Context(), d); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "spare domain set", slog.String("domain", d.Domain), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// deleteSpare is DELETE /api/spares/{domain}: 204. What has been taken for it stays on
// its way.
func (s *Server) deleteSpare(w http.ResponseWriter, r *http.Request, who caller) error {
	name := r.PathValue("domain")
	if err := s.opt.Spares.RemoveSpare(r.Context(), name); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "spare domain removed", slog.String("domain", name), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// putSpareServersBody is what putSpareServers takes.
type putSpareServersBody struct {
	Servers []string `json:"servers"`
}

// putSpareServers is PUT /api/spare-servers: 204.
func (s *Server) putSpareServers(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putSpareServersBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	servers, err := parseNetworks("servers", in.Servers)
	if err != nil {
		return err
	}
	if err := s.opt.Spares.SetSpareServers(r.Context(), servers); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "spare servers set", slog.Any("servers", in.Servers), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
