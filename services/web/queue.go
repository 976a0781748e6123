package web

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Queue is the mail that waits for its way out. Errors: mail.ErrNotWaiting,
// mail.ErrSending, mail.ErrNothingToChange, mail.ErrHeldBack, mail.ErrUndecided.
type Queue interface {
	// Waiting lists messages in the order in which they came, and says whether there
	// are more.
	Waiting(ctx context.Context, filter mail.WaitingFilter) (list []mail.Waiting, more bool, err error)
	Counts(ctx context.Context) (mail.WaitingStats, error)
	Show(ctx context.Context, id mail.ID) (mail.Waiting, error)
	// Export writes a message as it goes out.
	Export(ctx context.Context, id mail.ID, w io.Writer) error
	Hold(ctx context.Context, id mail.ID) error
	Release(ctx context.Context, id mail.ID) error
	// Retry has a message tried at once; RetryAll all that waits for a Hop, or with ""
	// everything.
	Retry(ctx context.Context, id mail.ID) error
	RetryAll(ctx context.Context, hop mail.Hop) error
	// Drop takes a message out. Nobody is told.
	Drop(ctx context.Context, id mail.ID) error
	// Redirect sends what is for one address to another, at once.
	Redirect(ctx context.Context, id mail.ID, from, to mail.Address) error
}

// maxWaiting is how many messages one answer lists: some hundred KB.
const maxWaiting = 500

// getQueueAnswer is what getQueue gives.
type getQueueAnswer struct {
	Messages []mail.Waiting `json:"messages"`
	More     bool           `json:"more"`
}

// getQueue is GET /api/queue?held=true&hop=DOMAIN&address=TEXT&after=ID&limit=N: all
// are optional.
func (s *Server) getQueue(w http.ResponseWriter, r *http.Request, _ caller) (err error) {
	values := r.URL.Query()
	f := mail.WaitingFilter{Held: values.Get("held") == "true", Hop: mail.Hop(values.Get("hop")), Address: values.Get("address")}
	if text := values.Get("held"); text != "" && text != "true" && text != "false" {
		return &Problem{Status: http.StatusBadRequest, Field: "held", Message: "This is true or false."}
	}
	if text := values.Get("after"); text != "" {
		if f.After, err = mail.ParseID(text); err != nil {
			return &Problem{Status: http.StatusBadRequest, Field: "after", Message: "This is not the ID of a message.", Cause: err}
		}
	}
	if text := values.Get("limit"); text != "" {
		if f.Limit, err = strconv.Atoi(text); err != nil || f.Limit < 1 || f.Limit > maxWaiting {
			return &Problem{Status: http.StatusBadRequest, Field: "limit", Message: fmt.Sprintf("The limit is a number from 1 to %d.", maxWaiting)}
		}
	}
	list, more, err := s.opt.Queue.Waiting(r.Context(), f)
	if err != nil {
		return err
	}
	if list == nil {
		list = []mail.Waiting{} // [], not null
	}
	s.reply(w, r, http.StatusOK, getQueueAnswer{list, more})
	return nil
}

// getQueueStats is GET /api/queue/stats.
func (s *Server) getQueueStats(w http.ResponseWriter, r *http.Request, _ caller) error {
	counts, err := s.opt.Queue.Counts(r.Context())
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, counts)
	return nil
}

// waitingID is the message that a path names.
func waitingID(r *http.Request) (mail.ID, error) {
	id, err := mail.ParseID(r.PathValue("id"))
	if err != nil {
		return id, fmt.Errorf("%w: %w", mail.ErrNotWaiting, err)
	}
	return id, nil
}

// getWaiting is GET /api/queue/{id}, with all attempts.
func (s *Server) getWaiting(w http.ResponseWriter, r *http.Request, _ caller) error {
	id, err := waitingID(r)
	if err != nil {
		return err
	}
	shown, err := s.opt.Queue.Show(r.Context(), id)
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, shown)
	return nil
}

