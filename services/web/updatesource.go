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

// getUpdateSourceAnswer is what getUpdateSource gives.
type getUpdateSourceAnswer struct {
	URL     string     `json:"url"` // "": nowhere
	Window  []string   `json:"window"`
	Asked   *time.Time `json:"asked,omitempty" etag:"-"`
	Waiting bool       `json:"waiting" etag:"-"` // an update waits for the window
	Problem string     `json:"problem,omitempty" etag:"-"`
}

// getUpdateSource is GET /api/update/source.
func (s *Server) getUpdateSource(w http.ResponseWriter, r *http.Request, _ caller) error {
	set, state := s.opt.UpdateSource.Settings()
	window := []string{}
	for _, p := range set.Window {
		window = append(window, p.String())
	}
	s.reply(w, r, http.StatusOK, getUpdateSourceAnswer{set.URL, window, moment(state.Asked), state.Waiting, state.Problem})
	return nil
}

// putUpdateSourceBody is what putUpdateSource takes.
type putUpdateSourceBody struct {
	URL    string   `json:"url"`
	Window []string `json:"window"`
}

// putUpdateSource is PUT /api/update/source {"url": …, "window": ["sun 02:00-04:00"]}: 204.
// Without an address nothing is fetched; without a window it is installed at any time.
func (s *Server) putUpdateSource(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putUpdateSourceBody
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
