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

// spares are the paths of this file.
func (s *Server) spares(mux *http.ServeMux) {
	if s.opt.Spares == nil {
		return
	}
	mux.HandleFunc("GET /api/spares", s.admin(s.getSpares))
	mux.HandleFunc("PUT /api/spares/{domain}", s.admin(s.putSpare))
	mux.HandleFunc("DELETE /api/spares/{domain}", s.admin(s.deleteSpare))
	mux.HandleFunc("PUT /api/spare-servers", s.admin(s.putSpareServers))
}

// getSpares is GET /api/spares.
func (s *Server) getSpares(w http.ResponseWriter, r *http.Request, _ mail.Login) error {
	all, err := s.opt.Spares.Spares(r.Context())
	if err != nil {
		return err
	}
	shown := make([]spareJSON, len(all))
	for i, d := range all {
		shown[i] = spareJSON{d.Domain, append([]string{}, d.Recipients...)}
	}
	s.reply(w, r, http.StatusOK, map[string]any{"spares": shown, "servers": networks(s.opt.Spares.SpareServers())})
	return nil
}

// putSpare is PUT /api/spares/{domain}: 204.
func (s *Server) putSpare(w http.ResponseWriter, r *http.Request, who mail.Login) error {
	var in struct {
		Recipients []string `json:"recipients"`
	}
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
func (s *Server) deleteSpare(w http.ResponseWriter, r *http.Request, who mail.Login) error {
	name := r.PathValue("domain")
	if err := s.opt.Spares.RemoveSpare(r.Context(), name); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "spare domain removed", slog.String("domain", name), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// putSpareServers is PUT /api/spare-servers: 204.
func (s *Server) putSpareServers(w http.ResponseWriter, r *http.Request, who mail.Login) error {
	var in struct {
		Servers []string `json:"servers"`
	}
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
