package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// sessionsOf asks where somebody is signed in.
func (b *box) sessionsOf(cookie string) []sessionJSON {
	b.t.Helper()
	w := b.do("GET", "/api/me/sessions", "", "Cookie", cookie)
	var answer struct{ Sessions []sessionJSON }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
		b.t.Fatalf("status %d, %v", w.Code, err)
	}
	return answer.Sessions
}

func TestOwnSessions(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	b.want(b.do("GET", "/api/me/sessions", ""), http.StatusUnauthorized, "")
	other := b.signIn("admin@example.test", "a long enough one")
	first := b.signIn("alice@example.test", "her long password")
	*b.clock = b.clock.Add(time.Minute)
	second := b.signIn("alice@example.test", "her long password")
	if w := b.do("GET", "/api/session", "", "Cookie", first, "From", "192.168.1.99:6000"); w.Code != http.StatusOK {
		t.Fatal(w.Code)
	}
	*b.clock = b.clock.Add(time.Minute)

	list := b.sessionsOf(second)
	if len(list) != 2 || !list[0].Current || list[1].Current || list[1].Peer != "192.168.1.99" || !list[0].Seen.Equal(*b.clock) {
		t.Fatalf("sessions of alice: %+v", list)
	}
	if strings.Contains(b.log.String(), second) || len(list[0].ID) != 2*sessionIDBytes {
		t.Errorf("a cookie is in the log, or an ID is more than a name: %q", list[0].ID)
	}
	// Nobody ends what isn't theirs.
	b.want(b.do("DELETE", "/api/me/sessions/"+list[1].ID, "", "Cookie", other), http.StatusNotFound, "session")
	b.want(b.do("GET", "/api/session", "", "Cookie", first), http.StatusOK, "")
	b.want(b.do("DELETE", "/api/me/sessions/"+list[1].ID, "", "Cookie", second), http.StatusNoContent, "")
	b.want(b.do("GET", "/api/session", "", "Cookie", first), http.StatusUnauthorized, "")
	b.want(b.do("DELETE", "/api/me/sessions/"+list[1].ID, "", "Cookie", second), http.StatusNotFound, "session")

	third := b.signIn("alice@example.test", "her long password")
	b.want(b.do("DELETE", "/api/me/sessions", "", "Cookie", second), http.StatusNoContent, "")
	b.want(b.do("GET", "/api/session", "", "Cookie", third), http.StatusUnauthorized, "")
	b.want(b.do("GET", "/api/session", "", "Cookie", second), http.StatusOK, "")
	b.want(b.do("GET", "/api/session", "", "Cookie", other), http.StatusOK, "")
}

func TestOverSessionsAreNotListed(t *testing.T) {
	t.Parallel()
	b := setUpBox(t)
	b.signIn("alice@example.test", "her long password")
	*b.clock = b.clock.Add(sessionIdle)
	cookie := b.signIn("alice@example.test", "her long password")
	if list := b.sessionsOf(cookie); len(list) != 1 {
		t.Errorf("%d sessions; want the one that isn't over", len(list))
	}
}

// TestAgent holds that what a browser says of itself is bounded and one line.
func TestAgent(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Firefox/150.0":                "Firefox/150.0",
		"a\tb\x7f":                     "ab",
		strings.Repeat("ä", 200):       strings.Repeat("ä", maxAgent/2),
		"x" + strings.Repeat("ä", 200): "x" + strings.Repeat("ä", (maxAgent-1)/2),
	} {
		r := &http.Request{Header: http.Header{"User-Agent": {in}}}
		if got := agentOf(r); got != want {
			t.Errorf("agent %q is kept as %q; want %q", in, got, want)
		}
	}
}
