package web

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// contentPolicy lets a page load what the box itself serves and nothing else:
// no inline script or style, no frame around it, no form to elsewhere, and no
// text that could become script (trusted types).
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// guard puts around a handler what every request goes through, outermost first.
func (s *Server) guard(h http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, &Problem{Status: http.StatusForbidden, Message: "Another site tried to change something on the box.",
			WhatToDo: "Open the box's own page and do it there."})
	}))
	return s.observe(headers(s.onlyLocal(s.onlyOurNames(cross.Handler(h)))))
}

// observe logs each request, without its query or body, and turns a panic into
// a 500 and a log line.
func (s *Server) observe(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.now()
		seen := &statusWriter{ResponseWriter: w}
		defer func() {
			fault := recover()
			if fault == http.ErrAbortHandler { // no fault: net/http's way to break a connection off
				defer panic(fault)
			} else if fault != nil {
				s.panics.Add(1)
				s.log.LogAttrs(r.Context(), slog.LevelError, "request panicked",
					slog.String("path", r.URL.Path), slog.Any("panic", fault), slog.String("stack", string(debug.Stack())))
				if seen.status == 0 {
					s.fail(seen, r, &Problem{Status: http.StatusInternalServerError, Message: "The box has met a fault of its own making. Nothing was changed.",
						WhatToDo: "Try again. The box's log says more."})
				}
			}
			level := slog.LevelInfo
			if r.Method == http.MethodGet && seen.status < http.StatusBadRequest {
				level = slog.LevelDebug
			}
			s.log.LogAttrs(r.Context(), level, "request", slog.String("method", r.Method), slog.String("path", r.URL.Path),
				slog.Int("status", seen.status), slog.Int64("bytes", seen.bytes), slog.Duration("took", s.now().Sub(began)),
				slog.String("peer", r.RemoteAddr))
		}()
		h.ServeHTTP(seen, r)
	})
}

// statusWriter remembers what was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func headers(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, pair := range [...][2]string{
			{"Content-Security-Policy", contentPolicy},
			{"Referrer-Policy", "no-referrer"},
			{"X-Content-Type-Options", "nosniff"},
			{"X-Frame-Options", "DENY"},
			{"Cross-Origin-Opener-Policy", "same-origin"},
			{"Cross-Origin-Resource-Policy", "same-origin"},
			{"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
			{"Cache-Control", "no-store"},
		} {
			w.Header().Set(pair[0], pair[1])
		}
		h.ServeHTTP(w, r)
	})
}

// onlyLocal refuses addresses that are not the office's.
func (s *Server) onlyLocal(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if peer := addrOf(r.RemoteAddr); !peer.IsValid() || !s.opt.Local(peer) {
			s.log.LogAttrs(r.Context(), slog.LevelInfo, "request from outside the office refused", slog.String("peer", r.RemoteAddr))
			s.explain(w, r, &Problem{Status: http.StatusForbidden, Message: "These pages are only for the office's own network.",
				WhatToDo: "Open them from a computer in the office."})
			return
		}
		h.ServeHTTP(w, r)
	})
}

// onlyOurNames refuses requests for a name that isn't the box's: see the
// package comment on DNS rebinding.
func (s *Server) onlyOurNames(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host := hostOf(r.Host); !isIP(host) && !s.isOurName(r, host) {
			s.explain(w, r, &Problem{Status: http.StatusMisdirectedRequest, Message: "The box doesn't answer to this name.",
				WhatToDo: "Open it by one of the addresses on its screen."})
			return
		}
		h.ServeHTTP(w, r)
	})
}

func (s *Server) isOurName(r *http.Request, host string) bool {
	if slices.Contains(s.opt.Names, host) {
		return true
	}
	state, err := s.state(r.Context())
	if err != nil || !state.SetUp {
		return false
	}
	// The two names that mail programs try by themselves, and the bare domain,
	// which they ask for /.well-known/autoconfig.
	for _, prefix := range [...]string{"", "autoconfig.", "autodiscover."} {
		bare, found := strings.CutPrefix(host, prefix)
		name, err := domain.Canonical(bare)
		if found && err == nil && (prefix == "" && name == state.Hostname || slices.Contains(state.Domains, name)) {
			return true
		}
	}
	return false
}

// explain answers with a problem: as JSON to programs, as plain text to people
// who typed an address.
func (s *Server) explain(w http.ResponseWriter, r *http.Request, p *Problem) {
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		s.fail(w, r, p)
		return
	}
	http.Error(w, p.Message+"\n→ "+p.WhatToDo, p.Status)
}

// hostOf is the name or address of a Host field, lower case, without its port,
// brackets, or the dot of a fully qualified name.
func hostOf(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

func portOf(host string) string {
	_, port, _ := net.SplitHostPort(host)
	return port
}

// isIP takes no zone: what stands behind its "%" is any text, and would go into
// the links and redirections that carry the host on.
func isIP(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Zone() == ""
}

// login tells who a request comes from: a bearer token, or a session's cookie.
func (s *Server) login(r *http.Request) (caller, error) {
	if text, ok := credential(r, "Bearer"); ok {
		return s.tokenLogin(r.Context(), text, addrOf(r.RemoteAddr))
	}
	cookie := cookieOf(r)
	id, ok := s.sessions.find(cookie, addrOf(r.RemoteAddr))
	if !ok {
		return caller{}, problemSignedOut()
	}
	// What the account may do is asked for each time, so that a session doesn't
	// outlive it, by whatever way the account was ended.
	account, err := s.opt.Accounts.Account(r.Context(), id)
	if errors.Is(err, mail.ErrNoAccount) {
		s.sessions.end(cookie)
		return caller{}, &Problem{Status: http.StatusUnauthorized, Message: "This account has been removed.", WhatToDo: "Ask the person who runs the box.", Cause: err}
	}
	if err != nil {
		return caller{}, err
	}
	if account.Disabled {
		s.sessions.end(cookie)
		return caller{}, problemSignedOut()
	}
	return callerOf(account), nil
}

func problemSignedOut() *Problem {
	return &Problem{Status: http.StatusUnauthorized, Message: "You are not signed in, or were away for too long.", WhatToDo: "Sign in."}
}

// handle is for what is no call of the API, and for everybody.
func (s *Server) handle(h func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

// credential reads "Authorization: SCHEME text" (RFC 9110 §11.4).
func credential(r *http.Request, scheme string) (string, bool) {
	got, text, found := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(text), found && strings.EqualFold(got, scheme)
}

// extend gives a request that rightly takes long its own deadline.
func extend(w http.ResponseWriter, until time.Time) {
	// Not supported by a test's recorder: then there is no deadline either.
	_ = http.NewResponseController(w).SetWriteDeadline(until)
}
