package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/audit"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// notedChanges keeps changes in memory.
type notedChanges struct {
	mu   sync.Mutex
	list []audit.Entry
	fail error
}

func (n *notedChanges) Note(e audit.Entry) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail != nil {
		return n.fail
	}
	e.Number = uint64(len(n.list)) + 1
	n.list = append(n.list, e)
	return nil
}

func (n *notedChanges) Find(context.Context, audit.Query) ([]audit.Entry, uint64, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := slices.Clone(n.list)
	slices.Reverse(list)
	return list, 0, nil
}

// servedChanges are some.
func servedChanges(now time.Time) *notedChanges {
	n := new(notedChanges)
	for i, c := range [][3]string{
		{"POST /api/accounts", "/api/accounts", `{"address":"giulia.rossi@example.test","name":"Giulia Rossi","password":"(hidden)"}`},
		{"PUT /api/accounts/{address}/password", "/api/accounts/alice@example.test/password", `{"password":"(hidden)"}`},
		{"DELETE /api/accounts/{address}", "/api/accounts/dora.leka@example.test", ""},
		{"PUT /api/routes/{domain}", "/api/routes/partner.test", `{"way":"smarthost","host":"relay.provider.test","port":587,"user":"office","password":"(hidden)"}`},
	} {
		_ = n.Note(audit.Entry{At: now.Add(time.Duration(i-4) * time.Hour), Who: "admin@example.test", From: "192.168.1.31", What: c[0], On: c[1], Said: json.RawMessage(c[2])}) // it is in memory
	}
	return n
}

// TestAudit: what an administrator changes is noted before he is told, without secrets.
func TestAudit(t *testing.T) {
	t.Parallel()
	n := new(notedChanges)
	b := setUpBox(t, func(o *Options) { o.Audit = n })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one"), "Content-Type", "application/json"}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	b.want(b.do("GET", "/api/audit", ""), http.StatusUnauthorized, "")
	b.want(b.do("GET", "/api/audit", "", alice...), http.StatusForbidden, "")
	b.want(b.do("PUT", "/api/accounts/alice@example.test/password", `{"password":"a brand new secret"}`, admin...), http.StatusNoContent, "")
	b.want(b.do("PUT", "/api/accounts/nobody@example.test/password", `{"password":"a brand new secret"}`, admin...), http.StatusNotFound, "address")
	if len(n.list) != 1 {
		t.Fatalf("noted was %+v, want the one change that was made", n.list)
	}
	e := n.list[0]
	if e.Who != "admin@example.test" || e.What != "PUT /api/accounts/{address}/password" || e.On != "/api/accounts/alice@example.test/password" || e.From == "" || e.At.IsZero() {
		t.Errorf("noted was %+v", e)
	}
	if got := string(e.Said); got != `{"password":"(hidden)"}` {
		t.Errorf("noted was what was said as %s", got)
	}
	var answer struct{ Changes []audit.Entry }
	if err := json.Unmarshal(b.do("GET", "/api/audit", "", admin...).Body.Bytes(), &answer); err != nil || len(answer.Changes) != 1 {
		t.Errorf("the API tells %+v, %v", answer, err)
	}
	for path, field := range map[string]string{"/api/audit?before=x": "before", "/api/audit?limit=0": "limit", "/api/audit?limit=201": "limit"} {
		b.want(b.do("GET", path, "", admin...), http.StatusBadRequest, field)
	}
	n.fail = errors.New("no room")
	b.want(b.do("PUT", "/api/accounts/alice@example.test/password", `{"password":"another new secret"}`, admin...), http.StatusNoContent, "")
	if !strings.Contains(b.log.String(), "could not be noted") {
		t.Error("nobody is told of a change that could not be noted")
	}
}

func TestWithoutSecrets(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a":1,"Password":"x","in":[{"private_key":"y","b":[2]}],"token":{"x":1}}`: `{"Password":"(hidden)","a":1,"in":[{"b":[2],"private_key":"(hidden)"}],"token":"(hidden)"}`,
		`not json`: "", ``: "", `"text"`: `"text"`,
	} {
		if got := string(withoutSecrets([]byte(text))); got != want {
			t.Errorf("%s is noted as %s, want %s", text, got, want)
		}
	}
}

// TestAuditedRoutes: what goes its own way is noted all the same, and what is read of
// others' mail.
func TestAuditedRoutes(t *testing.T) {
	t.Parallel()
	n := new(notedChanges)
	l := &line{id: mail.ID{1, 2, 3}}
	b := setUpBox(t, func(o *Options) { o.Audit, o.Queue = n, l })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one"), "Content-Type", "application/json"}
	b.want(b.do("POST", "/api/accounts", `{"address":"new@example.test","name":"New","password":"a long new password"}`, admin...), http.StatusCreated, "")
	b.want(b.do("GET", "/api/accounts", "", admin...), http.StatusOK, "")
	b.want(b.do("GET", "/api/queue/"+l.id.String(), "", admin...), http.StatusOK, "")
	if answer := b.do("GET", "/api/queue/"+l.id.String()+"/message", "", admin...); answer.Code != http.StatusOK {
		t.Errorf("message: %d", answer.Code)
	}
	b.want(b.do("DELETE", "/api/accounts/new@example.test", "", admin...), http.StatusNoContent, "")
	var got []string
	for _, e := range n.list {
		got = append(got, e.What)
	}
	if want := []string{"POST /api/accounts", "GET /api/queue/{id}/message", "DELETE /api/accounts/{address}"}; !slices.Equal(got, want) {
		t.Errorf("noted was %q, want %q", got, want)
	}
}

// TestAuditedFailure: what the box could not do, or only a part, is noted as that.
func TestAuditedFailure(t *testing.T) {
	t.Parallel()
	n := new(notedChanges)
	b := setUpBox(t, func(o *Options) { o.Audit = n })
	for status, want := range map[int]int{http.StatusOK: 1, http.StatusNoContent: 1, http.StatusConflict: 0, http.StatusNotFound: 0, http.StatusInternalServerError: 1} {
		n.list = nil
		r := httptest.NewRequest("PUT", "/api/x", strings.NewReader(`{"current":"secret"}`))
		r.Header.Set("Content-Type", "application/json")
		w, r := b.audited(httptest.NewRecorder(), r, "ben@example.test")
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Fatal(err)
		}
		w.WriteHeader(status)
		_, _ = w.Write(nil) // once is enough
		if len(n.list) != want {
			t.Errorf("status %d: noted %d times, want %d", status, len(n.list), want)
		}
		if want == 1 && (n.list[0].Failed != (status >= 500) || string(n.list[0].Said) != `{"current":"(hidden)"}`) {
			t.Errorf("status %d: noted was %+v", status, n.list[0])
		}
	}
}
