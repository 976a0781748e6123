package office

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// told is what the trace tells somebody who asks over the API: the status, and all of it.
func (a *api) told(path string) (status int, text string) {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), "GET", a.base+path, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	answer, err := a.client.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer answer.Body.Close()
	var b strings.Builder
	if err := answer.Write(&b); err != nil {
		a.t.Fatal(err)
	}
	_, body, _ := strings.Cut(b.String(), "\r\n\r\n")
	return answer.StatusCode, body
}

// TestTraceWithin: who looks after one of two domains sees of real mail what concerns it.
func TestTraceWithin(t *testing.T) {
	t.Parallel()
	const second = "second.test"
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	if err := o.directory.SetDomain(t.Context(), mail.Domain{Name: second}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"carol", "dora"} {
		if _, err := o.directory.AddAccount(t.Context(), mail.Account{Address: mail.Address{Local: name, Domain: second}}, testPassword); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.directory.SetRole(t.Context(), o.person(t, "bob"), mail.RoleDomainAdmin, []string{second}); err != nil {
		t.Fatal(err)
	}
	for to, subject := range map[string]string{"alice@" + testDomain: "Salaries", "Carol@SECOND.test": "Lunch"} {
		if err := o.submit(t, to, "Subject: "+subject+"\r\nFrom: alice@example.test\r\n\r\nx\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	theirs, _ := o.trailOf(t, "lunch", 2)
	others, _ := o.trailOf(t, "salaries", 2)
	bob := o.api(t, "bob")
	for _, path := range []string{"", "?q=alice", "?q=example.test", "?q=Salaries", "?q=127.0.0.1"} {
		status, text := bob.told("/api/trace" + path)
		if status != http.StatusOK || strings.Contains(text, "Salaries") || strings.Contains(text, others.ID.String()) || strings.Contains(text, "127.0.0.1") {
			t.Errorf("%q tells %d %s", path, status, text)
		}
		if found := strings.Contains(text, "Lunch"); found != slices.Contains([]string{"", "?q=alice", "?q=example.test"}, path) {
			t.Errorf("%q: their own message is told: %v: %s", path, found, text)
		}
	}
	if status, text := bob.told("/api/trace/" + others.ID.String()); status != http.StatusNotFound {
		t.Errorf("of others' message is told %d %s", status, text)
	}
	if status, text := bob.told("/api/trace/" + theirs.ID.String()); status != http.StatusOK || !strings.Contains(text, `"account":["Carol@SECOND.test"]`) || strings.Contains(text, `"login"`) {
		t.Errorf("of their message is told %d %s", status, text)
	}
}