// getWaitingMessage is GET /api/queue/{id}/message: the message as it goes out.
func (s *Server) getWaitingMessage(w http.ResponseWriter, r *http.Request, who caller) error {
	id, err := waitingID(r)
	if err != nil {
		return err
	}
	shown, err := s.opt.Queue.Show(r.Context(), id)
	if err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "waiting message exported", slog.String("item", id.String()), slog.String("by", who.Address.String()))
	w.Header().Set("Content-Type", "message/rfc822")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.eml"`, id))
	w.Header().Set("Content-Length", strconv.FormatInt(shown.Size, 10))
	out := &patientWriter{w, &patience{control: http.NewResponseController(w), now: s.now}}
	if err := s.opt.Queue.Export(r.Context(), id, out); err != nil {
		s.log.LogAttrs(r.Context(), slog.LevelWarn, "export broke off", slog.String("item", id.String()), slog.Any("error", err))
		panic(http.ErrAbortHandler) // part of it may be out: only a connection that breaks says so
	}
	return nil
}

// alterWaiting does one thing to one message: 204.
func (s *Server) alterWaiting(what string, do func(Queue, context.Context, mail.ID) error) handler {
	return func(w http.ResponseWriter, r *http.Request, who caller) error {
		id, err := waitingID(r)
		if err != nil {
			return err
		}
		message := s.messageOf(r.Context(), id)
		if err := s.reachWaiting(r.Context(), &who, id, message); err != nil {
			return err
		}
		if err := do(s.opt.Queue, r.Context(), id); err != nil {
			return err
		}
		s.log.LogAttrs(r.Context(), slog.LevelInfo, "waiting message "+what, slog.Any("id", message), slog.String("item", id.String()), slog.String("by", who.Address.String()))
		s.reply(w, r, http.StatusNoContent, nil)
		return nil
	}
}

// reachWaiting lets a domain administrator reach what waits for a recipient whom the trace
// shows them. Of others they learn nothing, not even that they wait.
func (s *Server) reachWaiting(ctx context.Context, who *caller, item, message mail.ID) error {
	within := who.within()
	if !within.Limited {
		return nil
	}
	if message.IsZero() || s.opt.Trace == nil {
		return mail.ErrNotWaiting
	}
	t, err := s.opt.Trace.Steps(ctx, message, within)
	if err != nil {
		return err
	}
	for _, step := range t.Steps {
		if slices.Contains(step.Pairs, TracePair{"item", item.String()}) {
			return nil
		}
	}
	return mail.ErrNotWaiting
}

// messageOf is the ID under which a waiting message has come; zero: it waits no longer.
func (s *Server) messageOf(ctx context.Context, item mail.ID) (id mail.ID) {
	if shown, err := s.opt.Queue.Show(ctx, item); err == nil {
		id, _ = mail.ParseID(shown.Message) // zero of what is none
	}
	return id
}

// postRetryAllBody is what postRetryAll takes.
type postRetryAllBody struct {
	Hop string `json:"hop"`
}

// postRetryAll is POST /api/queue/retry {"hop": DOMAIN}: 204.
func (s *Server) postRetryAll(w http.ResponseWriter, r *http.Request, who caller) error {
	var in postRetryAllBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if err := s.opt.Queue.RetryAll(r.Context(), mail.Hop(in.Hop)); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "waiting mail is tried at once", slog.String("hop", in.Hop), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// postRedirectBody is what postRedirect takes.
type postRedirectBody struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// postRedirect is POST /api/queue/{id}/redirect {"from": ADDRESS, "to": ADDRESS}: 204.
func (s *Server) postRedirect(w http.ResponseWriter, r *http.Request, who caller) error {
	var in postRedirectBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	id, err := waitingID(r)
	if err != nil {
		return err
	}
	from, err := readMembers("from", []string{in.From})
	if err != nil {
		return err
	}
	to, err := readMembers("to", []string{in.To})
	if err != nil {
		return err
	}
	message := s.messageOf(r.Context(), id)
	if err := s.opt.Queue.Redirect(r.Context(), id, from[0].Address, to[0].Address); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "waiting message redirected", slog.Any("id", message), slog.String("item", id.String()), slog.String("instead", in.From), slog.String("to", in.To), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
