package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// doorBook is the least that the API can be tried on.
type doorBook struct{ set mail.Admission }

func (b *doorBook) Admission() mail.Admission { return b.set }
func (b *doorBook) SetAdmission(_ context.Context, a mail.Admission) error {
	for _, d := range a.Doors {
		if d.Service == "https" {
			return &mail.RuleError{Field: "doors", Text: "The pages are never opened"}
		}
	}
	b.set = a
	return nil
}

// TestAdmission: whom the box lets in is shown as it was set; for administrators.
func TestAdmission(t *testing.T) {
	t.Parallel()
	book := &doorBook{}
	b := setUpBox(t, func(o *Options) { o.Admissions = book })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for _, method := range []string{"GET", "PUT"} {
		b.want(b.do(method, "/api/admission", "{}"), http.StatusUnauthorized, "")
		b.want(b.do(method, "/api/admission", "{}", alice...), http.StatusForbidden, "")
	}
	b.want(b.do("PUT", "/api/admission", `{"office":["10.1.0.0/16"],"doors":{"imap":["0.0.0.0/0","192.0.2.7"],"pop3":[]},"paths":true}`, admin...), http.StatusNoContent, "")
	b.want(b.do("PUT", "/api/admission", `{"office":["everybody"]}`, admin...), http.StatusBadRequest, "office")
	b.want(b.do("PUT", "/api/admission", `{"doors":{"imap":["all"]}}`, admin...), http.StatusBadRequest, "doors")
	b.want(b.do("PUT", "/api/admission", `{"doors":{"https":["::/0"]}}`, admin...), http.StatusBadRequest, "doors")
	if got, want := fmt.Sprint(book.set.Office, book.set.Paths, len(book.set.Doors)), "[10.1.0.0/16] true 2"; got != want {
		t.Errorf("set %s; want %s", got, want)
	}
	want := `{"office":["10.1.0.0/16"],"doors":{"imap":["0.0.0.0/0","192.0.2.7"],"pop3":[],"submission":[]},"paths":true}`
	if got := strings.TrimSpace(b.do("GET", "/api/admission", "", admin...).Body.String()); got != want {
		t.Errorf("GET = %s; want %s", got, want)
	}
}
