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

// getSizesAnswer is what getSizes gives.
type getSizesAnswer struct {
	Sizes []sizeJSON `json:"sizes"`
	Most  int64      `json:"most"`
}

// getSizes is GET /api/sizes.
func (s *Server) getSizes(w http.ResponseWriter, r *http.Request, _ caller) error {
	list := []sizeJSON{}
	for _, b := range s.opt.Sizes.SizeBounds() {
		list = append(list, sizeJSON(b))
	}
	s.reply(w, r, http.StatusOK, getSizesAnswer{list, mail.MaxMessage})
	return nil
}

// putSize is PUT /api/sizes: 204.
func (s *Server) putSize(w http.ResponseWriter, r *http.Request, who caller) error {
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
func (s *Server) getReceived(w http.ResponseWriter, r *http.Request, _ caller) error {
	s.reply(w, r, http.StatusOK, receivedJSON{s.opt.Sizes.HidesClients()})
	return nil
}

// putReceived is PUT /api/received: 204.
func (s *Server) putReceived(w http.ResponseWriter, r *http.Request, who caller) error {
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
