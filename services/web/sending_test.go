package web

import (
	"context"
	"net/http"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// counts is the least that the API can be tried on.
type counts struct {
	set map[mail.AccountID]mail.Limits
}

func (c counts) Limits(id mail.AccountID) mail.Limits { return c.set[id] }
func (c counts) SetLimits(_ context.Context, id mail.AccountID, l mail.Limits) error {
	c.set[id] = l
	return nil
}
func (c counts) Sent(mail.AccountID) mail.Limits { return mail.Limits{Messages: 7, Recipients: 2} }

// TestLimits: everybody's bounds, and one person's before them; for administrators.
func TestLimits(t *testing.T) {
	t.Parallel()
	c := counts{map[mail.AccountID]mail.Limits{}}
	b := setUpBox(t, func(o *Options) { o.Sending = c })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	const everybody, hers = "/api/limits", "/api/accounts/alice@example.test/limits"
	for _, path := range []string{everybody, hers} {
		for _, method := range []string{"GET", "PATCH"} {
			b.want(b.do(method, path, "{}"), http.StatusUnauthorized, "")
			b.want(b.do(method, path, "{}", alice...), http.StatusForbidden, "")
		}
	}
	b.want(b.do("PATCH", "/api/accounts/nobody@example.test/limits", "{}", admin...), http.StatusNotFound, "address")
	b.want(b.do("PATCH", everybody, `{"messages":50}`, admin...), http.StatusOK, "")
	b.want(b.do("PATCH", hers, `{"recipients":-1}`, admin...), http.StatusOK, "")
	got := b.want(b.do("GET", hers, "", admin...), http.StatusOK, "")
	holds, sent := got["holds"].(map[string]any), got["sent"].(map[string]any)
	if holds["messages"] != 50.0 || holds["recipients"] != -1.0 || sent["messages"] != 7.0 {
		t.Errorf("GET %s = %v", hers, got)
	}
	if got := b.want(b.do("GET", everybody, "", admin...), http.StatusOK, ""); got["sent"] != nil {
		t.Errorf("GET %s = %v", everybody, got)
	}
}
