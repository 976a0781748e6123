package web

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Sizes are the largest messages of people and domains, and what Received says of the
// office's devices. Errors: mail.ErrNoAccount, mail.ErrNoDomain, a *mail.RuleError, or the
// box's own trouble.
type Sizes interface {
	SizeBounds() []mail.SizeBound
	SetSizeBound(ctx context.Context, b mail.SizeBound) error
	HidesClients() bool
	SetHideClients(ctx context.Context, hide bool) error
}

type sizeJSON struct {
	Who   string `json:"who"` // an address, or a domain
	Bytes int64  `json:"bytes"`
}

// sizes are the paths of this file.
func (s *Server) sizes(mux *http.ServeMux) {
	if s.opt.Sizes == nil {
		return
	}
	mux.HandleFunc("GET /api/sizes", s.admin(s.getSizes))
	mux.HandleFunc("PUT /api/sizes", s.admin(s.putSize))
	mux.HandleFunc("GET /api/received", s.admin(s.getReceived))
	mux.HandleFunc("PUT /api/received", s.admin(s.putReceived))
}

// getSizes is GET /api/sizes.
func (s *Server) getSizes(w http.ResponseWriter, r *http.Request, _ mail.Login) error {
	list := []sizeJSON{}
	for _, b := range s.opt.Sizes.SizeBounds() {
		list = append(list, sizeJSON(b))
	}
	s.reply(w, r, http.StatusOK, map[string]any{"sizes": list, "most": mail.MaxMessage})
	return nil
}

// putSize is PUT /api/sizes: 204.
func (s *Server) putSize(w http.ResponseWriter, r *http.Request, who mail.Login) error {
	var in sizeJSON
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if err := s.opt.Sizes.SetSizeBound(r.Context(), mail.SizeBound(in)); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "largest message set", slog.String("of", in.Who), slog.Int64("bytes", in.Bytes), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

type receivedJSON struct {
	HideClients bool `json:"hide_clients"`
}

// getReceived is GET /api/received.
func (s *Server) getReceived(w http.ResponseWriter, r *http.Request, _ mail.Login) error {
	s.reply(w, r, http.StatusOK, receivedJSON{s.opt.Sizes.HidesClients()})
	return nil
}

// putReceived is PUT /api/received: 204.
func (s *Server) putReceived(w http.ResponseWriter, r *http.Request, who mail.Login) error {
	var in receivedJSON
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if err := s.opt.Sizes.SetHideClients(r.Context(), in.HideClients); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "trace set", slog.Bool("hide_clients", in.HideClients), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
