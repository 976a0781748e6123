package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// seen is which calls of the API the tests have made with success.
var seen struct {
	sync.Mutex
	calls map[string]bool
}

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" && flag.Lookup("test.list").Value.String() == "" && flag.Lookup("test.fuzz").Value.String() == "" {
		if missing := notSeen(); len(missing) > 0 {
			fmt.Printf("no test of this package has made these calls with success, so nothing shows that they are as described:\n  %s\n", strings.Join(missing, "\n  "))
			code = 1
		}
	}
	os.Exit(code)
}

func notSeen() (missing []string) {
	s := &Server{}
	for _, a := range s.api() {
		for _, c := range a.calls {
			if !seen.calls[c.path()] {
				missing = append(missing, c.path())
			}
		}
	}
	return missing
}

// describe makes the calls of a server ready to be looked up.
func describe(s *Server) map[string]call {
	all := map[string]call{}
	for _, a := range s.api() {
		for _, c := range a.calls {
			all[c.path()] = c
		}
	}
	return all
}

// asDescribed checks that a call that was made took and gave what the API's description
// says: every test that makes a call proves it.
func (b *box) asDescribed(r *http.Request, body string, w *httptest.ResponseRecorder) {
	c, ok := b.calls[r.Pattern]
	if _, fuzzed := b.t.(*testing.F); !ok || fuzzed {
		return
	}
	b.t.Helper()
	got := w.Body.Bytes()
	if w.Code >= 400 {
		if err := strictly(got, &Problem{}); err != nil {
			b.t.Errorf("%s: a problem that is none: %v in %s", r.Pattern, err, got)
		}
		return
	}
	for name := range r.URL.Query() {
		if !slices.Contains(c.parameters(), name) {
			b.t.Errorf("%s took the parameter %q, which isn't described", r.Pattern, name)
		}
	}
	if in, isMedia := c.in.(media); c.in == nil && body != "" && body != "{}" {
		b.t.Errorf("%s took a body, and none is described", r.Pattern)
	} else if c.in != nil && (!isMedia || in == "application/json") {
		into := any(&map[string]any{})
		if !isMedia {
			into = reflect.New(reflect.TypeOf(c.in)).Interface()
		}
		if err := strictly([]byte(body), into); err != nil {
			b.t.Errorf("%s took a body that isn't as described: %v in %s", r.Pattern, err, body)
		}
	}
	switch out := c.out.(type) {
	case nil:
		if len(got) > 0 {
			b.t.Errorf("%s gives a body, and none is described: %s", r.Pattern, got)
		}
	case media:
		if kind := w.Header().Get("Content-Type"); out != "application/octet-stream" && !strings.HasPrefix(kind, string(out)) {
			b.t.Errorf("%s gives %s; described is %s", r.Pattern, kind, out)
		}
	default:
		if len(got) == 0 && w.Code == http.StatusNoContent {
			break
		}
		if err := strictly(got, reflect.New(reflect.TypeOf(out)).Interface()); err != nil {
			b.t.Errorf("%s gives what isn't described: %v in %s", r.Pattern, err, got)
		}
	}
	saw(r.Pattern)
}

func saw(path string) {
	seen.Lock()
	defer seen.Unlock()
	if seen.calls == nil {
		seen.calls = map[string]bool{}
	}
	seen.calls[path] = true
}

// strictly reads a JSON document that has nothing that into hasn't.
func strictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something stands behind it")
	}
	return nil
}

// sameJSON says whether two documents say the same.
func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

