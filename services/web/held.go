package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Held is a message that waits for an administrator's decision.
type Held struct {
	ID     mail.ID
	From   mail.Address
	To     []mail.Address
	At     time.Time
	Size   int64
	Why    string
	Inside bool // somebody of the office has sent it
}

// Decisions is mail that waits for an administrator. Errors: mail.ErrNotWaiting, a
// *mail.RuleError, or the box's own trouble.
type Decisions interface {
	// Held lists it, the oldest first, from behind a message on (zero: from the
	// first), and says whether there is more.
	Held(ctx context.Context, after mail.ID) (list []Held, more bool, err error)
	// Release lets a message go on its way.
	Release(ctx context.Context, id mail.ID) error
	// Drop ends it.
	Drop(ctx context.Context, id mail.ID) error
	// Export writes it as it came.
	Export(ctx context.Context, id mail.ID, w io.Writer) error
}

type heldJSON struct {
	ID     string    `json:"id"`
	From   string    `json:"from"`
	To     []string  `json:"to"`
	At     time.Time `json:"at"`
	Size   int64     `json:"size"`
	Why    string    `json:"why"`
	Inside bool      `json:"inside"`
}

// getHeldAnswer is what getHeld gives.
type getHeldAnswer struct {
	Held []heldJSON `json:"held"`
	More bool       `json:"more"`
}

// getHeld is GET /api/held?after=ID.
func (s *Server) getHeld(w http.ResponseWriter, r *http.Request, _ caller) error {
	var after mail.ID
	if text := r.FormValue("after"); text != "" {
		var err error
		if after, err = mail.ParseID(text); err != nil {
			return mail.ErrNotWaiting
		}
	}
	list, more, err := s.opt.Decisions.Held(r.Context(), after)
	if err != nil {
		return err
	}
	shown := make([]heldJSON, len(list))
	for i, h := range list {
		shown[i] = heldJSON{ID: h.ID.String(), From: h.From.String(), To: make([]string, len(h.To)), At: h.At, Size: h.Size, Why: h.Why, Inside: h.Inside}
		for j, to := range h.To {
			shown[i].To[j] = to.String()
		}
	}
	s.reply(w, r, http.StatusOK, getHeldAnswer{shown, more})
	return nil
}

// getHeldMessage is GET /api/held/{id}/message: the message as it came. Who reads it
// stands in the log.
func (s *Server) getHeldMessage(w http.ResponseWriter, r *http.Request, who caller) error {
	id, err := mail.ParseID(r.PathValue("id"))
	if err != nil {
		return mail.ErrNotWaiting
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "held message read", slog.String("id", id.String()), slog.String("by", who.Address.String()))
	out := &headed{w: w}
	err = s.opt.Decisions.Export(r.Context(), id, &patientWriter{out, &patience{control: http.NewResponseController(w), now: s.now}})
	if err != nil && out.begun {
		panic(http.ErrAbortHandler) // only a connection that breaks says that it is not all
	}
	return err
}

// headed says what comes before the first byte of it.
type headed struct {
	w     http.ResponseWriter
	begun bool
}

func (h *headed) Write(p []byte) (int, error) {
	if !h.begun {
		h.begun = true
		h.w.Header().Set("Content-Type", "message/rfc822")
		h.w.Header().Set("Content-Disposition", `attachment; filename="held.eml"`)
	}
	return h.w.Write(p)
}

// decide is POST /api/held/{id}/release and DELETE /api/held/{id}: 204.
func (s *Server) decide(what string, do func(Decisions, context.Context, mail.ID) error) handler {
	return func(w http.ResponseWriter, r *http.Request, who caller) error {
		id, err := mail.ParseID(r.PathValue("id"))
		if err != nil {
			return mail.ErrNotWaiting
		}
		if err := do(s.opt.Decisions, r.Context(), id); err != nil {
			return err
		}
		s.log.LogAttrs(r.Context(), slog.LevelInfo, "held message "+what, slog.Any("id", id), slog.String("by", who.Address.String()))
		s.reply(w, r, http.StatusNoContent, nil)
		return nil
	}
}
