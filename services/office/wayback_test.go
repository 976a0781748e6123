package office

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// resetPassword posts a new password with a code and returns the answer's status and text.
func (o *testOffice) resetPassword(t *testing.T, code, name, password string) (int, string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"address": name + "@" + testDomain, "password": password})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+o.addrs["https"]+"/api/password-reset", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Claim "+code)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: insecure(), DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// TestWayBack: a code from the box's screen sets an administrator's password, once, and
// nobody else's; all administrators hear of it.
func TestWayBack(t *testing.T) {
	t.Parallel()
	const fresh = "violet otter reads maps"
	errands := newTestErrands()
	o := startOffice(t, t.TempDir(), func(op *Options) { op.Errands = errands })
	if r := errands.run(ErrandCode); r.Problem == "" || r.Code != "" {
		t.Errorf("before the set-up: %+v, want no code", r)
	}
	o.setUpNow(t, 0)
	refused := func(step, code, name, password, want string) {
		t.Helper()
		if status, text := o.resetPassword(t, code, name, password); status/100 != 4 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s, want %q", step, status, text, want)
		}
	}
	refused("no code made", "olive-harbor-seven-4217", "admin", fresh, "shows no code")
	first := errands.run(ErrandCode)
	r := errands.run(ErrandCode)
	if r.Problem != "" || len(r.Administrators) != 1 || r.Administrators[0] != "admin@"+testDomain || r.Valid != wayBackTime {
		t.Fatalf("%+v, want a code for the administrator", r)
	}
	refused("the code before", first.Code, "admin", fresh, "not the code")
	refused("somebody else", r.Code, "bob", fresh, "not an administrator")
	refused("nobody", r.Code, "nobody", fresh, "nobody with this address")
	refused("a weak one", r.Code, "admin", "admin", "password")
	before := o.api(t, "admin")
	if status, text := o.resetPassword(t, r.Code, "admin", fresh); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, text)
	}
	answer, err := before.client.Get(before.base + "/api/session")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("a browser that was signed in gets %d, want it signed out", answer.StatusCode)
	}
	for protocol, d := range doors() {
		if answer := o.try(t, d, "admin", fresh); !strings.HasPrefix(answer, d.welcome) {
			t.Errorf("%s with the new password: %q", protocol, answer)
		}
	}
	refused("used", r.Code, "admin", "another otter reads maps", "has been used")
	if status, text := o.resetPassword(t, errands.run(ErrandCode).Code, "admin", testPassword); status != http.StatusNoContent {
		t.Fatalf("once more: %d %s", status, text)
	}
	for _, subject := range []string{"asks for a new password", "password was set anew"} {
		eventually(t, "a letter: "+subject, func() bool { return strings.Contains(strings.Join(o.fetch(t, "admin"), "\n"), subject) })
	}
}