// TestWhoMayWhat: what each role may is written here once more, by hand, so that nobody
// gives something away by a slip in the table.
func TestWhoMayWhat(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	open := []string{"GET /api/status", "GET /api/openapi.json", "GET /api/connect", "GET /api/connect/qr.svg", "POST /api/session", "DELETE /api/session", "POST /api/password-link", "POST /api/password-reset",
		"POST /api/session/passkey/challenge", "POST /api/session/passkey", "GET /metrics"}
	traces := []string{"GET /api/trace", "GET /api/trace/{id}", "POST /api/queue/{id}/retry"} // the help desk, and of their domains who looks after some
	helps := []string{"GET /api/queue", "GET /api/queue/stats", "GET /api/queue/{id}", "GET /api/health", "GET /api/tally",
		"GET /api/accounts/{address}/verdicts/{mailbox}/{uid}"}
	looksAfter := []string{"GET /api/accounts", "GET /api/people.csv", "POST /api/accounts", "PATCH /api/accounts/{address}", "DELETE /api/accounts/{address}", "PUT /api/accounts/{address}/password",
		"POST /api/accounts/{address}/password-link", "GET /api/accounts/{address}/limits", "PATCH /api/accounts/{address}/limits", "DELETE /api/accounts/{address}/second-factor",
		"GET /api/accounts/{address}/app-passwords", "DELETE /api/accounts/{address}/app-passwords", "GET /api/accounts/{address}/passkeys", "DELETE /api/accounts/{address}/passkeys",
		"GET /api/accounts/{address}/devices", "GET /api/accounts/{address}/rules", "PATCH /api/accounts/{address}/rules", "GET /api/aliases", "PUT /api/aliases/{address}", "DELETE /api/aliases/{address}",
		"GET /api/groups", "PUT /api/groups/{address}", "DELETE /api/groups/{address}", "GET /api/domains",
		"POST /api/accounts/{address}/undo/messages"}
	owns := []string{"PUT /api/accounts/{address}/role", "POST /api/factory-reset", "POST /api/encryption/phrase", "PUT /api/encryption/phrase"}
	roles := []mail.AccountRole{mail.RoleUser, mail.RoleHelpDesk, mail.RoleDomainAdmin, mail.RoleAdmin, mail.RoleOwner}
	may := func(path string, role mail.AccountRole) bool {
		switch _, at, _ := strings.Cut(path, " "); {
		case slices.Contains(open, path), strings.HasPrefix(at, "/api/me/"), at == "/api/session", at == "/api/session/confirm", at == "/api/shares", at == "/api/jobs/{id}", at == "/api/events":
			return true
		case slices.Contains(owns, path):
			return role == mail.RoleOwner
		case slices.Contains(traces, path):
			return role != mail.RoleUser
		case slices.Contains(helps, path):
			return role == mail.RoleHelpDesk || role == mail.RoleAdmin || role == mail.RoleOwner
		case slices.Contains(looksAfter, path):
			return role == mail.RoleDomainAdmin || role == mail.RoleAdmin || role == mail.RoleOwner
		}
		return role == mail.RoleAdmin || role == mail.RoleOwner
	}
	alice := &b.office.accounts[1]
	for _, role := range roles {
		alice.Role, alice.Domains = role, []string{"example.test"}
		cookie := b.signIn("alice@example.test", "her long password")
		for _, a := range b.api() {
			for _, c := range a.calls {
				if c.need == forCoded {
					continue
				}
				reached := false
				c.handle = func(w http.ResponseWriter, _ *http.Request, _ caller) error {
					reached = true
					return nil
				}
				for signedIn, want := range map[bool]bool{false: slices.Contains(open, c.path()), true: may(c.path(), role)} {
					r := httptest.NewRequest("POST", "/", strings.NewReader("{}"))
					r.RemoteAddr, reached = lan, false
					if signedIn {
						r.Header.Set("Cookie", cookie)
					}
					w := httptest.NewRecorder()
					if b.serve(a.name, c)(w, r); reached != want {
						t.Errorf("%s by %q, signed in %v: let in %v (%d %s); want %v", c.path(), role, signedIn, reached, w.Code, w.Body, want)
					}
				}
			}
		}
	}
}

