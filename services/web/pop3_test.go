package web

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// popBook is the least that the API can be tried on.
type popBook struct{ set mail.POP3 }

func (b *popBook) POP3s() []mail.PersonPOP3 {
	return []mail.PersonPOP3{{Who: mail.Address{Local: "alice", Domain: "example.test"}, POP3: b.set}}
}

func (b *popBook) SetLeave(_ context.Context, _ mail.AccountID, leave mail.Leave) error {
	b.set.Leave = leave
	return nil
}

func (b *popBook) SetLoginDelay(_ context.Context, _ mail.AccountID, delay time.Duration) error {
	b.set.LoginDelay = delay
	return nil
}

// TestPOP3: what holds is shown as it was set, what is left out stays; for
// administrators.
func TestPOP3(t *testing.T) {
	t.Parallel()
	b := setUpBox(t, func(o *Options) { o.POP3 = &popBook{} })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for _, method := range []string{"GET", "PUT"} {
		b.want(b.do(method, "/api/pop3", "{}"), http.StatusUnauthorized, "")
		b.want(b.do(method, "/api/pop3", "{}", alice...), http.StatusForbidden, "")
	}
	b.want(b.do("PUT", "/api/pop3", `{"who":"nobody@example.test","leave":3}`, admin...), http.StatusNotFound, "address")
	b.want(b.do("PUT", "/api/pop3", `{"who":"alice@example.test","leave":"for ever"}`, admin...), http.StatusBadRequest, "leave")
	for _, step := range [][2]string{
		{`{"who":"alice@example.test","leave":14,"login_delay":60}`, `"leave":14,"login_delay":60`},
		{`{"who":"alice@example.test","leave":0}`, `"leave":0,"login_delay":60`},
		{`{"who":"alice@example.test","login_delay":0}`, `"leave":0,"login_delay":0`},
		{`{"who":"alice@example.test","leave":-1}`, `"leave":-1,"login_delay":0`},
	} {
		b.want(b.do("PUT", "/api/pop3", step[0], admin...), http.StatusNoContent, "")
		want := `{"pop3":[{"who":"alice@example.test",` + step[1] + `}]}`
		if got := strings.TrimSpace(b.do("GET", "/api/pop3", "", admin...).Body.String()); got != want {
			t.Errorf("after %s: %s; want %s", step[0], got, want)
		}
	}
}

// TestOwnPOP3: people say how long their own mail stays, and not how long a program waits.
func TestOwnPOP3(t *testing.T) {
	t.Parallel()
	book := &popBook{set: mail.POP3{LoginDelay: time.Minute}}
	b := setUpBox(t, func(o *Options) { o.POP3 = book })
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	shown := func(want string, who ...string) {
		t.Helper()
		if got := strings.TrimSpace(b.do("GET", "/api/me/pop3", "", who...).Body.String()); got != want {
			t.Errorf("shown: %s; want %s", got, want)
		}
	}
	shown(`{"leave":-1,"login_delay":60}`, alice...)
	b.want(b.do("PUT", "/api/me/pop3", `{"leave":7}`, alice...), http.StatusNoContent, "")
	shown(`{"leave":7,"login_delay":60}`, alice...)
	b.want(b.do("PUT", "/api/me/pop3", `{}`, alice...), http.StatusBadRequest, "leave")
	b.want(b.do("PUT", "/api/me/pop3", `{"leave":7,"login_delay":0}`, alice...), http.StatusBadRequest, "login_delay")
	b.want(b.do("PUT", "/api/me/pop3", `{"leave":7}`), http.StatusUnauthorized, "")
	shown(`{"leave":7,"login_delay":60}`, alice...)
	shown(`{"leave":-1,"login_delay":0}`, admin...) // what is set for others isn't theirs
}
