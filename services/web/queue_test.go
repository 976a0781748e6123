package web

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// line is the least that the API can be tried on: one message waits.
type line struct {
	id   mail.ID
	done []string
	seen mail.WaitingFilter
	// message gives what other items are of.
	message map[mail.ID]mail.ID
}

func (l *line) Waiting(_ context.Context, f mail.WaitingFilter) ([]mail.Waiting, bool, error) {
	l.seen = f
	return nil, true, nil
}
func (l *line) Counts(context.Context) (mail.WaitingStats, error) {
	return mail.WaitingStats{Messages: 1}, nil
}
func (l *line) Show(_ context.Context, id mail.ID) (mail.Waiting, error) {
	if message, known := l.message[id]; known {
		return mail.Waiting{ID: id.String(), Message: message.String()}, nil
	}
	return mail.Waiting{ID: id.String(), Size: 5}, l.do("show", id)
}
func (l *line) Export(_ context.Context, id mail.ID, w io.Writer) error {
	if _, err := io.WriteString(w, "hello"); err != nil {
		return err
	}
	return l.do("export", id)
}
func (l *line) Hold(_ context.Context, id mail.ID) error    { return l.do("hold", id) }
func (l *line) Release(_ context.Context, id mail.ID) error { return mail.ErrNothingToChange }
func (l *line) Retry(_ context.Context, id mail.ID) error   { return mail.ErrSending }
func (l *line) Drop(_ context.Context, id mail.ID) error    { return l.do("drop", id) }
func (l *line) RetryAll(_ context.Context, hop mail.Hop) error {
	l.done = append(l.done, "retry "+string(hop))
	return nil
}
func (l *line) Redirect(_ context.Context, id mail.ID, from, to mail.Address) error {
	return l.do("redirect "+from.String()+" "+to.String(), id)
}
func (l *line) do(what string, id mail.ID) error {
	if id != l.id {
		return mail.ErrNotWaiting
	}
	l.done = append(l.done, what)
	return nil
}

// TestQueue: everything of the waiting mail, for administrators only.
func TestQueue(t *testing.T) {
	t.Parallel()
	l := &line{id: mail.ID{1, 2, 3}}
	b := setUpBox(t, func(o *Options) { o.Queue = l })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	one, other := "/api/queue/"+l.id.String(), "/api/queue/"+mail.ID{9}.String()
	for _, c := range []struct {
		method, path, body string
		status             int
		field              string
	}{
		{"GET", "/api/queue", "", http.StatusOK, ""},
		{"GET", "/api/queue?held=true&hop=far.test&address=bob&limit=7&after=" + l.id.String(), "", http.StatusOK, ""},
		{"GET", "/api/queue?held=perhaps", "", http.StatusBadRequest, "held"},
		{"GET", "/api/queue?limit=501", "", http.StatusBadRequest, "limit"},
		{"GET", "/api/queue?limit=-1", "", http.StatusBadRequest, "limit"},
		{"GET", "/api/queue?after=x", "", http.StatusBadRequest, "after"},
		{"GET", "/api/queue/stats", "", http.StatusOK, ""},
		{"GET", one, "", http.StatusOK, ""},
		{"GET", other, "", http.StatusNotFound, ""},
		{"GET", "/api/queue/x", "", http.StatusNotFound, ""},
		{"GET", other + "/message", "", http.StatusNotFound, ""},
		{"POST", one + "/hold", "{}", http.StatusNoContent, ""},
		{"POST", one + "/release", "{}", http.StatusConflict, ""},
		{"POST", one + "/retry", "{}", http.StatusConflict, ""},
		{"POST", one + "/redirect", `{"from":"b@far.test","to":"c@else.test"}`, http.StatusNoContent, ""},
		{"POST", one + "/redirect", `{"from":"b@far.test","to":"c"}`, http.StatusBadRequest, "to"},
		{"POST", "/api/queue/retry", `{"hop":"far.test"}`, http.StatusNoContent, ""},
		{"POST", "/api/queue/retry", `{"hop":7}`, http.StatusBadRequest, "hop"},
		{"DELETE", one, "", http.StatusNoContent, ""},
		{"DELETE", other, "", http.StatusNotFound, ""},
	} {
		b.want(b.do(c.method, c.path, c.body), http.StatusUnauthorized, "")
		b.want(b.do(c.method, c.path, c.body, alice...), http.StatusForbidden, "")
		b.want(b.do(c.method, c.path, c.body, admin...), c.status, c.field)
	}
	if want := (mail.WaitingFilter{Held: true, Hop: "far.test", Address: "bob", After: l.id, Limit: 7}); l.seen != want {
		t.Errorf("filter %+v, want %+v", l.seen, want)
	}
	if answer := b.do("GET", one+"/message", "", admin...); answer.Code != http.StatusOK || answer.Body.String() != "hello" {
		t.Errorf("message: %d %q", answer.Code, answer.Body)
	}
	want := []string{"show", "show", "hold", "show", "show", "show", "redirect b@far.test c@else.test", "retry far.test", "show", "drop", "show", "export"}
	if got := l.done; len(got) != len(want) {
		t.Fatalf("done %q, want %q", got, want)
	}
	for i := range want {
		if l.done[i] != want[i] {
			t.Errorf("done %q, want %q", l.done, want)
		}
	}
}
