package web

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/sanduk-mail/sanduk/services/feed"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// UpdateSource is where updates come from by themselves. Errors: *mail.RuleError, or the
// box's own trouble.
type UpdateSource interface {
	Settings() (feed.Settings, feed.State)
	Set(s feed.Settings) error
}

// updateSource are the paths of this file.
func (s *Server) updateSource(mux *http.ServeMux) {
	if s.opt.UpdateSource == nil {
		return
	}
	mux.HandleFunc("GET /api/update/source", s.admin(s.getUpdateSource))
	mux.HandleFunc("PUT /api/update/source", s.admin(s.putUpdateSource))
}

// getUpdateSource is GET /api/update/source.
func (s *Server) getUpdateSource(w http.ResponseWriter, r *http.Request, _ mail.Login) error {
	set, state := s.opt.UpdateSource.Settings()
	window := []string{}
	for _, p := range set.Window {
		window = append(window, p.String())
	}
	s.reply(w, r, http.StatusOK, struct {
		URL     string     `json:"url"` // "": nowhere
		Window  []string   `json:"window"`
		Asked   *time.Time `json:"asked,omitempty"`
		Waiting bool       `json:"waiting"` // an update waits for the window
		Problem string     `json:"problem,omitempty"`
	}{set.URL, window, moment(state.Asked), state.Waiting, state.Problem})
	return nil
}

// putUpdateSource is PUT /api/update/source {"url": …, "window": ["sun 02:00-04:00"]}: 204.
// Without an address nothing is fetched; without a window it is installed at any time.
func (s *Server) putUpdateSource(w http.ResponseWriter, r *http.Request, who mail.Login) error {
	var in struct {
		URL    string   `json:"url"`
		Window []string `json:"window"`
	}
	if err := decode(w, r, &in); err != nil {
		return err
	}
	set := feed.Settings{URL: in.URL}
	for _, text := range in.Window {
		p, err := mail.ParsePeriod(text)
		if err != nil {
			return err
		}
		set.Window = append(set.Window, p)
	}
	if err := s.opt.UpdateSource.Set(set); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "source of updates set", slog.String("url", in.URL), slog.Any("window", in.Window), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
