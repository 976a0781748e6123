package web

import (
	"context"
	"net/http"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Health is how the box's mail is.
type Health struct {
	Findings []mail.Finding // what is wrong, the worst first
	Notes    []string       // what somebody should know who looks for trouble, and is as it was set
	// LastRead is when all mail had last been read to find damage, NextRead when
	// that begins again; zero: not yet, and: it is going on.
	LastRead, NextRead time.Time
	// Bytes: of the log's files, of these what nobody could ask for, what was given
	// back so far, and what is free on the disk.
	LogBytes, DeadBytes, FreedBytes, FreeBytes int64
}

// Doctor says how the mail is. It waits for nothing.
type Doctor interface {
	Health(ctx context.Context) Health
}

// finding is a mail.Finding as the API shows it.
type finding struct {
	What string `json:"what"`
	ToDo string `json:"what_to_do,omitempty"`
}

// health is GET /api/health.
type health struct {
	OK         bool       `json:"ok"`
	Findings   []finding  `json:"findings"`
	Notes      []string   `json:"notes,omitempty"`
	LastRead   *time.Time `json:"last_read,omitempty"`
	NextRead   *time.Time `json:"next_read,omitempty"`
	LogBytes   int64      `json:"log_bytes"`
	DeadBytes  int64      `json:"dead_bytes"`
	FreedBytes int64      `json:"freed_bytes"`
	FreeBytes  int64      `json:"free_bytes"`
}

// getHealth is GET /api/health, for administrators: subjects of people's mail stand
// in it.
func (s *Server) getHealth(w http.ResponseWriter, r *http.Request, _ caller) error {
	if s.opt.Health == nil {
		return &Problem{Status: http.StatusNotFound, Message: "This box doesn't say how its mail is."}
	}
	h := s.opt.Health.Health(r.Context())
	out := health{
		OK: len(h.Findings) == 0, Findings: make([]finding, 0, len(h.Findings)), Notes: h.Notes, LastRead: moment(h.LastRead), NextRead: moment(h.NextRead),
		LogBytes: h.LogBytes, DeadBytes: h.DeadBytes, FreedBytes: h.FreedBytes, FreeBytes: h.FreeBytes,
	}
	for _, f := range h.Findings {
		out.Findings = append(out.Findings, finding(f))
	}
	s.reply(w, r, http.StatusOK, out)
	return nil
}

// moment leaves out a time that is not known.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