// TestSure: what nobody may do from a browser that was left open wants the password once
// more, and then not for a while; a script with a token isn't asked.
func TestSure(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	set := func(status int, field string, who ...string) {
		t.Helper()
		b.want(b.do("PUT", "/api/accounts/alice@example.test/password", `{"password":"another long one"}`, who...), status, field)
	}
	set(http.StatusNoContent, "", admin...)
	token, _ := b.want(b.do("POST", "/api/tokens", `{"name":"script"}`, admin...), http.StatusCreated, "")["token"].(string)
	*b.clock = b.clock.Add(sureFor)
	set(http.StatusForbidden, unsure, admin...)
	set(http.StatusNoContent, "", "Authorization", "Bearer "+token)
	b.want(b.do("POST", "/api/session/confirm", `{"password":"wrong"}`, admin...), http.StatusForbidden, "password")
	set(http.StatusForbidden, unsure, admin...)
	b.want(b.do("POST", "/api/session/confirm", `{"password":"a long enough one"}`, admin...), http.StatusNoContent, "")
	set(http.StatusNoContent, "", admin...)
	b.want(b.do("POST", "/api/session/confirm", `{"password":"a long enough one"}`), http.StatusUnauthorized, "")
}

// TestRole: only an owner says who has which role; who has one can't be overtaken by who has
// no higher one; and a domain administrator sees and changes those of their domains alone.
func TestRole(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	boss := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	add := func(address string) []string {
		t.Helper()
		a, err := mail.ParseAddress(address)
		if err != nil || b.office.add(a, "", "a long one of theirs", mail.RoleUser) != nil {
			t.Fatal(address, err)
		}
		return []string{"Cookie", b.signIn(address, "a long one of theirs")}
	}
	second, third, other := add("second@example.test"), add("third@example.test"), add("other@b.test")
	role := func(address, body string, status int, field string, who []string) {
		t.Helper()
		b.want(b.do("PUT", "/api/accounts/"+address+"/role", body, who...), status, field)
	}
	role("second@example.test", `{"role":"admin","domains":[]}`, 204, "", boss)
	role("third@example.test", `{"role":"admin","domains":[]}`, 204, "", boss)
	role("third@example.test", `{"role":"owner","domains":[]}`, 403, "", second)
	role("third@example.test", `{"role":"king","domains":[]}`, 400, "role", boss)
	role("admin@example.test", `{"role":"","domains":[]}`, 409, "role", boss)
	for _, c := range [][3]string{
		{"PUT", "/password", `{"password":"another long one"}`}, {"POST", "/password-link", ""}, {"DELETE", "", ""}, {"PATCH", "", `{"disabled":true}`},
	} {
		for _, above := range []string{"third@example.test", "admin@example.test"} {
			b.want(b.do(c[0], "/api/accounts/"+above+c[1], c[2], second...), 403, "address")
		}
	}
	b.want(b.do("PUT", "/api/accounts/third@example.test/password", `{"password":"another long one"}`, boss...), 204, "")
	b.want(b.do("GET", "/api/session", "", third...), 401, "") // their sessions have ended with it

	role("other@b.test", `{"role":"domain","domains":["b.test"]}`, 204, "", boss)
	got := b.want(b.do("GET", "/api/session", "", other...), 200, "")
	if !reflect.DeepEqual(got["may"], []any{"trace", "people"}) || got["role"] != "domain" || got["admin"] != false {
		t.Errorf("a domain administrator: %v", got)
	}
	if all := b.want(b.do("GET", "/api/accounts", "", other...), 200, "")["accounts"].([]any); len(all) != 1 {
		t.Errorf("a domain administrator sees %v", all)
	}
	b.want(b.do("PATCH", "/api/accounts/alice@example.test", `{"quota_bytes":1}`, other...), 403, "address")
	b.want(b.do("PATCH", "/api/accounts/nobody@example.test", `{"quota_bytes":1}`, other...), 403, "address")
	b.want(b.do("PATCH", "/api/accounts/nobody@b.test", `{"quota_bytes":1}`, other...), 404, "address")
	b.want(b.do("POST", "/api/accounts", `{"address":"x@example.test","name":"","password":"another long one"}`, other...), 403, "address")
	b.want(b.do("PATCH", "/api/accounts/other@b.test", `{"quota_bytes":1}`, other...), 200, "")
}

