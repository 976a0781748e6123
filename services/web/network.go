package web

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"
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

// getNetworkAnswer is what getNetwork gives.
type getNetworkAnswer struct {
	Network      json.RawMessage `json:"network"`
	TrialSeconds int             `json:"trial_seconds" etag:"-"`
	WentBack     bool            `json:"went_back" etag:"-"`
}

// getNetwork is GET /api/network.
func (s *Server) getNetwork(w http.ResponseWriter, r *http.Request, _ caller) error {
	n, err := s.opt.Networking.Network(r.Context())
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, getNetworkAnswer{n.Settings, int(n.Trial.Seconds()), n.WentBack})
	return nil
}

// putNetworkBody is what putNetwork takes.
type putNetworkBody struct {
	Network json.RawMessage `json:"network"`
}

// putNetworkAnswer is what putNetwork gives.
type putNetworkAnswer struct {
	TrialSeconds int `json:"trial_seconds"`
}

// putNetwork is PUT /api/network: 202. The answer goes out before the address changes, or
// is lost with it: whoever asked finds the box at the new one.
func (s *Server) putNetwork(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putNetworkBody
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
	s.reply(w, r, http.StatusAccepted, putNetworkAnswer{int(n.Trial.Seconds())})
	return nil
}

// keepNetwork is POST /api/network/keep: 204.
func (s *Server) keepNetwork(w http.ResponseWriter, r *http.Request, who caller) error {
	if err := s.opt.Networking.KeepNetwork(r.Context()); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "network settings confirmed", slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
