package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

func TestBeforeSetUpEverythingLeadsToIt(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	for _, path := range []string{"/", "/admin", "/admin/people", "/me", "/mail", "/connect", "/nowhere"} {
		w := b.do("GET", path, "")
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/setup" {
			t.Errorf("GET %s = %d to %q; want 303 to /setup", path, w.Code, w.Header().Get("Location"))
		}
	}
	for _, path := range []string{"/setup", "/setup/people"} {
		if w := b.do("GET", path, ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "app") {
			t.Errorf("GET %s = %d; want the app", path, w.Code)
		}
	}
	b.want(b.do("POST", "/api/session", `{"address":"a@b.test","password":"x"}`), http.StatusUnauthorized, "password")
	got := b.want(b.do("GET", "/api/status", ""), http.StatusOK, "")
	if got["set_up"] != false || got["version"] != "1.2.3" || len(got["certificate"].(string)) != 95 || len(got["urls"].([]any)) != 3 {
		t.Errorf("status %v", got)
	}
}

func TestSetUp(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	right := []string{"Authorization", "Claim " + b.claim.String()}
	b.want(b.do("POST", "/api/setup", documentJSON), http.StatusForbidden, "code")
	b.want(b.do("POST", "/api/setup", documentJSON, "Authorization", "Claim olive-olive-olive-1000"), http.StatusForbidden, "code")
	b.want(b.do("POST", "/api/setup/check", "", "Authorization", "Claim olive-olive-olive-1000"), http.StatusForbidden, "code")
	b.want(b.do("POST", "/api/setup/check", "", right...), http.StatusNoContent, "")
	b.want(b.do("POST", "/api/setup", "{", right...), http.StatusBadRequest, "")
	b.want(b.do("POST", "/api/setup", `{}`, right...), http.StatusBadRequest, "hostname")
	b.want(b.do("POST", "/api/setup", strings.Replace(documentJSON, "alice@", "refused@", 1), right...), http.StatusBadRequest, "accounts[0].address")
	b.want(b.do("POST", "/api/setup", `"`+strings.Repeat("a", maxSetup)+`"`, right...), http.StatusRequestEntityTooLarge, "")
	b.want(b.do("POST", "/api/setup", documentJSON, append(right, "Content-Type", "text/plain")...), http.StatusUnsupportedMediaType, "")
	if b.office.state.SetUp {
		t.Fatal("the box is set up by a document that was refused")
	}
	b.want(b.do("POST", "/api/setup", documentJSON, right...), http.StatusOK, "")
	b.want(b.do("POST", "/api/setup", documentJSON, right...), http.StatusConflict, "")
	b.want(b.do("POST", "/api/setup/check", "", right...), http.StatusConflict, "")
	if got := b.want(b.do("GET", "/api/status", ""), http.StatusOK, ""); got["set_up"] != true || got["hostname"] != "mail.example.test" {
		t.Errorf("status after the set-up: %v", got)
	}
	if strings.Contains(b.log.String(), b.claim.String()) || strings.Contains(b.log.String(), "a long enough one") {
		t.Error("a secret is in the log")
	}
}

func TestWrongCodesAreSlowedDown(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	limited := 0
	for range 20 {
		if w := b.do("POST", "/api/setup/check", "", "Authorization", "Claim no-no-no-1000"); w.Code == http.StatusTooManyRequests {
			limited++
			if w.Header().Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		}
	}
	if limited < 10 {
		t.Errorf("%d of 20 wrong codes were held back; want most", limited)
	}
}

