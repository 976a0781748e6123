package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// accessBook is the least that the API can be tried on.
type accessBook struct{ set []mail.PersonAccess }

func (b *accessBook) Accesses() []mail.PersonAccess { return b.set }
func (b *accessBook) SetAccess(_ context.Context, _ mail.AccountID, a mail.Access) error {
	b.set = append(b.set, mail.PersonAccess{Who: mail.Address{Local: "alice", Domain: "example.test"}, Access: a})
	return nil
}

// TestAccess: access is shown as it was set; for administrators.
func TestAccess(t *testing.T) {
	t.Parallel()
	b := setUpBox(t, func(o *Options) { o.Access = &accessBook{} })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for _, method := range []string{"GET", "PUT"} {
		b.want(b.do(method, "/api/access", "{}"), http.StatusUnauthorized, "")
		b.want(b.do(method, "/api/access", "{}", alice...), http.StatusForbidden, "")
	}
	b.want(b.do("PUT", "/api/access", `{"who":"nobody@example.test","office":true}`, admin...), http.StatusNotFound, "address")
	b.want(b.do("PUT", "/api/access", `{"who":"alice@example.test","networks":["everywhere"]}`, admin...), http.StatusBadRequest, "")
	b.want(b.do("PUT", "/api/access", `{"who":"alice@example.test","office":true,"networks":["192.0.2.0/24"]}`, admin...), http.StatusNoContent, "")
	want := `{"access":[{"who":"alice@example.test","office":true,"networks":["192.0.2.0/24"]}]}`
	if got := strings.TrimSpace(b.do("GET", "/api/access", "", admin...).Body.String()); got != want {
		t.Errorf("GET /api/access = %s; want %s", got, want)
	}
}
