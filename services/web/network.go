package web

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Networking is the machine's network. What it refuses it says in a *mail.RuleError.
type Networking interface {
	Network(ctx context.Context) (Network, error)
	// TryNetwork takes settings for Network.Trial; those from before come back then, unless
	// KeepNetwork is called.
	TryNetwork(ctx context.Context, settings json.RawMessage) error
	KeepNetwork(ctx context.Context) error
}

// Network is how the machine's network is set.
type Network struct {
	Settings json.RawMessage // the set-up document's "network"
	Trial    time.Duration   // until the settings from before come back; 0: they are for good
	WentBack bool            // the last ones were not confirmed in time
}

// network are the paths of this file.
func (s *Server) network(mux *http.ServeMux) {
	if s.opt.Networking == nil {
		return
	}
	mux.HandleFunc("GET /api/network", s.admin(s.getNetwork))
	mux.HandleFunc("PUT /api/network", s.admin(s.putNetwork))
	mux.HandleFunc("POST /api/network/keep", s.admin(s.keepNetwork))
}

// getNetwork is GET /api/network.
func (s *Server) getNetwork(w http.ResponseWriter, r *http.Request, _ mail.Login) error {
	n, err := s.opt.Networking.Network(r.Context())
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, map[string]any{"network": n.Settings, "trial_seconds": int(n.Trial.Seconds()), "went_back": n.WentBack})
	return nil
}

// putNetwork is PUT /api/network: 202. The answer goes out before the address changes, or
// is lost with it: whoever asked finds the box at the new one.
func (s *Server) putNetwork(w http.ResponseWriter, r *http.Request, who mail.Login) error {
	var in struct {
		Network json.RawMessage `json:"network"`
	}
	if err := decodeUpTo(w, r, &in, maxContent); err != nil {
		return err
	}
	if len(in.Network) == 0 {
		return &Problem{Status: http.StatusBadRequest, Field: "network", Message: "The network settings are missing."}
	}
	if err := s.opt.Networking.TryNetwork(r.Context(), in.Network); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "network settings tried", slog.String("by", who.Address.String()))
	n, err := s.opt.Networking.Network(r.Context())
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusAccepted, map[string]any{"trial_seconds": int(n.Trial.Seconds())})
	return nil
}

// keepNetwork is POST /api/network/keep: 204.
func (s *Server) keepNetwork(w http.ResponseWriter, r *http.Request, who mail.Login) error {
	if err := s.opt.Networking.KeepNetwork(r.Context()); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "network settings confirmed", slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
