package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sanduk-mail/sanduk/services/audit"
)

// Audit keeps who changed what.
type Audit interface {
	// Note adds a change; it is durable on return.
	Note(e audit.Entry) error
	// Find gives changes, the newest first, and the Before with which to go on; 0: there
	// are no more. It may find nothing though there are more.
	Find(ctx context.Context, q audit.Query) (found []audit.Entry, next uint64, err error)
}

// maxSaid is how much of what comes with a change is noted. What is longer is a file,
// mostly, and is left out.
const maxSaid = 16 << 10

// maxOn bounds the path and query that are noted. Neither ever has a secret in it.
const maxOn = 2 << 10

// hidden stands in place of a secret.
const hidden = "(hidden)"

// isSecret says whether what has this name may not be noted.
func isSecret(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"password", "secret", "token", "phrase", "key", "code", "current", "recovery"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// withoutSecrets is a JSON document to be noted; nil where there is none.
func withoutSecrets(text []byte) json.RawMessage {
	var v any
	if len(bytes.TrimSpace(text)) == 0 || json.Unmarshal(text, &v) != nil {
		return nil
	}
	shown, err := json.Marshal(hide(v))
	if err != nil {
		return nil
	}
	return shown
}

func hide(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if isSecret(name) {
				v[name] = hidden
			} else {
				v[name] = hide(inner)
			}
		}
	case []any:
		for i, inner := range v {
			v[i] = hide(inner)
		}
	case string:
		if strings.Contains(v, "PRIVATE KEY-----") { // it may stand with its certificate
			return hidden
		}
	}
	return v
}

// readsMail says whether a call gives somebody to read mail. Where it is others', that is
// noted like a change; a token that only looks may not do it.
func readsMail(pattern string) bool {
	switch pattern {
	case "GET /api/accounts/{address}/mail", "GET /api/me/mail", "GET /api/queue/{id}/message", "GET /api/held/{id}/message":
		return true
	}
	return strings.HasPrefix(pattern, "GET /api/accounts/{address}/undo/")
}

// audited has a change noted before it is answered, and what an administrator reads of
// others' mail.
func (s *Server) audited(w http.ResponseWriter, r *http.Request, who string) (http.ResponseWriter, *http.Request) {
	if s.opt.Audit == nil || r.Method == http.MethodHead || r.Method == http.MethodGet && !readsMail(r.Pattern) {
		return w, r
	}
	said := new(bytes.Buffer)
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		r = r.WithContext(r.Context())
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(r.Body, &atMost{said, maxSaid}), r.Body}
	}
	return &auditWriter{ResponseWriter: w, note: func(status int) {
		on := r.URL.RequestURI()
		e := audit.Entry{At: s.now().UTC(), Who: who, What: r.Pattern, On: on[:min(len(on), maxOn)], Failed: status >= http.StatusInternalServerError}
		if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			e.From = peer.Addr().Unmap().String()
		}
		if e.Said = withoutSecrets(said.Bytes()); said.Len() > maxSaid {
			e.Said = json.RawMessage(`"(longer than is noted)"`)
		}
		if err := s.opt.Audit.Note(e); err != nil {
			s.log.LogAttrs(r.Context(), slog.LevelError, "a change was made that could not be noted", slog.String("what", e.What), slog.String("on", e.On), slog.String("by", e.Who), slog.Any("err", err))
		}
	}}, r
}

// atMost takes one byte more than it is to have, and ignores the rest.
type atMost struct {
	to   *bytes.Buffer
	most int
}

func (a *atMost) Write(p []byte) (int, error) {
	a.to.Write(p[:min(len(p), max(0, a.most+1-a.to.Len()))])
	return len(p), nil
}

// auditWriter notes before the first byte of an answer that says that it was done, or that
// the box failed, perhaps half-way.
type auditWriter struct {
	http.ResponseWriter
	note    func(status int)
	written bool
}

func (w *auditWriter) WriteHeader(status int) {
	if !w.written && (status < http.StatusBadRequest || status >= http.StatusInternalServerError) {
		w.note(status)
	}
	w.written = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *auditWriter) Write(p []byte) (int, error) {
	if !w.written {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *auditWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// getAuditAnswer is what getAudit gives.
type getAuditAnswer struct {
	Changes []audit.Entry `json:"changes"`
	More    bool          `json:"more"`
	Next    uint64        `json:"next"` // the before of the next page
}

func (s *Server) getAudit(w http.ResponseWriter, r *http.Request, _ caller) (err error) {
	values := r.URL.Query()
	q := audit.Query{Text: values.Get("q"), Limit: 50}
	if text := values.Get("before"); text != "" {
		if q.Before, err = strconv.ParseUint(text, 10, 64); err != nil {
			return &Problem{Status: http.StatusBadRequest, Field: "before", Message: "This is the number of a change.", Cause: err}
		}
	}
	if text := values.Get("limit"); text != "" {
		if q.Limit, err = strconv.Atoi(text); err != nil || q.Limit < 1 || q.Limit > audit.MaxFound {
			return &Problem{Status: http.StatusBadRequest, Field: "limit", Message: fmt.Sprintf("The limit is a number from 1 to %d.", audit.MaxFound), Cause: err}
		}
	}
	found, next, err := s.opt.Audit.Find(r.Context(), q)
	if err != nil {
		return err
	}
	if found == nil {
		found = []audit.Entry{} // [], not null
	}
	s.reply(w, r, http.StatusOK, getAuditAnswer{found, next != 0, next})
	return nil
}
