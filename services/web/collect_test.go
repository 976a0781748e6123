package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// fakeCollector has one source.
type fakeCollector struct {
	key   collect.SourceKey
	asked []string
}

func (f *fakeCollector) List() []collect.Status {
	return []collect.Status{{Key: f.key, Protocol: "pop3", Host: "pop.provider.test", User: "office", Into: "office.test", Problem: "It is full", Collected: 3}}
}

func (f *fakeCollector) Now(user string) error {
	f.asked = append(f.asked, user)
	if user == "nobody" {
		return collect.ErrNoSource
	}
	return nil
}

func (f *fakeCollector) Try(_ context.Context, s collect.Source) collect.Trial {
	if s.Password != "secret" {
		return collect.Trial{Problem: "It does not take the password"}
	}
	return collect.Trial{Messages: 3, New: 2, Folders: []string{"INBOX"}}
}

// fakeSources keeps settings in a list.
type fakeSources struct{ list []setup.Collection }

func (f *fakeSources) Collections() []setup.Collection { return f.list }

func (f *fakeSources) ParseCollection(_ context.Context, document []byte, password string) (setup.Collection, error) {
	return setup.ParseCollection(document, password, []domain.Name{"office.test", "example.test"}, func(mail.Address) bool { return true })
}

func (f *fakeSources) SetCollection(ctx context.Context, c setup.Collection) error {
	_ = f.RemoveCollection(ctx, c.Protocol, c.Host, c.User)
	f.list = append(f.list, c)
	return nil
}

func (f *fakeSources) RemoveCollection(_ context.Context, protocol setup.Protocol, host, user string) error {
	f.list = slices.DeleteFunc(f.list, func(c setup.Collection) bool { return c.Protocol == protocol && c.Host == host && c.User == user })
	return nil
}

// TestSources: mailboxes at providers are added, changed, tried out, paused and
// removed; passwords are shown to nobody and go to no other server.
func TestSources(t *testing.T) {
	t.Parallel()
	f := &fakeSources{}
	s := &Server{opt: Options{Collector: &fakeCollector{}, Sources: f}, log: slog.New(slog.DiscardHandler)}
	ask := func(handler func(http.ResponseWriter, *http.Request, caller) error, id, body string) (string, error) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.SetPathValue("id", id)
		w := httptest.NewRecorder()
		err := handler(w, r, caller{})
		return w.Body.String(), err
	}
	const box = `"protocol": "imap", "host": "imap.provider.test", "user": "me", "into": "alice@office.test"`
	if _, err := ask(s.postSource, "", "{"+box+"}"); err == nil || problem(err).Field != "password" {
		t.Errorf("without a password: %v; want to be told that it is missing", err)
	}
	text, err := ask(s.postSource, "", "{"+box+`, "password": "secret", "leave": "forever"}`)
	if err != nil || strings.Contains(text, "secret") || !strings.Contains(text, `"leave":"forever"`) || len(f.list) != 1 {
		t.Fatalf("added: %s, %v", text, err)
	}
	id := keyOf(f.list[0]).String()
	if _, err := ask(s.postSource, "", "{"+box+`, "password": "secret"}`); err == nil || problem(err).Status != 409 {
		t.Errorf("twice: %v; want 409", err)
	}
	// The source is shown paused at once, also while its worker has not heard of it.
	s.opt.Collector = &fakeCollector{key: keyOf(f.list[0])}
	text, err = ask(s.putSource, id, "{"+box+`, "paused": true}`)
	if n := strings.Count(text, `"paused":true`); n != 2 {
		t.Errorf("paused %d times in %s; want 2", n, text)
	}
	if err != nil || f.list[0].Password != "secret" || !f.list[0].Paused || f.list[0].Leave != setup.UsualLeave {
		t.Errorf("changed: %+v, %v", f.list, err)
	}
	if _, err := ask(s.putSource, id, strings.Replace("{"+box+"}", "imap.provider", "imap.thief", 1)); err == nil {
		t.Error("the password goes to another server")
	}
	for body, want := range map[string]string{"{" + box + "}": `"works":true`, "{" + box + `, "password": "wrong"}`: "does not take the password"} {
		if text, err := ask(s.postTry, "", body); err != nil || !strings.Contains(text, want) {
			t.Errorf("tried out: %s, %v; want %s", text, err, want)
		}
	}
	if _, err := ask(s.deleteSource, id, ""); err != nil || len(f.list) != 0 {
		t.Errorf("removed: %v, %d left", err, len(f.list))
	}
	if _, err := ask(s.deleteSource, id, ""); err == nil || problem(err).Status != 404 {
		t.Errorf("removed again: %v; want 404", err)
	}
}

func TestCollect(t *testing.T) {
	t.Parallel()
	f := &fakeCollector{}
	s := &Server{opt: Options{Collector: f}, log: slog.New(slog.DiscardHandler)}
	w := httptest.NewRecorder()
	if err := s.getCollect(w, httptest.NewRequest("GET", "/api/collect", nil), caller{}); err != nil {
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
		return s.postCollect(httptest.NewRecorder(), r, caller{})
	}
	if err := ask(`{"user":"office"}`); err != nil || len(f.asked) != 1 || f.asked[0] != "office" {
		t.Errorf("asked for %q, %v", f.asked, err)
	}
	if err := ask(`{"user":"nobody"}`); err == nil || problem(err).Status != 404 {
		t.Errorf("an unknown user gives %v; want 404", err)
	}
}
