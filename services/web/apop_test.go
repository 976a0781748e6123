package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// apopBook is the least that the API can be tried on.
type apopBook struct{ list []mail.Address }

func (b *apopBook) APOPs() []mail.Address { return b.list }

func (b *apopBook) AddAPOP(context.Context, mail.AccountID) (string, error) {
	b.list = []mail.Address{{Local: "alice", Domain: "example.test"}}
	return "SECRET", nil
}

func (b *apopBook) RemoveAPOP(context.Context, mail.AccountID) error {
	b.list = nil
	return nil
}

// TestAPOP: the secret is shown once, with a warning; for administrators.
func TestAPOP(t *testing.T) {
	t.Parallel()
	b := setUpBox(t, func(o *Options) { o.APOP = &apopBook{} })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for _, r := range [][2]string{{"GET", "/api/apop"}, {"POST", "/api/apop"}, {"DELETE", "/api/apop/alice@example.test"}} {
		b.want(b.do(r[0], r[1], "{}"), http.StatusUnauthorized, "")
		b.want(b.do(r[0], r[1], "{}", alice...), http.StatusForbidden, "")
	}
	check := func(want string) {
		t.Helper()
		if got := strings.TrimSpace(b.do("GET", "/api/apop", "", admin...).Body.String()); got != want {
			t.Errorf("listed: %s; want %s", got, want)
		}
	}
	b.want(b.do("POST", "/api/apop", `{"who":"nobody@example.test"}`, admin...), http.StatusNotFound, "address")
	if got := b.do("POST", "/api/apop", `{"who":"alice@example.test"}`, admin...); got.Code != http.StatusCreated || !strings.Contains(got.Body.String(), `"secret":"SECRET"`) || !strings.Contains(got.Body.String(), "MD5") {
		t.Errorf("allowed: %d %s", got.Code, got.Body)
	}
	check(`{"apop":["alice@example.test"]}`)
	b.want(b.do("DELETE", "/api/apop/alice@example.test", "", admin...), http.StatusNoContent, "")
	check(`{"apop":[]}`)
}

// TestOwnAPOP: whom it was allowed for makes another secret, not from a browser that was
// left open, and ends it; nobody allows it to themselves.
func TestOwnAPOP(t *testing.T) {
	t.Parallel()
	book := &apopBook{}
	b := setUpBox(t, func(o *Options) { o.APOP = book })
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	shown := func(want string, who ...string) {
		t.Helper()
		if got := strings.TrimSpace(b.do("GET", "/api/me/apop", "", who...).Body.String()); got != want {
			t.Errorf("shown: %s; want %s", got, want)
		}
	}
	shown(`{"on":false}`, alice...)
	b.want(b.do("POST", "/api/me/apop", "", alice...), http.StatusForbidden, "")
	shown(`{"on":false}`, alice...)
	b.want(b.do("POST", "/api/apop", `{"who":"alice@example.test"}`, admin...), http.StatusCreated, "")
	shown(`{"on":true}`, alice...)
	shown(`{"on":false}`, admin...)
	if got := b.want(b.do("POST", "/api/me/apop", "", alice...), http.StatusCreated, ""); got["secret"] != "SECRET" || !strings.Contains(got["warning"].(string), "MD5") {
		t.Errorf("another secret: %v", got)
	}
	*b.clock = b.clock.Add(sureFor)
	b.want(b.do("POST", "/api/me/apop", "", alice...), http.StatusForbidden, unsure)
	b.want(b.do("DELETE", "/api/me/apop", ""), http.StatusUnauthorized, "")
	b.want(b.do("DELETE", "/api/me/apop", "", alice...), http.StatusNoContent, "")
	shown(`{"on":false}`, alice...)
}