func TestWhoGetsIn(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	for _, test := range []struct {
		header []string
		status int
	}{
		{nil, 200},
		{[]string{"From", "203.0.113.9:4000"}, 403},
		{[]string{"From", "[::ffff:203.0.113.9]:4000"}, 403},
		{[]string{"From", "[::ffff:192.168.1.9]:4000"}, 200},
		{[]string{"Host", "mailbox.local"}, 200},
		{[]string{"Host", "mail.example.test:2443"}, 200},
		{[]string{"Host", "MAIL.Example.Test."}, 200},
		{[]string{"Host", "autoconfig.example.test"}, 200},
		{[]string{"Host", "127.0.0.1:2443"}, 200},
		{[]string{"Host", "[fd00::20]"}, 200},
		{[]string{"Host", "fd00::20"}, 200},
		{[]string{"Host", "[fe80::1%evil.test]"}, 421},
		{[]string{"Host", "evil.test"}, 421},
		{[]string{"Host", "localhost"}, 421},
		{[]string{"Host", "192.168.1.20.evil.test"}, 421},
		{[]string{"Host", ""}, 421},
	} {
		if w := b.do("GET", "/api/status", "", test.header...); w.Code != test.status {
			t.Errorf("%v: %d; want %d", test.header, w.Code, test.status)
		}
	}
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.test"}, {"Origin", "null"}} {
		w := b.do("POST", "/api/session", `{"address":"admin@example.test","password":"a long enough one"}`, header...)
		b.want(w, http.StatusForbidden, "")
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	for _, path := range []string{"/", "/api/status", "/assets/a.js", "/nowhere", "/api/nowhere", "/ca.crt"} {
		w := b.do("GET", path, "")
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: CSP %q", path, csp)
		}
		for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Strict-Transport-Security": ""} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q; want %q", path, name, got, want)
			}
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	w := b.do("GET", "/assets/a.js", "", "Accept-Encoding", "gzip, br")
	if w.Body.String() != "packed" || w.Header().Get("Content-Encoding") != "br" || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("packed asset: %q %v", w.Body, w.Header())
	}
	for _, accept := range []string{"", "gzip", "br;q=0", "br; q=0.0", "brx"} {
		if w := b.do("GET", "/assets/a.js", "", "Accept-Encoding", accept); w.Body.String() != "script" || w.Header().Get("Content-Encoding") != "" {
			t.Errorf("Accept-Encoding %q: %q", accept, w.Body)
		}
	}
	if w := b.do("GET", "/", "", "If-None-Match", b.do("GET", "/", "").Header().Get("ETag")); w.Code != http.StatusNotModified {
		t.Errorf("page again: %d; want 304", w.Code)
	}
	b.want(b.do("GET", "/assets/../../secret", ""), http.StatusTemporaryRedirect, "") // ServeMux cleans the path
	b.want(b.do("GET", "/assets/none.js", ""), http.StatusNotFound, "")
	if w := b.do("GET", "/nowhere", ""); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "app") {
		t.Errorf("unknown page: %d; want 404 with the app", w.Code)
	}
	embeddedBox := newBox(t, func(o *Options) { o.Pages = nil })
	if w := embeddedBox.do("GET", "/setup", ""); w.Code != http.StatusOK {
		t.Errorf("embedded pages: %d; want 200, built or not", w.Code)
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	b.want(b.do("GET", "/api/session", ""), http.StatusUnauthorized, "")
	b.want(b.do("POST", "/api/session", `{"address":"admin@example.test","password":"wrong"}`), http.StatusUnauthorized, "password")
	b.want(b.do("POST", "/api/session", `{"address":"admin@example.test","password":"x","more":1}`), http.StatusBadRequest, "more")
	b.want(b.do("POST", "/api/session", `{"address":"admin@example.test","password":7}`), http.StatusBadRequest, "password")
	for body, field := range map[string]string{
		`{} {}`: "", `[]`: "", `null`: "", `"x"`: "", `{"address":`: "", "{\"password\":\"\xff\"}": "", strings.Repeat(`{"a":`, 3000): "",
		`{"address":"a@example.test","password":"x","password":"y"}`: "password",
		`{"address":"a@example.test","Password":"x"}`:                "Password",
		`{"address":null,"password":"x"}`:                            "address",
	} {
		b.want(b.do("POST", "/api/session", body), http.StatusBadRequest, field)
	}
	cookie := b.signIn("admin@example.test", "a long enough one")
	get := func(c string) int { return b.do("GET", "/api/session", "", "Cookie", c).Code }
	if got := get(cookie); got != 200 {
		t.Fatalf("session: %d; want 200", got)
	}
	*b.clock = b.clock.Add(sessionIdle - time.Second)
	if got := get(cookie); got != 200 {
		t.Errorf("used again in time: %d; want 200", got)
	}
	*b.clock = b.clock.Add(sessionIdle)
	if got := get(cookie); got != 401 {
		t.Errorf("after %s: %d; want 401", sessionIdle, got)
	}
	cookie = b.signIn("admin@example.test", "a long enough one")
	for range sessionLife / (30 * time.Minute) {
		*b.clock = b.clock.Add(30 * time.Minute)
		get(cookie)
	}
	if got := get(cookie); got != 401 {
		t.Errorf("after %s: %d; want 401", sessionLife, got)
	}
	cookie = b.signIn("admin@example.test", "a long enough one")
	b.want(b.do("DELETE", "/api/session", "", "Cookie", cookie), http.StatusNoContent, "")
	if got := get(cookie); got != 401 {
		t.Errorf("signed out: %d; want 401", got)
	}
	var first string
	for i := range maxAccountSessions + 1 {
		*b.clock = b.clock.Add(time.Second)
		c := b.signIn("admin@example.test", "a long enough one")
		if i == 0 {
			first = c
		}
	}
	if got := get(first); got != 401 || len(b.sessions.m) > maxAccountSessions {
		t.Errorf("oldest of %d sessions: %d, %d kept; want 401", maxAccountSessions+1, got, len(b.sessions.m))
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for _, r := range [][3]string{
		{"GET", "/api/accounts", ""}, {"POST", "/api/accounts", "{}"}, {"PUT", "/api/accounts/a@example.test/password", "{}"},
		{"DELETE", "/api/accounts/alice@example.test", ""}, {"POST", "/api/tokens", "{}"}, {"GET", "/api/tokens", ""}, {"DELETE", "/api/tokens/0", ""}, {"PATCH", "/api/accounts/alice@example.test", "{}"},
	} {
		b.want(b.do(r[0], r[1], r[2]), http.StatusUnauthorized, "")
		b.want(b.do(r[0], r[1], r[2], alice...), http.StatusForbidden, "")
	}
	post := func(body string, status int, field string) {
		t.Helper()
		b.want(b.do("POST", "/api/accounts", body, admin...), status, field)
	}
	post(`{"address":"bob@example.test","name":"Bob","password":"long and new one"}`, 201, "")
	post(`{"address":"BOB@example.test","name":"Bob","password":"long and new one"}`, 409, "address")
	post(`{"address":"bob@other.test","name":"Bob","password":"long and new one"}`, 400, "address")
	post(`{"address":"bob","name":"Bob","password":"long and new one"}`, 400, "address")
	post(`{"address":"eve@example.test","name":"E\r\nBcc: x","password":"long and new one"}`, 400, "name")
	post(`{"address":"eve@example.test","name":"Eve","password":"short"}`, 400, "password")
	post(`{"address":"eve@example.test","admin":true}`, 400, "admin")
	got := b.want(b.do("GET", "/api/accounts", "", admin...), 200, "")["accounts"].([]any)
	if len(got) != 3 || got[2].(map[string]any)["address"] != "bob@example.test" {
		t.Errorf("accounts %v; want admin, alice, bob", got)
	}

	b.want(b.do("PUT", "/api/accounts/alice@example.test/password", `{"password":"another long one"}`, admin...), 204, "")
	b.want(b.do("GET", "/api/session", "", alice...), 401, "")
	b.want(b.do("PUT", "/api/accounts/admin@example.test/password", `{"password":"another long one"}`, admin...), 409, "")
	b.want(b.do("PUT", "/api/accounts/nobody@example.test/password", `{"password":"another long one"}`, admin...), 404, "address")
	alice = []string{"Cookie", b.signIn("alice@example.test", "another long one")}
	b.want(b.do("PUT", "/api/me/password", `{"current":"wrong","password":"yet another one"}`, alice...), 403, "current")
	b.want(b.do("PUT", "/api/me/password", `{"current":"another long one","password":"yet another one"}`, alice...), 204, "")
	b.want(b.do("GET", "/api/session", "", alice...), 200, "")

	b.want(b.do("DELETE", "/api/accounts/admin@example.test", "", admin...), 409, "address")
	b.want(b.do("DELETE", "/api/accounts/Alice%40example.test", "", admin...), 204, "")
	b.want(b.do("GET", "/api/session", "", alice...), 401, "")
	b.want(b.do("DELETE", "/api/accounts/alice@example.test", "", admin...), 404, "address")
	for _, secret := range []string{"her long password", "another long one", "a long enough one"} {
		if strings.Contains(b.log.String(), secret) {
			t.Errorf("the log holds a password")
		}
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	patch := func(address, body string, status int, field string) map[string]any {
		t.Helper()
		return b.want(b.do("PATCH", "/api/accounts/"+address, body, admin...), status, field)
	}
	patch("alice@example.test", `{"quota_bytes":5000000000}`, 200, "")
	got := patch("alice@example.test", `{"quota_messages":10}`, 200, "")
	if got["quota_bytes"] != 5e9 || got["quota_messages"] != 10.0 || got["used_bytes"] != 4000.0 || got["used_messages"] != 3.0 {
		t.Errorf("PATCH answers %v", got)
	}
	all := b.want(b.do("GET", "/api/accounts", "", admin...), 200, "")["accounts"].([]any)
	if alice := all[1].(map[string]any); alice["address"] != "alice@example.test" || alice["quota_bytes"] != 5e9 {
		t.Errorf("GET shows %v", alice)
	}
	if got = patch("alice@example.test", `{"quota_bytes":0}`, 200, ""); got["quota_bytes"] != 0.0 || got["quota_messages"] != 10.0 {
		t.Errorf("PATCH answers %v", got)
	}
	patch("alice@example.test", `{"quota_bytes":-1}`, 400, "quota_bytes")
	patch("alice@example.test", `{"quota_messages":-1}`, 400, "quota_messages")
	patch("alice@example.test", `{"quota_messages":"many"}`, 400, "quota_messages")
	patch("alice@example.test", `{"admin":true}`, 400, "admin")
	patch("nobody@example.test", `{"quota_bytes":1}`, 404, "address")
}

// A session doesn't outlive what it was opened with, whoever ended that.
func TestSessionsEndWithAccounts(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	b.want(b.do("GET", "/api/session", "", alice...), 200, "")

	// The log-in was looked at before the password was changed, and is done after it.
	mark := b.sessions.mark()
	b.want(b.do("PUT", "/api/accounts/alice@example.test/password", `{"password":"another long one"}`, admin...), 204, "")
	if _, ok := b.sessions.start(2, mark, "", netip.Addr{}); ok {
		t.Error("a session was opened with a password that had been changed meanwhile")
	}
	alice = []string{"Cookie", b.signIn("alice@example.test", "another long one")}

	// Not through the API: the page learns of it all the same.
	if err := b.office.RemoveAccount(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	b.want(b.do("GET", "/api/session", "", alice...), 401, "")
	b.want(b.do("PUT", "/api/me/password", `{"current":"another long one","password":"yet another one"}`, alice...), 401, "")
	b.office.accounts[0].Role = mail.RoleUser
	b.want(b.do("GET", "/api/accounts", "", admin...), 403, "")
}

// TestDisabled: an account whose log-ins were ended lets nobody in, until they are let in again.
func TestDisabled(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	path := "/api/accounts/alice@example.test"
	b.want(b.do("PATCH", path, `{"disabled":true}`, alice...), 403, "")
	b.want(b.do("PATCH", "/api/accounts/admin@example.test", `{"disabled":true}`, admin...), 409, "disabled")
	if got := b.want(b.do("PATCH", path, `{"disabled":true}`, admin...), 200, ""); got["disabled"] != true {
		t.Errorf("answer %v", got)
	}
	b.want(b.do("GET", "/api/session", "", alice...), 401, "")
	b.want(b.do("POST", "/api/session", `{"address":"alice@example.test","password":"her long password"}`), 401, "password")
	b.want(b.do("PATCH", path, `{"disabled":false}`, admin...), 200, "")
	alice = []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	b.want(b.do("GET", "/api/session", "", alice...), 200, "")
	// Not through the API: the page learns of it all the same.
	if err := b.office.SetDisabled(t.Context(), 2, true); err != nil {
		t.Fatal(err)
	}
	b.want(b.do("GET", "/api/session", "", alice...), 401, "")
}

// TestPasswordLink: a person chooses a password by a link, once and within a day; nobody learns who is here.
func TestPasswordLink(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	path := "/api/accounts/alice@example.test/password-link"
	b.want(b.do("POST", path, ""), 401, "")
	b.want(b.do("POST", path, "", alice...), 403, "")
	b.want(b.do("POST", "/api/accounts/admin@example.test/password-link", "", admin...), 409, "")
	b.want(b.do("POST", "/api/accounts/nobody@example.test/password-link", "", admin...), 404, "address")
	make := func() string {
		t.Helper()
		link := b.want(b.do("POST", path, "", admin...), 201, "")["path"].(string)
		code, found := strings.CutSuffix(strings.TrimPrefix(link, "/reset#"), "/alice@example.test")
		if !found || len(code) < 10 {
			t.Fatalf("link %q", link)
		}
		return code
	}
	use := func(address, code, password string, want int, field string) {
		t.Helper()
		body, err := json.Marshal(map[string]string{"address": address, "code": code, "password": password})
		if err != nil {
			t.Fatal(err)
		}
		b.want(b.do("POST", "/api/password-link", string(body)), want, field)
	}
	use("alice@example.test", "olive-harbor-seven-4217", "a very new password", 403, "") // there is no link yet
	before, code := make(), make()
	use("alice@example.test", before, "a very new password", 403, "") // a new one ends the one before
	use("admin@example.test", code, "a very new password", 403, "")
	use("nobody@example.test", code, "a very new password", 403, "")
	use("alice@example.test", code, "short", 400, "password")
	b.want(b.do("GET", "/api/session", "", alice...), 200, "")
	use("alice@example.test", code, "a very new password", 204, "")
	b.want(b.do("GET", "/api/session", "", alice...), 401, "")
	b.signIn("alice@example.test", "a very new password")
	use("alice@example.test", code, "yet another password", 403, "")
	code = make() // and a password that is set in another way ends it
	b.want(b.do("PUT", "/api/accounts/alice@example.test/password", `{"password":"set by somebody else"}`, admin...), 204, "")
	use("alice@example.test", code, "yet another password", 403, "")
	code = make()
	*b.clock = b.clock.Add(linkTime)
	use("alice@example.test", code, "yet another password", 403, "")
}

func TestTokens(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	cookie := b.signIn("admin@example.test", "a long enough one")
	b.want(b.do("POST", "/api/tokens", `{"name":" "}`, "Cookie", cookie), 400, "name")
	token := b.want(b.do("POST", "/api/tokens", `{"name":"boxctl"}`, "Cookie", cookie), 201, "")["token"].(string)
	b.want(b.do("GET", "/api/accounts", "", "Authorization", "Bearer "+token), 200, "")
	b.want(b.do("GET", "/api/accounts", "", "Authorization", "Bearer "+token+"x"), 401, "")
	b.want(b.do("PUT", "/api/accounts/admin@example.test/password", `{"password":"a long enough one"}`, "Authorization", "Bearer "+token), 204, "")
	b.want(b.do("GET", "/api/session", "", "Cookie", cookie), 401, "")
	cookie = b.signIn("admin@example.test", "a long enough one")
	// A bad token isn't rescued by a good cookie: what was sent must be right.
	b.want(b.do("GET", "/api/accounts", "", "Authorization", "Bearer x", "Cookie", cookie), 401, "")
	// They are listed without what they are, and end at once: this one by itself.
	list := b.want(b.do("GET", "/api/tokens", "", "Cookie", cookie), 200, "")["tokens"].([]any)
	shown := list[0].(map[string]any)
	if len(list) != 1 || shown["owner"] != "admin@example.test" || strings.Contains(fmt.Sprint(shown), strings.TrimPrefix(token, tokenPrefix)) {
		t.Errorf("tokens are listed as %v", list)
	}
	b.want(b.do("DELETE", "/api/tokens/00", "", "Cookie", cookie), 404, "token")
	b.want(b.do("DELETE", "/api/tokens/"+shown["id"].(string), "", "Authorization", "Bearer "+token), 204, "")
	b.want(b.do("GET", "/api/accounts", "", "Authorization", "Bearer "+token), 401, "")
	without := setUpBox(t, func(o *Options) { o.Tokens = nil })
	cookie = without.signIn("admin@example.test", "a long enough one")
	without.want(without.do("POST", "/api/tokens", `{"name":"boxctl"}`, "Cookie", cookie), 404, "")
	without.want(without.do("GET", "/api/tokens", "", "Cookie", cookie), 404, "")
	without.want(without.do("GET", "/api/accounts", "", "Authorization", "Bearer "+token), 401, "")
}

func TestTroubleIsTemporaryAndQuiet(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	cookie := b.signIn("admin@example.test", "a long enough one")
	b.office.trouble = errors.New("secret detail of the disk")
	w := b.do("GET", "/api/accounts", "", "Cookie", cookie)
	b.want(w, http.StatusServiceUnavailable, "")
	if strings.Contains(w.Body.String(), "secret detail") || !strings.Contains(b.log.String(), "secret detail") {
		t.Error("the cause belongs in the log, not in the reply")
	}
	b.office.trouble = mail.ErrNoSpace
	b.want(b.do("POST", "/api/accounts", `{"address":"bob@example.test","name":"","password":"long and new one"}`, "Cookie", cookie), http.StatusInsufficientStorage, "")
}

func TestPanicIsCaught(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	h := b.observe(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("bug") }))
	b.want(b.send(h, "GET", "/", ""), http.StatusInternalServerError, "")
	if b.Panics() != 1 {
		t.Errorf("%d panics counted; want 1", b.Panics())
	}
	b.panics.Store(0)
}

func TestListenerLimits(t *testing.T) {
	t.Parallel()
	local := func(a netip.Addr) bool { return a.IsPrivate() }
	l := newLimitListener(nil, func(a netip.Addr) bool { return a.String() == "10.0.2.2" }, local)
	peer, trusted := netip.MustParseAddr("192.168.1.7"), netip.MustParseAddr("10.0.2.2")
	var leaves []func()
	fill := func(a netip.Addr, n int) {
		t.Helper()
		for i := range n {
			leave := l.enter(a)
			if leave == nil {
				t.Fatalf("connection %d of %s was refused below the limit of %d", i+1, a, n)
			}
			leaves = append(leaves, leave)
		}
	}
	refuse := func(a netip.Addr, why string) {
		t.Helper()
		if l.enter(a) != nil {
			t.Errorf("%s was let in: %s", a, why)
		}
	}
	fill(peer, maxPeerConns)
	refuse(peer, "one address has too many")
	fill(netip.MustParseAddr("fd00::1"), maxPeerConns)
	refuse(netip.MustParseAddr("fd00::2"), "one /64 has too many")
	for i := range byte(maxOutsideConns) {
		fill(netip.AddrFrom4([4]byte{203, 0, 113, i}), 1)
	}
	refuse(netip.MustParseAddr("203.0.113.200"), "there are too many from outside")
	fill(trusted, maxConns-2*maxPeerConns-maxOutsideConns)
	refuse(trusted, "there are too many in all")
	leaves[0]()
	fill(peer, 1)
	for _, leave := range leaves[1:] {
		leave()
	}
	if l.total != 0 || l.outside != 0 || len(l.peers) != 0 {
		t.Errorf("after all have left: %d, %d from outside, %d addresses", l.total, l.outside, len(l.peers))
	}
	client, server := net.Pipe()
	_ = client.Close()
	left := 0
	conn := &limitConn{Conn: server, leave: func() { left++ }}
	_ = conn.Close()
	if left != 1 {
		t.Errorf("Close left %d times; want 1", left)
	}
}

func TestNewRefusesHoles(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{}); err == nil {
		t.Error("New took empty options")
	}
	b := newBox(t)
	opt := b.opt
	opt.Local = nil
	if _, err := New(opt); err == nil {
		t.Error("New took options that let everybody in")
	}
}
