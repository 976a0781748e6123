package web

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// fakeCollector has one source.
type fakeCollector struct{ asked []string }

func (f *fakeCollector) List() []collect.Status {
	return []collect.Status{{Protocol: "pop3", Host: "pop.provider.test", User: "office", Into: "office.test", Problem: "It is full", Collected: 3}}
}

func (f *fakeCollector) Now(user string) error {
	f.asked = append(f.asked, user)
	if user == "nobody" {
		return collect.ErrNoSource
	}
	return nil
}

func TestCollect(t *testing.T) {
	t.Parallel()
	f := &fakeCollector{}
	s := &Server{opt: Options{Collector: f}, log: slog.New(slog.DiscardHandler)}
	w := httptest.NewRecorder()
	if err := s.getCollect(w, httptest.NewRequest("GET", "/api/collect", nil), mail.Login{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"host":"pop.provider.test"`, `"problem":"It is full"`, `"collected":3`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the answer lacks %s: %s", want, w.Body)
		}
	}
	ask := func(body string) error {
		r := httptest.NewRequest("POST", "/api/collect", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		return s.postCollect(httptest.NewRecorder(), r, mail.Login{})
	}
	if err := ask(`{"user":"office"}`); err != nil || len(f.asked) != 1 || f.asked[0] != "office" {
		t.Errorf("asked for %q, %v", f.asked, err)
	}
	if err := ask(`{"user":"nobody"}`); err == nil || problem(err).Status != 404 {
		t.Errorf("an unknown user gives %v; want 404", err)
	}
}