// TestScopes: a token does what its scopes have, and makes none that does more.
func TestScopes(t *testing.T) {
	t.Parallel()
	b := setUpBox(t, func(o *Options) { o.Audit = &notedChanges{} })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	token := func(scopes string) []string {
		t.Helper()
		text, _ := b.want(b.do("POST", "/api/tokens", `{"name":"script","scopes":`+scopes+`}`, admin...), 201, "")["token"].(string)
		return []string{"Authorization", "Bearer " + text}
	}
	b.want(b.do("POST", "/api/tokens", `{"name":"script","scopes":["everything"]}`, admin...), 400, "scopes")
	all, reads, people, peopleRead := token(`[]`), token(`["all:read"]`), token(`["people"]`), token(`["people:read"]`)
	for _, c := range []struct {
		who    []string
		method string
		path   string
		body   string
		status int
	}{
		{all, "GET", "/api/audit", "", 200}, {reads, "GET", "/api/audit", "", 200}, {people, "GET", "/api/audit", "", 403}, {peopleRead, "GET", "/api/audit", "", 403},
		{all, "PATCH", "/api/accounts/alice@example.test", `{"quota_bytes":1}`, 200}, {people, "PATCH", "/api/accounts/alice@example.test", `{"quota_bytes":1}`, 200},
		{reads, "PATCH", "/api/accounts/alice@example.test", `{"quota_bytes":1}`, 403}, {peopleRead, "PATCH", "/api/accounts/alice@example.test", `{"quota_bytes":1}`, 403},
		{peopleRead, "GET", "/api/accounts", "", 200}, {reads, "GET", "/api/accounts/alice@example.test/mail", "", 403},
		{reads, "POST", "/api/tokens", `{"name":"more","scopes":[]}`, 403}, {all, "POST", "/api/tokens", `{"name":"more","scopes":["people"]}`, 201},
	} {
		field := "token"
		if c.status < 400 {
			field = ""
		}
		b.want(b.do(c.method, c.path, c.body, c.who...), c.status, field)
	}
	box := token(`["box"]`)
	b.want(b.do("POST", "/api/tokens", `{"name":"more","scopes":["people"]}`, box...), 403, "scopes")
	b.want(b.do("POST", "/api/tokens", `{"name":"more","scopes":[]}`, box...), 403, "scopes")
	b.want(b.do("POST", "/api/tokens", `{"name":"as much","scopes":["box"]}`, box...), 201, "")
}

// TestOpenAPI: the description that is served is the file of the repository, which tells
// whoever writes a program what the next version changes.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	text, err := json.MarshalIndent(b.describeAPI("1"), "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	const file = "openapi.json"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := os.ReadFile(file); err != nil || !bytes.Equal(kept, text) {
		t.Errorf("%s isn't what the table says (%v): UPDATE_GOLDEN=1 go test -run OpenAPI ./services/web", file, err)
	}
	served := b.do("GET", "/api/openapi.json", "").Body.Bytes()
	var d openAPI
	if err := json.Unmarshal(served, &d); err != nil {
		t.Fatal(err)
	}
	operations := map[string]bool{}
	for path, methods := range d.Paths {
		for method, o := range methods {
			if operations[o.OperationID] || o.Summary == "" || !strings.HasSuffix(o.Summary, ".") {
				t.Errorf("%s %s: operationId %q, summary %q", method, path, o.OperationID, o.Summary)
			}
			operations[o.OperationID] = true
		}
	}
	if len(operations) != len(b.calls) {
		t.Errorf("%d calls are described; there are %d", len(operations), len(b.calls))
	}
	for name, s := range d.Components.Schemas {
		if s["properties"] == nil {
			t.Errorf("schema %s has no fields", name)
		}
	}
}
