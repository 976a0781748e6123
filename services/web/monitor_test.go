package web

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/syslog"
)

// watchers is the least that the API can be tried on.
type watchers struct {
	set   Monitoring
	token string
}

func (m *watchers) Monitoring() Monitoring { return m.set }
func (m *watchers) SetSyslog(t *syslog.Target) error {
	if t != nil {
		if err := t.Check(); err != nil {
			return err
		}
	}
	m.set.Syslog = t
	return nil
}
func (m *watchers) SetLetters(on bool) error { m.set.Letters = on; return nil }
func (m *watchers) GiveMetrics() (string, error) {
	m.set.Metrics, m.token = true, "sanduk_x"
	return m.token, nil
}
func (m *watchers) EndMetrics() error               { m.set.Metrics, m.token = false, ""; return nil }
func (m *watchers) AllowsMetrics(token string) bool { return m.token != "" && token == m.token }
func (m *watchers) WriteMetrics(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "sanduk_x 1\n")
	return err
}
func (m *watchers) SupportFiles() []SupportFile { return []SupportFile{{"a.txt", "An a."}} }
func (m *watchers) WriteSupport(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "PK")
	return err
}

// TestMonitor: who watches over the box is set and shown, by administrators; figures are
// given for their token alone.
func TestMonitor(t *testing.T) {
	t.Parallel()
	m := &watchers{set: Monitoring{Sent: 3, LastSent: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}}
	b := setUpBox(t, func(o *Options) { o.Monitor = m })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for _, r := range [][2]string{{"GET", "/api/monitor"}, {"PUT", "/api/monitor/syslog"}, {"DELETE", "/api/monitor/syslog"}, {"PUT", "/api/monitor/letters"}, {"POST", "/api/monitor/metrics"}, {"DELETE", "/api/monitor/metrics"}, {"GET", "/api/support"}, {"GET", "/api/support/bundle.zip"}} {
		b.want(b.do(r[0], r[1], ""), http.StatusUnauthorized, "")
		b.want(b.do(r[0], r[1], "", alice...), http.StatusForbidden, "")
	}
	b.want(b.do("PUT", "/api/monitor/syslog", `{"transport":"tls","host":"logs.test"}`, admin...), http.StatusNoContent, "")
	b.want(b.do("PUT", "/api/monitor/syslog", `{"transport":"smoke","host":"logs.test"}`, admin...), http.StatusBadRequest, "transport")
	b.want(b.do("PUT", "/api/monitor/syslog", `{"transport":"tls","host":""}`, admin...), http.StatusBadRequest, "host")
	b.want(b.do("PUT", "/api/monitor/syslog", `{"transport":"tls","host":"x","ca":"y"}`, admin...), http.StatusBadRequest, "ca")
	b.want(b.do("PUT", "/api/monitor/letters", `{"on":true}`, admin...), http.StatusNoContent, "")
	b.want(b.do("PUT", "/api/monitor/letters", `{}`, admin...), http.StatusBadRequest, "on")

	bearer := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	b.want(b.do("GET", "/metrics", ""), http.StatusUnauthorized, "")
	b.want(b.do("GET", "/metrics", "", bearer("sanduk_x")...), http.StatusUnauthorized, "")
	b.want(b.do("GET", "/metrics", "", bearer("")...), http.StatusUnauthorized, "")
	b.want(b.do("POST", "/api/monitor/metrics", "", admin...), http.StatusCreated, "")
	b.want(b.do("GET", "/metrics", "", admin...), http.StatusUnauthorized, "")
	answer := b.do("GET", "/metrics", "", bearer("sanduk_x")...)
	if answer.Code != http.StatusOK || answer.Body.String() != "sanduk_x 1\n" || !strings.HasPrefix(answer.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("GET /metrics: %d %q %q", answer.Code, answer.Header().Get("Content-Type"), answer.Body)
	}
	if got, want := strings.TrimSpace(b.do("GET", "/api/monitor", "", admin...).Body.String()),
		`{"syslog":{"transport":"tls","host":"logs.test","port":0},"sent":3,"last_sent":"2026-11-23T00:00:00Z","metrics":true,"letters":true}`; got != want {
		t.Errorf("GET /api/monitor = %s; want %s", got, want)
	}
	b.want(b.do("DELETE", "/api/monitor/metrics", "", admin...), http.StatusNoContent, "")
	b.want(b.do("GET", "/metrics", "", bearer("sanduk_x")...), http.StatusUnauthorized, "")
	b.want(b.do("DELETE", "/api/monitor/syslog", "", admin...), http.StatusNoContent, "")
	if m.set.Syslog != nil {
		t.Error("the log still goes somewhere")
	}
	if got, want := strings.TrimSpace(b.do("GET", "/api/support", "", admin...).Body.String()), `{"files":[{"name":"a.txt","about":"An a."}]}`; got != want {
		t.Errorf("GET /api/support = %s; want %s", got, want)
	}
	answer = b.do("GET", "/api/support/bundle.zip", "", admin...)
	if answer.Code != http.StatusOK || answer.Body.String() != "PK" || !strings.Contains(answer.Header().Get("Content-Disposition"), "support-") {
		t.Errorf("the bundle: %d %v %q", answer.Code, answer.Header(), answer.Body)
	}
}
