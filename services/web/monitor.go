package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/monitor"
	"github.com/sanduk-mail/sanduk/services/syslog"
)

// Monitor is who watches over the box. Errors: those of syslog.Target.Check, or the
// box's own trouble.
type Monitor interface {
	Monitoring() Monitoring
	// SetSyslog says who gets the box's log; nil: nobody.
	SetSyslog(t *syslog.Target) error
	// SetLetters says whether administrators get letters about trouble.
	SetLetters(on bool) error
	// GiveMetrics has figures given for a new token, and for no other any more.
	GiveMetrics() (token string, err error)
	EndMetrics() error
	AllowsMetrics(token string) bool
	WriteMetrics(ctx context.Context, w io.Writer) error
	// SupportFiles lists what WriteSupport writes, a zip archive.
	SupportFiles() []SupportFile
	WriteSupport(ctx context.Context, w io.Writer) error
}

// Monitoring is what is set, and how passing the log on goes.
type Monitoring struct {
	Syslog   *syslog.Target // nil: nobody gets the log
	Sent     int            // messages since the start
	LastSent time.Time      // zero: none yet
	Problem  string         // why none get there now
	Metrics  bool           // figures are given for a token
	Letters  bool
}

// SupportFile is a file of a support bundle.
type SupportFile struct {
	Name  string `json:"name"`
	About string `json:"about"` // one sentence
}

// getMonitorAnswer is what getMonitor gives.
type getMonitorAnswer struct {
	Syslog   *syslog.Target `json:"syslog"` // null: nobody gets the log
	Sent     int            `json:"sent" etag:"-"`
	LastSent *time.Time     `json:"last_sent,omitempty" etag:"-"`
	Problem  string         `json:"problem,omitempty" etag:"-"`
	Metrics  bool           `json:"metrics"`
	Letters  bool           `json:"letters"`
}

// getMonitor is GET /api/monitor.
func (s *Server) getMonitor(w http.ResponseWriter, r *http.Request, _ caller) error {
	m := s.opt.Monitor.Monitoring()
	s.reply(w, r, http.StatusOK, getMonitorAnswer{m.Syslog, m.Sent, moment(m.LastSent), m.Problem, m.Metrics, m.Letters})
	return nil
}

// putSyslog is PUT /api/monitor/syslog with a syslog.Target: 204.
func (s *Server) putSyslog(w http.ResponseWriter, r *http.Request, who caller) error {
	var in syslog.Target
	if err := decode(w, r, &in); err != nil {
		return err
	}
	err := s.opt.Monitor.SetSyslog(&in)
	for field, known := range map[string]error{"transport": syslog.ErrTransport, "host": syslog.ErrHost, "ca": syslog.ErrCA} {
		if errors.Is(err, known) {
			return &Problem{Status: http.StatusBadRequest, Field: field, Message: sentence(known.Error()), Cause: err}
		}
	}
	if err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "collector of the log set", slog.String("at", in.Address()), slog.String("transport", string(in.Transport)), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// deleteSyslog is DELETE /api/monitor/syslog: 204.
func (s *Server) deleteSyslog(w http.ResponseWriter, r *http.Request, who caller) error {
	if err := s.opt.Monitor.SetSyslog(nil); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "the log goes to nobody", slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// putLettersBody is what putLetters takes.
type putLettersBody struct {
	On *bool `json:"on"`
}

// putLetters is PUT /api/monitor/letters {"on": true}: 204.
func (s *Server) putLetters(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putLettersBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if in.On == nil {
		return &Problem{Status: http.StatusBadRequest, Field: "on", Message: "Say whether letters are to be written: true or false."}
	}
	if err := s.opt.Monitor.SetLetters(*in.On); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "letters about trouble set", slog.Bool("on", *in.On), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// postMetricsAnswer is what postMetrics gives.
type postMetricsAnswer struct {
	Token string `json:"token"`
}

// postMetrics is POST /api/monitor/metrics: 201 and the token, shown this once.
func (s *Server) postMetrics(w http.ResponseWriter, r *http.Request, who caller) error {
	token, err := s.opt.Monitor.GiveMetrics()
	if err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "figures are given", slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusCreated, postMetricsAnswer{token})
	return nil
}

// deleteMetrics is DELETE /api/monitor/metrics: 204.
func (s *Server) deleteMetrics(w http.ResponseWriter, r *http.Request, who caller) error {
	if err := s.opt.Monitor.EndMetrics(); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "figures are not given any more", slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// getMetrics is GET /metrics, for the token of GiveMetrics, in the office's network.
// Whoever has another one learns not whether figures are given at all.
func (s *Server) getMetrics(w http.ResponseWriter, r *http.Request, _ caller) error {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || !s.opt.Monitor.AllowsMetrics(token) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		return &Problem{Status: http.StatusUnauthorized, Message: "Figures are given for their token only.", WhatToDo: "boxctl monitor metrics on makes one."}
	}
	var text bytes.Buffer
	if err := s.opt.Monitor.WriteMetrics(r.Context(), &text); err != nil {
		return err
	}
	w.Header().Set("Content-Type", monitor.MediaType)
	_, _ = w.Write(text.Bytes()) // who has gone misses them
	return nil
}

// getSupportAnswer is what getSupport gives.
type getSupportAnswer struct {
	Files []SupportFile `json:"files"`
}

// getSupport is GET /api/support: what a bundle would have.
func (s *Server) getSupport(w http.ResponseWriter, r *http.Request, _ caller) error {
	s.reply(w, r, http.StatusOK, getSupportAnswer{s.opt.Monitor.SupportFiles()})
	return nil
}

// maxBundle bounds what a bundle takes in memory while it is made; what it has is bounded
// far below, and compressed.
const maxBundle = 32 << 20

// getBundle is GET /api/support/bundle.zip. One is made at a time.
func (s *Server) getBundle(w http.ResponseWriter, r *http.Request, who caller) error {
	select {
	case s.bundling <- struct{}{}:
		defer func() { <-s.bundling }()
	default:
		return &Problem{Status: http.StatusConflict, Message: "Somebody else is making a bundle at this moment.", WhatToDo: "Try again in a minute."}
	}
	// In memory first: half a bundle could not be told from a whole one.
	text := bounded{most: maxBundle}
	if err := s.opt.Monitor.WriteSupport(r.Context(), &text); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "support bundle made", slog.Int("bytes", text.Len()), slog.String("by", who.Address.String()))
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="support-`+s.now().UTC().Format("2006-01-02-1504")+`.zip"`)
	_, _ = w.Write(text.Bytes()) // who has gone asks again
	return nil
}

// bounded is a buffer that takes so much.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.most {
		return 0, errors.New("web: the bundle is too large")
	}
	return b.Buffer.Write(p)
}
