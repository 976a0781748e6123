package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/feed"
	"github.com/sanduk-mail/sanduk/services/mail"
)

type oneSource struct{ set feed.Settings }

func (o *oneSource) Settings() (feed.Settings, feed.State) {
	return o.set, feed.State{Waiting: true, Problem: "It is silent."}
}

func (o *oneSource) Set(s feed.Settings) error {
	if strings.HasPrefix(s.URL, "http:") {
		return &mail.RuleError{Field: "url", Text: "Not so"}
	}
	o.set = s
	return nil
}

// TestUpdateSource: administrators say where updates come from, and when.
func TestUpdateSource(t *testing.T) {
	t.Parallel()
	o := &oneSource{}
	b := setUpBox(t, func(opt *Options) { opt.UpdateSource = o })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for _, method := range []string{"GET", "PUT"} {
		b.want(b.do(method, "/api/update/source", ""), http.StatusUnauthorized, "")
		b.want(b.do(method, "/api/update/source", "", alice...), http.StatusForbidden, "")
	}
	b.want(b.do("PUT", "/api/update/source", `{"url":"https://x.test/a.update","window":["sun 02:00-04:00"]}`, admin...), http.StatusNoContent, "")
	b.want(b.do("PUT", "/api/update/source", `{"url":"http://x.test/"}`, admin...), http.StatusBadRequest, "url")
	if code := b.do("PUT", "/api/update/source", `{"url":"https://x.test/","window":["at night"]}`, admin...).Code; code != http.StatusBadRequest {
		t.Errorf("a window that is none: %d, want 400", code)
	}
	if got, want := strings.TrimSpace(b.do("GET", "/api/update/source", "", admin...).Body.String()),
		`{"url":"https://x.test/a.update","window":["sun 02:00-04:00"],"waiting":true,"problem":"It is silent."}`; got != want {
		t.Errorf("GET = %s; want %s", got, want)
	}
}
